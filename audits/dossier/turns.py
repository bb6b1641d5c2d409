"""How are changes of the signing key and declared losses of entries printed? From their events' states alone; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Paragraph, Subheading, Table
from audits.dossier.measures import when

Turn = Mapping[str, Any]


def turn_blocks(turns: Sequence[Turn]) -> tuple[Block, ...]:
    """Return every rotation in one table and every declared rollback in full, with what it gave up."""
    heading = Subheading(_("Keys and epochs of the ledger"))
    rotations = [one for one in turns if "key" in one["state"]]
    rollbacks = [one for one in turns if "epoch" in one["state"]]
    blocks: list[Block] = [heading]
    if rotations:
        blocks.append(_rotations(rotations))
    else:
        blocks.append(Paragraph(_("One key has signed the ledger from its first entry to the instant.")))
    if not rollbacks:
        blocks.append(Paragraph(_("No entry was declared lost up to the instant.")))
    for one in rollbacks:
        blocks += _rollback(one)
    return tuple(blocks)


def _rotations(rotations: Sequence[Turn]) -> Table:
    rows = tuple(
        (
            when(one["at"]),
            one["by"],
            f"{one['state']['last_size']:,}",
            one["state"]["previous_key"],
            one["state"]["key"],
        )
        for one in rotations
    )
    columns = (
        Column(_("When"), weight=0.9),
        Column(_("By"), weight=0.7),
        Column(_("Last size under the old key"), "right", 0.8, "number"),
        Column(_("Key until then"), weight=2, kind="digest"),
        Column(_("Key from then on"), weight=2, kind="digest"),
    )
    note = _("Each change is signed by both keys.")
    return Table(columns, rows, _("Changes of the signing key"), note=note)


def _rollback(one: Turn) -> list[Block]:
    state = one["state"]
    text = _(
        "Entries were declared lost: checkpoints over more than %(kept)s and up to %(lost)s entries were signed and "
        "anchored, and what they state beyond %(kept)s is not in this ledger any more. Epoch %(epoch)s began."
    ) % {
        "kept": f"{state['kept_size']:,}",
        "lost": f"{state['abandoned_size']:,}",
        "epoch": state["epoch"],
    }
    items = (
        KeyValue(_("Declared"), when(one["at"])),
        KeyValue(_("Asked for by"), one["asked_by"] or _("not recorded")),
        KeyValue(_("Confirmed by"), one["by"]),
        KeyValue(_("Reason"), str(state.get("reason") or _("not recorded"))),
        KeyValue(_("Epoch"), f"{state['abandoned_epoch']} → {state['epoch']}"),
        KeyValue(_("Entries when it began"), f"{state['size']:,}"),
        KeyValue(_("Root that was given up, SHA-256"), state["abandoned_root"], "digest"),
        KeyValue(_("Key that had signed it"), state["abandoned_key"] or _("not recorded"), "digest"),
    )
    return [Notice(text, "warning"), KeyValues(items, _("Declared rollback"))]
