"""Can the target environment bear this artifact: its size, the time to load it, its memory, its latency?"""

from __future__ import annotations

import math
from typing import Any

from audits.checks.contract import (
    MEASURED_ONCE,
    TASKS,
    CheckSubject,
    Fitness,
    Insufficient,
    Measurement,
    Plot,
    PlotColumn,
    check,
    gettext_noop,
    intervals_plot,
)

SCALE = {"scale": {"enum": ["share", "amount"]}}
SHARE_OF_LIMIT = "share of limit"
WHAT = {
    "artifact_bytes": ("bytes", gettext_noop("Size of the artifact")),
    "load_seconds": ("seconds", gettext_noop("Time to load the model")),
    "peak_memory_bytes": ("bytes", gettext_noop("Peak memory of the sandbox")),
    "latency_seconds": ("seconds", gettext_noop("Latency of one row")),
    "rows_per_second": ("rows per second", gettext_noop("Rows per second in one batch")),
}
QUANTILES = (0.5, 0.95, 0.99)
LATENCY_BINS = 24


@check(
    "fitness.artifact_size",
    family="fitness",
    needs=("fitness",),
    unit=SHARE_OF_LIMIT,
    better="lower",
    parameters=SCALE,
    mend="Make the model smaller (fewer or shallower trees, fewer digits), or have the environment's limit raised.",
    tasks=TASKS,
)
def artifact_size(subject: CheckSubject, *, scale: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Size of the artifact as a share of what the target environment allows.

    .. math:: v = \text{bytes} / \text{limit}

    0: an empty file; 1: exactly the limit; above 1 the artifact does not fit.

    Parameters
    ----------
    subject : ``fitness`` with ``artifact_bytes`` and the environment's limits.
    scale : "share" of the limit, or "amount" in bytes for a policy that states the limit itself.
    confidence : not used; a file has one size.

    Returns
    -------
    Measurement
        ``n`` 1, without interval; ``detail`` holds amount, limit and environment.

    Notes
    -----
    Limits: the bytes as stored; a model may take many times its file once it is loaded (see ``fitness.peak_memory``).
    Not for: comparing models of different formats, whose files are packed differently.

    References
    ----------
    None; the definition is the formula.
    """
    return _once(subject, "artifact_bytes", _fitness(subject).artifact_bytes, scale, confidence)


@check(
    "fitness.load_time",
    family="fitness",
    needs=("fitness",),
    unit=SHARE_OF_LIMIT,
    better="lower",
    parameters=SCALE,
    mend="Store the model in a format that loads faster, or have the environment's limit raised.",
    tasks=TASKS,
)
def load_time(subject: CheckSubject, *, scale: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Time to load the model in the sandbox as a share of what the target environment allows.

    .. math:: v = t_\text{load} / \text{limit}

    0: loaded at once; 1: exactly the limit; above 1 it takes longer than allowed.

    Parameters
    ----------
    subject : ``fitness`` with ``load_seconds`` and the environment's limits.
    scale : "share" of the limit, or "amount" in seconds for a policy that states the limit itself.
    confidence : not used.

    Returns
    -------
    Measurement
        ``n`` 1 (one load, wall time), without interval; ``detail`` holds amount, limit and environment.

    Notes
    -----
    Limits: one load on the machine of the service, with its libraries imported; a busy machine is slower.
    Not for: promising the start-up time of another machine.

    References
    ----------
    None; the definition is the formula.
    """
    return _once(subject, "load_seconds", _fitness(subject).load_seconds, scale, confidence)


@check(
    "fitness.peak_memory",
    family="fitness",
    needs=("fitness",),
    unit=SHARE_OF_LIMIT,
    better="lower",
    parameters=SCALE,
    mend="Make the model smaller, score in smaller batches, or have the environment's limit raised.",
    tasks=TASKS,
)
def peak_memory(subject: CheckSubject, *, scale: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Largest memory of the process that loads and runs the model as a share of what the environment allows.

    .. math:: v = \max_t \text{resident bytes}(t) / \text{limit}

    0: none; 1: exactly the limit; above 1 the model would harm its host.

    Parameters
    ----------
    subject : ``fitness`` with ``peak_memory_bytes`` and the environment's limits.
    scale : "share" of the limit, or "amount" in bytes for a policy that states the limit itself.
    confidence : not used.

    Returns
    -------
    Measurement
        ``n`` 1 (one process), without interval; ``detail`` holds amount, limit and environment.

    Notes
    -----
    Limits: interpreter, libraries and the batch are counted with the model, as they are where it runs.
    Not for: the memory of a server that holds several copies.

    References
    ----------
    ``getrusage(2)``, ``ru_maxrss``.
    """
    return _once(subject, "peak_memory_bytes", _fitness(subject).peak_memory_bytes, scale, confidence)


@check(
    "fitness.latency",
    family="fitness",
    needs=("fitness",),
    unit=SHARE_OF_LIMIT,
    better="lower",
    parameters=SCALE | {"quantile": {"type": "number", "minimum": 0.5, "maximum": 0.9999}},
    mend="Make the model or its preprocessing cheaper per row, or have the environment's limit raised.",
    tasks=TASKS,
)
def latency(
    subject: CheckSubject, *, quantile: float = 0.99, scale: str = "share", confidence: float = 0.95
) -> Measurement:
    r"""Quantile of the time to predict one row as a share of what the target environment allows.

    .. math:: v = \min\{t : \tfrac1n \#\{t_i \le t\} \ge q\} / \text{limit}

    0: at once; 1: exactly the limit; above 1 more than ``1 - quantile`` of the predictions take longer than allowed.

    Parameters
    ----------
    subject : ``fitness`` with the wall time of each single-row prediction and the environment's limits.
    quantile : which quantile, 0.99 being what the environment's limit is about.
    scale : "share" of the limit, or "amount" in seconds for a policy that states the limit itself.
    confidence : nominal coverage of the binomial order-statistic interval.

    Returns
    -------
    Measurement
        ``n`` single-row predictions; ``detail.quantiles`` holds p50, p95 and p99 with their intervals. There is no
        interval where the predictions are too few for one (370 for p99 at 95 %).

    Notes
    -----
    Limits: the model call alone on the machine of the service, without network, queue or feature look-up.
    Not for: capacity under load; single rows are predicted one after the other.

    References
    ----------
    W. J. Conover, *Practical Nonparametric Statistics*, 3rd ed., Wiley 1999, section 3.2.
    """
    from audits.statistics import order

    fitness = _fitness(subject)
    times = [time for time in fitness.latency_seconds if math.isfinite(time)]
    if not times:
        raise Insufficient("No single row was predicted alone.", "Let the service measure the model again.")
    divisor, unit = _divisor(fitness, "latency_seconds", scale)
    rows: list[dict[str, Any]] = []
    for share in sorted({*QUANTILES, quantile}):
        found = order.quantile_interval(times, share, confidence)
        ends = (found.low, found.high) if found else (None, None)
        rows.append({"quantile": share, "seconds": order.quantile(times, share), "low": ends[0], "high": ends[1]})
    chosen = next(row for row in rows if row["quantile"] == quantile)
    low, high = (None if chosen[end] is None else chosen[end] / divisor for end in ("low", "high"))
    detail = _amount(fitness, "latency_seconds", chosen["seconds"]) | {"quantiles": rows}
    notes = () if low is not None else (f"No interval: {len(times)} predictions are too few for this quantile.",)
    method = "binomial-order-statistics"
    plots = (_quantiles_plot(rows), _times_plot(times))
    return Measurement(
        chosen["seconds"] / divisor, unit, low, high, confidence, len(times), method, (), notes, detail, plots=plots
    )


@check(
    "fitness.throughput",
    family="fitness",
    needs=("fitness",),
    unit="rows per second",
    better="higher",
    parameters=SCALE,
    mend="Make the model or its preprocessing cheaper, or predict in larger batches.",
    tasks=TASKS,
)
def throughput(subject: CheckSubject, *, scale: str = "amount", confidence: float = 0.95) -> Measurement:
    r"""Rows predicted per second in one batch.

    .. math:: v = \text{rows} / t_\text{batch}

    0: nothing is predicted; without upper bound. As a "share", 1 is exactly the ``rows_per_second`` the environment
    asks for.

    Parameters
    ----------
    subject : ``fitness`` with rows and wall time of one batch.
    scale : "amount" in rows per second, or "share" of the environment's ``rows_per_second``.
    confidence : not used.

    Returns
    -------
    Measurement
        ``n`` rows of the batch; without interval, as one batch was timed.

    Notes
    -----
    Limits: one batch, one process, the machine of the service.
    Not for: latency; large batches hide the cost of a single call.

    References
    ----------
    None; the definition is the formula.
    """
    fitness = _fitness(subject)
    if fitness.batch_rows < 1 or not fitness.batch_seconds > 0.0:
        raise Insufficient("No batch of rows was timed.", "Let the service measure the model again.")
    divisor, unit = _divisor(fitness, "rows_per_second", scale)
    rate = fitness.batch_rows / fitness.batch_seconds
    return Measurement(
        rate / divisor,
        unit,
        None,
        None,
        confidence,
        fitness.batch_rows,
        MEASURED_ONCE,
        detail=_amount(fitness, "rows_per_second", rate) | {"batch_seconds": fitness.batch_seconds},
        plots=(_limit_plot(fitness, "rows_per_second", rate),),
    )


def _fitness(subject: CheckSubject) -> Fitness:
    if subject.fitness is None:
        raise ValueError("the check needs what running the artifact cost")
    return subject.fitness


def _once(subject: CheckSubject, name: str, amount: float, scale: str, confidence: float) -> Measurement:
    fitness = _fitness(subject)
    divisor, unit = _divisor(fitness, name, scale)
    detail, plots = _amount(fitness, name, amount), (_limit_plot(fitness, name, amount),)
    return Measurement(amount / divisor, unit, None, None, confidence, 1, MEASURED_ONCE, detail=detail, plots=plots)


def _divisor(fitness: Fitness, name: str, scale: str) -> tuple[float, str]:
    """Return what the amount is divided by, and the unit of the result."""
    if scale == "amount":
        return 1.0, WHAT[name][0]
    limit = fitness.limits.get(name)
    if limit is None or not (math.isfinite(limit) and limit > 0.0):
        place = f"The environment {fitness.environment!r}" if fitness.environment else "The target environment"
        raise Insufficient(
            f"{place} states no limit {name!r}.",
            f"State {name} among the limits of the environment, or let the policy limit the amount (scale: amount).",
        )
    return float(limit), SHARE_OF_LIMIT


def _amount(fitness: Fitness, name: str, amount: float) -> dict[str, Any]:
    return {"amount": amount, "limit": fitness.limits.get(name), "environment": fitness.environment}


def _limit_plot(fitness: Fitness, name: str, amount: float) -> Plot:
    what, value = gettext_noop("What"), {"seconds": gettext_noop("Seconds"), "bytes": gettext_noop("Bytes")}
    heading = value.get(WHAT[name][0], gettext_noop("Rows per second"))
    limit = fitness.limits.get(name)
    rows = [(gettext_noop("measured"), amount)] + ([(gettext_noop("limit"), limit)] if limit is not None else [])
    return Plot(
        "bars",
        WHAT[name][1],
        (PlotColumn(what, "text"), PlotColumn(heading)),
        tuple(rows),
        label=what,
        value=heading,
    )


def _quantiles_plot(rows: list[dict[str, Any]]) -> Plot:
    cells = [(f"p{row['quantile'] * 100:g}", row["seconds"], row["low"], row["high"]) for row in rows]
    title = gettext_noop("Latency of one row by quantile")
    return intervals_plot(title, gettext_noop("Quantile"), gettext_noop("Seconds"), cells)


def _times_plot(times: list[float]) -> Plot:
    import numpy as np

    low, high = min(times), max(times)
    counts, edges = np.histogram(times, bins=LATENCY_BINS if high > low else 1, range=(low, max(high, low + 1e-9)))
    label, share, count = gettext_noop("Seconds up to"), gettext_noop("Share of predictions"), gettext_noop("Count")
    rows = [(f"{edge:.3g}", int(n) / len(times), int(n)) for edge, n in zip(edges[1:].tolist(), counts, strict=True)]
    return Plot(
        "shares",
        gettext_noop("Times of single-row predictions"),
        (PlotColumn(label, "text"), PlotColumn(share, "share"), PlotColumn(count, "count")),
        tuple(rows),
        label=label,
        values=(share,),
    )
