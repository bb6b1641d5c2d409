"""What does the Merkle tree of RFC 6962 say? Roots, inclusion and consistency proofs, and compact ranges; pure.

leaf = SHA-256(0x00 || body), node = SHA-256(0x01 || left || right). The tree over n > 1 leaves is split at the largest
power of two below n (RFC 6962 section 2.1); proofs are verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""Gives the hash over the leaves ``index << level`` to ``(index + 1) << level``, all of which exist."""


def leaf_hash(body: bytes) -> bytes:
    """Return the 32-byte hash of a leaf whose exact bytes are ``body``."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass
class CompactRange:
    """The roots of the complete subtrees of a growing tree, largest first: all that is needed to append and to sign.

    There are as many as ``size`` has one-bits, 32 bytes each.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf hash; yield each inner node (level, index, hash) that it completes, lowest first.

        The range has grown only when the iterator is exhausted.
        """
        level, index, value = 0, self.size, leaf
        while index & 1:
            value = node_hash(self.peaks.pop(), value)
            level, index = level + 1, index >> 1
            yield level, index, value
        self.peaks.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        value = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            value = node_hash(peak, value)
        return value

    def to_bytes(self) -> bytes:
        """Return the peaks, one after the other."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> CompactRange:
        """Read what ``to_bytes`` wrote; ValueError when the length does not fit the size."""
        if size < 0 or len(data) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(data)} bytes are no compact range of {size} leaves")
        return cls(size, [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])


def grown(leaves: Iterable[bytes]) -> CompactRange:
    """Return the compact range over ``leaves`` (hashes)."""
    compact = CompactRange()
    for leaf in leaves:
        for _ in compact.append(leaf):
            pass
    return compact


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over ``leaves`` (hashes, in order)."""
    return grown(leaves).root()


def nodes_of(leaves: Sequence[bytes]) -> NodeReader:
    """Return a reader of the complete subtrees over a list of leaf hashes held in memory."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        if (level, index) not in known:
            known[level, index] = node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))
        return known[level, index]

    return read


def _split(count: int) -> int:
    """Return the largest power of two that is smaller than ``count`` (> 1)."""
    return 1 << (count - 1).bit_length() - 1


def range_root(start: int, end: int, node: NodeReader) -> bytes:
    """Return the root over the leaves ``start`` to ``end``, a range that the recursion of RFC 6962 produces."""
    count = end - start
    if count <= 0:
        raise ValueError("a range of the tree holds at least one leaf")
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return node_hash(range_root(start, middle, node), range_root(middle, end, node))


def root_at(size: int, node: NodeReader) -> bytes:
    """Return the root over the first ``size`` leaves."""
    return range_root(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, lowest hash first (at most 64 hashes).

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old_size: int, new_size: int, node: NodeReader) -> list[bytes]:
    """Return the proof that the tree of ``old_size`` leaves is a prefix of the tree of ``new_size`` leaves.

    Empty when the sizes are equal or the old tree is empty. Raises ValueError unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree of {old_size} is no prefix of a tree of {new_size}")
    if old_size in {0, new_size}:
        return []
    path: list[bytes] = []
    start, end, whole = 0, new_size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(range_root(start, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Tell whether ``proof`` shows that leaf hash ``leaf`` stands at ``index`` in the tree of this size and root."""
    if not 0 <= index < size or any(len(step) != HASH_BYTES for step in (leaf, *proof)):
        return False
    at, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(step, value)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, step)
        at, last = at >> 1, last >> 1
    return last == 0 and value == expected_root


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether ``proof`` shows that the tree (old_size, old_root) is a prefix of the tree (new_size, new_root)."""
    if not 0 <= old_size <= new_size or any(len(step) != HASH_BYTES for step in proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old_size - 1, new_size - 1
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
