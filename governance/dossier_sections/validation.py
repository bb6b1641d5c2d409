"""Who validated the version, on which data, with what opinion, and did the numbers come out again?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Paragraph, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.measures import evidence_id, number_text, status_text
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of, state_at, states_at
from audits.models import Finding, ValidationRun
from governance.models import Approval
from registry.models import Contribution, ModelVersion, Role

PLANNED = BY_SLUG["validation"]
ANSWERS = ("met", "not_met", "insufficient", "error")


@SECTIONS.register(PLANNED.slug)
class Validation(DossierSection):
    """Every run with who asked for it and what it came to, opinions of validators, re-performances, findings they raised."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("validation run")
    asks = (
        Ask(gettext_lazy("Scope and method of the validation in the validator's words"), "PRA SS1/23 P4.1; SR 26-2"),
        Ask(gettext_lazy("The challenges raised, with the answers to them"), "SR 26-2 (effective challenge)"),
        Ask(gettext_lazy("Conditions under which the opinion holds"), "PRA SS1/23 P4.2"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the runs, the decisions in the role of validator, and what was raised, as of the instant."""
        runs = list(version.runs.originals().filter(requested_at__lte=as_of).order_by("requested_at", "id"))
        again = list(
            ValidationRun.objects.filter(reperforms__in=runs, concluded_at__lte=as_of, agreement__isnull=False)
            .select_related("reperforms")
            .order_by("concluded_at", "id")
        )
        given = Approval.objects.filter(request__version=version, role=Role.VALIDATOR, decided_at__lte=as_of)
        opinions = list(given.select_related("approver").order_by("decided_at", "id"))
        hands = list(
            version.contributions.filter(kind=Contribution.Kind.VALIDATED, recorded_at__lte=as_of).order_by("id")
        )
        mine = Q(run__in=runs) | Q(version=version)
        raised = list(Finding.objects.filter(mine, opened_at__lte=as_of).order_by("opened_at", "id"))
        findings = [dict(one) for one in states_at(raised, as_of)]
        names = names_of(
            [
                *(run.requested_by_id for run in [*runs, *again]),
                *(one.approver_id for one in opinions),
                *(one.person_id for one in hands),
                *(one["opened_by"] for one in findings),
            ]
        )
        told = [_run(run, as_of, names) for run in runs]
        over = [one for one in told if one["evidence"]]
        return {
            "runs": told,
            "reperformances": [_reperformance(run, names) for run in again],
            "opinions": [
                {
                    "person": names.get(str(one.approver_id), ""),
                    "decision": one.decision,
                    "statement": one.statement,
                    "decided_at": instant_text(one.decided_at),
                    "withdrawn": bool((state_at(one, as_of) or {}).get("withdrawn_at")),
                    "evidence": one.evidence_digest,
                }
                for one in opinions
            ],
            "validators": [names.get(str(one.person_id), "") for one in hands],
            "findings": [
                {name: one[name] for name in ("title", "severity", "state", "blocking", "kind")}
                | {"opened_by": names.get(str(one["opened_by"]), ""), "opened_at": str(one["opened_at"])[:10]}
                for one in findings
            ],
            "evidence": [[one["evidence"], _("Results of run %(run)s") % {"run": one["id"]}] for one in over]
            + [[one["difference"], _("re-performance of the run")] for one in map(_difference, again)],
            "subjects": [["run", run.ledger_key()] for run in [*runs, *again]]
            + [["approval", one.ledger_key()] for one in opinions]
            + [["contribution", one.ledger_key()] for one in hands]
            + [["finding", one.ledger_key()] for one in raised],
        }

    def compose(self, facts: Facts) -> Section:
        """Return runs, opinions, re-performances and what was raised."""
        if not facts.get("runs"):
            return self.with_asks(facts)
        blocks: list[Block] = [_runs(facts)]
        if facts["validators"]:
            blocks.append(KeyValues((KeyValue(_("Recorded as having validated it"), ", ".join(facts["validators"])),)))
        blocks += [Subheading(_("Opinions of validators")), *_opinions(facts)]
        blocks += [Subheading(_("Re-performances")), *_reperformances(facts)]
        blocks += [Subheading(_("Findings of this version")), *_raised(facts)]
        return self.with_asks(facts, *blocks)

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether a run was asked for."""
        return bool(facts.get("runs"))

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return what a validation lacks: a run that is over, an opinion, a re-performance by somebody else."""
        found = super().gaps(facts)
        runs, ended = facts.get("runs", ()), [one for one in facts.get("runs", ()) if one["evidence"]]
        if runs and not ended:
            found.append(Gap(_("A validation run that is over"), self.required_by, _("validation run")))
        if not [one for one in facts.get("opinions", ()) if not one["withdrawn"]]:
            what = _("The opinion of a validator that stands")
            found.append(Gap(what, "PRA SS1/23 P4.2; SR 26-2", _("decision on the promotion request")))
        if not [one for one in facts.get("reperformances", ()) if one["other_person"]]:
            what = _("A re-performance of a run by somebody else than who asked for it")
            found.append(Gap(what, "SR 26-2; OSFI E-23 3.4", _("validation run")))
        return found


def _run(run: ValidationRun, as_of: datetime, names: dict[str, str]) -> dict[str, Any]:
    """Return one run; what was not over at the instant is told as it was then."""
    over = run.concluded_at is not None and run.concluded_at <= as_of
    counts = dict.fromkeys(ANSWERS, 0)
    for status in run.results.values_list("status", flat=True) if over else ():
        counts[status] += 1
    policy = run.plan.get("policy", {})
    return {
        "id": str(run.pk),
        "reason": run.reason,
        "requested_by": names.get(str(run.requested_by_id), ""),
        "requested_at": instant_text(run.requested_at),
        "concluded_at": instant_text(run.concluded_at) if over else "",
        "outcome": str(run.get_outcome_display()) if over else "",
        "counts": counts,
        "policy": f"{policy.get('slug', '')} v{policy.get('number', '')}" if policy else "",
        "data": sorted(str(used["dataset"]) for used in run.plan.get("datasets", {}).values()),
        "plan_digest": run.plan_digest,
        "evidence": run.evidence_digest if over else "",
    }


def _difference(run: ValidationRun) -> dict[str, str]:
    return {"difference": (run.agreement or {})["difference_sha256"]}


def _reperformance(run: ValidationRun, names: dict[str, str]) -> dict[str, Any]:
    original = run.reperforms
    return dict(run.agreement or {}) | {
        "at": instant_text(run.concluded_at),
        "by": names.get(str(run.requested_by_id), ""),
        "of_run": str(run.reperforms_id),
        "other_person": original is not None and original.requested_by.person != run.requested_by.person,
    }


def _runs(facts: Facts) -> Table:
    rows = tuple(
        (
            one["requested_at"],
            f"{one['requested_by']} ({one['reason'].replace('_', ' ')})",
            ", ".join(one["data"]) or "–",
            one["policy"] or "–",
            one["outcome"] or _("not over"),
            ", ".join(f"{one['counts'][name]} {status_text(name)}" for name in ANSWERS if one["counts"].get(name))
            or "–",
            evidence_id(one["evidence"]) or "–",
        )
        for one in facts["runs"]
    )
    columns = (
        Column(_("Requested"), weight=1),
        Column(_("Asked by"), weight=1),
        Column(_("Data"), weight=2),
        Column(_("Policy"), weight=1),
        Column(_("Outcome"), weight=1.2),
        Column(_("Requirements"), weight=1),
        Column(_("Evidence"), weight=1.1, kind="digest"),
    )
    named = tuple(evidence_id(one["evidence"]) for one in facts["runs"] if one["evidence"])
    return Table(columns, rows, _("Validation runs of this version"), named)


def _opinions(facts: Facts) -> tuple[Block, ...]:
    if not facts["opinions"]:
        return (Notice(_("No evidence recorded."), "missing", "PRA SS1/23 P4.2; SR 26-2"),)
    blocks: list[Block] = []
    for one in facts["opinions"]:
        said = _("withdrawn") if one["withdrawn"] else _("yes") if one["decision"] == "approve" else _("no (dissent)")
        head = _("%(person)s, %(at)s, on evidence %(evidence)s: %(said)s") % {
            "person": one["person"],
            "at": one["decided_at"],
            "evidence": evidence_id(one["evidence"]),
            "said": said,
        }
        blocks += [Paragraph(head, "small"), Paragraph(one["statement"], "quote")]
    return tuple(blocks)


def _reperformances(facts: Facts) -> tuple[Block, ...]:
    if not facts["reperformances"]:
        return (Notice(_("No evidence recorded."), "missing", "SR 26-2; OSFI E-23 3.4"),)
    rows = tuple(
        (
            one["at"],
            one["by"],
            one["undecided"]
            or _("%(agree)s of %(of)s within %(tolerance)s")
            % {"agree": one["agree"], "of": one["of"], "tolerance": number_text(one["tolerance"])},
            one["of_run"],
            evidence_id(one["difference_sha256"]),
        )
        for one in facts["reperformances"]
    )
    columns = (
        Column(_("When"), weight=1.1),
        Column(_("Asked by"), weight=0.9),
        Column(_("Measurements that agree"), weight=1.3),
        Column(_("Run that was re-performed"), weight=1.6, kind="digest"),
        Column(_("Evidence"), weight=1.1, kind="digest"),
    )
    named = tuple(evidence_id(one["difference_sha256"]) for one in facts["reperformances"])
    return (Table(columns, rows, _("Runs that were re-performed"), named),)


def _raised(facts: Facts) -> tuple[Block, ...]:
    if not facts["findings"]:
        return (Paragraph(_("No finding was recorded up to the instant of this dossier.")),)
    rows = tuple(
        (
            one["opened_at"],
            one["title"],
            one["severity"],
            one["state"] + (f", {_('blocks')}" if one["blocking"] and one["state"] == "open" else ""),
            one["opened_by"],
        )
        for one in facts["findings"]
    )
    columns = (
        Column(_("Opened"), weight=0.9),
        Column(_("Finding"), weight=3),
        Column(_("Severity"), weight=0.8),
        Column(_("State"), weight=1),
        Column(_("Recorded by"), weight=0.9),
    )
    note = _("Details, owners and resolutions stand under findings.")
    return (Table(columns, rows, _("Raised up to the instant"), note=note),)
