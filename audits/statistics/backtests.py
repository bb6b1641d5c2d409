"""Are more defaults seen than probabilities of default allow? One-sided tests as supervisors ask for them."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special, stats

from audits.statistics.intervals import Interval


@dataclass(frozen=True)
class Backtest:
    """What one grade, or the portfolio, shows: effective rows, defaults, mean PD, observed rate and p-value."""

    n: float
    defaults: float
    pd: float
    rate: float
    p_value: float


def binomial(defaults: float, n: float, pd: float) -> float:
    r"""Return :math:`P(D \ge d)` for :math:`D \sim \mathrm{Bin}(n, \mathrm{PD})`, the exact one-sided p-value.

    Small: more defaults than the PD allows. 1 where there is no default. Fractional effective counts are allowed: the
    tail is the regularised incomplete beta function :math:`I_{PD}(d, n - d + 1)`.

    References
    ----------
    Basel Committee on Banking Supervision, Working Paper 14, revised May 2005. Equal to
    ``scipy.stats.binomtest(d, n, pd, alternative="greater").pvalue`` for whole counts.
    """
    _refuse(defaults, n, pd)
    if defaults <= 0.0:
        return 1.0
    return float(special.betainc(defaults, n - defaults + 1.0, pd))


def jeffreys(defaults: float, n: float, pd: float) -> float:
    r"""Return :math:`P(p \le \mathrm{PD})` for :math:`p \sim \mathrm{Beta}(d + \tfrac12, n - d + \tfrac12)`.

    The posterior probability, from Jeffreys' prior, that the true rate is not above the PD. Small: the PD is too low.

    References
    ----------
    European Central Bank, Instructions for reporting the validation results of internal models (2019), section 2.5.3.1;
    H. Jeffreys, *Theory of Probability*, 3rd ed., 1961.
    """
    _refuse(defaults, n, pd)
    return float(special.betainc(defaults + 0.5, n - defaults + 0.5, pd))


def jeffreys_interval(defaults: float, n: float, confidence: float = 0.95) -> Interval:
    """Return the central interval of Jeffreys' posterior of a rate, its ends 0 and 1 where none or all default.

    References
    ----------
    L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16 (2001) 101-133.
    """
    _refuse(defaults, n, 0.0)
    tail = (1.0 - confidence) / 2.0
    law = stats.beta(defaults + 0.5, n - defaults + 0.5)
    low = 0.0 if defaults <= 0.0 else float(law.ppf(tail))
    high = 1.0 if defaults >= n else float(law.ppf(1.0 - tail))
    return Interval(low, high, "jeffreys", confidence)


def backtest(defaults: float, n: float, pd: float, test: str) -> Backtest:
    """Return the backtest of one grade; ``test`` is "binomial" or "jeffreys"."""
    function = {"binomial": binomial, "jeffreys": jeffreys}[test]
    return Backtest(n, defaults, pd, defaults / n, function(defaults, n, pd))


def _refuse(defaults: float, n: float, pd: float) -> None:
    if not (n > 0.0 and 0.0 <= defaults <= n and 0.0 <= pd <= 1.0):
        raise ValueError("a backtest needs n > 0, 0 <= defaults <= n and a PD between 0 and 1")
