"""Are the facts of a dossier those that the ledger tells? For the service's own verifier of bundles."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.dossier.record import instant_text
from registry.digests import sha256_hex
from registry.ledger import tree
from registry.ledger.extract import LEDGER
from registry.ledger.plain import instant_text as ledger_text
from registry.ledger.plain import parse_instant

if TYPE_CHECKING:
    from audits.dossier.bundle_check import Judgement
    from registry.ledger.report import Statement

DIGESTS = re.compile(r"[0-9a-f]{64}")
PUBLIC = frozenset({"ll144"})
"""Kinds that are published: they name nobody, not even who asked for them."""
TOLD_OF_REQUESTS = ("state", "statement", "covers_digest")
TOLD_OF_DECISIONS = ("decision", "statement", "evidence_digest", "manifest_digest")
INSTANTS_OF_DECISIONS = ("decided_at", "expires_at", "withdrawn_at")


class FactsFalse(ValueError):
    """Facts of a form that the ledger's own never have."""


def judge_facts(
    one: Judgement, facts: Mapping[str, Any], issued: Mapping[str, Any], statement: Statement
) -> set[tuple[str, str]]:
    """Judge the facts against the events, and return every subject that they name."""
    try:
        named = _named(facts, but=())
        _judge_dossier(one, facts, issued, statement)
        _judge_events(one, facts, statement)
        _judge_decisions(one, facts, named, statement)
        _judge_evidence(one, facts, statement)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FactsFalse(f"the facts do not have their form ({type(error).__name__})") from error
    return named


def _named(facts: Mapping[str, Any], *, but: tuple[str, ...]) -> set[tuple[str, str]]:
    sections = {slug: section for slug, section in facts["sections"].items() if slug not in but}
    found = {(str(kind), str(key)) for section in sections.values() for kind, key in section.get("subjects", ())}
    if isinstance(facts.get("version"), str) and isinstance(facts.get("model"), str):
        found.add(("version", f"{facts['model']}/{facts['version']}"))
    return found


def _judge_dossier(one: Judgement, facts: Mapping[str, Any], issued: Mapping[str, Any], statement: Statement) -> None:
    told = dict(facts["dossier"])
    wanted = {"id": one.manifest["dossier"]}
    wanted |= {name: issued.get(name) for name in ("as_of", "kind", "checkpoint", "requested_by")}
    if issued.get("kind") in PUBLIC and "requested_by" not in told:
        del wanted["requested_by"]
    statement.require({name: told.get(name) for name in wanted} == wanted, "the facts are of another dossier")
    statement.require(facts.get("language") == issued.get("language"), "the facts are in another language")
    if issued.get("version") is not None:
        statement.require(f"{facts['model']}/{facts['version']}" == issued["version"], "they are of another version")


def _seen(one: Judgement, facts: Mapping[str, Any]) -> list[tuple[int, Any, bytes]]:
    """Return the events that the dossier could see: those up to its instant."""
    until = parse_instant(facts["dossier"]["as_of"])
    return [entry for entry in one.events if entry[1].instant <= until]


def _judge_events(one: Judgement, facts: Mapping[str, Any], statement: Statement) -> None:
    ledger = facts["sections"].get("ledger") or {}
    if "events" not in ledger:
        return
    subjects = _named(facts, but=("evidence", "ledger")) | LEDGER
    covered = facts["dossier"].get("checkpoint_size")
    seen = {
        str(told.id): {
            "index": index,
            "leaf_hash": tree.leaf_hash(body).hex(),
            "action": told.action,
            "subject": f"{told.subject_kind} {told.subject_key}",
        }
        for index, told, body in _seen(one, facts)
        if (told.subject_kind, told.subject_key) in subjects
    }
    listed = [entry["id"] for entry in ledger["events"]]
    statement.require(len(listed) == len(set(listed)), "an event is listed twice")
    due = {ident for ident, event in seen.items() if covered is None or int(str(event["index"])) < covered}
    statement.require(due <= set(listed), "the facts leave out an event")
    for entry in ledger["events"]:
        event = seen.get(entry["id"])
        told = {name: entry[name] for name in ("index", "leaf_hash", "action", "subject")}
        if event is not None and told["index"] is None:
            told["index"] = event["index"]
        statement.require(told == event, "an event is told otherwise")
    states = {str(told.id): told.state for _i, told, _b in _seen(one, facts) if told.subject_kind == "ledger"}
    for turn in ledger.get("turns", ()):
        same = turn["id"] in listed and states.get(turn["id"]) == turn["state"]
        statement.require(same, "a change of key or a declared rollback is told otherwise")


def _judge_decisions(
    one: Judgement, facts: Mapping[str, Any], named: set[tuple[str, str]], statement: Statement
) -> None:
    ledger = facts["sections"].get("ledger") or {}
    listed = {entry["id"] for entry in ledger["events"]} if "events" in ledger else None
    then: dict[tuple[str, str], Mapping[str, Any]] = {}
    for _index, told, _body in _seen(one, facts):
        if listed is None or str(told.id) in listed:
            then[told.subject_kind, told.subject_key] = told.state
    approvals = facts["sections"].get("approvals") or {}
    decided = []
    for request in approvals.get("requests", ()):
        state = then.get(("promotion", request["id"]), {})
        same = all(request[name] == state.get(name) for name in TOLD_OF_REQUESTS)
        same = same and request["requested_at"] == _printed(state.get("requested_at"))
        statement.require(same, "a request is told otherwise")
        for told in request["decisions"]:
            instants = [told[name] for name in INSTANTS_OF_DECISIONS]
            decided.append([request["id"], *instants, *(told[name] for name in TOLD_OF_DECISIONS)])
    given = []
    if "requests" in approvals:
        for state in (then[subject] for subject in named & set(then) if subject[0] == "approval"):
            instants = [_printed(state[name]) for name in INSTANTS_OF_DECISIONS]
            given.append([state["request"], *instants, *(state[name] for name in TOLD_OF_DECISIONS)])
    statement.require(sorted(map(str, decided)) == sorted(map(str, given)), "decisions are told otherwise")
    for told in (facts["sections"].get("gate-decisions") or {}).get("decisions", ()):
        state = then.get(("gate_decision", told["id"]), {})
        statement.require(state.get("outcome") == told["outcome"], "an answer of the gate is told otherwise")
    if facts["dossier"]["kind"] == "portfolio":
        _judge_register(facts["sections"], then, statement)


def _judge_register(
    sections: Mapping[str, Any], then: Mapping[tuple[str, str], Mapping[str, Any]], statement: Statement
) -> None:
    """Judge that the models and the largest findings of a report on the register are told as the ledger has them."""
    for row in sections["method"]["rows"]:
        state = then.get(("model", row["model"]), {})
        same = state and all(row[name] == state[name] for name in ("kind", "origin", "business_line"))
        statement.require(bool(same), "a model is told otherwise")
    for key, *told in sections["findings"]["largest"]:
        state = then.get(("finding", key), {})
        same = state and told[:4] == [state[name] for name in ("model", "title", "severity", "blocking")]
        statement.require(bool(same), "a finding is told otherwise")


def _printed(instant: str | None) -> str:
    if not instant:
        return ""
    moment = parse_instant(instant)
    if ledger_text(moment) != instant:
        raise ValueError("an instant in another spelling")
    return instant_text(moment)


def _judge_evidence(one: Judgement, facts: Mapping[str, Any], statement: Statement) -> None:
    """Judge that the ledger names every digest: in an event, or in a file whose digest it names."""
    carried = {name.removeprefix("evidence/"): data for name, data in one.files.items() if name.startswith("evidence/")}
    known = set()
    for _index, told, _body in one.events:
        known |= set(DIGESTS.findall(json.dumps([told.state, told.payload])))
    waiting = dict(carried)
    while fresh := known & set(waiting):
        for digest in fresh:
            known |= set(DIGESTS.findall(waiting.pop(digest).decode("utf-8", "replace")))
    statement.require(not waiting, "evidence is carried that the ledger does not name")
    for digest, data in carried.items():
        statement.require(sha256_hex(data) == digest, f"the evidence {digest} has other bytes")
    absent = set(one.manifest["not_carried"])
    statement.require(not absent & set(carried), "evidence is here and said to be absent")
    for entry in (facts["sections"].get("evidence") or {}).get("evidence", ()):
        statement.require(entry["sha256"] in known, f"the ledger does not name the evidence {entry['sha256']}")
        statement.require(entry["sha256"] in absent | set(carried), "evidence is neither here nor said to be absent")
