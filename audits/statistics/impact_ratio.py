"""How does each group's selection rate stand to the highest one, in whole numbers, and would one person change that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Counts:
    """People of one group, and how many of them were selected (or scored above a line)."""

    selected: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.selected <= self.n or self.n < 1:
            raise ValueError("a group has at least one person, and selects none, some or all of them")

    @property
    def rate(self) -> Fraction:
        """Selected among all, exactly."""
        return Fraction(self.selected, self.n)


@dataclass(frozen=True)
class Flip:
    """Whether a group is below the line, and what one person would change.

    ``one_more`` and ``one_fewer``: below the line with one person of this group more or fewer selected;
    ``one_more_in_highest`` and ``one_fewer_in_highest``: with one more or fewer selected in the group with the highest
    rate; None where there is no such person. ``people``: how many more of this group would have to be selected to leave
    the region below the line, or, negative, how many fewer to enter it; None where no number does.
    """

    flagged: bool
    one_more: bool | None
    one_fewer: bool | None
    one_more_in_highest: bool | None
    one_fewer_in_highest: bool | None
    people: int | None

    @property
    def changes(self) -> bool:
        """Whether one person more or fewer, here or in the group with the highest rate, changes the answer."""
        around = (self.one_more, self.one_fewer, self.one_more_in_highest, self.one_fewer_in_highest)
        return any(answer is not None and answer != self.flagged for answer in around)


def highest(groups: Sequence[Counts]) -> int:
    """Return the place of the group with the highest rate; of equal ones the largest, then the first."""
    return max(range(len(groups)), key=lambda at: (groups[at].rate, groups[at].n, -at))


def impact_ratio(group: Counts, top: Counts) -> Fraction | None:
    """Return the rate of a group over that of another, exactly; None where nobody is selected in the other (0/0)."""
    return None if top.selected == 0 else group.rate / top.rate


def below(groups: Sequence[Counts], at: int, line: Fraction) -> bool:
    r"""Tell whether a group's rate is strictly less than ``line`` times the highest rate.

    .. math:: b\, s_g\, n_h < a\, s_h\, n_g

    in whole numbers, for a line of a/b. 48 % against 60 % is 4/5 and not below it; where nobody is selected in any
    group, none is below.

    References
    ----------
    Uniform Guidelines on Employee Selection Procedures, questions and answers (1979), no. 11.
    """
    return groups[at].rate < line * groups[highest(groups)].rate


def flip(groups: Sequence[Counts], at: int, line: Fraction) -> Flip:
    """Tell whether a group is below the line, and whether one person more or fewer selected would change that."""
    top = highest(groups)
    flagged = below(groups, at, line)

    def changed(place: int, by: int) -> bool | None:
        one = groups[place]
        if not 0 <= one.selected + by <= one.n:
            return None
        moved = [*groups[:place], Counts(one.selected + by, one.n), *groups[place + 1 :]]
        return below(moved, at, line)

    return Flip(flagged, changed(at, 1), changed(at, -1), changed(top, 1), changed(top, -1), _people(groups, at, line))


def _people(groups: Sequence[Counts], at: int, line: Fraction) -> int | None:
    """Return how many people of a group stand between it and the line, the other groups left as they are."""
    others = [one for place, one in enumerate(groups) if place != at]
    if not others:
        return None
    reached = line * max(one.rate for one in others) * groups[at].n
    least = -(-reached.numerator // reached.denominator)
    if groups[at].selected < least:
        return least - groups[at].selected
    return None if least == 0 else -(groups[at].selected - least + 1)
