"""How much of everything is there? Counts for Prometheus in its text format; read with a token or in a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Count
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from audits.models import Dossier, Finding, ValidationRun
from governance.api.auth import EVERYBODY
from governance.api.resource import Resource
from governance.models import GateDecision, PromotionRequest
from registry.ledger import anchors, standing
from registry.models import Deployment, Divergence, Model, ModelVersion

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], int]


class Metrics(Resource):
    """The counts."""

    scopes = {"GET": "inventory:read"}
    roles = {"GET": EVERYBODY}

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return one line per count."""
        return HttpResponse("".join(_lines()), content_type=MEDIA_TYPE)


def _lines() -> Iterable[str]:
    health = anchors.health()
    yield from _gauge("models", "Models in the inventory.", [({}, Model.objects.count())])
    yield from _gauge("versions", "Versions by stage.", _by(ModelVersion, "stage"))
    yield from _gauge("promotions", "Promotion requests by state.", _by(PromotionRequest, "state"))
    yield from _gauge("findings", "Findings by state and severity.", _by(Finding, "state", "severity"))
    yield from _gauge("validation_runs", "Validation runs by state.", _by(ValidationRun, "state"))
    yield from _gauge("dossiers", "Dossiers by state.", _by(Dossier, "state"))
    yield from _gauge("gate_decisions", "Answers of the gate.", _by(GateDecision, "outcome"))
    running = Deployment.objects.filter(ended_at__isnull=True).count()
    yield from _gauge("deployments_running", "Deployments that have not ended.", [({}, running)])
    yield from _gauge("ledger_entries", "Entries that have their place in the tree.", [({}, health.ledger_size)])
    yield from _gauge("ledger_pending", "Events that wait for their place.", [({}, health.pending)])
    yield from _gauge("ledger_anchored", "Entries that an anchor covers.", [({}, health.newest_size)])
    seconds = health.oldest_uncovered_seconds
    yield from _gauge("ledger_uncovered_seconds", "Age of the oldest event without an anchor.", [({}, seconds)])
    lags = [({"anchor": one.kind}, one.waiting_seconds) for one in health.coverage]
    yield from _gauge("ledger_anchor_waiting_seconds", "Age of the oldest event that an anchor does not cover.", lags)
    waiting = Divergence.objects.filter(resolved_at__isnull=True).count()
    yield from _gauge(
        "divergences_open", "Rows that are not what the ledger says and wait for a person.", [({}, waiting)]
    )
    closed = int(standing.standing().read_only)
    yield from _gauge("register_read_only", "1 when the database is older than what was anchored.", [({}, closed)])
    yield from _gauge("ledger_healthy", "1 when the ledger extends its anchor in time.", [({}, int(health.healthy))])


def _by(rows: type, *fields: str) -> list[Sample]:
    """Count rows by the values of closed choices; a choice without rows is counted as 0 where there is one field."""
    found = rows.objects.order_by().values(*fields).annotate(count=Count("pk"))  # type: ignore[attr-defined]  # a model
    counts = {tuple(row[field] for field in fields): row["count"] for row in found}
    if len(fields) == 1:
        choices = rows._meta.get_field(fields[0]).choices  # type: ignore[attr-defined]  # a model
        counts = {(value,): 0 for value, _label in choices} | counts
    return [(dict(zip(fields, key, strict=True)), count) for key, count in sorted(counts.items())]


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> Iterable[str]:
    yield f"# HELP cadastre_{name} {text}\n# TYPE cadastre_{name} gauge\n"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels.items())
        yield f"cadastre_{name}{{{shown}}} {value}\n" if shown else f"cadastre_{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
