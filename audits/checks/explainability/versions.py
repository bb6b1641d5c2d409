"""Does this version rest on the same features as the version in place?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.explainability.explained import explained

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.statistics.importance import Moved

SHOWN = 40
SAME = ("variant", "output", "explained")


@check(
    "explainability.attribution_drift",
    family="explainability",
    needs=("explanation", "previous-explanation"),
    unit="share",
    better="lower",
    mend="Name the features that gained and lost, and say why this version rests on others than the one in place.",
    tasks=TASKS,
)
def attribution_drift(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of the attribution mass that lies on other features than in the version in place.

    .. math:: \frac12 \sum_j \Big| \frac{\bar\phi_j}{\sum_k \bar\phi_k} - \frac{\bar\phi'_j}{\sum_k \bar\phi'_k} \Big|

    0: each feature keeps its share of the mean absolute attributions. 1: the two versions use no feature in common.

    Parameters
    ----------
    subject : explanations of this version and of the one in place, in the same variant and unit.
    confidence : nominal coverage of the interval, from the standard errors of the means.

    Returns
    -------
    Measurement
        ``n`` rows explained of this version; interval from 1,000 draws of the means, widened to hold the estimate;
        ``detail`` holds the shares, Kendall's tau-b of the rankings and the digests of both backgrounds.

    Notes
    -----
    Limits: other rows or another background move the shares too; the digests say whether they are the same. Noise alone
    moves some mass, so that a value near 0 is not to be expected of small samples. Features are matched by name.
    Not for: explanations in other units or variants, which are not compared; nor for telling whether the change is good.

    References
    ----------
    A. L. Gibbs, F. E. Su, International Statistical Review 70 (2002) 419-435, doi:10.1111/j.1751-5823.2002.tb00178.x
    (total variation); M. G. Kendall, Biometrika 33 (1945) 239-251; L. Nigenda et al., KDD 2022, arXiv:2111.13657 (drift of
    attributions).
    """
    before, after = _both(subject)
    names, found = _compared(before, after, subject, confidence)
    order = sorted(range(len(names)), key=lambda at: (-max(found.before[at], found.after[at]), names[at]))
    words = (gettext_noop("feature"), gettext_noop("version in place"), gettext_noop("this version"))
    rows = tuple((names[at], found.before[at], found.after[at]) for at in order[:SHOWN])
    plot = Plot(
        kind="shares",
        title=gettext_noop("Share of the mean absolute attributions"),
        columns=(PlotColumn(words[0], "text"), PlotColumn(words[1], "share"), PlotColumn(words[2], "share")),
        rows=rows,
        label=words[0],
        values=words[1:],
    )
    return Measurement(
        found.share,
        "share",
        found.low,
        found.high,
        confidence,
        after.sample_rows,
        "draws of the means from their standard errors",
        notes=_caveats(before, after),
        detail=_detail(names, found, before, after),
        plots=(plot,),
    )


@check(
    "explainability.attribution_rank_correlation",
    family="explainability",
    needs=("explanation", "previous-explanation"),
    unit="correlation",
    better="higher",
    mend="Name the features whose rank changed, and say why this version rests on others than the one in place.",
    tasks=TASKS,
)
def attribution_rank_correlation(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Rank correlation of the features' importance between this version and the version in place.

    .. math:: \tau_b\big((\bar\phi_j)_j, (\bar\phi'_j)_j\big)

    1: both versions rank the features alike. 0: the rankings are unrelated; -1: one is the other reversed.

    Parameters
    ----------
    subject : explanations of this version and of the one in place, in the same variant and unit.
    confidence : has no effect; no interval is given for the correlation of two short rankings.

    Returns
    -------
    Measurement
        ``n`` rows explained of this version, no interval; ``detail`` as for ``explainability.attribution_drift``.

    Notes
    -----
    Limits: a swap of two negligible features counts like one of the two largest; read the moved share beside it.
    Not for: models of one feature, and explanations in other units or variants, which are not compared.

    References
    ----------
    M. G. Kendall, Biometrika 33 (1945) 239-251, doi:10.1093/biomet/33.3.239; ``scipy.stats.kendalltau``.
    """
    before, after = _both(subject)
    names, found = _compared(before, after, subject, confidence)
    if found.rank_correlation is None:
        raise Insufficient(
            "There is nothing to rank: all features are equally important.", "Explain more features or rows."
        )
    ranks = [sorted(range(len(names)), key=[-one for one in part].__getitem__) for part in (found.before, found.after)]
    words = (gettext_noop("feature"), gettext_noop("rank in place"), gettext_noop("rank now"))
    rows = tuple((names[at], ranks[0].index(at) + 1, place + 1) for place, at in enumerate(ranks[1][:SHOWN]))
    plot = Plot(
        kind="table",
        title=gettext_noop("Rank of each feature"),
        columns=(PlotColumn(words[0], "text"), PlotColumn(words[1], "count"), PlotColumn(words[2], "count")),
        rows=rows,
    )
    return Measurement(
        found.rank_correlation,
        "correlation",
        None,
        None,
        confidence,
        after.sample_rows,
        "Kendall tau-b",
        notes=_caveats(before, after),
        detail=_detail(names, found, before, after),
        plots=(plot,),
    )


def _both(subject: CheckSubject) -> tuple[Explanation, Explanation]:
    before, after = subject.previous_explanation, explained(subject)
    if before is None:
        raise ValueError("the check needs the explanation of the version in place")
    differing = [name for name in SAME if getattr(before, name) != getattr(after, name)]
    if differing:
        raise Insufficient(
            f"The two versions are explained with another {' and '.join(differing)}.",
            "Explain both versions in one variant and unit: the same class, and the same kind of model output.",
        )
    return before, after


def _compared(
    before: Explanation, after: Explanation, subject: CheckSubject, confidence: float
) -> tuple[list[str], Moved]:
    """Match the features by name; one that a version does not know has no attribution there."""
    from audits.statistics.importance import moved_share

    names = list(dict.fromkeys([*before.features, *after.features]))

    def matched(one: Explanation, values: tuple[float, ...]) -> list[float]:
        known = dict(zip(one.features, values, strict=True))
        return [known.get(name, 0.0) for name in names]

    found = moved_share(
        matched(before, before.mean_abs),
        matched(after, after.mean_abs),
        matched(before, before.mean_abs_se),
        matched(after, after.mean_abs_se),
        seed=subject.seed,
        confidence=confidence,
    )
    if found is None:
        raise Insufficient(
            "One of the versions attributes nothing to any feature.", "A constant model has no attributions."
        )
    return names, found


def _caveats(before: Explanation, after: Explanation) -> tuple[str, ...]:
    notes = []
    if before.background_sha256 != after.background_sha256:
        notes.append("The two versions were explained against different backgrounds.")
    if before.sample_sha256 != after.sample_sha256:
        notes.append("The two versions were explained on different rows.")
    if set(before.features) != set(after.features):
        notes.append("The two versions do not have the same features; a missing one counts as unused.")
    return tuple(notes)


def _detail(names: list[str], found: Moved, before: Explanation, after: Explanation) -> dict[str, Any]:
    return {
        "features": [list(row) for row in zip(names, found.before, found.after, strict=True)],
        "moved": found.share,
        "rank_correlation": found.rank_correlation,
        "background_sha256": [before.background_sha256, after.background_sha256],
        "sample_sha256": [before.sample_sha256, after.sample_sha256],
        "variant": after.variant,
    }
