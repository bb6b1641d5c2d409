"""What must be made public of a bias audit in New York City, and not a word more?

Nothing here names a person, an artifact or a requirement: the facts are picked one by one, never copied whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.build import document_of, facts_about
from audits.dossier.content import Block, Column, Document, KeyValue, KeyValues, Notice, Paragraph, Section, Table
from audits.dossier.contract import Facts, Whole
from audits.dossier.kind import KINDS, DossierKind, Order
from audits.dossier.measures import NONE
from audits.dossier.record import latest_run, result_facts, state_at
from registry.models import VersionDataset

CLAUSE = "NYC Local Law 144 of 2021; 6 RCNY 5-301 to 5-303"
CHECKS = {"fairness.ll144_selection": "selection", "fairness.ll144_scoring": "scoring"}
KEPT_OF_TABLE = ("table", "unknown_shown", "justification")
KEPT_OF_ROW = ("category", "n", "hits", "rate_shown", "ratio_shown", "left_out", "remark")
PRIVATE = re.compile(r"[^\s@]+@[^\s@]+|\b[0-9a-fA-F]{40,}\b")


@KINDS.register("ll144")
class PublicSummary(DossierKind):
    """Date of the audit and of first use, the data, and counts, rates and impact ratios by category; nothing else."""

    slug, title, public = "ll144", gettext_lazy("Public summary of a bias audit (LL144)"), True

    def gather(self, order: Order) -> Facts:
        """Read what is public of the latest run, its data and the first deployment up to the instant."""
        run = latest_run(order.version, order.as_of)
        used = order.version.deployments.filter(started_at__lte=order.as_of).order_by("started_at", "id").first()
        public: dict[str, Any] = {
            "audited_on": run.concluded_at.date().isoformat() if run and run.concluded_at else "",
            "used_since": used.started_at.date().isoformat() if used else "",
            "data": _data(order),
            "audits": [],
        }
        results = run.results.filter(check_slug__in=CHECKS).order_by("position") if run else ()
        public["audits"] = [_audit(result_facts(one)) for one in results]
        if not public["audits"]:
            public["audited_on"] = ""  # a run without these measurements was no bias audit
        return facts_about(order.version, order.as_of) | {"sections": {"ll144": public}}

    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return one section beside the cover."""
        public = facts["sections"]["ll144"]
        none = _("No evidence recorded.")
        cover = KeyValues(
            (
                KeyValue(_("Tool"), f"{facts['model_name']}, {facts['version']}"),
                KeyValue(_("Date of the bias audit"), public["audited_on"] or none),
                KeyValue(_("Used since"), public["used_since"] or none),
            )
        )
        told = _("These are counts and ratios worked out from one table. They are no statement that the law is kept.")
        sections = (
            Section("cover", 0, str(self.title), (cover, Paragraph(told, "small"))),
            Section("data", 1, _("Source and explanation of the data"), _data_blocks(public["data"])),
            Section("rates", 2, _("Rates and impact ratios"), _rates(public["audits"])),
        )
        return document_of(facts, sections, Whole(facts, {}))


def _data(order: Order) -> list[dict[str, Any]]:
    links = order.version.dataset_links.select_related("dataset_version__dataset").order_by("id")
    found = []
    for link in links.filter(role=VersionDataset.Role.EVALUATION):
        snapshot = link.dataset_version
        state = state_at(snapshot.dataset, order.as_of) or {}
        told = {name: masked(state.get(name)) for name in ("description", "origin", "known_gaps")}
        ends = {name: getattr(snapshot, name) for name in ("period_from", "period_to")}
        found.append(
            told | {"rows": snapshot.row_count} | {name: d.isoformat() if d else "" for name, d in ends.items()}
        )
    return found


def masked(text: object) -> str:
    """Return a statement without addresses and digests that somebody wrote into it."""
    return PRIVATE.sub("[…]", str(text or ""))


def _audit(result: Mapping[str, Any]) -> dict[str, Any]:
    detail = (result["measurement"] or {}).get("detail") or {}
    return {
        "kind": CHECKS[result["check"]],
        "tables": [
            {name: masked(table[name]) for name in KEPT_OF_TABLE}
            | {"rows": [{name: row[name] for name in KEPT_OF_ROW} for row in table["rows"]]}
            for table in detail.get("tables", ())
        ],
    }


def _data_blocks(data: list[dict[str, Any]]) -> tuple[Block, ...]:
    none = _("not recorded")
    blocks: list[Block] = []
    for one in data:
        period = f"{one['period_from']} – {one['period_to']}" if one["period_from"] or one["period_to"] else none
        items = (
            KeyValue(_("Source"), one["origin"] or none),
            KeyValue(_("Explanation"), one["description"] or none),
            KeyValue(_("Known gaps"), one["known_gaps"] or none),
            KeyValue(_("Period"), period),
            KeyValue(_("Rows"), none if one["rows"] is None else f"{one['rows']:,}"),
        )
        blocks.append(KeyValues(items))
    return tuple(blocks) or (Notice(_("No evidence recorded."), "missing", CLAUSE),)


def _rates(audits: list[dict[str, Any]]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for audit in audits:
        hits, rate = {
            "selection": (_("Selected"), _("Selection rate")),
            "scoring": (_("Above median"), _("Scoring rate")),
        }[audit["kind"]]
        columns = (
            Column(_("Category"), weight=2),
            Column(_("People"), "right", 0.7, "number"),
            Column(hits, "right", 0.8, "number"),
            Column(rate, "right", 0.9, "number"),
            Column(_("Impact ratio"), "right", 0.8, "number"),
            Column(_("Remark"), weight=1.5),
        )
        for table in audit["tables"]:
            rows = tuple(
                (
                    row["category"],
                    NONE if row["n"] is None else f"{row['n']:,}",
                    NONE if row["hits"] is None else f"{row['hits']:,}",
                    row["rate_shown"] or NONE,
                    row["ratio_shown"] or NONE,
                    _("left out of the ratios") if row["left_out"] and row["n"] is not None else row["remark"],
                )
                for row in table["rows"]
            )
            note = _("People whose category is unknown: %(count)s.") % {"count": table["unknown_shown"]}
            blocks.append(Table(columns, rows, table["table"], note=f"{note} {table['justification']}".strip()))
    return tuple(blocks) or (Notice(_("No evidence recorded."), "missing", CLAUSE),)
