"""Does this bundle prove what it says? Exit 0 verified, 1 proven false, 2 could not be verified.

    python3 verify.py --key trusted-key.pub [--checkpoint kept.txt] [--proof proof.json] [--json] [BUNDLE]
    python3 verify.py --key trusted-key.pub [--checkpoint kept.txt] [--json] --ledger FOLDER

BUNDLE is the zip or the folder it was unpacked to; by default the folder of this file. FOLDER is an export of the whole
ledger. Python's standard library alone, 3.9 or later. The trusted key, or the trusted checkpoint, is yours: nothing that
came with the proof is ever trusted by itself.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

if sys.version_info < (3, 9):
    sys.stderr.write("COULD NOT BE VERIFIED: this needs Python 3.9 or later.\n")
    sys.exit(2)

FORMAT = "cadastre-bundle-1"
FIXED = ("README.de.md", "README.md", "dossier.pdf", "facts.json", "keys.json", "receipts.json", "verify.py")
PUBLIC = ("ll144",)  # what is published names nobody, not even who asked for it
FOLDERS = ("evidence", "ledger")
LEDGER = ("ledger/checkpoint.txt", "ledger/events.jsonl", "ledger/proofs.json")
NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\Z")
HEX = re.compile(r"\A[0-9a-f]{64}\Z")
HEX_WITHIN = re.compile(r"[0-9a-f]{64}")
KEY_NAME = re.compile(r"\A[^\s+]+\Z")
SIZE = re.compile(r"\A(0|[1-9][0-9]{0,18})\Z")
EPOCH = re.compile(r"\A/epoch-([1-9][0-9]{0,8})\Z")
EVENT_FIELDS = {
    "version", "id", "instant", "actor", "on_behalf_of", "request_id", "credential", "authentication",
    "action", "subject", "subject_seq", "prev", "state", "payload",
}  # fmt: skip
TURNS = {("ledger", "keys"), ("ledger", "rollbacks")}
MOST_BYTES = 1 << 30
MOST_FILES = 20_000
MOST_SHOWN = 10
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Unreadable(Exception):
    """Something is missing, or not of a form that can be judged."""


class False_(Exception):
    """Something is proven false."""


class Report:
    """What is claimed, how often it was looked at, and what speaks against it."""

    def __init__(self) -> None:
        self.claims: List[Dict[str, Any]] = []
        self.strays: List[str] = []

    def claim(self, slug: str, text: str) -> None:
        """Begin a new claim; what follows is counted for it."""
        self.claims.append({"slug": slug, "claim": text, "checked": 0, "wrong": [], "unknown": []})

    def require(self, holds: bool, against: str) -> bool:
        """Count one case, which proves the claim false unless it holds."""
        self.claims[-1]["checked"] += 1
        if not holds:
            self.claims[-1]["wrong"].append(against)
        return holds

    def doubt(self, why: str) -> None:
        """Count one case that cannot be judged."""
        self.claims[-1]["unknown"].append(why)

    def code(self) -> int:
        """Return the exit code: false outweighs unknown, and unknown outweighs verified."""
        if any(one["wrong"] for one in self.claims):
            return 1
        checked = any(one["checked"] for one in self.claims)
        return 0 if checked and not any(one["unknown"] for one in self.claims) else 2

    def as_dict(self) -> Dict[str, Any]:
        """Return the report for JSON."""
        shown = [
            dict(
                one,
                outcome="false" if one["wrong"] else "unknown" if one["unknown"] else "verified",
                wrong=one["wrong"][:MOST_SHOWN],
                unknown=one["unknown"][:MOST_SHOWN],
            )
            for one in self.claims
        ]
        verdict = ("verified", "false", "unknown")[self.code()]
        return {"verdict": verdict, "exit_code": self.code(), "claims": shown, "not_part_of_it": sorted(self.strays)}

    def lines(self) -> List[str]:
        """Return the report for people."""
        told = []
        for one in self.as_dict()["claims"]:
            told.append("%-9s %s: %d checked" % (one["outcome"], one["claim"], one["checked"]))
            told += ["          " + plain(why) for why in one["wrong"] + one["unknown"]]
        for name in sorted(self.strays)[:MOST_SHOWN]:
            told.append("not part of it, and not looked at: " + plain(name))
        if len(self.strays) > MOST_SHOWN:
            told.append("not part of it, and not looked at: %d more" % (len(self.strays) - MOST_SHOWN))
        return [*told, ("VERIFIED", "PROVEN FALSE", "COULD NOT BE VERIFIED")[self.code()]]


def plain(text: object) -> str:
    """Return text in which nothing can steer a terminal."""
    return ascii(str(text))[1:-1][:300]


# --- Ed25519 (RFC 8032, section 5.1.7), verification only -------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = Tuple[int, int, int, int]


def add(one: Point, other: Point) -> Point:
    """Return the sum of two points in extended coordinates."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor: int, point: Point) -> Point:
    """Return ``factor`` times the point."""
    total = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = add(total, point)
        point, factor = add(point, point), factor >> 1
    return total


def encoded(point: Point) -> bytes:
    """Return the 32 bytes of a point."""
    inverse = pow(point[2], P - 2, P)
    return (point[1] * inverse % P | (point[0] * inverse % P & 1) << 255).to_bytes(32, "little")


def decoded(data: bytes) -> Optional[Point]:
    """Return the point of 32 bytes, or None when they are not those of one."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decoded((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the signature (64 bytes) is that of the message under the key (32 bytes); strict."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, scalar = decoded(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= L or encoded(times(8, key)) == encoded((0, 1, 1, 0)):
        return False
    factor = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (-key[0] % P, key[1], key[2], -key[3] % P)
    return encoded(add(times(scalar, BASE), times(factor, minus))) == signature[:32]


# --- Merkle tree (RFC 6962; proofs as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say) --------------------------------------


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the path leads from the leaf to the root."""
    if not 0 <= index < size:
        return False
    at, last, value = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(step, value)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, step)
        at, last = at >> 1, last >> 1
    return last == 0 and value == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether the path shows that the tree of ``old`` leaves is a prefix of the tree of ``new`` leaves."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_value = new_value = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_value, new_value = node_hash(step, old_value), node_hash(step, new_value)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new_value = node_hash(new_value, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old_value == old_root and new_value == new_root


# --- Reading, within bounds -------------------------------------------------------------------------------------------


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def zip_of(files: Dict[str, bytes]) -> bytes:
    """Return the one zip of these files: sorted, stored, dated 1980-01-01, nothing else."""
    out, central, offset = [], [], 0
    for name in sorted(files):
        data, raw = files[name], name.encode("ascii")
        same = struct.pack("<5H3L2H", 20, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(raw), 0)
        local = b"PK\x03\x04" + same + raw
        out += [local, data]
        central.append(b"PK\x01\x02\x14\x03" + same + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, offset) + raw)
        offset += len(local) + len(data)
    whole = b"".join(central)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, len(files), len(files), len(whole), offset, 0)
    return b"".join([*out, whole, end])


def unzipped(data: bytes) -> Dict[str, bytes]:
    """Return the files of a bundle. A zip in any other layout than ``zip_of`` writes is Unreadable: no bomb, no trick."""
    files: Dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        head = data[at + 4 : at + 30]
        if len(head) != 26:
            raise Unreadable("the zip is cut off")
        fields = struct.unpack("<5H3L2H", head)
        start = at + 30 + fields[8]
        name = data[at + 30 : start].decode("ascii", "replace")
        if not NAME.match(name) or name in files or len(files) >= MOST_FILES or len(data) < start + fields[6]:
            raise Unreadable("the zip holds a name or a size that no bundle has")
        files[name] = data[start : start + fields[6]]
        at = start + fields[6]
    if not files or zip_of(files) != data:
        raise Unreadable("this is not a bundle as the register wrote it: the zip has another layout or is damaged")
    return files


def listed_in(folder: str) -> Set[str]:
    """Return the names that the manifest lists; none when it cannot be read, which is said when the bundle is."""
    try:
        return {str(one["name"]) for one in parsed(contents(os.path.join(folder, "manifest.json")), "it")["files"]}
    except (Unreadable, KeyError, TypeError):
        return set()


def unpacked(folder: str, own: Set[str], strays: List[str]) -> Dict[str, bytes]:
    """Return the files of an unpacked bundle. What else lies beside them is named in ``strays`` and never read.

    Of the bundle is what it always has, what its manifest lists, and whatever lies in its own folders: a file that was
    slipped in there could be taken for evidence, so it is judged, and found not to be listed.
    """
    listed = {*FIXED, *LEDGER, "manifest.json"} | listed_in(folder)
    total = 0
    files: Dict[str, bytes] = {}
    for where, folders, names in os.walk(folder):
        for name in sorted(folders + names):
            path = os.path.join(where, name)
            if os.path.realpath(path) in own and name in names:
                continue
            inner = os.path.relpath(path, folder).replace(os.sep, "/")
            inside = inner.split("/")[0] in FOLDERS
            if inner not in listed and not inside:
                strays.append(inner + "/" if name in folders else inner)
                folders[:] = [one for one in folders if one != name]
                continue
            if os.path.islink(path) or not NAME.match(inner) or len(files) >= MOST_FILES:
                raise Unreadable("the folder holds what no bundle has: " + inner)
            if name in names:
                total += os.path.getsize(path)
                files[inner] = b"" if total > MOST_BYTES else contents(path)
    if total > MOST_BYTES:
        raise Unreadable("the folder is too large for a bundle")
    return files


def contents(path: str) -> bytes:
    """Return the bytes of an ordinary file."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES:
            raise Unreadable("not an ordinary file, or too large: " + path)
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unreadable("cannot be read: %s (%s)" % (path, type(error).__name__)) from error


def parsed(data: bytes, what: str) -> Any:
    """Return JSON; a key that stands twice, NaN, too much depth and anything unusual is Unreadable."""

    def once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def number(text: str) -> int:
        if len(text) > 400:
            raise ValueError("a number is too long")
        return int(text)

    def never(text: str) -> float:
        raise ValueError(text + " is no number")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_int=number, parse_constant=never)
    except (ValueError, RecursionError) as error:
        raise Unreadable("%s is not JSON as it is written here (%s)" % (what, type(error).__name__)) from error


def canonical(value: Any) -> bytes:
    """Return the one byte form of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def exact(data: bytes, what: str, like: Any) -> Any:
    """Return canonical JSON of a form; Unreadable in any other spelling or form."""
    value = parsed(data, what)
    if canonical(value) != data or not has_form(value, like):
        raise Unreadable(what + " does not have its form")
    return value


def has_form(value: Any, like: Any) -> bool:
    """Tell whether a value has a form: a type, a pattern, [form] for a list, {name: form} for these names exactly."""
    if isinstance(like, dict):
        return type(value) is dict and set(value) == set(like) and all(has_form(value[key], like[key]) for key in like)
    if isinstance(like, list):
        return type(value) is list and all(has_form(one, like[0]) for one in value)
    if like is int:
        return type(value) is int and 0 <= value < 2**63
    if isinstance(like, type):
        return type(value) is like
    return type(value) is str and like.match(value) is not None


def hashes(path: Sequence[str]) -> List[bytes]:
    """Return the hashes of a proof."""
    return [bytes.fromhex(one) for one in path]


# --- Signed notes (C2SP), the chain of keys, the epochs ---------------------------------------------------------------


def unbase64(text: str) -> bytes:
    """Return the bytes of base64 in its one spelling; False_ in any other."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise False_("something is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise False_("base64 in another spelling")
    return data


def public_of(key: object) -> Tuple[str, bytes]:
    """Return name and 32 bytes of a verifier key ``name+id+base64``."""
    parts = key.split("+", 2) if isinstance(key, str) else []
    if len(parts) != 3 or not KEY_NAME.match(parts[0]):
        raise False_("this is not a verifier key: name+id+key")
    data = unbase64(parts[2])
    if len(data) != 33 or data[:1] != b"\x01" or key_id(parts[0], data[1:]).hex() != parts[1]:
        raise False_("this verifier key does not fit its id, or is not an Ed25519 key")
    return parts[0], data[1:]


def key_id(name: str, public: bytes) -> bytes:
    """Return the 4 bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


class Note:
    """A checkpoint as a signed note: what it states, and its signatures unverified."""

    def __init__(self, note: object) -> None:
        text, blank, tail = note.rpartition("\n\n") if isinstance(note, str) else ("", "", "")
        if not blank or not tail.endswith("\n") or len(str(note)) > 16_384:
            raise False_("the note has no signature block, or is too long")
        self.text = text + "\n"
        self.signatures = []
        for line in tail[:-1].split("\n"):
            words = line[2:].split(" ")
            if line[:2] != "\u2014 " or len(words) != 2 or not KEY_NAME.match(words[0]):
                raise False_("a signature line of the note is malformed")
            self.signatures.append((words[0], unbase64(words[1])))
        lines = text.split("\n")
        if len(lines) != 3 or not lines[0] or not SIZE.match(lines[1]):
            raise False_("the note is not a plain checkpoint: origin, size and root, a line each")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2])
        if len(self.root) != 32:
            raise False_("the root of the note is not 32 bytes long")

    def epoch(self, name: str) -> int:
        """Return the epoch that the origin states."""
        if self.origin == name:
            return 1
        found = EPOCH.match(self.origin[len(name) :]) if self.origin.startswith(name) else None
        if found is None or int(found.group(1)) < 2:
            raise False_("the checkpoint is not one of " + name)
        return int(found.group(1))

    def verify(self, key: str) -> None:
        """False_ unless the key signed the note."""
        name, public = public_of(key)
        ours = [data[4:] for signer, data in self.signatures if signer == name and data[:4] == key_id(name, public)]
        if not ours or not all(signed_by(public, one, self.text.encode()) for one in ours):
            raise False_("the checkpoint over %d entries is not signed by the key that signs there" % self.size)


ROTATION = {
    "name": str, "last_size": int, "last_root": HEX, "previous_key": str, "key": str,
    "signature_of_previous": str, "signature_of_new": str,
}  # fmt: skip
DECLARED = {
    "name": str, "epoch": int, "size": int, "root": HEX, "kept_size": int, "abandoned_epoch": int,
    "abandoned_size": int, "abandoned_root": HEX, "abandoned_key": str, "signature": str,
}  # fmt: skip


class Chain:
    """Which key signs over how many entries, and in which epoch: one trusted key, and the events that go on from it."""

    def __init__(self, trusted: str, rotations: Sequence[Any], rollbacks: Sequence[Any]) -> None:
        self.name = public_of(trusted)[0]
        self.turns = [self._turn(state) for state in rotations]
        self.keys = [self.turns[0]["previous_key"] if self.turns else trusted]
        self.declared: List[Dict[str, Any]] = []
        last = -1
        for turn in self.turns:
            if turn["previous_key"] != self.keys[-1] or turn["key"] in self.keys or turn["last_size"] <= last:
                raise False_("a rotation of the key does not go on from the one before it")
            self.keys.append(turn["key"])
            last = turn["last_size"]
        if trusted not in self.keys:
            raise False_("the trusted key is none of the keys of this ledger")
        for state in rollbacks:
            self._declare(state)

    def _turn(self, state: Any) -> Dict[str, Any]:
        if not has_form(state, ROTATION) or state["name"] != self.name:
            raise False_("a rotation of the key cannot be read, or is of another register")
        values = [state["name"], state["last_size"], b64(state["last_root"]), state["previous_key"], state["key"]]
        text = "".join("%s\n" % one for one in ["cadastre-key-rotation-v1", *values]).encode()
        for key, signature in (("previous_key", "signature_of_previous"), ("key", "signature_of_new")):
            name, public = public_of(state[key])
            if name != self.name or not signed_by(public, unbase64(state[signature]), text):
                raise False_("a rotation of the key is not signed by both keys")
        return dict(state)

    def _declare(self, state: Any) -> None:
        state = {key: value for key, value in state.items() if key in DECLARED} if isinstance(state, dict) else {}
        before = self.declared[-1] if self.declared else {"size": -1, "epoch": 1}
        if (
            not has_form(state, DECLARED)
            or state["name"] != self.name
            or not (before["size"] < state["size"] and before["epoch"] < state["epoch"])
            or state["kept_size"] > state["size"]
        ):
            raise False_("a declared rollback cannot be read, or does not go on from the one before it")
        begun = [state["name"], state["epoch"], state["size"], b64(state["root"]), state["kept_size"]]
        lost = [state["abandoned_epoch"], state["abandoned_size"], b64(state["abandoned_root"]), state["abandoned_key"]]
        text = "".join("%s\n" % one for one in ["cadastre-declared-rollback-v1", *begun, *lost]).encode()
        if not signed_by(public_of(self.key_at(state["size"] + 1))[1], unbase64(state["signature"]), text):
            raise False_("a declared rollback is not signed by the key of its ledger")
        self.declared.append(state)

    def key_at(self, size: int) -> str:
        """Return the key that signs over ``size`` entries."""
        return str(self.keys[sum(turn["last_size"] < size for turn in self.turns)])

    def ending(self, epoch: int) -> Dict[str, Any]:
        """Return the declaration that ended an epoch."""
        return next(one for one in self.declared if one["epoch"] > epoch)

    def read(self, note: object) -> Note:
        """Return a checkpoint that the right key signed in the right epoch; else False_."""
        stated = Note(note)
        epoch, newest = stated.epoch(self.name), self.declared[-1]["epoch"] if self.declared else 1
        here = next((one["epoch"] for one in reversed(self.declared) if one["size"] < stated.size), 1)
        if epoch == here or epoch > newest:
            stated.verify(self.key_at(stated.size))
            return stated
        if epoch > here and epoch in {one["epoch"] for one in self.declared}:
            raise False_("the checkpoint over %d entries is of an epoch that began later" % stated.size)
        end = self.ending(epoch)
        try:
            stated.verify(self.key_at(end["size"]))
        except False_:
            if not end["abandoned_key"]:
                raise
            stated.verify(end["abandoned_key"])
        return stated

    def gave_up(self, stated: Note) -> bool:
        """Tell whether a declared rollback gave up what a checkpoint states."""
        epoch = stated.epoch(self.name)
        if epoch >= (self.declared[-1]["epoch"] if self.declared else 1):
            return False
        end = self.ending(epoch)
        within = epoch < end["abandoned_epoch"] or stated.size <= end["abandoned_size"]
        return bool(stated.size > end["kept_size"] and within)


def b64(root: str) -> str:
    """Return a root in base64."""
    return base64.b64encode(bytes.fromhex(root)).decode()


# --- The bundle -------------------------------------------------------------------------------------------------------

MANIFEST = {
    "format": str, "dossier": str, "files": [{"name": NAME, "sha256": HEX, "size": int}], "not_carried": [HEX],
}  # fmt: skip
PROOFS = {
    "inclusion": [{"index": int, "path": [HEX]}],
    "consistency": [{"size": int, "root": HEX, "path": [HEX]}],
    "checkpoints": [str],
    "heads": {
        "event": int,
        "subjects": [{"kind": str, "key": str, "seq": int, "leaf_hash": HEX, "index": int, "path": [HEX]}],
    },
}
HEADS = {"size": int, "subjects": int, "heads_root": HEX}
Subject = Tuple[str, str]


class Event:
    """One event with its exact bytes and its place."""

    def __init__(self, body: bytes, index: int) -> None:
        value = parsed(body, "an event")
        subject = value.get("subject") if isinstance(value, dict) else None
        if (
            canonical(value) != body
            or set(value) != EVENT_FIELDS
            or value["version"] != 1
            or not has_form(subject, {"kind": str, "key": str})
            or not has_form([value["id"], value["instant"], value["action"]], [str])
            or not has_form([value["state"], value["payload"]], [dict])
            or not has_form(value["subject_seq"], int)
        ):
            raise Unreadable("the event of leaf %d does not have the form of one" % index)
        self.value, self.index, self.leaf = value, index, leaf_hash(body)
        self.subject: Subject = (value["subject"]["kind"], value["subject"]["key"])
        self.seq, self.state = value["subject_seq"], value["state"]
        self.action, self.instant = value["action"], value["instant"]


class Bundle:
    """The files of a bundle, judged claim by claim: bytes first, so that what is false shows before what is unreadable."""

    def __init__(self, files: Dict[str, bytes], report: Report) -> None:
        self.files, self.report = files, report
        missing = [name for name in (*FIXED, *LEDGER, "manifest.json") if name not in files]
        if missing:
            raise Unreadable("the bundle lacks " + ", ".join(missing))
        self.manifest = exact(files["manifest.json"], "manifest.json", MANIFEST)
        if self.manifest["format"] != FORMAT:
            raise Unreadable("the bundle has a format that this verifier does not know")
        self.about: Subject = ("dossier", self.manifest["dossier"])
        self.note = files["ledger/checkpoint.txt"].decode("utf-8", "replace")
        self.size, self.root = 0, EMPTY_ROOT
        self.chain: Optional[Chain] = None
        self.told: Optional[Set[str]] = None
        self.facts: Dict[str, Any] = {}
        self.as_of = ""

    def read_events(self) -> None:
        """Read the events, whose bytes have been judged."""
        self.events = [Event(line, one["index"]) for line, one in zip(self.lines, self.proofs["inclusion"])]
        self.heads = self.events[self.proofs["heads"]["event"]]
        self.histories: Dict[Subject, List[Event]] = {}
        for event in self.events:
            if event is not self.heads:
                self.histories.setdefault(event.subject, []).append(event)

    def read_facts(self) -> None:
        """Read the facts, whose bytes have been judged."""
        self.facts = parsed(self.files["facts.json"], "facts.json")
        if not isinstance(self.facts, dict) or not isinstance(self.facts.get("sections"), dict):
            raise Unreadable("facts.json does not have its form")
        if not isinstance(self.facts.get("dossier"), dict):
            raise Unreadable("facts.json does not name its dossier")
        self.as_of = str(self.facts["dossier"].get("as_of"))

    def named(self, but: Sequence[str] = ()) -> Set[Subject]:
        """Return every subject that the facts name, but for those of some sections."""
        found: Set[Subject] = set()
        sections = [one for key, one in self.facts["sections"].items() if isinstance(one, dict) and key not in but]
        for section in sections:
            subjects = section.get("subjects", [])
            if not has_form(subjects, [[str]]) or any(len(one) != 2 for one in subjects):
                raise Unreadable("facts.json names subjects in another form")
            found |= {(one[0], one[1]) for one in subjects}
        if isinstance(self.facts.get("model"), str) and isinstance(self.facts.get("version"), str):
            found.add(("version", self.facts["model"] + "/" + self.facts["version"]))
        return found

    def judge(self, key: Optional[str], outside: Optional[str], proof: Any) -> None:
        """Judge every claim."""
        self.judge_files()
        self.judge_inclusion()
        self.read_events()
        self.judge_signature(key)
        self.judge_issue()
        self.read_facts()
        self.judge_consistency()
        self.judge_outside(outside, proof, key)
        self.judge_histories()
        self.judge_dossier()
        self.judge_pdf()
        self.judge_evidence()
        self.judge_facts()

    def judge_files(self) -> None:
        report, listed = self.report, {one["name"]: one for one in self.manifest["files"]}
        report.claim("files", "every file is the one that the manifest lists, and there is no other")
        names = [one["name"] for one in self.manifest["files"]]
        report.require(names == sorted(listed) and not set(listed) & {*LEDGER, "manifest.json"}, "a list out of order")
        report.require(set(FIXED) <= set(listed), "the manifest leaves out files that every bundle has")
        for name, one in listed.items():
            if name not in self.files:
                report.doubt(name + " is missing")
                continue
            data = self.files[name]
            report.require((sha256(data), len(data)) == (one["sha256"], one["size"]), name + " has other bytes")
        for name in sorted(set(self.files) - set(listed) - {*LEDGER, "manifest.json"}):
            report.require(False, name + " is not listed")

    def judge_inclusion(self) -> None:
        """Judge the exact bytes of the events before anything in them is read."""
        self.report.claim("inclusion", "every event is in the ledger under the checkpoint")
        self.proofs = exact(self.files["ledger/proofs.json"], "ledger/proofs.json", PROOFS)
        places, self.lines = self.proofs["inclusion"], self.files["ledger/events.jsonl"].split(b"\n")
        if self.lines.pop() or len(self.lines) != len(places) or self.proofs["heads"]["event"] >= len(places):
            raise Unreadable("there are not as many events as proofs of inclusion")
        try:
            stated = Note(self.note)
        except False_ as error:
            self.report.require(False, str(error))
            raise Unreadable("there is no checkpoint to judge the events by") from error
        self.size, self.root = stated.size, stated.root
        self.report.require(
            len(stated.signatures) == 1, "the checkpoint does not bear the one signature of the register"
        )
        for line, one in zip(self.lines, places):
            holds = included(leaf_hash(line), one["index"], self.size, hashes(one["path"]), self.root)
            self.report.require(holds, "the event of leaf %d is not under the checkpoint" % one["index"])
        order = [one["index"] for one in places]
        self.report.require(order == sorted(set(order)), "the events do not stand in the order of the ledger")

    def judge_signature(self, key: Optional[str]) -> None:
        """Judge who signed the checkpoint."""
        report = self.report
        report.claim("signature", "the checkpoint is signed by the trusted key, or one that it handed over to")
        if key is None:
            return  # what is trusted instead is judged with the outside checkpoint
        try:
            turns, rollbacks = (
                [one for one in self.histories.get(("ledger", subject), ()) if one.action == action]
                for subject, action in (("keys", "ledger.key_rotated"), ("rollbacks", "ledger.rollback_declared"))
            )
            for event in turns:
                last = event.state.get("last_size")
                report.require(type(last) is int and last <= event.index, "a rotation stands before its last entry")
            self.chain = Chain(key, [one.state for one in turns], [one.state for one in rollbacks])
            stated = self.chain.read(self.note)
            report.require(not self.chain.gave_up(stated), "the checkpoint was given up")
        except False_ as error:
            report.require(False, str(error))

    def judge_issue(self) -> None:
        """Judge what the ledger says of this dossier's bytes."""
        report, events = self.report, self.histories.get(self.about, [])
        report.claim("issue", "the ledger says that this dossier was issued with this PDF and these facts, and bundled")
        issued = [one.state for one in events if one.action == "dossier.issued"]
        bundled = [one.value["payload"].get("manifest_sha256") for one in events if one.action == "dossier.bundled"]
        report.require(len(issued) == 1, "no event, or more than one, says that it was issued")
        report.require(sha256(self.files["manifest.json"]) in bundled, "no event says that these files were bundled")
        self.issued: Dict[str, Any] = issued[0] if issued else {}
        for name, member in (("facts.json", "facts_sha256"), ("dossier.pdf", "pdf_sha256")):
            same = sha256(self.files[name]) == self.issued.get(member)
            report.require(same, name + " is not what the ledger names")

    def judge_consistency(self) -> None:
        report = self.report
        report.claim("consistency", "the ledger extends every earlier checkpoint that is named here")
        self.roots = {self.size: self.root, 0: EMPTY_ROOT}
        for one in self.proofs["consistency"]:
            root = bytes.fromhex(one["root"])
            holds = consistent(one["size"], self.size, root, self.root, hashes(one["path"]))
            report.require(holds, "the ledger does not extend its first %d entries" % one["size"])
            report.require(self.roots.setdefault(one["size"], root) == root, "two roots over %d entries" % one["size"])
        section = self.facts["sections"].get("ledger")
        printed = [self.facts["dossier"].get("checkpoint")]
        if isinstance(section, dict) and isinstance(section.get("checkpoint"), dict):
            printed.append(section["checkpoint"].get("note"))
        receipts = parsed(self.files["receipts.json"], "receipts.json")
        if not has_form(receipts, [dict]):
            raise Unreadable("receipts.json does not have its form")
        for note in [*self.proofs["checkpoints"], *filter(None, printed), *(one.get("note") for one in receipts)]:
            self.extends(note)
        for turn in self.chain.turns if self.chain else ():
            self.rooted(turn["last_size"], bytes.fromhex(turn["last_root"]), "the last checkpoint of a retired key")
        for end in self.chain.declared if self.chain else ():
            self.rooted(end["size"], bytes.fromhex(end["root"]), "the beginning of an epoch")

    def extends(self, note: object) -> None:
        """Count one earlier checkpoint."""
        try:
            stated = self.chain.read(note) if self.chain else Note(note)
            if self.chain is None or not self.chain.gave_up(stated):
                self.rooted(stated.size, stated.root, "a checkpoint")
        except False_ as error:
            self.report.require(False, str(error))

    def rooted(self, size: int, root: bytes, what: str) -> None:
        """Count one root that the ledger is to have had at a size."""
        if size in self.roots or size > self.size:
            told = "%s over %d entries states another tree" % (what, size)
            self.report.require(self.roots.get(size) == root, told)
        else:
            self.report.doubt("%s over %d entries comes without a proof of consistency" % (what, size))

    def judge_outside(self, outside: Optional[str], proof: Any, key: Optional[str]) -> None:
        report = self.report
        report.claim("trust", "it agrees with the key and the checkpoint that you trust")
        if key is not None:
            report.require(self.chain is not None, "the trusted key is not one of this ledger")
        if key is None and outside is None:
            report.doubt("neither a trusted key (--key) nor a trusted checkpoint (--checkpoint) was given")
        if outside is None:
            return
        try:
            stated = self.chain.read(outside) if self.chain else Note(outside)
            if self.chain and self.chain.gave_up(stated):
                report.doubt("what your checkpoint states was given up by a declared rollback")
                return
        except False_ as error:
            report.require(False, "your checkpoint: " + str(error))
            return
        same = Note(self.note).origin.split("/epoch-")[0]
        report.require(stated.origin.split("/epoch-")[0] == same, "your checkpoint is of another register")
        if stated.size in self.roots:
            report.require(self.roots[stated.size] == stated.root, "your checkpoint states another tree: rewritten")
        elif not self.proven(proof, stated):
            report.doubt(
                "to compare with your checkpoint, fetch /api/v1/ledger/proofs/?old=%d&new=%d and give it as --proof"
                % tuple(sorted((stated.size, self.size)))
            )
        if key is None and stated.size < self.size:
            report.doubt("your checkpoint is older than the bundle's: give the trusted key (--key) too")

    def proven(self, proof: Any, stated: Note) -> bool:
        """Count the proof of consistency that the user brought, if it is for these two trees."""
        ends = sorted([(stated.size, stated.root), (self.size, self.root)])
        wanted = {"old_size": int, "new_size": int, "old_root": HEX, "new_root": HEX, "path": [HEX]}
        if not has_form(proof, wanted) or [proof["old_size"], proof["new_size"]] != [size for size, _root in ends]:
            return False
        path = hashes(proof["path"])
        holds = consistent(ends[0][0], ends[1][0], ends[0][1], ends[1][1], path)
        self.report.require(holds, "your checkpoint and the bundle's are not of one ledger")
        return True

    def judge_histories(self) -> None:
        report, state = self.report, self.heads.state
        report.claim("completeness", "no event of anything that the dossier names is left out")
        if self.heads.action != "ledger.heads_recorded" or not has_form(state, HEADS):
            raise Unreadable("the event that records the heads does not have its form")
        report.require(state["size"] <= self.heads.index, "the heads are of a later ledger")
        shown, named = {}, self.named()
        allowed = named | {self.about} | TURNS | self.reperformances(named)
        for one in self.proofs["heads"]["subjects"]:
            leaf = leaf_hash(canonical([one["kind"], one["key"], one["seq"], one["leaf_hash"]]))
            holds = included(
                leaf, one["index"], state["subjects"], hashes(one["path"]), bytes.fromhex(state["heads_root"])
            )
            report.require(holds, "the last event of %s %s is not as recorded" % (one["kind"], one["key"]))
            report.require((one["kind"], one["key"]) not in shown, "two last events of one subject")
            shown[one["kind"], one["key"]] = one
        report.require(set(shown) | set(self.histories) <= allowed, "events of what the dossier does not name")
        for subject in sorted((self.named() | {self.about}) - set(shown)):
            report.doubt("nothing shows with which event %s %s ends" % subject)
        for subject in sorted(set(shown) | set(self.histories)):
            self.judge_history(subject, self.histories.get(subject, []), shown.get(subject))

    def reperformances(self, named: Set[Subject]) -> Set[Subject]:
        """Return the runs here that re-perform a run which the facts name."""
        runs = [one for one in self.histories if one[0] == "run"]
        return {one for one in runs if ("run", str(self.histories[one][0].state.get("reperforms"))) in named}

    def judge_history(self, subject: Subject, events: List[Event], head: Any) -> None:
        """Judge the chain of one subject: 1, 2, 3 ... each naming the one before, up to the recorded end."""
        report, name = self.report, "%s %s" % subject
        before: Optional[Event] = None
        for number, event in enumerate(events, start=1):
            report.require(event.seq == number, "%s: event %d is not where it belongs" % (name, event.seq))
            expected = before.leaf.hex() if before else None
            report.require(event.value["prev"] == expected, name + ": an event does not go on from the one before")
            report.require(event.index < self.heads.state["size"], name + ": an event after the recorded end")
            before = event
        if head is None:
            report.doubt("nothing shows with which event %s ends" % name)
        else:
            ends = (events[-1].seq, events[-1].leaf.hex()) if events else None
            report.require(ends == (head["seq"], head["leaf_hash"]), name + ": events are left out")

    def judge_dossier(self) -> None:
        """Judge that the facts are of this dossier."""
        report, said, facts, dossier = self.report, self.issued, self.facts, self.facts["dossier"]
        report.claim("dossier", "the facts are of this dossier, this version and this instant")
        report.require(dossier.get("id") == self.manifest["dossier"], "the facts are of another dossier")
        names = ["as_of", "kind", "checkpoint", "requested_by"]
        if said.get("kind") in PUBLIC and "requested_by" not in dossier:
            names.remove("requested_by")
        for name in names:
            report.require(dossier.get(name) == said.get(name), "the facts state another " + name)
        report.require(facts.get("language") == said.get("language"), "the facts are in another language")
        if said.get("version") is not None:
            version = "%s/%s" % (facts.get("model"), facts.get("version"))
            report.require(version == said["version"], "the facts are of another version")

    def judge_pdf(self) -> None:
        report, pdf = self.report, self.files["dossier.pdf"]
        report.claim("pdf", "the facts inside the PDF are facts.json, and what was signed is what was issued")
        running, at, found = hashlib.sha256(), 0, False
        for mark in list(re.finditer(rb"%%EOF\r?\n?", pdf))[:100]:
            running.update(pdf[at : mark.end()])
            at = mark.end()
            found = found or running.hexdigest() == self.issued.get("document_sha256")
        report.require(found, "the PDF does not begin with the bytes that were signed")
        embedded = facts_in(pdf, len(self.files["facts.json"]))
        if not embedded:
            report.doubt("no embedded facts were found in the PDF")
        for one in embedded:
            report.require(one == self.files["facts.json"], "the PDF embeds other facts")

    def judge_evidence(self) -> None:
        report = self.report
        report.claim("evidence", "every file of evidence is named by its digest, and the ledger names that digest")
        known = set()
        for event in self.events:
            known |= set(HEX_WITHIN.findall(json.dumps([event.state, event.value["payload"]])))
        section = self.facts["sections"].get("evidence")
        listed = section.get("evidence", []) if isinstance(section, dict) else []
        if not has_form(listed, [dict]):
            raise Unreadable("the index of evidence does not have its form")
        wanted = {str(one.get("sha256")) for one in listed}
        carried = {name[9:]: data for name, data in self.files.items() if name.startswith("evidence/")}
        for digest, data in carried.items():
            report.require(sha256(data) == digest, "evidence/%s has other bytes" % digest)
        grown = True
        while grown:  # a manifest that the ledger names vouches for the digests in it, and so on
            fresh = {digest for digest in set(carried) & known if carried[digest]}
            texts = [carried.pop(digest).decode("utf-8", "replace") for digest in fresh]
            found = {digest for text in texts for digest in HEX_WITHIN.findall(text)}
            grown = bool(fresh)
            known |= found
        absent = set(self.manifest["not_carried"])
        present = {name[9:] for name in self.files if name.startswith("evidence/")}
        for digest in sorted(carried):
            report.require(False, "evidence/%s is not named by the ledger" % digest)
        for digest in sorted(wanted):
            report.require(digest in known, "the ledger does not name the evidence " + digest)
            report.require(digest in present or digest in absent, "evidence is neither here nor said to be absent")
        report.require(not absent & present, "evidence is here and said to be absent")

    def judge_facts(self) -> None:
        report, sections = self.report, self.facts["sections"]
        report.claim("facts", "the events, decisions and answers that the facts name are those of the ledger")
        ledger = sections.get("ledger")
        if isinstance(ledger, dict) and has_form(ledger.get("events"), [dict]):
            covered = self.facts["dossier"].get("checkpoint_size")
            named = self.named(but=("evidence", "ledger")) | TURNS  # the list was made before these sections
            known = {one.value["id"]: one for one in self.events if one.instant <= self.as_of}
            told = {str(one.get("id")) for one in ledger["events"]}
            report.require(len(told) == len(ledger["events"]), "the facts list an event twice")
            for ident, event in known.items():
                if event.subject in named and (not isinstance(covered, int) or event.index < covered):
                    report.require(ident in told, "the facts leave out an event")
            for one in ledger["events"]:
                found = known.get(str(one.get("id")))
                holds = found is not None and (
                    one.get("index") in (None, found.index)
                    and one.get("leaf_hash") == found.leaf.hex()
                    and one.get("action") == found.action
                    and one.get("subject") == "%s %s" % found.subject
                    and found.subject in named
                )
                report.require(holds, "the facts state an event otherwise than the ledger")
            turns = ledger.get("turns", [])
            if not has_form(turns, [dict]):
                raise Unreadable("the changes of key in facts.json do not have their form")
            for one in turns:
                found = known.get(str(one.get("id")))
                holds = found is not None and found.subject in TURNS and one.get("state") == found.state
                report.require(holds, "a change of key or a declared rollback is told otherwise than the ledger has it")
            self.told = told
        self.judge_approvals(sections.get("approvals"))
        gate = sections.get("gate-decisions")
        for one in gate.get("decisions", []) if isinstance(gate, dict) else []:
            then = self.then(("gate_decision", str(one.get("id")))) if isinstance(one, dict) else None
            report.require(then is not None and then.get("outcome") == one.get("outcome"), "another answer of the gate")
        if self.issued.get("kind") == "portfolio":
            self.judge_register(sections.get("method"), sections.get("findings"))

    def judge_register(self, method: Any, findings: Any) -> None:
        """Judge that the models and the largest findings of a report on the register are told as the ledger has them."""
        rows: Any = method.get("rows") if isinstance(method, dict) else None
        largest: Any = findings.get("largest") if isinstance(findings, dict) else None
        if not has_form(rows, [dict]) or not has_form(largest, [list]) or any(len(one) < 5 for one in largest):
            raise Unreadable("the rows of the register in facts.json do not have their form")
        for row in rows:
            model = self.then(("model", str(row.get("model")))) or {}
            same = bool(model) and all(row.get(name) == model.get(name) for name in ("kind", "origin", "business_line"))
            self.report.require(same, "a model is told otherwise than the ledger has it")
        for row in largest:
            then = self.then(("finding", str(row[0]))) or {}
            told = [then.get(name) for name in ("model", "title", "severity", "blocking")]
            self.report.require(bool(then) and row[1:5] == told, "a finding is told otherwise than the ledger has it")

    def judge_approvals(self, section: Any) -> None:
        """Judge that requests and decisions are told as the ledger has them."""
        if not isinstance(section, dict) or not has_form(section.get("requests"), [dict]):
            return
        states = [self.then(subject) for subject in sorted(self.named()) if subject[0] == "approval"]
        given = sorted(decision_of(state, str(state.get("request"))) for state in states if state)
        told = []
        for request in section["requests"]:
            then = self.then(("promotion", str(request.get("id")))) or {}
            same = all(request.get(name) == then.get(name) for name in ("state", "statement", "covers_digest"))
            same = same and request.get("requested_at") == printed(then.get("requested_at"))
            self.report.require(same, "a request is told otherwise than the ledger has it")
            decisions = request.get("decisions", [])
            if not has_form(decisions, [dict]):
                raise Unreadable("the decisions in facts.json do not have their form")
            told += [decision_of(one, str(request.get("id"))) for one in decisions]
        self.report.require(sorted(told) == given, "decisions are told otherwise than the ledger has them")

    def then(self, subject: Subject) -> Optional[Dict[str, Any]]:
        """Return the state of a subject as of the dossier."""
        events = [one for one in self.histories.get(subject, ()) if one.instant <= self.as_of]
        states = [one.state for one in events if self.told is None or one.value["id"] in self.told]
        return states[-1] if states else None


def printed(instant: object) -> str:
    """Return an instant of the ledger as the facts print it."""
    return "%s %s UTC" % (instant[:10], instant[11:19]) if isinstance(instant, str) else ""


def decision_of(value: Dict[str, Any], request: str) -> Tuple[str, ...]:
    """Return a decision in one form, from the facts or from a state."""
    moments = [value.get("decided_at"), value.get("expires_at"), value.get("withdrawn_at")]
    told = [one if str(one).endswith("UTC") or not one else printed(one) for one in moments]
    same = [value.get(name) for name in ("decision", "statement", "evidence_digest", "manifest_digest")]
    return tuple(str(one or "") for one in [request, *told, *same])


def facts_in(pdf: bytes, most: int) -> List[bytes]:
    """Return the embedded files of a PDF, read from its bytes alone."""
    found = []
    for mark in list(re.finditer(rb"/Type\s*/EmbeddedFile\b", pdf))[:10]:
        start = pdf.find(b"stream", mark.end())
        head = pdf[pdf.rfind(b" obj", 0, mark.start()) : start]
        length = re.search(rb"/Length\s+([0-9]{1,10})\b", head)
        filters = re.search(rb"/Filter\s*\[?\s*/(\w+)\s*\]?", head)
        start += 8 if pdf[start + 6 : start + 8] == b"\r\n" else 7
        if length is None or (filters and filters.group(1) != b"FlateDecode"):
            continue
        data = pdf[start : start + int(length.group(1))]
        try:
            found.append(zlib.decompressobj().decompress(data, most + 1) if filters else data)
        except zlib.error:
            found.append(b"")
    return found


# --- The whole ledger ---------------------------------------------------------------------------------------------------

EXPORT = {"format": str, "register": str, "size": int, "segments": int}
EXPORT_FORMAT = "cadastre-ledger-1"
MOST_SEGMENT_BYTES = 1 << 26
MOST_SUBJECTS = 300_000
OF_THE_LEDGER = b'{"action":"ledger.'
SUBJECT, SEQ, END, PREV = b',"subject":{"key":', b',"subject_seq":', b',"version":1}', b',"prev":'


class Tree:
    """The roots of the complete subtrees of a growing tree, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: List[bytes] = []

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of leaves."""
        peaks, size, hashed = self.peaks, self.size, hashlib.sha256
        for leaf in leaves:
            at, value = size, leaf
            while at & 1:
                value = hashed(b"\x01" + peaks.pop() + value).digest()
                at >>= 1
            peaks.append(value)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        value = self.peaks[-1] if self.peaks else EMPTY_ROOT
        for peak in reversed(self.peaks[:-1]):
            value = node_hash(peak, value)
        return value


class Ledger:
    """An export of the whole ledger, judged as a stream: each line is hashed as it stands, and little of it is read."""

    def __init__(self, folder: str, report: Report) -> None:
        self.folder, self.report = folder, report
        about = exact(self.file("ledger.json"), "ledger.json", EXPORT)
        if about["format"] != EXPORT_FORMAT:
            raise Unreadable("the export has a format that this verifier does not know")
        self.size = about["size"]
        self.names = ["events-%06d.jsonl" % number for number in range(1, about["segments"] + 1)]
        absent = [name for name in self.names if not os.path.isfile(os.path.join(folder, name))]
        if absent:
            raise Unreadable("the export lacks " + ", ".join(absent[:MOST_SHOWN]))
        known = {*self.names, "ledger.json", "checkpoints.json", "keys.json", "verify.py"}
        report.strays += [name for name in os.listdir(folder) if name not in known]
        self.notes = exact(self.file("checkpoints.json"), "checkpoints.json", [str])
        self.of_ledger: List[Event] = []
        self.unreadable = 0
        self.ends: Dict[bytes, Tuple[int, bytes]] = {}
        self.broken: List[str] = []

    def file(self, name: str) -> bytes:
        """Return the bytes of one file, which a link is never taken for."""
        path = os.path.join(self.folder, name)
        if os.path.islink(path) or (os.path.isfile(path) and os.path.getsize(path) > MOST_SEGMENT_BYTES):
            raise Unreadable(name + " is a link, or too large")
        return contents(path)

    def judge(self, key: Optional[str], outside: Optional[str]) -> None:
        """Judge every claim."""
        report = self.report
        report.claim("checkpoints", "every signed checkpoint states the tree of these events")
        stated = []
        for note in self.notes:
            try:
                stated.append(Note(note))
            except False_ as error:
                report.require(False, str(error))
        wanted = {one.size for one in stated} | self.turning_sizes() | {self.size}
        if outside is not None:
            try:
                wanted.add(Note(outside).size)
            except False_ as error:
                report.require(False, "your checkpoint: " + str(error))
                outside = None
        self.roots, self.count = self.read(wanted)
        newest = max((one.size for one in stated), default=0)
        report.require(
            self.count == newest == self.size, "there are %d events, and %d are signed" % (self.count, newest)
        )
        for one in stated:
            same = self.roots.get(one.size) == one.root
            report.require(same, "the first %d events are not those that were signed" % one.size)
        self.judge_signatures(key, stated)
        self.judge_trust(key, outside)
        report.claim("chains", "the events of each subject are numbered 1, 2, 3 ... and each names the one before")
        report.claims[-1]["checked"] = self.count - len(self.broken)
        for why in self.broken:
            report.require(False, why)
        if self.unreadable:
            report.doubt("%d events of the ledger itself do not have the form of one" % self.unreadable)

    def turning_sizes(self) -> Set[int]:
        """Return the sizes at which keys and epochs change, as the events say: the roots there are wanted."""
        found: Set[int] = set()
        for name in self.names:
            data, at = self.file(name), 0
            while (at := data.find(OF_THE_LEDGER, at)) >= 0:
                line = data[at : data.find(b"\n", at)]
                at += 1
                if line.startswith((b'{"action":"ledger.key_rotated"', b'{"action":"ledger.rollback_declared"')):
                    try:
                        state = parsed(line, "an event")["state"]
                        found |= {state[one] for one in ("last_size", "size") if type(state.get(one)) is int}
                    except (Unreadable, KeyError, TypeError, AttributeError):
                        continue  # it is judged where it stands
        return found

    def read(self, wanted: Set[int]) -> Tuple[Dict[int, bytes], int]:
        """Return the roots at the wanted sizes, and how many events there are; find what breaks a chain.

        The last event of each subject is remembered; of very many subjects a part in each pass over the files.
        """
        roots, parts, part, count = {0: EMPTY_ROOT}, 1, 0, 0
        while part < parts:
            tree, ahead = Tree(), sorted(one for one in wanted if one > 0)
            self.ends.clear()
            for name in self.names:
                lines = self.file(name).split(b"\n")
                if lines.pop():
                    self.broken.append(name + " does not end with a line")
                leaves = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
                if part == 0:
                    self.keep_turns(lines, tree.size)
                before = tree.size
                parts = self.chain(lines, leaves, part, parts)
                if part:
                    continue
                done = 0
                while ahead and ahead[0] <= before + len(leaves):
                    tree.grow(leaves[done : ahead[0] - before])
                    done = ahead[0] - before
                    roots[ahead.pop(0)] = tree.root()
                tree.grow(leaves[done:])
            if part == 0:
                count = tree.size
            part += 1
        return roots, count

    def keep_turns(self, lines: Sequence[bytes], before: int) -> None:
        """Keep the events that say which key signs, and in which epoch."""
        for number, line in enumerate(lines):
            if line.startswith(OF_THE_LEDGER):
                try:
                    event = Event(line, before + number)
                except Unreadable:
                    self.unreadable += 1
                    continue
                if event.action in ("ledger.key_rotated", "ledger.rollback_declared"):
                    self.of_ledger.append(event)

    def chain(self, lines: Sequence[bytes], leaves: Sequence[bytes], part: int, parts: int) -> int:
        """Follow the chain of each subject of this part through some lines; return in how many parts it is to be done.

        Canonical JSON sorts its names, and a quotation mark in a text is escaped: the last ``"subject"`` of a line is the
        event's own, and so is ``"prev"`` when it stands there once.
        """
        ends = self.ends
        for line, leaf in zip(lines, leaves):
            head, found, tail = line.rpartition(SUBJECT)
            subject, then, number = tail.partition(SEQ)
            if parts > 1 and zlib.crc32(subject) % parts != part:
                continue
            at = head.find(PREV)
            if found and then and number.endswith(END) and line.count(PREV) == 1 and number[: -len(END)].isdigit():
                seq, named = int(number[: -len(END)]), head[at + len(PREV) : at + len(PREV) + 66]
            else:
                seq, named = self.read_link(line)
            last = ends.get(subject)
            expected = (1, b"null") if last is None else (last[0] + 1, b'"' + last[1].hex().encode() + b'"')
            if seq != expected[0] or not named.startswith(expected[1]):
                name = subject.decode("ascii", "replace")
                self.broken.append("an event of %s does not go on from the one before" % name)
                del self.broken[1000:]
            ends[subject] = seq, leaf
            if len(ends) > MOST_SUBJECTS:
                parts *= 2
                for one in [one for one in ends if zlib.crc32(one) % parts != part]:
                    del ends[one]
        return parts

    def read_link(self, line: bytes) -> Tuple[int, bytes]:
        """Return number and named predecessor of an event that has to be read whole."""
        try:
            event = Event(line, 0)
        except Unreadable:
            return -1, b""
        return event.seq, canonical(event.value["prev"])

    def judge_signatures(self, key: Optional[str], stated: Sequence[Note]) -> None:
        """Judge who signed the checkpoints, and whether keys and epochs changed as the events say."""
        report = self.report
        self.chain_of_keys: Optional[Chain] = None
        report.claim("signature", "every checkpoint is signed by the trusted key, or one that it handed over to")
        if key is None:
            return
        turns, ends = (
            [one for one in self.of_ledger if one.action == action]
            for action in ("ledger.key_rotated", "ledger.rollback_declared")
        )
        try:
            chain = self.chain_of_keys = Chain(key, [one.state for one in turns], [one.state for one in ends])
        except False_ as error:
            report.require(False, str(error))
            return
        for event in turns:
            report.require(event.state["last_size"] <= event.index, "a rotation stands before its last entry")
        for size, root in [(one["last_size"], one["last_root"]) for one in chain.turns] + [
            (one["size"], one["root"]) for one in chain.declared
        ]:
            same = self.roots.get(size) == bytes.fromhex(root)
            report.require(same, "the tree over %d events is not the one at which key or epoch changed" % size)
        for note, one in zip(self.notes, stated):
            try:
                report.require(not chain.gave_up(chain.read(note)), "a checkpoint over %d was given up" % one.size)
            except False_ as error:
                report.require(False, str(error))

    def judge_trust(self, key: Optional[str], outside: Optional[str]) -> None:
        report, chain = self.report, self.chain_of_keys
        report.claim("trust", "it agrees with the key and the checkpoint that you trust")
        if key is not None:
            report.require(chain is not None, "the trusted key is not one of this ledger")
        if outside is None:
            if key is None:
                report.doubt("neither a trusted key (--key) nor a trusted checkpoint (--checkpoint) was given")
            return
        try:
            kept = chain.read(outside) if chain else Note(outside)
        except False_ as error:
            report.require(False, "your checkpoint: " + str(error))
            return
        if chain and chain.gave_up(kept):
            report.doubt("what your checkpoint states was given up by a declared rollback")
        elif kept.size > self.count:
            report.doubt("your checkpoint covers %d events, and this export holds %d" % (kept.size, self.count))
        else:
            same = self.roots.get(kept.size) == kept.root
            report.require(same, "your checkpoint states another tree: rewritten")
        if key is None and kept.size < self.count:
            report.doubt("your checkpoint is older than the export: give the trusted key (--key) too")


def verify_ledger(folder: str, key: Optional[str], outside: Optional[str]) -> Report:
    """Verify an export of the whole ledger; ``key`` and ``outside`` name the files that the user trusts."""
    report = Report()
    report.claim("export", "the export can be read")

    def judge(trusted: Optional[str], kept: Optional[str]) -> None:
        ledger = Ledger(folder, report)
        report.require(True, "")
        ledger.judge(trusted, kept)

    return _judged(report, key, outside, judge)


def _judged(
    report: Report, key: Optional[str], outside: Optional[str], judge: Callable[[Optional[str], Optional[str]], None]
) -> Report:
    """Read what the user trusts and judge; whatever goes wrong is not a proof."""
    try:
        trusted = text_of(key).strip() if key else None
        if trusted is not None:
            try:
                public_of(trusted)
            except False_ as error:
                raise Unreadable("the trusted key cannot be read: %s" % error) from error
        judge(trusted, text_of(outside) if outside else None)
    except Unreadable as error:
        report.doubt(str(error))
    except (RecursionError, MemoryError) as error:
        report.doubt("it is too deep or too large (%s)" % type(error).__name__)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is not a proof
        report.doubt("this could not be judged (%s)" % type(error).__name__)
    return report


def verify(path: str, key: Optional[str], outside: Optional[str], proof: Optional[str]) -> Report:
    """Verify a bundle; ``key``, ``outside`` and ``proof`` name the files that the user trusts or brought."""
    report = Report()
    report.claim("bundle", "the bundle can be read")
    own = {os.path.realpath(one) for one in (key, outside, proof) if one}

    def judge(trusted: Optional[str], kept: Optional[str]) -> None:
        brought = parsed(contents(proof), "the proof") if proof else None
        files = unpacked(path, own, report.strays) if os.path.isdir(path) else unzipped(contents(path))
        report.require(True, "")
        Bundle(files, report).judge(trusted, kept, brought)

    return _judged(report, key, outside, judge)


def is_bundle(path: str) -> bool:
    """Tell whether a path is a folder or begins like a zip."""
    if os.path.isdir(path):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def is_ledger(path: str) -> bool:
    """Tell whether a folder says that it is an export of the ledger."""
    return os.path.isfile(os.path.join(path, "ledger.json"))


def text_of(path: str) -> str:
    """Return the text of a small file that the user gave."""
    try:
        return contents(path)[:65_536].decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("not a text: " + path) from error


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Verify as the command line says, print the report, and return the exit code."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Verify a bundle. Exit 0: verified; 1: proven false; 2: could not be.")
    parser.add_argument("bundle", nargs="?", default=here, help="the zip, or the folder it was unpacked to")
    parser.add_argument("--key", metavar="FILE", help="your trusted verifier key (name+id+key)")
    parser.add_argument("--checkpoint", metavar="FILE", help="a signed checkpoint that you kept")
    parser.add_argument("--proof", metavar="FILE", help="a proof of consistency, as /api/v1/ledger/proofs/ gives it")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--ledger", metavar="FOLDER", help="an export of the whole ledger, instead of a bundle")
    given = parser.parse_args(arguments)
    if given.ledger:
        report = verify_ledger(given.ledger, given.key, given.checkpoint)
    else:
        report = verify(given.bundle, given.key, given.checkpoint, given.proof)
    print(json.dumps(report.as_dict(), indent=1) if given.json else "\n".join(report.lines()))
    return report.code()


if __name__ == "__main__":
    sys.exit(main())
