"""Which edition of which text does a screening rule follow, and how was that text read?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType


@dataclass(frozen=True)
class Edition:
    """A rule as read on a day: what it says in our words, its line as a fraction, and where it stands.

    ``mark`` tells how the text was read: "primary", "second-hand" or "from-memory". Nothing here is legal advice.
    """

    slug: str
    instrument: str
    says: str
    line: Fraction
    dated: str
    read_on: str
    mark: str
    status: str

    def as_json(self) -> dict[str, str]:
        """Return the edition as evidence holds it."""
        fields = ("slug", "instrument", "says", "dated", "read_on", "mark", "status")
        line = f"{self.line.numerator}/{self.line.denominator}"
        return {name: getattr(self, name) for name in fields} | {"line": line}


FOUR_FIFTHS: Mapping[str, Edition] = MappingProxyType(
    {
        edition.slug: edition
        for edition in (
            Edition(
                slug="ugesp-1978",
                instrument="Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D), 43 FR 38295",
                says="A selection rate below four fifths of the highest is generally taken as evidence of adverse impact; "
                "smaller differences may count where they are beyond chance and matter in practice, and larger ones may not "
                "where numbers are small.",
                line=Fraction(4, 5),
                dated="1978-08-25",
                read_on="2026-11-21",
                mark="second-hand",
                status="Their rescission by the EEOC is listed at the final-rule stage and was not seen published.",
            ),
        )
    }
)

LL144: Mapping[str, Edition] = MappingProxyType(
    {
        edition.slug: edition
        for edition in (
            Edition(
                slug="nyc-ll144-2023",
                instrument="New York City Local Law 144 of 2021 and 6 RCNY 5-300 and following",
                says="A bias audit states selection or scoring rates and impact ratios by sex, by race and ethnicity and by "
                "their intersections, and the number of people whose category is unknown. A category below 2 % of the data "
                "may be left out of the ratios; its number and rate are stated all the same, with the justification.",
                line=Fraction(2, 100),
                dated="2023-07-05",
                read_on="2026-11-21",
                mark="second-hand",
                status="In force since 2023-07-05; parts of the rule were read, its formulas are from memory.",
            ),
        )
    }
)
