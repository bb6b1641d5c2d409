"""Where are the hashes of the stored tree? Reads leaves and kept nodes so that a proof costs a few small queries."""

from __future__ import annotations

from functools import lru_cache

from registry.ledger import tree
from registry.ledger.models import LedgerLeaf, LedgerNode

KEPT_EVERY = 8


class NodeMissing(LookupError):
    """A leaf or node that the tree must have is not in the database."""


def stored_nodes(using: str) -> tree.NodeReader:
    """Return a reader of the complete subtrees of the stored tree; NodeMissing when a row of it is absent.

    Nodes of the levels 8, 16, ... are kept; one in between is worked out from at most 128 of the kept level below.
    """

    @lru_cache(maxsize=1024)
    def read(level: int, index: int) -> bytes:
        kept = level - level % KEPT_EVERY
        first, count = index << (level - kept), 1 << (level - kept)
        hashes = _kept(using, kept, first, count)
        if len(hashes) != count:
            raise NodeMissing(f"level {kept}, {first} to {first + count - 1}")
        return tree.root(hashes)

    return read


def _kept(using: str, level: int, first: int, count: int) -> list[bytes]:
    if level == 0:
        leaves = LedgerLeaf.objects.using(using).filter(index__gte=first, index__lt=first + count)
        return [bytes(value) for value in leaves.order_by("index").values_list("leaf_hash", flat=True)]
    nodes = LedgerNode.objects.using(using).filter(level=level, index__gte=first, index__lt=first + count)
    return [bytes(value) for value in nodes.order_by("index").values_list("node_hash", flat=True)]
