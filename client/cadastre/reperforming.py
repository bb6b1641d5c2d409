"""Do the numbers of a validation run come out again? Has it re-performed, and reads the difference by measurement."""

from __future__ import annotations

import argparse
import functools
from typing import Any

from cadastre import session, waiting
from cadastre.outcomes import ALLOWED, DENIED, Undecided
from cadastre.plain import plain
from cadastre.service import identifier

say = functools.partial(print, flush=True)


def reperform(given: argparse.Namespace) -> int:
    """Have a run re-performed; with ``--wait`` print what differs, and return 0 only when every measurement agrees."""
    service = session.service(given)
    session.remove_stale(given.json)
    begun = service.reperform(given.validation)
    run_id = identifier(begun)
    say(f"re-performance {run_id} {plain(begun.get('state'))}")
    if not given.wait:
        session.save_json(given.json, begun)
        return ALLOWED
    run = waiting.until(
        lambda: service.validation(run_id),
        done=frozenset({"concluded"}),
        broken=frozenset({"quarantined"}),
        timeout=given.patience,
        interval=given.interval,
        say=say,
    )
    session.save_json(given.json, run)
    return _compared(run)


def _compared(run: dict[str, Any]) -> int:
    """Print the difference and say how it ends; Undecided for one that is lacking, cut short or not about every number."""
    difference = run.get("difference")
    if not isinstance(difference, dict):
        raise Undecided("the service shows no difference of the two runs")
    if difference.get("undecided"):
        raise Undecided(f"the re-performance ended without a result: {plain(difference['undecided'])}")
    rows = difference.get("measurements")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Undecided("the difference of the two runs is about no measurement")
    agreeing = [row for row in rows if row.get("agrees") is True]
    differing = [row for row in rows if row.get("agrees") is False]
    say(f"{len(agreeing)} of {len(rows)} measurements agree within a relative {plain(difference.get('tolerance'))}")
    for row in rows:
        _print_row(row)
    manifest = difference.get("manifest")
    for one in manifest if isinstance(manifest, list) else []:
        say(f"- {_change(one)}")
    if differing:
        return DENIED
    if len(agreeing) != len(rows):
        raise Undecided(f"{len(rows) - len(agreeing)} of {len(rows)} measurements could not be compared")
    return ALLOWED


def _print_row(row: dict[str, Any]) -> None:
    key = plain(row.get("key"))
    if row.get("agrees") is True:
        only = " (status only)" if row.get("compared") == "status" else ""
        say(f"  {key} agrees{only}")
        return
    found = row.get("differs")
    changes = [_change(one) for one in found] if isinstance(found, list) else []
    if row.get("agrees") is False:
        say(f"- {key} differs: {'; '.join(changes)}")
    else:
        say(f"- {key} not compared: {plain(row.get('reason'))}")


def _change(one: Any) -> str:
    if not isinstance(one, dict):
        return plain(one)
    original, again = (plain("none" if one.get(side) is None else one[side]) for side in ("original", "again"))
    return f"{plain(one.get('what'))}: {original} -> {again}"
