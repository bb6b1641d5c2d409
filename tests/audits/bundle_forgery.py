"""How is a bundle forged? Its parts taken out and put back, and a whole ledger built anew around other events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.digests import canonical_json, sha256_hex
from registry.ledger import tree
from registry.ledger.checkpoint import Checkpoint, parse, sign_note
from tests.audits.bundle_samples import Sample

Files = dict[str, bytes]
Attack = Callable[[Files, Sample], Files]
ATTACKS: dict[str, Attack] = {}


def attack(function: Attack) -> Attack:
    """Add an attack to the corpus under its name."""
    ATTACKS[function.__name__] = function
    return function


def proofs_of(files: Files) -> Any:
    return json.loads(files["ledger/proofs.json"])


def bodies_of(files: Files) -> list[bytes]:
    return files["ledger/events.jsonl"].split(b"\n")[:-1]


def with_proofs(files: Files, proofs: Any) -> Files:
    return {**files, "ledger/proofs.json": canonical_json(proofs)}


def with_bodies(files: Files, bodies: list[bytes]) -> Files:
    return {**files, "ledger/events.jsonl": b"".join(body + b"\n" for body in bodies)}


def relisted(files: Files, **changes: Any) -> Files:
    """Return the files with a manifest that lists them as they now are."""
    manifest = json.loads(files["manifest.json"]) | changes
    names = sorted(name for name in files if name != "manifest.json" and not name.startswith("ledger/"))
    manifest["files"] = [{"name": name, "sha256": sha256_hex(files[name]), "size": len(files[name])} for name in names]
    return {**files, "manifest.json": canonical_json(manifest)}


def place(files: Files, action: str, nth: int = 0) -> int:
    """Return the line of the nth event of an action."""
    return [at for at, body in enumerate(bodies_of(files)) if json.loads(body)["action"] == action][nth]


def edited(files: Files, at: int, **changes: Any) -> Files:
    bodies = bodies_of(files)
    bodies[at] = canonical_json(json.loads(bodies[at]) | changes)
    return with_bodies(files, bodies)


def without(files: Files, at: int) -> Files:
    """Return the files without one event, its proof too."""
    bodies, proofs = bodies_of(files), proofs_of(files)
    del bodies[at], proofs["inclusion"][at]
    proofs["heads"]["event"] -= proofs["heads"]["event"] > at
    return with_proofs(with_bodies(files, bodies), proofs)


def rebuilt(files: Files, key: Ed25519PrivateKey, bodies: list[bytes]) -> Files:
    """Return a ledger made anew of these bodies alone: rehashed, with heads and proofs that fit, signed with a key."""
    bodies = rehashed(bodies)
    histories: dict[tuple[str, str], tuple[int, str]] = {}
    for body in bodies[:-1]:
        value = json.loads(body)
        histories[value["subject"]["kind"], value["subject"]["key"]] = (
            value["subject_seq"],
            tree.leaf_hash(body).hex(),
        )
    ends = [[*subject, *histories[subject]] for subject in sorted(histories)]
    leaves = [tree.leaf_hash(canonical_json(end)) for end in ends]
    recorded = json.loads(bodies[-1])
    recorded["state"] = {"size": len(bodies) - 1, "subjects": len(ends), "heads_root": tree.root(leaves).hex()}
    bodies[-1] = canonical_json(recorded)
    hashes = [tree.leaf_hash(body) for body in bodies]
    node, heads_node = tree.nodes_of(hashes), tree.nodes_of(leaves)
    stated = parse(files["ledger/checkpoint.txt"].decode())
    note = sign_note(Checkpoint(stated.origin, len(bodies), tree.root(hashes)), key)

    def path(at: int, size: int, read: tree.NodeReader) -> list[str]:
        return [step.hex() for step in tree.inclusion_proof(at, size, read)]

    consistency = [
        {
            "size": size,
            "root": tree.root(hashes[:size]).hex(),
            "path": [step.hex() for step in tree.consistency_proof(size, len(hashes), node)],
        }
        for size in range(1, len(hashes))
    ]
    proofs = {
        "inclusion": [{"index": at, "path": path(at, len(hashes), node)} for at in range(len(hashes))],
        "consistency": consistency,
        "checkpoints": [],
        "heads": {
            "event": len(bodies) - 1,
            "subjects": [
                {"kind": end[0], "key": end[1], "seq": end[2], "leaf_hash": end[3], "index": at}
                | {"path": path(at, len(ends), heads_node)}
                for at, end in enumerate(ends)
            ],
        },
    }
    files = with_proofs(with_bodies(files, bodies), proofs)
    return {**files, "ledger/checkpoint.txt": note.encode()}


def rehashed(bodies: list[bytes]) -> list[bytes]:
    """Return the bodies with numbers and links to the ones before that fit again; the last is left as it is."""
    found, last = [], dict[tuple[str, str], tuple[int, str]]()
    for body in bodies[:-1]:
        value = json.loads(body)
        subject = value["subject"]["kind"], value["subject"]["key"]
        seq, before = last.get(subject, (0, None))
        found.append(canonical_json(value | {"subject_seq": seq + 1, "prev": before}))
        last[subject] = (seq + 1, tree.leaf_hash(found[-1]).hex())
    return [*found, bodies[-1]]


def said_differently(files: Files) -> list[bytes]:
    bodies = bodies_of(files)
    at = place(files, "approval.approve")
    value = json.loads(bodies[at])
    value["state"]["statement"] = "I never looked."
    bodies[at] = canonical_json(value)
    return bodies
