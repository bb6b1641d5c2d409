"""Does the tree give the published RFC 6962 figures, and do its proofs refuse what is not so?"""

from __future__ import annotations

from hashlib import sha256

import pytest

from registry.ledger import tree

# Figures: transparency-dev/merkle, testonly/constants.go and rfc6962_test.go (Apache-2.0).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
EMPTY_LEAF = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
LEAF_L123456 = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
NODE_N123_N456 = "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"

HASHES = [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]


def naive_root(hashes: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962 section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def test_the_hasher_gives_the_published_figures():
    assert tree.leaf_hash(b"").hex() == EMPTY_LEAF
    assert tree.leaf_hash(b"L123456").hex() == LEAF_L123456
    assert tree.node_hash(b"N123", b"N456").hex() == NODE_N123_N456
    assert tree.EMPTY_ROOT.hex() == ROOTS[0]


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_every_published_tree_size_is_the_published_one(size):
    assert tree.root(HASHES[:size]).hex() == ROOTS[size]
    assert tree.root_at(size, tree.nodes_of(HASHES)).hex() == ROOTS[size]
    assert naive_root(HASHES[:size]).hex() == ROOTS[size]


def test_the_rfc_9162_example_paths_are_built_as_printed():
    """RFC 9162 section 2.1.5 prints the proofs of a tree of seven leaves; d6 = HASH(d0..) in its letters."""
    seven = HASHES[:7]
    node = tree.nodes_of(seven)
    a, b, c, d, e, f, j = (node(0, 0), node(0, 1), node(0, 2), node(0, 3), node(0, 4), node(0, 5), node(0, 6))
    g, h, i = tree.node_hash(a, b), tree.node_hash(c, d), tree.node_hash(e, f)
    k, l_ = tree.node_hash(g, h), tree.node_hash(i, j)
    assert tree.inclusion_proof(0, 7, node) == [b, h, l_]
    assert tree.inclusion_proof(3, 7, node) == [c, g, l_]
    assert tree.inclusion_proof(4, 7, node) == [f, j, k]
    assert tree.inclusion_proof(6, 7, node) == [i, k]
    assert tree.consistency_proof(3, 7, node) == [c, d, g, l_]
    assert tree.consistency_proof(4, 7, node) == [l_]
    assert tree.consistency_proof(6, 7, node) == [i, j, k]


def test_a_node_cannot_pass_for_a_leaf():
    left, right = HASHES[:2]
    forged = tree.leaf_hash(left + right)
    assert forged != tree.node_hash(left, right)
    assert not tree.verify_inclusion(forged, 0, 1, [], tree.root(HASHES[:2]))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (4, 4)])
def test_a_leaf_outside_the_tree_has_no_proof_and_none_is_believed(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion_proof(index, size, tree.nodes_of(HASHES))
    assert not tree.verify_inclusion(HASHES[0], index, size, [], tree.root(HASHES[:size]))


def test_a_proof_that_is_too_short_or_too_long_is_refused():
    node, root = tree.nodes_of(HASHES), tree.root(HASHES)
    proof = tree.inclusion_proof(5, 8, node)
    assert tree.verify_inclusion(HASHES[5], 5, 8, proof, root)
    assert not tree.verify_inclusion(HASHES[5], 5, 8, proof[:-1], root)
    assert not tree.verify_inclusion(HASHES[5], 5, 8, [*proof, root], root)
    assert not tree.verify_inclusion(HASHES[5], 5, 8, [proof[0][:31], *proof[1:]], root)


def test_a_smaller_tree_is_no_extension_and_an_empty_one_proves_nothing_but_itself():
    with pytest.raises(ValueError, match="no prefix"):
        tree.consistency_proof(5, 4, tree.nodes_of(HASHES))
    root = tree.root(HASHES)
    assert not tree.verify_consistency(8, 5, root, tree.root(HASHES[:5]), [])
    assert tree.verify_consistency(0, 8, tree.EMPTY_ROOT, root, [])
    assert not tree.verify_consistency(0, 8, root, root, [])
    assert not tree.verify_consistency(4, 8, tree.root(HASHES[:4]), root, [])


def test_a_compact_range_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="no compact range"):
        tree.CompactRange.from_bytes(3, b"\x00" * 32)
