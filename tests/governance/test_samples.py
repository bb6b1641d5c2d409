"""Can an auditor draw decisions at random, and can anybody draw the same ones again?"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from governance.actions import samples
from governance.actions.samples import draw_sample
from governance.models import Approval, DecisionSample, GateDecision, PromotionRequest
from governance.spreadsheet import as_csv, cell
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.api.calls import person, refused
from tests.cast import Cast, signed_in
from tests.governance.asking_the_gate import ask

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
KINDS = ["approval", "gate_decision", "promotion"]
AGAIN = (
    "import hashlib, sys; print(*sorted(open('population.txt').read().split(), key=lambda line: "
    "hashlib.sha256(f'{sys.argv[1]}:{line}'.encode()).digest())[:int(sys.argv[2])], sep='\\n')"
)


@pytest.fixture
def period(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> tuple[datetime, datetime]:
    """Return a period with a promotion request, two approvals and an answer of the gate."""
    monkeypatch.setattr(samples, "SETTLED", timedelta(0))
    ask(cast, builders.an_approved_promotion(cast).version)
    return database_now() - timedelta(days=1), database_now()


def test_the_sample_is_drawn_again_from_the_population_by_the_documented_lines(
    cast: Cast, period: tuple[datetime, datetime], tmp_path: Path
) -> None:
    begins, ends = period
    row = draw_sample(actor=cast.otto, kinds=KINDS, begins_at=begins, ends_at=ends, size=2, seed="6 1 4: 3")
    assert (row.population_size, len(row.items), row.seed, row.seed_drawn) == (4, 2, "6 1 4: 3", False)
    otto = signed_in(cast.otto)
    there = {f"gate_decision:{pk}" for pk in GateDecision.objects.values_list("pk", flat=True)}
    lines = otto.get(reverse("admin:sample_population", args=[row.pk])).content
    assert hashlib.sha256(lines).hexdigest() == row.population_digest
    there |= {f"approval:{pk}" for pk in Approval.objects.values_list("pk", flat=True)}
    there |= {f"promotion:{pk}" for pk in PromotionRequest.objects.values_list("pk", flat=True)}
    assert lines.decode().split() == sorted(there)
    (tmp_path / "population.txt").write_bytes(lines)
    again = subprocess.run(
        [sys.executable, "-c", AGAIN, row.seed, "2"], cwd=tmp_path, check=True, stdout=subprocess.PIPE, text=True
    )
    assert again.stdout.split() == row.items
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "audit-a-model.md").read_text(encoding="utf-8")
    assert f'python3 -c "{AGAIN}" "SEED" SIZE' in guide
    event = json.loads(bytes(LedgerEvent.objects.get(action="sample.drawn").body))
    text = json.dumps(event)
    assert row.population_digest in text
    assert row.seed in text
    assert differences() == []


def test_the_service_draws_a_seed_and_the_database_cannot_change_the_items_unnoticed(
    cast: Cast, period: tuple[datetime, datetime]
) -> None:
    begins, ends = period
    first, second = (
        draw_sample(actor=cast.ravi, kinds=KINDS, begins_at=begins, ends_at=ends, size=500) for _ in range(2)
    )
    assert first.seed_drawn
    assert first.seed != second.seed
    assert sorted(first.items) == sorted(second.items)
    DecisionSample.objects.filter(pk=first.pk).update(items=[])
    assert {one.field for one in differences()} == {"items_count", "items_digest"}


def test_a_population_that_has_changed_since_is_not_handed_out(cast: Cast, period: tuple[datetime, datetime]) -> None:
    begins, ends = period
    row = draw_sample(actor=cast.otto, kinds=["promotion"], begins_at=begins, ends_at=ends, size=1)
    PromotionRequest.objects.update(requested_at=ends)
    assert signed_in(cast.otto).get(reverse("admin:sample_population", args=[row.pk])).status_code == 409


def test_the_pages_draw_show_and_link_and_the_csv_has_the_same_items(
    cast: Cast, period: tuple[datetime, datetime]
) -> None:
    otto = signed_in(cast.otto)
    assert "No sample has been drawn yet." in otto.get(reverse("admin:samples")).content.decode()
    typed = {
        "kinds": KINDS,
        "begins_at": (database_now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M"),
        "ends_at": (database_now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M"),
        "size": "10",
    }
    early = otto.post(reverse("admin:samples"), typed)
    assert early.status_code == 400
    assert "a period that is over" in early.content.decode()
    assert not DecisionSample.objects.exists()
    row = draw_sample(actor=cast.otto, kinds=KINDS, begins_at=period[0], ends_at=period[1], size=10)
    page = otto.get(reverse("admin:sample", args=[row.pk])).content.decode()
    asked = PromotionRequest.objects.get()
    assert page.count(reverse("admin:promotion", args=[asked.pk])) == 3
    assert row.seed in page
    table = list(csv.DictReader(io.StringIO(otto.get(reverse("admin:sample_csv", args=[row.pk])).content.decode())))
    assert [f"{line['kind']}:{line['id']}" for line in table] == row.items
    typed["ends_at"] = (database_now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    drawn = otto.post(reverse("admin:samples"), typed)
    assert drawn.status_code == 302
    assert "No decision of these kinds" in otto.get(drawn["Location"]).content.decode()
    assert signed_in(cast.ada).get(reverse("admin:sample", args=[row.pk])).status_code == 403


def test_machines_draw_and_read_by_api_and_wrong_wishes_write_nothing(
    cast: Cast, period: tuple[datetime, datetime]
) -> None:
    otto = person(cast.otto)
    wish = {"kinds": KINDS, "begins_at": period[0].isoformat(), "ends_at": period[1].isoformat(), "size": 3}
    for change, code in (
        ({"size": 0}, "bad-sample-size"),
        ({"size": 501}, "bad-sample-size"),
        ({"ends_at": wish["begins_at"]}, "bad-period"),
        ({"ends_at": (database_now() + timedelta(hours=1)).isoformat()}, "period-not-over"),
        ({"kinds": ["finding"]}, "invalid-body"),
        ({"seed": "a\u202eb"}, "text-has-direction-override"),
    ):
        refused(otto.post("/api/v1/samples/", {**wish, **change}), 422, code)
    assert not DecisionSample.objects.exists()
    made = otto.post("/api/v1/samples/", wish)
    assert made.status_code == 201, made.content
    found = json.loads(otto.get(f"/api/v1/samples/{json.loads(made.content)['id']}/").content)
    assert len(found["items"]) == 3
    assert found["population_size"] == 4
    assert len(json.loads(otto.get("/api/v1/samples/").content)["results"]) == 1
    with pytest.raises(DomainError, match="role-missing"):
        draw_sample(actor=cast.vera, kinds=KINDS, begins_at=period[0], ends_at=period[1], size=1)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert next(csv.reader(io.StringIO(as_csv([text], []).decode(), newline="")))[0] == f"'{text}"
