"""Does the service itself say the same of a bundle as ``verify.py``? A second verifier, on the ledger's own code.

It shares no line with the first: the zip is read by zipfile, forms are JSON schemas, notes, trees, events and chains are
those of ``registry.ledger``, and the PDF is opened by pyHanko. It trusts the key or checkpoint it is given, no table.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from jsonschema import Draft202012Validator

from audits.dossier.bundle import FORMAT, zipped
from audits.dossier.bundle_facts import FactsFalse, judge_facts
from audits.dossier.bundle_forms import MANIFEST, PROOFS
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.ledger import event, heads, tree
from registry.ledger.checkpoint import SIGNATURE_MARK, Checkpoint, NoteInvalid, parse, parse_verifier_key
from registry.ledger.extract import LEDGER
from registry.ledger.report import Statement, VerificationReport
from registry.ledger.succession import Succession, SuccessionInvalid, succession

REQUIRED = {
    "README.de.md", "README.md", "dossier.pdf", "facts.json", "keys.json", "manifest.json", "receipts.json", "verify.py",
    "ledger/checkpoint.txt", "ledger/events.jsonl", "ledger/proofs.json",
}  # fmt: skip
UNLISTED = {"manifest.json", "ledger/checkpoint.txt", "ledger/events.jsonl", "ledger/proofs.json"}
MOST_BYTES = 2**30
DIGESTS = re.compile(rb"[0-9a-f]{64}")


class BundleUnreadable(ValueError):
    """What is handed in cannot be judged as a bundle."""


@dataclass
class Judgement:
    """What has been read of a bundle so far, and the statements about it."""

    files: dict[str, bytes]
    report: VerificationReport
    manifest: dict[str, Any] = field(default_factory=dict)
    proofs: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[int, event.Event, bytes]] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    chain: Succession | None = None

    def state(self, slug: str, claim: str) -> Statement:
        """Begin a statement."""
        self.report.statements.append(Statement(slug, claim))
        return self.report.statements[-1]

    def histories(self) -> dict[tuple[str, str], list[tuple[int, event.Event, bytes]]]:
        """Return the events by subject, without the one that recorded the heads."""
        found: dict[tuple[str, str], list[tuple[int, event.Event, bytes]]] = {}
        for number, one in enumerate(self.events):
            if number != self.proofs["heads"]["event"]:
                found.setdefault((one[1].subject_kind, one[1].subject_key), []).append(one)
        return found


def verify_bundle(data: bytes, *, key: str | None = None, checkpoint: str | None = None) -> VerificationReport:
    """Judge the zip of a bundle by a trusted verifier key, a trusted checkpoint, or both; never by what is in it."""
    report = VerificationReport([Statement("bundle", "the bundle can be read")], 0, "")
    try:
        if key is not None:
            parse_verifier_key(key)
        judgement = Judgement(_files(data), report)
        report.statements[0].require(True, "")
        _judge(judgement, key, checkpoint)
    except (BundleUnreadable, event.BodyInvalid, NoteInvalid, FactsFalse, DomainError, RecursionError) as error:
        unread = Statement("rest", "the rest of the bundle can be judged")
        unread.refute(str(error)) if isinstance(error, FactsFalse) else unread.doubt(str(error)[:300])
        report.statements.append(unread)
    return report


def _files(data: bytes) -> dict[str, bytes]:
    if len(data) > MOST_BYTES:
        raise BundleUnreadable("the zip is too large")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as whole:
            entries = whole.infolist()
            if any(one.compress_type != zipfile.ZIP_STORED or one.file_size > len(data) for one in entries):
                raise BundleUnreadable("an entry is compressed or larger than the zip")
            if sum(one.file_size for one in entries) > len(data):
                raise BundleUnreadable("entries overlap")
            files = {one.filename: whole.read(one) for one in entries}
        if zipped(files) != data:
            raise BundleUnreadable("the zip is not laid out as the register does it")
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BundleUnreadable(f"the zip cannot be read: {error}") from error
    if missing := REQUIRED - set(files):
        raise BundleUnreadable(f"the bundle lacks {', '.join(sorted(missing))}")
    return files


def _exact(data: bytes, schema: Mapping[str, Any]) -> Any:
    try:
        value = json.loads(data)
        if canonical_json(value) != data:
            raise BundleUnreadable("a document is not in canonical form")
    except (ValueError, TypeError) as error:
        raise BundleUnreadable(f"a document cannot be read: {error}") from error
    if not Draft202012Validator(schema).is_valid(value):
        raise BundleUnreadable("a document does not have its form")
    return value


def _judge(one: Judgement, key: str | None, outside: str | None) -> None:
    one.manifest = _exact(one.files["manifest.json"], MANIFEST)
    if one.manifest["format"] != FORMAT:
        raise BundleUnreadable("the bundle has a format that is not known")
    _judge_files(one)
    stated = _judge_inclusion(one)
    _judge_signature(one, key)
    issued = _judge_issue(one)
    try:
        facts = json.loads(one.files["facts.json"])
    except ValueError as error:
        raise BundleUnreadable("facts.json cannot be read") from error
    if not (
        isinstance(facts, dict) and isinstance(facts.get("sections"), dict) and isinstance(facts.get("dossier"), dict)
    ):
        raise BundleUnreadable("facts.json does not have its form")
    _judge_earlier(one, stated, facts)
    _judge_outside(one, stated, key, outside)
    named = judge_facts(one, facts, issued, one.state("facts", "the facts are those of the ledger"))
    _judge_ends(one, named)
    _judge_pdf(one, issued)


def _judge_files(one: Judgement) -> None:
    files = one.state("files", "every file is the one that the manifest lists, and there is no other")
    names = [entry["name"] for entry in one.manifest["files"]]
    files.require(names == sorted(set(names)) and not UNLISTED & set(names), "the list is not in order")
    files.require(set(names) >= REQUIRED - UNLISTED, "the list leaves out files")
    for entry in one.manifest["files"]:
        data = one.files.get(entry["name"])
        if data is None:
            files.doubt(f"{entry['name']} is missing")
        else:
            files.require(
                sha256_hex(data) == entry["sha256"] and len(data) == entry["size"], f"{entry['name']} differs"
            )
    for extra in set(one.files) - set(names) - UNLISTED:
        files.require(False, f"{extra} is not listed")


def _judge_inclusion(one: Judgement) -> Checkpoint:
    one.proofs = _exact(one.files["ledger/proofs.json"], PROOFS)
    inclusion = one.state("inclusion", "every event is in the ledger under the checkpoint")
    *bodies, rest = one.files["ledger/events.jsonl"].split(b"\n")
    places = one.proofs["inclusion"]
    if rest or len(bodies) != len(places) or one.proofs["heads"]["event"] >= len(bodies):
        raise BundleUnreadable("events and proofs do not go together")
    try:
        stated = parse(one.files["ledger/checkpoint.txt"].decode("utf-8", "replace"))
    except NoteInvalid as error:
        inclusion.refute(str(error))
        raise
    one.report.size, one.report.root = stated.size, stated.root.hex()
    lines = one.files["ledger/checkpoint.txt"].decode("utf-8", "replace").count(f"\n{SIGNATURE_MARK}")
    inclusion.require(lines == 1, "the checkpoint does not bear the one signature of the register")
    for body, place in zip(bodies, places, strict=True):
        path = [bytes.fromhex(step) for step in place["path"]]
        holds = tree.verify_inclusion(tree.leaf_hash(body), place["index"], stated.size, path, stated.root)
        inclusion.require(holds, f"the event at {place['index']} is not under the checkpoint")
    indices = [place["index"] for place in places]
    inclusion.require(indices == sorted(set(indices)), "the events are out of order")
    one.events = [(place["index"], event.read(body), body) for body, place in zip(bodies, places, strict=True)]
    return stated


def _judge_signature(one: Judgement, key: str | None) -> None:
    signature = one.state("signature", "the checkpoint is signed by the trusted key or one of its chain")
    if key is None:
        return
    name, public = parse_verifier_key(key)
    turns = [
        (index, turn.state)
        for index, turn, _body in one.histories().get(("ledger", "keys"), [])
        if turn.action == "ledger.key_rotated"
    ]
    rollbacks = [
        turn.state
        for _index, turn, _body in one.histories().get(("ledger", "rollbacks"), [])
        if turn.action == "ledger.rollback_declared"
    ]
    try:
        one.chain = succession(name, public, rotations=[state for _index, state in turns], rollbacks=rollbacks)
        for (index, _state), turn in zip(turns, one.chain.rotations, strict=True):
            signature.require(turn.last_size <= index, "a rotation stands before its last entry")
        newest = one.chain.read(one.files["ledger/checkpoint.txt"].decode("utf-8", "replace"))
        signature.require(one.chain.gave_up(newest) is None, "the checkpoint was given up")
    except (SuccessionInvalid, NoteInvalid) as error:
        signature.refute(str(error))


def _judge_issue(one: Judgement) -> Mapping[str, Any]:
    issue = one.state("issue", "the ledger says that this dossier was issued with these bytes, and bundled")
    about = [told for _index, told, _body in one.histories().get(("dossier", one.manifest["dossier"]), [])]
    issued = [told.state for told in about if told.action == "dossier.issued"]
    taken = {told.payload.get("manifest_sha256") for told in about if told.action == "dossier.bundled"}
    issue.require(sha256_hex(one.files["manifest.json"]) in taken, "no event says that these files were bundled")
    issue.require(len(issued) == 1, "it was not issued once")
    said: Mapping[str, Any] = issued[0] if issued else {}
    for name, member in (("facts.json", "facts_sha256"), ("dossier.pdf", "pdf_sha256")):
        issue.require(said.get(member) == sha256_hex(one.files[name]), f"{name} is not what the ledger names")
    return said


def _notes(one: Judgement, facts: Mapping[str, Any]) -> Iterator[Any]:
    yield from one.proofs["checkpoints"]
    yield facts["dossier"].get("checkpoint")
    yield ((facts["sections"].get("ledger") or {}).get("checkpoint") or {}).get("note")
    try:
        yield from (receipt["note"] for receipt in json.loads(one.files["receipts.json"]))
    except (ValueError, TypeError, KeyError) as error:
        raise BundleUnreadable("receipts.json cannot be read") from error


def _judge_earlier(one: Judgement, stated: Checkpoint, facts: Mapping[str, Any]) -> None:
    earlier = one.state("consistency", "the ledger extends every earlier checkpoint that is named")
    one.roots = {0: tree.EMPTY_ROOT, stated.size: stated.root}
    for proof in one.proofs["consistency"]:
        root, path = bytes.fromhex(proof["root"]), [bytes.fromhex(step) for step in proof["path"]]
        holds = tree.verify_consistency(proof["size"], stated.size, root, stated.root, path)
        earlier.require(holds, f"the first {proof['size']} entries are others")
        earlier.require(one.roots.setdefault(proof["size"], root) == root, "two roots at one size")
    wanted = []
    for note in filter(None, _notes(one, facts)):
        try:
            found = one.chain.read(str(note)) if one.chain else parse(str(note))
            if one.chain is None or one.chain.gave_up(found) is None:
                wanted.append((found.size, found.root))
        except NoteInvalid as error:
            earlier.refute(str(error))
    if one.chain is not None:
        wanted += [(turn.last_size, bytes.fromhex(turn.last_root)) for turn in one.chain.rotations]
        wanted += [(declared.size, bytes.fromhex(declared.root)) for declared in one.chain.declarations]
    for size, root in wanted:
        if size > stated.size or size in one.roots:
            earlier.require(one.roots.get(size) == root, f"the ledger had another tree at {size} entries")
        else:
            earlier.doubt(f"nothing shows which tree the ledger had at {size} entries")


def _judge_outside(one: Judgement, stated: Checkpoint, key: str | None, outside: str | None) -> None:
    trust = one.state("trust", "it agrees with the key and the checkpoint that are trusted")
    if outside is None:
        if key is None:
            trust.doubt("neither a key nor a checkpoint is trusted")
        return
    try:
        kept = one.chain.read(outside) if one.chain else parse(outside)
    except NoteInvalid as error:
        trust.refute(str(error))
        return
    if one.chain is not None and one.chain.gave_up(kept) is not None:
        trust.doubt("what the trusted checkpoint states was given up")
        return
    trust.require(kept.origin.split("/epoch-")[0] == stated.origin.split("/epoch-")[0], "it is of another register")
    if kept.size in one.roots:
        trust.require(one.roots[kept.size] == kept.root, "the trusted checkpoint states another tree")
    else:
        trust.doubt("there is no proof of consistency with the trusted checkpoint")
    if key is None and kept.size < stated.size:
        trust.doubt("an older checkpoint does not vouch for what came later")


def _judge_ends(one: Judgement, named: set[tuple[str, str]]) -> None:
    ends = one.state("completeness", "no event of anything that the dossier names is left out")
    place, recorded, _body = one.events[one.proofs["heads"]["event"]]
    state = recorded.state
    form = set(state) == {"size", "subjects", "heads_root"} and recorded.action == heads.RECORDED
    if not form or any(type(state[name]) is not int for name in ("size", "subjects")):
        raise BundleUnreadable("the event of the heads cannot be read")
    ends.require(state["size"] <= place, "the heads are of a later ledger")
    histories, shown = one.histories(), {}
    for end in one.proofs["heads"]["subjects"]:
        head = heads.Head(end["kind"], end["key"], end["seq"], end["leaf_hash"])
        path = [bytes.fromhex(step) for step in end["path"]]
        root = bytes.fromhex(state["heads_root"])
        holds = tree.verify_inclusion(head.leaf(), end["index"], state["subjects"], path, root)
        ends.require(holds and (head.kind, head.key) not in shown, f"{head.kind} {head.key} did not end so")
        shown[head.kind, head.key] = head
    named = named | {("dossier", one.manifest["dossier"])}
    again = {
        subject
        for subject, told in histories.items()
        if subject[0] == "run" and ("run", str(told[0][1].state.get("reperforms"))) in named
    }
    ends.require(set(shown) | set(histories) <= named | again | LEDGER, "events of something else")
    for subject in (named | set(histories)) - set(shown):
        ends.doubt(f"nothing shows how {subject} ended")
    for subject in set(histories) | set(shown):
        last: tuple[int, str] | None = None
        for number, (index, told, body) in enumerate(histories.get(subject, []), start=1):
            goes_on = (told.subject_seq, told.prev) == (number, last[1] if last else None)
            ends.require(goes_on and index < state["size"], f"{subject} does not go on at {number}")
            last = (told.subject_seq, tree.leaf_hash(body).hex())
        if subject in shown:
            ends.require(last == (shown[subject].seq, shown[subject].leaf_hash), f"{subject}: events are left out")


def _judge_pdf(one: Judgement, issued: Mapping[str, Any]) -> None:
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    pdf, printed = one.files["dossier.pdf"], one.state("pdf", "the facts inside the PDF are those of the bundle")
    starts = [found.end() for found in re.finditer(rb"%%EOF\r?\n?", pdf)]
    signed = any(sha256(pdf[:end]).hexdigest() == issued.get("document_sha256") for end in starts[:100])
    printed.require(signed, "the PDF does not begin with the signed bytes")
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        entry = reader.root["/AF"][0]
        printed.require(entry["/EF"]["/F"].data == one.files["facts.json"], "the PDF embeds other facts")
    except (PdfError, KeyError, IndexError, TypeError, ValueError, AttributeError, OSError, zlib.error) as error:
        printed.doubt(f"the facts inside the PDF cannot be read ({type(error).__name__})")
