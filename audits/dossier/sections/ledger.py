"""What does the ledger say of this version, under which checkpoint, and how is it verified?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import (
    Block,
    Column,
    Figure,
    KeyValue,
    KeyValues,
    Notice,
    Paragraph,
    Section,
    Subheading,
    Table,
)
from audits.dossier.contract import SECTIONS, Facts, Gap, LateSection
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_iso, instant_text, names_of
from audits.dossier.turns import turn_blocks
from registry.ledger import signing, tree
from registry.ledger.checkpoint import verifier_key
from registry.ledger.event import read
from registry.ledger.extract import LEDGER
from registry.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, ModelVersion

PLANNED = BY_SLUG["ledger"]
DENIALS = ("reject", "denied", "withdrawn", "failed", "quarantined")


@SECTIONS.register(PLANNED.slug)
class LedgerExtract(LateSection):
    """The events about everything this dossier names, their places in the tree, and the signed checkpoint."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("ledger")

    def gather_late(self, version: ModelVersion, as_of: datetime, sections: Mapping[str, Facts]) -> Facts:
        """Read the events of every subject that a section names, up to the instant, and a checkpoint over them."""
        subjects = {("version", version.ledger_key())}
        subjects |= {(kind, key) for facts in sections.values() for kind, key in facts.get("subjects", ())}
        subjects |= LEDGER
        rows = sorted(_events(subjects, as_of), key=lambda event: (event.instant, str(event.id)))
        places = _places([event.id for event in rows])
        checkpoint = _checkpoint_over(rows, places)
        people = names_of(event.actor_id for event in rows)
        return {
            "checkpoint": _checkpoint(checkpoint) if checkpoint else None,
            "events": [
                {
                    "id": str(event.id),
                    "index": places.get(event.id),
                    "at": instant_iso(event.instant),
                    "action": event.action,
                    "subject": f"{event.subject_kind} {event.subject_key}",
                    "actor": people.get(event.actor_id, event.actor_id),
                    "leaf_hash": tree.leaf_hash(bytes(event.body)).hex(),
                }
                for event in rows
            ],
            "turns": _turns(rows),
        }

    def compose(self, facts: Facts) -> Section:
        """Return checkpoint, timeline, events and how to verify them."""
        events = facts.get("events", ())
        if not events:
            return self.section()
        turned = turn_blocks(facts.get("turns", ()))
        return self.section(*_checkpoint_blocks(facts.get("checkpoint")), *turned, _timeline(facts), *_how(facts))

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return a missing checkpoint and events that it does not cover."""
        checkpoint = facts.get("checkpoint")
        if not facts.get("events"):
            return [self.whole_gap()]
        if not checkpoint:
            return [Gap(_("A signed checkpoint of the ledger"), self.required_by, _("sequencer of the ledger"))]
        late = sum(not _covered(event, checkpoint) for event in facts["events"])
        if not late:
            return []
        what = _("A checkpoint that covers %(count)s of the events below") % {"count": late}
        return [Gap(what, self.required_by, _("issue the dossier again after the next checkpoint"))]


def _events(subjects: set[tuple[str, str]], as_of: datetime) -> Iterator[Any]:
    """Yield the events of the subjects up to the instant, one query per kind."""
    by_kind: dict[str, list[str]] = {}
    for kind, key in sorted(subjects):
        by_kind.setdefault(kind, []).append(key)
    for kind, found in by_kind.items():
        for start in range(0, len(found), 500):
            batch = found[start : start + 500]
            yield from LedgerEvent.objects.filter(subject_kind=kind, subject_key__in=batch, instant__lte=as_of)


def _places(ids: list[Any]) -> dict[Any, int]:
    """Return the leaf index of each event that has one."""
    found: dict[Any, int] = {}
    for start in range(0, len(ids), 500):
        leaves = LedgerLeaf.objects.filter(event_id__in=ids[start : start + 500])
        found |= dict(leaves.values_list("event_id", "index"))
    return found


def _checkpoint_over(rows: list[Any], places: Mapping[Any, int]) -> Any:
    """Return the first checkpoint over all events, so that gathering again later finds the same; else the newest."""
    if rows and len(places) == len(rows):
        over = LedgerCheckpoint.objects.filter(size__gt=max(places.values())).order_by("size").first()
        if over is not None:
            return over
    return LedgerCheckpoint.objects.order_by("-size").first()


def _checkpoint(row: Any) -> dict[str, Any]:
    chain = signing.own_succession(DEFAULT_DB_ALIAS)
    return {
        "size": row.size,
        "root": bytes(row.root).hex(),
        "instant": instant_text(row.instant),
        "note": row.note,
        "verifier_key": verifier_key(chain.name, chain.key_at(row.size)),
    }


def _turns(rows: list[Any]) -> list[dict[str, Any]]:
    """Return what each change of key and each declared rollback says, with the names of the people it names."""
    found = [(event, read(bytes(event.body))) for event in rows if event.action in (signing.ROTATED, signing.DECLARED)]
    ids = [one for event, told in found for one in (event.actor_id, told.state.get("requested_by"))]
    names = names_of(ids)
    return [
        {
            "id": str(event.id),
            "at": instant_iso(event.instant),
            "action": event.action,
            "state": dict(told.state),
            "by": names.get(event.actor_id, event.actor_id),
            "asked_by": names.get(str(told.state.get("requested_by")), ""),
        }
        for event, told in found
    ]


def _covered(event: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> bool:
    return event["index"] is not None and event["index"] < checkpoint["size"]


def _checkpoint_blocks(checkpoint: Mapping[str, Any] | None) -> tuple[Block, ...]:
    if not checkpoint:
        return (Notice(_("No checkpoint had been signed at the instant of this dossier."), "warning"),)
    items = (
        KeyValue(_("Entries under the checkpoint"), f"{checkpoint['size']:,}"),
        KeyValue(_("Signed"), checkpoint["instant"]),
        KeyValue(_("Root, SHA-256"), checkpoint["root"], "digest"),
        KeyValue(_("Signed note"), checkpoint["note"], "digest"),
        KeyValue(_("Key to verify it with"), checkpoint["verifier_key"], "digest"),
    )
    return (KeyValues(items, _("Checkpoint of the ledger")),)


def _timeline(facts: Facts) -> Figure:
    events, checkpoint = facts["events"], facts.get("checkpoint") or {"size": 0}
    chart = {
        "kind": "timeline",
        "events": [
            {
                "at": event["at"],
                "title": f"{event['action']}  {event['actor']}",
                "tone": "deny" if any(word in event["action"] for word in DENIALS) else "neutral",
            }
            for event in events
        ],
    }
    rows = tuple(
        (
            _("waiting") if event["index"] is None else f"{event['index']:,}",
            when(event["at"]),
            event["action"],
            event["actor"],
            event["subject"],
            event["leaf_hash"],
        )
        for event in events
    )
    columns = (
        Column(_("Leaf"), "right", 0.55, "number"),
        Column(_("Instant"), weight=0.95),
        Column(_("Act"), weight=1.2),
        Column(_("Actor"), weight=0.7),
        Column(_("Subject"), weight=1.45),
        Column(_("Leaf hash"), weight=2.2, kind="digest"),
    )
    beyond = sum(not _covered(event, checkpoint) for event in events)
    note = _("%(count)s of these events are not under the checkpoint above.") % {"count": beyond} if beyond else ""
    table = Table(columns, rows, _("Events about the version and all that this dossier names"), note=note)
    return Figure(_("What happened, in order"), chart, table)


def _how(facts: Facts) -> tuple[Block, ...]:
    steps = (
        _(
            "Each leaf hash is the SHA-256 of a zero byte followed by the exact bytes of the event (RFC 6962). The "
            "bytes and a proof of inclusion are given out under /api/v1/ledger/entries/ and /api/v1/ledger/proofs/."
        ),
        _(
            "The path of a proof leads from the leaf hash to the root above. The root stands in the signed note, whose "
            "Ed25519 signature any verifier of C2SP signed notes checks with the key above."
        ),
        _(
            "Hold the note against a copy that left the service: the anchor file on another volume, an earlier "
            "dossier. Two notes of one register must be consistent; a proof of consistency shows it."
        ),
        _("The whole ledger is checked on the service with: manage.py verify_ledger"),
    )
    blocks: list[Block] = [Subheading(_("How to verify this extract"))]
    blocks += [Paragraph(f"{number}.  {step}") for number, step in enumerate(steps, start=1)]
    return tuple(blocks)
