"""How well does one column alone tell another? Cramér's V, mutual information and AUC from a table of counts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, bias_corrected, resample

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_LINES = 50
REPLICATES = 300


def merged(counts: Counts, *, ordered: bool, bins: int) -> Counts:
    """Return at most ``bins`` lines of an ordered feature, cut at its quantiles, or the commonest 49 and all others.

    The first line (missing values) stays a line of its own; lines without rows are left out.
    """
    missing, lines = counts[:1], counts[1:][counts[1:].sum(axis=1) > 0]
    if ordered and len(lines) > bins:
        sizes = lines.sum(axis=1)
        # a line belongs to the bin its first row falls into, so that equal values stay together
        place = (np.cumsum(sizes) - sizes) * bins // sizes.sum()
        lines = np.array([lines[place == at].sum(axis=0) for at in np.unique(place)])
    elif not ordered and len(lines) > MOST_LINES:
        order = np.argsort(-lines.sum(axis=1), kind="stable")
        commonest, rest = lines[order[: MOST_LINES - 1]], lines[order[MOST_LINES - 1 :]]
        lines = np.vstack([commonest, rest.sum(axis=0, keepdims=True)])
    whole = np.vstack([missing, lines])
    kept: Counts = whole[whole.sum(axis=1) > 0]
    return kept


def cramers_v(counts: Floats) -> Floats:
    r"""Return Cramér's V without its bias, for one table or a stack of them (the last two axes).

    .. math:: \tilde V = \sqrt{\frac{\max(0, \chi^2/n - (r-1)(k-1)/(n-1))}{\min(\tilde r, \tilde k) - 1}},
              \quad \tilde r = r - \frac{(r-1)^2}{n-1}

    0: the columns have nothing to do with each other; 1: each tells the other. Lines without rows do not count.

    References
    ----------
    W. Bergsma, Journal of the Korean Statistical Society 42 (2013) 323-328, doi:10.1016/j.jkss.2012.10.002. The plain
    V is ``scipy.stats.contingency.association``.
    """
    total, lines, columns = _margins(counts)
    phi = chi_square(counts) / total
    r, k = (lines > 0).sum(axis=-1), (columns > 0).sum(axis=-1)
    fewer = np.maximum(total - 1.0, 1.0)
    least = np.minimum(r - (r - 1) ** 2 / fewer, k - (k - 1) ** 2 / fewer) - 1.0
    rest = np.maximum(0.0, phi - (r - 1) * (k - 1) / fewer)
    return np.asarray(np.sqrt(np.minimum(1.0, np.divide(rest, least, out=np.zeros_like(phi), where=least > 1e-12))))


def plain_cramers_v(counts: Floats) -> float:
    """Return Cramér's V as ``scipy.stats.contingency.association`` does; 0 for a single line or column."""
    least = min(int((counts.sum(axis=1) > 0).sum()), int((counts.sum(axis=0) > 0).sum())) - 1
    return math.sqrt(float(chi_square(counts)) / float(counts.sum()) / least) if least > 0 else 0.0


def chi_square(counts: Floats) -> Floats:
    """Return Pearson's chi-square of one table or a stack of them."""
    total, lines, columns = _margins(counts)
    expected = lines[..., :, None] * columns[..., None, :] / total[..., None, None]
    parts = np.divide((counts - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0.0)
    return np.asarray(parts.sum(axis=(-2, -1)))


def v_interval(counts: Counts, *, seed: int, confidence: float) -> Interval | None:
    """Return the bias-corrected interval of Cramér's V over multinomial draws of the cells."""
    drawn = cramers_v(resample(counts.astype(np.float64), seed=seed, replicates=REPLICATES))
    return bias_corrected(float(cramers_v(counts.astype(np.float64))), drawn, confidence, (0.0, 1.0))


def mutual_information(counts: Counts) -> tuple[float, float]:
    r"""Return :math:`I = \sum p_{ij} \ln \frac{p_{ij}}{p_i p_j}` in nats, and its share of the columns' entropy.

    References
    ----------
    T. M. Cover, J. A. Thomas, *Elements of Information Theory*, 2nd edition, 2006, section 2.3;
    ``sklearn.metrics.mutual_info_score``. The share is Theil's uncertainty coefficient.
    """
    shares = counts / counts.sum()
    lines, columns = shares.sum(axis=1), shares.sum(axis=0)
    expected = np.outer(lines, columns)
    inside = shares > 0.0
    found = max(0.0, float((shares[inside] * np.log(shares[inside] / expected[inside])).sum()))
    entropy = -sum(float(part) * math.log(part) for part in columns if part > 0.0)
    return found, min(1.0, found / entropy) if entropy > 0.0 else 0.0


def largest_auc(counts: Counts) -> tuple[float, int] | None:
    """Return the AUC, turned to be at least 0.5, of the group that the order of the lines tells best, and its place.

    ``counts`` has its lines in rising order, without the line of missing values. 0.5: the order tells nothing of any
    group; 1: it parts some group from all others. None for fewer than two groups with rows.
    """
    here = [at for at in range(counts.shape[1]) if counts[:, at].sum() > 0]
    if len(here) < 2:
        return None
    found = []
    for at in here:
        inside, rest = counts[:, at].astype(np.float64), (counts.sum(axis=1) - counts[:, at]).astype(np.float64)
        below = np.cumsum(rest) - rest / 2.0
        area = float((inside * below).sum() / (inside.sum() * rest.sum()))
        found.append((max(area, 1.0 - area), at))
    return max(found, key=lambda one: (one[0], -one[1]))


def _margins(counts: Floats) -> tuple[Floats, Floats, Floats]:
    return counts.sum(axis=(-2, -1)), counts.sum(axis=-1), counts.sum(axis=-2)
