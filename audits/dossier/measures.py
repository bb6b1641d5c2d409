"""How is a check result printed? Words, tables and figures from its stored measurement; pure, judges nothing anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, Paragraph, Subheading, Table
from audits.dossier.palette import STATUS_SIGNS

Result = Mapping[str, Any]
NONE = "–"


def number_text(value: object) -> str:
    """Return a number with four significant digits, an en dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def when(text: object) -> str:
    """Return an ISO 8601 instant in UTC to the second as it is printed; other text as it is, an en dash for none."""
    if not text:
        return NONE
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    return str(text) if instant.tzinfo is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def interval_text(row: Mapping[str, Any], low: str = "low", high: str = "high") -> str:
    """Return an interval in brackets, an en dash for none."""
    if row.get(low) is None or row.get(high) is None:
        return NONE
    return f"[{number_text(row[low])},\u00a0{number_text(row[high])}]"


def status_text(status: str) -> str:
    """Return a status as a sign and a word, so that it does not rest on colour."""
    words = {
        "met": _("met"),
        "not_met": _("not met"),
        "insufficient": _("insufficient"),
        "error": _("error"),
    }
    sign = STATUS_SIGNS.get(status, ("", ""))[0]
    return f"{sign} {words.get(status, status)}".strip()


def evidence_id(sha256: str) -> str:
    """Return the short id by which tables name a piece of evidence; the evidence index has it in full."""
    return sha256[:12]


def limit_text(result: Result) -> str:
    """Return the limit of a requirement in words for a chart."""
    requirement = result.get("requirement") or {}
    sign = {"<=": "≤", ">=": "≥", "<": "<", ">": ">"}.get(requirement.get("op", ""), "")
    return _("limit %(sign)s %(limit)s") % {"sign": sign, "limit": number_text(requirement.get("limit"))}


def limit_of(result: Result) -> Any:
    """Return the limit of a requirement, or None."""
    return (result.get("requirement") or {}).get("limit")


def measurement_of(result: Result) -> Mapping[str, Any]:
    """Return the measurement of a result; empty for a check that measured nothing."""
    found: Mapping[str, Any] = result.get("measurement") or {}
    return found


def evidence_of(results: Sequence[Result]) -> tuple[str, ...]:
    """Return the evidence ids of results, each once, in order."""
    return tuple(dict.fromkeys(evidence_id(result["evidence"]) for result in results if result.get("evidence")))


def results_table(results: Sequence[Result]) -> Table:
    """Return the table of results: what was measured, the interval, n, the limit and the answer."""
    rows = []
    for result in results:
        measured = measurement_of(result)
        rows.append(
            (
                result["key"],
                number_text(measured.get("value")),
                interval_text(measured),
                number_text(measured.get("n")),
                result["required"],
                _("blocking") if result["severity"] == "blocking" else _("advisory"),
                status_text(result["status"]),
                evidence_id(result["evidence"]),
            )
        )
    columns = (
        Column(_("Requirement"), weight=2.1),
        Column(_("Value"), "right", 0.85, "number"),
        Column(_("Interval"), "right", 1.35, "number"),
        Column("n", "right", 0.65, "number"),
        Column(_("Required"), weight=1.5),
        Column(_("Severity"), weight=0.95),
        Column(_("Answer"), weight=1.3, kind="status"),
        Column(_("Evidence"), weight=1.35, kind="digest"),
    )
    return Table(columns, tuple(rows), _("Requirements and what was measured"), evidence_of(results))


def reasons_table(results: Sequence[Result]) -> tuple[Block, ...]:
    """Return the table of the results that are not met: why, and how to mend; nothing when all are."""
    rows = tuple(
        (result["key"], status_text(result["status"]), result["reason"], result["mend"] or NONE)
        for result in results
        if result["status"] != "met"
    )
    if not rows:
        return ()
    columns = (
        Column(_("Requirement"), weight=1.2),
        Column(_("Answer"), weight=0.8, kind="status"),
        Column(_("Why"), weight=2),
        Column(_("How to mend"), weight=2),
    )
    return (Table(columns, rows, _("Not met, and what could not be told"), evidence_of(results)),)


def result_heading(result: Result) -> tuple[Block, ...]:
    """Return the heading of one result with its answer and method in a sentence."""
    measured = measurement_of(result)
    parts = [
        _("Observed: %(observed)s. Required: %(required)s. Answer: %(status)s.")
        % {
            "observed": result["observed"],
            "required": result["required"],
            "status": status_text(result["status"]),
        }
    ]
    if measured.get("method"):
        parts.append(
            _("Unit: %(unit)s. Interval: %(method)s.") % {"unit": measured["unit"], "method": measured["method"]}
        )
    parts.extend(measured.get("notes", ()))
    return Subheading(f"{result['key']} ({result['check']})"), Paragraph(" ".join(parts), "small")
