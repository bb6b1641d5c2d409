"""How is the state of the tree signed? A checkpoint in the C2SP signed-note format with Ed25519; pure.

The text is origin, size and base64 root, a line each. A signature line is an em dash, the key's name, and the base64 of
a 4-byte key id and the signature over the text (C2SP: tlog-checkpoint and signed-note, algorithm byte 0x01). The
origin is the register's name, and from the second epoch on the name with "/epoch-2" and so on.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM = b"\x01"
SIGNATURE_MARK = "\u2014 "
NAME = re.compile(r"\A[^\s+]+\Z")
SIZE = re.compile(r"\A(0|[1-9][0-9]{0,18})\Z")
EPOCH = re.compile(r"\A/epoch-([1-9][0-9]{0,8})\Z")
MAX_NOTE_CHARACTERS = 16_384


class NoteInvalid(ValueError):
    """A note that is malformed, or that the expected key did not sign."""


@dataclass(frozen=True)
class Checkpoint:
    """The statement that the log called ``origin`` has ``size`` leaves under ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the signed text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def origin_of(name: str, epoch: int) -> str:
    """Return the origin of the checkpoints of an epoch; a declared rollback begins a new one."""
    return name if epoch == 1 else f"{name}/epoch-{epoch}"


def epoch_of(origin: str, name: str) -> int | None:
    """Return the epoch that an origin of the register called ``name`` states, or None when it is another's origin."""
    if origin == name:
        return 1
    found = EPOCH.match(origin.removeprefix(name)) if origin.startswith(name) else None
    return int(found[1]) if found and int(found[1]) > 1 else None


def decoded(text: str) -> bytes:
    """Return the bytes of canonical base64; NoteInvalid for any other spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NoteInvalid("a note holds something that is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise NoteInvalid("a note holds base64 in a spelling that is not canonical")
    return data


def raw_public(public: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return public.public_bytes_raw()


def note_key_id(name: str, public: Ed25519PublicKey) -> bytes:
    """Return the 4 bytes by which a signature line names its key."""
    return sha256(name.encode() + b"\n" + ALGORITHM + raw_public(public)).digest()[:4]


def verifier_key(name: str, public: Ed25519PublicKey) -> str:
    """Return the public key as C2SP prints it: name+id+base64(algorithm || key)."""
    return f"{name}+{note_key_id(name, public).hex()}+{base64.b64encode(ALGORITHM + raw_public(public)).decode()}"


def parse_verifier_key(text: str) -> tuple[str, Ed25519PublicKey]:
    """Return name and public key of what ``verifier_key`` wrote; NoteInvalid for anything else."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not NAME.match(parts[0]):
        raise NoteInvalid("this is not a verifier key: name+id+key")
    data = decoded(parts[2])
    if len(data) != 33 or data[:1] != ALGORITHM:
        raise NoteInvalid("this verifier key is not an Ed25519 key")
    public = Ed25519PublicKey.from_public_bytes(data[1:])
    if note_key_id(parts[0], public).hex() != parts[1]:
        raise NoteInvalid("the id of this verifier key does not fit its name and key")
    return parts[0], public


def sign_note(checkpoint: Checkpoint, key: Ed25519PrivateKey, *, name: str | None = None) -> str:
    """Return the signed note of ``checkpoint``; the key's name is the origin unless given."""
    name = checkpoint.origin if name is None else name
    if not NAME.match(name) or "\n" in checkpoint.origin or not checkpoint.origin:
        raise NoteInvalid("the origin is one line, and the name of a key has no space and no plus sign")
    text = checkpoint.text()
    signed = note_key_id(name, key.public_key()) + key.sign(text.encode())
    return f"{text}\n{SIGNATURE_MARK}{name} {base64.b64encode(signed).decode()}\n"


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_CHARACTERS:
        raise NoteInvalid("the note is too long")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteInvalid("the note has no signature block")
    signatures = []
    for line in tail[:-1].split("\n"):
        words = line.removeprefix(SIGNATURE_MARK).split(" ")
        if not line.startswith(SIGNATURE_MARK) or len(words) != 2 or not NAME.match(words[0]):
            raise NoteInvalid("a signature line of the note is malformed")
        signatures.append((words[0], decoded(words[1])))
    return text + "\n", signatures


def parse(note: str) -> Checkpoint:
    """Return what a note states, without looking at its signatures; NoteInvalid when it is not a checkpoint."""
    text, _ = _parts(note)
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not lines[0] or not SIZE.match(lines[1]) or not all(lines[3:]):
        raise NoteInvalid("the note is not a checkpoint: origin, size and root, a line each")
    root = decoded(lines[2])
    if len(root) != 32:
        raise NoteInvalid("the root in the note is not 32 bytes long")
    return Checkpoint(lines[0], int(lines[1]), root)


def verify_note(note: str, public: Ed25519PublicKey, *, name: str) -> Checkpoint:
    """Return the checkpoint in ``note`` if ``public`` signed it under ``name``, of whichever epoch; else NoteInvalid.

    Signatures of other keys are passed over; one that carries our name and key id must verify.
    """
    text, signatures = _parts(note)
    wanted = note_key_id(name, public)
    ours = [data[4:] for signer, data in signatures if signer == name and data[:4] == wanted]
    if not ours:
        raise NoteInvalid(f"the note is not signed by the key of {name}")
    for signature in ours:
        try:
            public.verify(signature, text.encode())
        except InvalidSignature as error:
            raise NoteInvalid(f"the signature of {name} on the note is wrong") from error
    checkpoint = parse(note)
    if epoch_of(checkpoint.origin, name) is None or checkpoint.text() != text:
        raise NoteInvalid(f"the note is not a plain checkpoint of {name}")
    return checkpoint
