"""What could somebody do to a bundle who wants it to say something else? Files in, files out; with the stolen key too."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.digests import canonical_json, sha256_hex
from registry.ledger import tree
from registry.ledger.checkpoint import Checkpoint, parse, sign_note
from tests.audits.bundle_forgery import (
    ATTACKS,
    Attack,
    Files,
    attack,
    bodies_of,
    edited,
    place,
    proofs_of,
    rebuilt,
    rehashed,
    relisted,
    said_differently,
    with_bodies,
    with_proofs,
    without,
)
from tests.audits.bundle_samples import Sample

# --- The fifteen first ones ---------------------------------------------------------------------------------------------


@attack
def one_event_edited(files: Files, sample: Sample) -> Files:
    return edited(files, place(files, "approval.approve"), actor={"id": "somebody", "kind": "person"})


@attack
def one_event_edited_and_the_next_link_mended(files: Files, sample: Sample) -> Files:
    return with_bodies(files, rehashed(said_differently(files)))


@attack
def an_event_in_the_middle_deleted(files: Files, sample: Sample) -> Files:
    return without(files, place(files, "approval.approve"))


@attack
def an_event_deleted_and_the_rest_renumbered(files: Files, sample: Sample) -> Files:
    files = without(files, place(files, "promotion.requested"))
    return with_bodies(files, rehashed(bodies_of(files)))


@attack
def a_back_dated_event_inserted(files: Files, sample: Sample) -> Files:
    bodies, proofs = bodies_of(files), proofs_of(files)
    at = place(files, "approval.approve")
    bodies.insert(at, bodies[at])
    proofs["inclusion"].insert(
        at, {"index": proofs["inclusion"][at]["index"] - 1, "path": proofs["inclusion"][at]["path"]}
    )
    proofs["heads"]["event"] += 1
    return with_proofs(with_bodies(files, rehashed(bodies)), proofs)


@attack
def two_events_swapped(files: Files, sample: Sample) -> Files:
    bodies = bodies_of(files)
    bodies[1], bodies[2] = bodies[2], bodies[1]
    return with_bodies(files, bodies)


@attack
def two_events_swapped_and_rehashed(files: Files, sample: Sample) -> Files:
    bodies = bodies_of(files)
    bodies[1], bodies[2] = bodies[2], bodies[1]
    return with_bodies(files, rehashed(bodies))


@attack
def an_edit_and_the_whole_chain_rehashed(files: Files, sample: Sample) -> Files:
    forged = rebuilt(files, sample.private, said_differently(files))
    return {**forged, "ledger/checkpoint.txt": files["ledger/checkpoint.txt"]}


@attack
def the_tail_truncated(files: Files, sample: Sample) -> Files:
    for _ in range(3):
        files = without(files, proofs_of(files)["heads"]["event"] - 1)
    return files


@attack
def the_tail_and_the_heads_truncated(files: Files, sample: Sample) -> Files:
    proofs = proofs_of(files)
    proofs["heads"]["subjects"] = []
    return the_tail_truncated(with_proofs(files, proofs), sample)


@attack
def rebuilt_with_a_forged_key(files: Files, sample: Sample) -> Files:
    return rebuilt(files, Ed25519PrivateKey.generate(), said_differently(files))


@attack
def rebuilt_with_the_stolen_key(files: Files, sample: Sample) -> Files:
    return rebuilt(files, sample.private, said_differently(files))


@attack
def an_honest_ledger_rebuilt_without_the_dissent_with_the_stolen_key(files: Files, sample: Sample) -> Files:
    bodies = bodies_of(files)
    del bodies[place(files, "approval.approve")]
    return rebuilt(files, sample.private, bodies)


@attack
def an_older_and_shorter_ledger_signed_with_the_stolen_key(files: Files, sample: Sample) -> Files:
    return rebuilt(files, sample.private, [*bodies_of(files)[:6], bodies_of(files)[-1]])


@attack
def an_empty_ledger(files: Files, sample: Sample) -> Files:
    stated = parse(files["ledger/checkpoint.txt"].decode())
    note = sign_note(Checkpoint(stated.origin, 0, tree.EMPTY_ROOT), sample.private)
    return {**files, "ledger/checkpoint.txt": note.encode()}


# --- Proofs and checkpoints ---------------------------------------------------------------------------------------------


def proof_changed(name: str, change: Callable[[Any], Any]) -> None:
    """Add an attack that changes the proofs alone."""

    def changed(files: Files, sample: Sample) -> Files:
        proofs = proofs_of(files)
        change(proofs)
        return with_proofs(files, proofs)

    ATTACKS[name] = changed


def checkpoint_changed(name: str, change: Callable[[str, Sample], str]) -> None:
    """Add an attack that changes the checkpoint alone."""

    def changed(files: Files, sample: Sample) -> Files:
        note = change(files["ledger/checkpoint.txt"].decode(), sample)
        return {**files, "ledger/checkpoint.txt": note.encode()}

    ATTACKS[name] = changed


def _resigned(note: str, key: Any, **changes: Any) -> str:
    stated = parse(note)
    made = Checkpoint(**({"origin": stated.origin, "size": stated.size, "root": stated.root} | changes))
    return sign_note(made, key)


def _two(proofs: Any) -> Any:
    return proofs["inclusion"][3], proofs["inclusion"][5]


def _swap_paths(proofs: Any) -> None:
    one, other = _two(proofs)
    one["path"], other["path"] = other["path"], one["path"]


proof_changed("the_proof_of_another_leaf", _swap_paths)
proof_changed("a_proof_too_short", lambda proofs: proofs["inclusion"][3]["path"].pop())
proof_changed("a_proof_too_long", lambda proofs: proofs["inclusion"][3]["path"].append("00" * 32))
proof_changed("a_proof_without_a_path", lambda proofs: proofs["inclusion"][3]["path"].clear())
proof_changed("a_proof_upside_down", lambda proofs: proofs["inclusion"][3]["path"].reverse())
proof_changed("a_leaf_at_another_index", lambda proofs: proofs["inclusion"][3].update(index=2**40))
proof_changed("a_negative_index", lambda proofs: proofs["inclusion"][3].update(index=-1))
proof_changed("consistency_with_another_root", lambda proofs: proofs["consistency"][0].update(root="11" * 32))
proof_changed("consistency_cut_off", lambda proofs: proofs["consistency"][0]["path"].pop())
proof_changed("no_consistency_at_all", lambda proofs: proofs["consistency"].clear())
proof_changed("consistency_of_size_zero", lambda proofs: proofs["consistency"][0].update(size=0, path=[]))
proof_changed("the_heads_dropped", lambda proofs: proofs["heads"]["subjects"].clear())
proof_changed("one_head_dropped", lambda proofs: proofs["heads"]["subjects"].pop(2))
proof_changed("a_head_of_an_earlier_event", lambda proofs: proofs["heads"]["subjects"][2].update(seq=99))
proof_changed("a_head_with_another_leaf", lambda proofs: proofs["heads"]["subjects"][2].update(leaf_hash="22" * 32))
proof_changed("another_event_named_as_the_heads", lambda proofs: proofs["heads"].update(event=0))
proof_changed("an_unknown_member", lambda proofs: proofs.update(trust_me=True))
checkpoint_changed("a_size_of_zero", lambda note, sample: _resigned(note, sample.private, size=0))
checkpoint_changed("a_smaller_size", lambda note, sample: _resigned(note, sample.private, size=parse(note).size - 1))
checkpoint_changed("a_larger_size", lambda note, sample: _resigned(note, sample.private, size=parse(note).size + 1))
checkpoint_changed(
    "the_right_root_for_another_origin", lambda note, sample: _resigned(note, sample.private, origin="other")
)
checkpoint_changed(
    "a_later_epoch", lambda note, sample: _resigned(note, sample.private, origin=parse(note).origin + "/epoch-2")
)
checkpoint_changed(
    "an_unknown_key_of_the_same_name", lambda note, sample: _resigned(note, Ed25519PrivateKey.generate())
)
checkpoint_changed("the_checkpoint_kept_before", lambda note, sample: sample.kept)
checkpoint_changed("no_signature", lambda note, sample: note.split("\n\n")[0] + "\n\n")
checkpoint_changed("an_empty_checkpoint", lambda note, sample: "")
checkpoint_changed("a_size_with_a_leading_zero", lambda note, sample: note.replace("\n", "\n0", 1))
checkpoint_changed("the_signature_twice", lambda note, sample: note + note.split("\n\n")[1])
checkpoint_changed("a_line_added_after_signing", lambda note, sample: note.replace("\n\n", "\nmore\n\n", 1))


@attack
def two_signatures_of_the_name_and_the_first_is_bad(files: Files, sample: Sample) -> Files:
    head, _, tail = files["ledger/checkpoint.txt"].decode().partition("\n\n")
    name, signature = tail.rstrip("\n").split(" ")[1:]
    data = bytearray(base64.b64decode(signature))
    data[-1] ^= 1
    bad = f"\u2014 {name} {base64.b64encode(bytes(data)).decode()}\n"
    return {**files, "ledger/checkpoint.txt": f"{head}\n\n{bad}{tail}".encode()}


# --- Events -------------------------------------------------------------------------------------------------------------


@attack
def a_body_written_with_spaces(files: Files, sample: Sample) -> Files:
    bodies = bodies_of(files)
    bodies[4] = json.dumps(json.loads(bodies[4]), sort_keys=True).encode()
    return with_bodies(files, bodies)


@attack
def a_body_with_a_key_twice(files: Files, sample: Sample) -> Files:
    bodies = bodies_of(files)
    bodies[4] = bodies[4][:-1] + b',"version":1}'
    return with_bodies(files, bodies)


@attack
def an_inner_node_given_for_a_leaf(files: Files, sample: Sample) -> Files:
    bodies, proofs = bodies_of(files), proofs_of(files)
    leaf, path = tree.leaf_hash(bodies[0]), proofs["inclusion"][0]["path"]
    bodies[0] = leaf + bytes.fromhex(path[0])
    proofs["inclusion"][0]["path"] = path[1:]
    return with_proofs({**files, "ledger/events.jsonl": b"\n".join([*bodies, b""])}, proofs)


@attack
def the_newest_event_left_out(files: Files, sample: Sample) -> Files:
    return without(files, place(files, "dossier.bundled", 1))


@attack
def the_withdrawn_first_bundle_left_out(files: Files, sample: Sample) -> Files:
    return without(files, place(files, "dossier.bundled", 0))


@attack
def the_issue_left_out(files: Files, sample: Sample) -> Files:
    return without(files, place(files, "dossier.issued"))


@attack
def a_whole_subject_left_out(files: Files, sample: Sample) -> Files:
    at = place(files, "approval.approve")
    key = json.loads(bodies_of(files)[at])["subject"]["key"]
    files, proofs = without(files, at), proofs_of(without(files, at))
    proofs["heads"]["subjects"] = [end for end in proofs["heads"]["subjects"] if end["key"] != key]
    return with_proofs(files, proofs)


@attack
def a_line_added(files: Files, sample: Sample) -> Files:
    return {**files, "ledger/events.jsonl": files["ledger/events.jsonl"] + bodies_of(files)[0] + b"\n"}


@attack
def no_last_line_feed(files: Files, sample: Sample) -> Files:
    return {**files, "ledger/events.jsonl": files["ledger/events.jsonl"][:-1]}


# --- Files --------------------------------------------------------------------------------------------------------------


def file_changed(name: str, file: str, change: Callable[[bytes], bytes]) -> None:
    """Add two attacks that change a file: with the manifest as it was, and with one that lists it as it is."""
    ATTACKS[name] = lambda files, sample: {**files, file: change(files[file])}
    ATTACKS[f"{name}_and_listed"] = lambda files, sample: relisted({**files, file: change(files[file])})


def _facts(data: bytes, change: Callable[[Any], Any]) -> bytes:
    facts = json.loads(data)
    change(facts)
    return canonical_json(facts)


file_changed("the_pdf_swapped", "dossier.pdf", lambda data: data + b"\n%%EOF\n")
file_changed("the_pdf_without_its_signature", "dossier.pdf", lambda data: data[: data.index(b"%%EOF") + 6])
file_changed("the_facts_swapped", "facts.json", lambda data: data.replace(b'"1.0"', b'"1.1"'))
file_changed(
    "the_facts_with_another_outcome", "facts.json", lambda data: _facts(data, lambda facts: facts.update(model="x"))
)
file_changed("facts_that_are_no_json", "facts.json", lambda data: data[:-1])
file_changed("facts_too_deep", "facts.json", lambda data: b"[" * 100_000)
file_changed("facts_with_nan", "facts.json", lambda data: b'{"sections":NaN}')
file_changed("the_readme_changed", "README.md", lambda data: data + b"Trust me.\n")
file_changed("the_verifier_changed", "verify.py", lambda data: b"import sys\nsys.exit(0)\n")
file_changed("the_keys_changed", "keys.json", lambda data: b"[]")
file_changed("the_receipts_dropped", "receipts.json", lambda data: b"[]" if data != b"[]" else b"[{}]")


def _evidence(files: Files) -> str:
    return next(name for name in sorted(files) if name.startswith("evidence/"))


@attack
def evidence_swapped(files: Files, sample: Sample) -> Files:
    return {**files, _evidence(files): b"{}"}


@attack
def evidence_swapped_and_listed(files: Files, sample: Sample) -> Files:
    return relisted({**files, _evidence(files): b"{}"})


@attack
def evidence_missing(files: Files, sample: Sample) -> Files:
    return {name: data for name, data in files.items() if name != _evidence(files)}


@attack
def evidence_missing_and_not_listed(files: Files, sample: Sample) -> Files:
    return relisted({name: data for name, data in files.items() if name != _evidence(files)})


@attack
def evidence_that_nobody_named(files: Files, sample: Sample) -> Files:
    return {**files, f"evidence/{sha256_hex(b'new')}": b"new"}


@attack
def evidence_that_nobody_named_listed(files: Files, sample: Sample) -> Files:
    return relisted({**files, f"evidence/{sha256_hex(b'new')}": b"new"})


@attack
def a_file_beside_the_others(files: Files, sample: Sample) -> Files:
    return {**files, "trusted-key.pub": sample.key.encode()}


@attack
def another_dossier_named(files: Files, sample: Sample) -> Files:
    return relisted(files, dossier="00000000-0000-0000-0000-000000000000")


@attack
def another_format_named(files: Files, sample: Sample) -> Files:
    return relisted(files, format="cadastre-bundle-2")


def _lacking(name: str) -> Attack:
    return lambda files, sample: {other: data for other, data in files.items() if other != name}


for _name in ("dossier.pdf", "facts.json", "manifest.json", "ledger/checkpoint.txt", "ledger/proofs.json", "verify.py"):
    ATTACKS[f"without_{_name}"] = _lacking(_name)
