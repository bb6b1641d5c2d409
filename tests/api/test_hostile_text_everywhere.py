"""Is each text that the API takes refused, or kept as the text it is? The fields come from its OpenAPI document."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from registry.ledger.models import LedgerEvent
from tests.api.calls import a_skops_file, ci, everything, person
from tests.api.test_lineage_events import EVENT
from tests.builders import a_dataset, an_open_promotion
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]

DOCUMENT = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text(encoding="utf-8"))
SECONDS = 2.0
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "svg": "<svg/onload=alert(1)>",
    "javascript link": '<a href="javascript:alert(1)">x</a>',
    "printer markup": '<font color="white">REJECTED</font><para><b>',
    "markdown": "[press](javascript:alert(1)) ![x](http://evil.invalid/x.png) **b**",
    "address": "http://evil.invalid/?q=1",
    "template": "{{7*7}} {% debug %} ${7*7} #{7*7} <%= 7*7 %>",
    "lookup": "${jndi:ldap://evil.invalid/a}",
    "format": "%s%n%x {0} {0.__class__} %(password)s",
    "formula =": '=HYPERLINK("http://evil.invalid","x")',
    "formula +": "+1+cmd|' /C calc'!A0",
    "formula -": "-2+3",
    "formula @": "@SUM(1)",
    "formula tab": "\t=1+1",
    "formula return": "\r=1+1",
    "sql": "'; DROP TABLE registry_model; --",
    "path": "../../etc/passwd\\..\\x",
    "entities": "a & b < c &amp; &#60; &lt;script&gt;",
    "comment": "<!-- --> ]]> <![CDATA[",
    "override": "invoice\u202efdp.exe",
    "isolate": "a\u2066b\u2069",
    "zero width": "zero\u200bwid\u200dth\ufeff",
    "nul": "a\x00b",
    "controls": "a\x1b[2Jb\x07\x08",
    "line separator": "line\u2028separator",
    "false log line": "x\r\n2026-01-01 INFO approved",
    "zalgo": "Z\u0351\u036b\u0343\u036a\u0302a\u0354\u036b\u034d\u0317l\u0334\u034c\u0321g\u0335\u0321o\u0321\u0335",
    "emoji family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "flags": "\U0001f1e9\U0001f1ea\U0001f3f4",
    "right to left": "نموذج الائتمان שלום",
    "wide": "模型 ｔｅｘｔ",
    "look-alike": "m\u043edel",
    "no character": "\uffff\ufdd0",
    "half a pair": "\ud800",
    "no-break spaces": "\u00a0\u2003",
    "nothing": "",
    "number like": "1e309 0x41 NaN -0 Infinity",
    "true like": "true null undefined None",
    "long": "x" * 100_000,
    "long words": "word " * 20_000,
    "nested": "<b>" * 10_000,
}


def texts_of(schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to every free text of a schema; ``[]`` stands for an entry of a list."""
    if "$ref" in schema:
        yield from texts_of(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], path)
    for one in [*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())]:
        yield from texts_of(one, path)
    for name, one in schema.get("properties", {}).items():
        yield from texts_of(one, (*path, name))
    if "items" in schema:
        yield from texts_of(schema["items"], (*path, "[]"))
    if schema.get("type") == "string" and "enum" not in schema:
        yield path


def fields() -> list[tuple[str, str, tuple[str, ...]]]:
    """Return method, path and way of every text that a JSON body of the API bears."""
    found = {
        (method, path, way)
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if method in {"post", "put", "patch"}
        for way in texts_of(
            operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        )
    }
    return sorted(found)


def bodies(cast: Cast) -> dict[str, tuple[Any, dict[str, str], dict[str, Any]]]:
    """Return for each path who calls it, what its placeholders are, and a body that is taken or nearly so."""
    from registry.digests import sha256_hex

    request = an_open_promotion(cast)
    a_dataset(cast, "tables")
    digest = sha256_hex(a_skops_file())
    machine = ci(cast)
    machine.put(f"/api/v1/artifacts/{digest}", a_skops_file())
    model, version = request.version.model_id, request.version.version
    named = {"model": str(model), "version": version, "environment": "production"}
    about_model = {
        "name": "n", "description": "d", "intended_use": "i", "prohibited_use": "p", "business_line": "b",
    }  # fmt: skip
    nobody = str(uuid4())
    return {
        "/api/v1/models/": (machine, {}, {"slug": "hostile", **about_model}),
        "/api/v1/models/{model}/": (person(cast.olga), {"model": str(model)}, about_model),
        "/api/v1/models/{model}/versions/": (
            machine,
            {"model": str(model)},
            {"version": "9.9", "artifacts": [{"sha256": digest, "format": "skops"}], "change_summary": "c"},
        ),
        "/api/v1/datasets/": (
            machine,
            {},
            {"slug": "hostile", "name": "n", "description": "d", "origin": "o", "lawful_basis": "l", "known_gaps": "k"},
        ),
        "/api/v1/datasets/{dataset}/versions/": (
            machine,
            {"dataset": "tables"},
            {"version": "1", "source": "upload", "artifact_sha256": digest, "format": "csv"},
        ),
        "/api/v1/environments/": (person(cast.ravi), {}, {"slug": "hostile", "name": "n"}),
        "/api/v1/deployments/": (machine, {}, named),
        "/api/v1/dossiers/": (person(cast.otto), {}, {"model": str(model), "version": version}),
        "/api/v1/findings/{finding}/accept/": (person(cast.ravi), {"finding": nobody}, {"statement": "s"}),
        "/api/v1/findings/{finding}/close/": (person(cast.ravi), {"finding": nobody}, {"statement": "s"}),
        "/api/v1/gate/decisions/": (
            machine,
            {},
            {"artifact_sha256": digest, "environment": "production", "nonce": "a" * 32},
        ),
        "/api/v1/ledger/verifications/": (person(cast.otto), {}, {}),
        "/api/v1/samples/": (
            person(cast.otto),
            {},
            {
                "kinds": ["gate_decision"],
                "begins_at": "2026-01-01T00:00:00Z",
                "ends_at": "2026-02-01T00:00:00Z",
                "size": 5,
            },
        ),
        "/api/v1/requests/": (person(cast.otto), {}, {"title": "t", "text": "x", "due_on": "2099-01-01"}),
        "/api/v1/requests/{item}/answer/": (person(cast.ravi), {"item": nobody}, {"answer": "a"}),
        "/api/v1/requests/{item}/return/": (person(cast.otto), {"item": nobody}, {"reason": "r"}),
        "/api/v1/ledger/rollback/": (person(cast.adam), {}, {"reason": "r"}),
        "/api/v1/lineage/": (machine, {}, EVENT),
        "/api/v1/promotions/": (machine, {}, named | {"statement": "s"}),
        "/api/v1/promotions/{promotion}/approvals/": (
            person(cast.ravi),
            {"promotion": str(request.pk)},
            {"decision": "approve", "statement": "s", "evidence_digest": request.run.evidence_digest},
        ),
        "/api/v1/promotions/{promotion}/withdraw/": (machine, {"promotion": str(request.pk)}, {"reason": "r"}),
        "/api/v1/approvals/{approval}/withdraw/": (person(cast.ravi), {"approval": nobody}, {"reason": "r"}),
    }


def put(body: Any, way: tuple[str, ...], text: str) -> Any:
    """Return the body with the text in its place; what leads there is made where the body lacks it."""
    if not way:
        return text
    first, *rest = way
    if first == "[]":
        return [put(body[0] if isinstance(body, list) and body else {}, tuple(rest), text)]
    inner = body if isinstance(body, dict) else {}
    return {**inner, first: put(inner.get(first), tuple(rest), text)}


def kept(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)
    elif isinstance(value, str):
        yield value


def test_every_text_of_the_api_has_an_example(cast: Cast) -> None:
    assert {path for _method, path, _way in fields()} <= set(bodies(cast))
    assert len(fields()) > 60


def test_hostile_text_in_every_field_is_refused_or_recorded_as_it_is(cast: Cast) -> None:
    examples, taken, answers = bodies(cast), set(), 0
    before = everything()
    for method, path, way in fields():
        caller, placeholders, body = examples[path]
        for kind, text in HOSTILE.items():
            where = f"{method} {path} {'/'.join(way)} {kind}"
            recorded = LedgerEvent.objects.count()
            start = time.process_time()
            place = transaction.savepoint()  # not a block of its own: the gate insists on being the outermost
            answer = getattr(caller, method)(path.format(**placeholders), put(deepcopy(body), way, text))
            written = everything()
            events = list(LedgerEvent.objects.order_by("-id")[: LedgerEvent.objects.count() - recorded])
            transaction.savepoint_rollback(place)
            assert time.process_time() - start < SECONDS, where
            assert answer.status_code < 500 or answer.json()["code"] == "register-not-read-only", where
            assert answer["Content-Type"] in {"application/json", "application/problem+json"}, where
            assert answer["X-Content-Type-Options"] == "nosniff", where
            answers += 1
            if answer.status_code >= 400:
                assert answer.json()["code"], where
                assert len(answer.content) < 2_000, where
                assert written == before, where
            elif events:
                said = {one for event in events for one in texts_in(json.loads(bytes(event.body)))}
                shown = [one for one in said if kept(text) and kept(text) in one]
                if shown:
                    taken.add((method, path, way))
                json.dumps(answer.json()).encode("ascii")
    assert answers == len(fields()) * len(HOSTILE)
    for name in ("name", "description", "intended_use", "prohibited_use", "business_line"):
        assert ("post", "/api/v1/models/", (name,)) in taken
    assert ("post", "/api/v1/promotions/{promotion}/approvals/", ("statement",)) in taken
    assert ("post", "/api/v1/datasets/", ("known_gaps",)) in taken
