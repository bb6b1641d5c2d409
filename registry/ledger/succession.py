"""Which key signs at which size, and in which epoch? The chain of keys and declared rollbacks, checked; pure.

A rotation is signed by the old key and the new one, so whoever trusts one key of the chain can follow it both ways. A
declared rollback begins a new epoch, which every later checkpoint names in its origin.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from registry.ledger.checkpoint import (
    Checkpoint,
    NoteInvalid,
    decoded,
    epoch_of,
    parse,
    parse_verifier_key,
    raw_public,
    verifier_key,
    verify_note,
)

ROTATION = "cadastre-key-rotation-v1"
ROLLBACK = "cadastre-declared-rollback-v1"


class SuccessionInvalid(ValueError):
    """A chain of keys or epochs that does not hold together."""


@dataclass(frozen=True)
class Rotation:
    """That ``key`` signs every checkpoint over more than ``last_size`` entries, and ``previous_key`` none of them.

    Keys are verifier keys in the form of C2SP; ``last_root`` is the root over ``last_size`` entries in hexadecimal.
    """

    name: str
    last_size: int
    last_root: str
    previous_key: str
    key: str

    def text(self) -> str:
        """Return what both keys sign."""
        root = base64.b64encode(bytes.fromhex(self.last_root)).decode()
        return f"{ROTATION}\n{self.name}\n{self.last_size}\n{root}\n{self.previous_key}\n{self.key}\n"

    def signed(self, previous: Ed25519PrivateKey, new: Ed25519PrivateKey) -> dict[str, Any]:
        """Return the state of the event that records this rotation."""
        return {
            "name": self.name,
            "last_size": self.last_size,
            "last_root": self.last_root,
            "previous_key": self.previous_key,
            "key": self.key,
            "signature_of_previous": _signature(previous, self.text()),
            "signature_of_new": _signature(new, self.text()),
        }

    @classmethod
    def read(cls, state: Mapping[str, Any], *, name: str) -> Rotation:
        """Return the rotation that the state of an event records; SuccessionInvalid unless both keys signed it."""
        try:
            found = cls(
                state["name"],
                _size(state["last_size"]),
                _root(state["last_root"]),
                state["previous_key"],
                state["key"],
            )
            signatures = state["signature_of_previous"], state["signature_of_new"]
            keys = _public(found.previous_key, name), _public(found.key, name)
            if found.name != name or raw_public(keys[0]) == raw_public(keys[1]):
                raise SuccessionInvalid("a rotation is of another register, or leads to the same key")
            for public, signature in zip(keys, signatures, strict=True):
                public.verify(decoded(signature), found.text().encode())
        except InvalidSignature as error:
            raise SuccessionInvalid("a rotation of the key is not signed by both keys") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SuccessionInvalid(f"a rotation of the key cannot be read: {error}") from error
        return found


@dataclass(frozen=True)
class Declaration:
    """That ``epoch`` begins after ``size`` entries, because the entries of the epoch before it were lost from there.

    Checkpoints of earlier epochs agree with the ledger up to ``kept_size``. Those over more entries state what is gone;
    the newest of them is that of ``abandoned_epoch`` over ``abandoned_size`` entries, signed by ``abandoned_key``.
    """

    name: str
    epoch: int
    size: int
    root: str
    kept_size: int
    abandoned_epoch: int
    abandoned_size: int
    abandoned_root: str
    abandoned_key: str

    def text(self) -> str:
        """Return what the key of the new epoch signs."""
        root, gone = (base64.b64encode(bytes.fromhex(one)).decode() for one in (self.root, self.abandoned_root))
        begun = (self.name, self.epoch, self.size, root, self.kept_size)
        lost = (self.abandoned_epoch, self.abandoned_size, gone, self.abandoned_key)
        return "".join(f"{line}\n" for line in (ROLLBACK, *begun, *lost))

    def facts(self) -> dict[str, Any]:
        """Return the fields as the state of an event holds them."""
        return {
            "name": self.name,
            "epoch": self.epoch,
            "size": self.size,
            "root": self.root,
            "kept_size": self.kept_size,
            "abandoned_epoch": self.abandoned_epoch,
            "abandoned_size": self.abandoned_size,
            "abandoned_root": self.abandoned_root,
            "abandoned_key": self.abandoned_key,
        }

    def signed(self, key: Ed25519PrivateKey) -> dict[str, Any]:
        """Return the fields with the signature of ``key``."""
        return {**self.facts(), "signature": _signature(key, self.text())}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Declaration:
        """Return the declaration whose fields ``state`` holds, whoever signed it; SuccessionInvalid when malformed."""
        try:
            return cls(
                str(state["name"]),
                _size(state["epoch"]),
                _size(state["size"]),
                _root(state["root"]),
                _size(state["kept_size"]),
                _size(state["abandoned_epoch"]),
                _size(state["abandoned_size"]),
                _root(state["abandoned_root"]),
                str(state["abandoned_key"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SuccessionInvalid(f"a declared rollback cannot be read: {error}") from error


@dataclass(frozen=True)
class Succession:
    """The chain of a register: its first key, every rotation and every declared rollback, in order."""

    name: str
    first: Ed25519PublicKey
    rotations: tuple[Rotation, ...] = ()
    declarations: tuple[Declaration, ...] = ()

    @property
    def epoch(self) -> int:
        """The epoch in which the next checkpoint is signed."""
        return self.declarations[-1].epoch if self.declarations else 1

    @property
    def key(self) -> Ed25519PublicKey:
        """The key that signs the next checkpoint."""
        return _public(self.rotations[-1].key, self.name) if self.rotations else self.first

    def key_at(self, size: int) -> Ed25519PublicKey:
        """Return the key that signs the checkpoint over ``size`` entries."""
        before = [rotation for rotation in self.rotations if rotation.last_size < size]
        return _public(before[-1].key, self.name) if before else self.first

    def epoch_at(self, size: int) -> int:
        """Return the epoch of the checkpoint over ``size`` entries."""
        begun = [declared.epoch for declared in self.declarations if declared.size < size]
        return begun[-1] if begun else 1

    def keys(self) -> list[str]:
        """Return every verifier key of the chain, the first one first."""
        return [verifier_key(self.name, self.first), *(rotation.key for rotation in self.rotations)]

    def epoch_stated(self, checkpoint: Checkpoint) -> int:
        """Return the epoch that a checkpoint of this register states."""
        epoch = epoch_of(checkpoint.origin, self.name)
        if epoch is None:
            raise NoteInvalid(f"the checkpoint is not one of {self.name}")
        return epoch

    def read(self, note: str) -> Checkpoint:
        """Return what ``note`` states if the key that signs at its size, in its epoch, signed it; else NoteInvalid."""
        stated = parse(note)
        epoch, here = self.epoch_stated(stated), self.epoch_at(stated.size)
        if epoch == here or epoch > self.epoch:
            return verify_note(note, self.key_at(stated.size), name=self.name)
        if epoch > here and epoch in {declared.epoch for declared in self.declarations}:
            raise NoteInvalid(f"the checkpoint over {stated.size} entries is of an epoch that began later")
        ending = self._end_of(epoch)  # the checkpoint states what this declaration gave up
        try:
            return verify_note(note, self.key_at(ending.size), name=self.name)
        except NoteInvalid:
            if not ending.abandoned_key:
                raise
            return verify_note(note, _public(ending.abandoned_key, self.name), name=self.name)

    def gave_up(self, checkpoint: Checkpoint) -> Declaration | None:
        """Return the declaration by which the entries under a checkpoint were given up, if one says so."""
        epoch = self.epoch_stated(checkpoint)
        if epoch >= self.epoch:
            return None
        ending = self._end_of(epoch)
        within = epoch < ending.abandoned_epoch or checkpoint.size <= ending.abandoned_size
        return ending if ending.kept_size < checkpoint.size and within else None

    def _end_of(self, epoch: int) -> Declaration:
        return next(declared for declared in self.declarations if declared.epoch > epoch)


def succession(
    name: str,
    trusted: Ed25519PublicKey,
    *,
    rotations: Iterable[Mapping[str, Any]] = (),
    rollbacks: Iterable[Mapping[str, Any]] = (),
) -> Succession:
    """Return the chain that the states of the events tell, in their order; SuccessionInvalid where it does not hold.

    Every rotation is signed by both its keys and goes on from the key before; ``trusted`` is one key of the chain;
    every declared rollback is signed by the key that signs at its size.
    """
    turns = tuple(Rotation.read(state, name=name) for state in rotations)
    first = _public(turns[0].previous_key, name) if turns else trusted
    chain = [verifier_key(name, first)]
    for turn in turns:
        if turn.previous_key != chain[-1] or turn.key in chain:
            raise SuccessionInvalid("a rotation of the key does not go on from the key before it")
        chain.append(turn.key)
    if any(later.last_size <= earlier.last_size for earlier, later in pairwise(turns)):
        raise SuccessionInvalid("the rotations of the key are not in the order of the ledger")
    if verifier_key(name, trusted) not in chain:
        raise SuccessionInvalid("the trusted key is none of the keys of this ledger")
    whole = Succession(name, first, turns)
    for state in rollbacks:
        whole = Succession(name, first, turns, (*whole.declarations, _declared(state, whole)))
    return whole


def _declared(state: Mapping[str, Any], so_far: Succession) -> Declaration:
    found = Declaration.of(state)
    last = so_far.declarations[-1].size if so_far.declarations else -1
    in_order = last < found.size and so_far.epoch < found.epoch
    if found.name != so_far.name or not in_order or found.kept_size > found.size:
        raise SuccessionInvalid("a declared rollback does not go on from the epoch before it")
    try:
        so_far.key_at(found.size + 1).verify(decoded(str(state.get("signature"))), found.text().encode())
    except (InvalidSignature, NoteInvalid) as error:
        raise SuccessionInvalid("a declared rollback is not signed by the key of its ledger") from error
    return found


def _signature(key: Ed25519PrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode())).decode()


def _public(text: str, name: str) -> Ed25519PublicKey:
    owner, public = parse_verifier_key(text)
    if owner != name or verifier_key(owner, public) != text:
        raise SuccessionInvalid("a key of the chain belongs to another register")
    return public


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a size is a whole number")
    return value


def _root(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or bytes.fromhex(value).hex() != value:
        raise ValueError("a root is 64 hexadecimal characters")
    return value
