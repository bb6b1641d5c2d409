"""Do the proofs of the tree hold for every size, and for nothing else?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.ledger import tree
from tests.drawing import examples
from tests.registry.test_ledger_tree import naive_root

MOST = 200
HASHES = [tree.leaf_hash(str(number).encode()) for number in range(MOST)]
NODE = tree.nodes_of(HASHES)
ROOTS = [tree.root(HASHES[:size]) for size in range(MOST + 1)]
sizes = st.integers(min_value=1, max_value=MOST)


@given(size=st.integers(min_value=0, max_value=MOST))
def test_the_incremental_root_is_the_recursive_one(size):
    assert ROOTS[size] == naive_root(HASHES[:size]) == tree.root_at(size, NODE)


@given(data=st.data(), size=sizes)
def test_every_leaf_is_proven_at_its_place_and_at_no_other(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, NODE)
    assert len(proof) <= size.bit_length()
    assert tree.verify_inclusion(HASHES[index], index, size, proof, ROOTS[size])
    other = data.draw(st.integers(0, size - 1))
    assert tree.verify_inclusion(HASHES[other], index, size, proof, ROOTS[size]) is (other == index)
    assert tree.verify_inclusion(HASHES[index], other, size, proof, ROOTS[size]) is (other == index)


@given(data=st.data(), size=sizes)
def test_one_changed_bit_in_an_inclusion_proof_breaks_it(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, NODE)
    position = data.draw(st.integers(0, 256 * (len(proof) + 2) - 1))
    parts = [bytearray(part) for part in (HASHES[index], ROOTS[size], *proof)]
    parts[position // 256][position % 256 // 8] ^= 1 << position % 8
    leaf, root, *changed = (bytes(part) for part in parts)
    assert not tree.verify_inclusion(leaf, index, size, changed, root)


@given(old=sizes, new=sizes)
def test_every_tree_is_proven_to_extend_every_smaller_one(old, new):
    old, new = sorted((old, new))
    proof = tree.consistency_proof(old, new, NODE)
    assert tree.verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@given(data=st.data(), old=sizes, new=sizes)
def test_one_changed_bit_in_a_consistency_proof_breaks_it(data, old, new):
    old, new = sorted((old, new))
    proof = tree.consistency_proof(old, new, NODE)
    position = data.draw(st.integers(0, 256 * (len(proof) + 2) - 1))
    parts = [bytearray(part) for part in (ROOTS[old], ROOTS[new], *proof)]
    parts[position // 256][position % 256 // 8] ^= 1 << position % 8
    old_root, new_root, *changed = (bytes(part) for part in parts)
    assert not tree.verify_consistency(old, new, old_root, new_root, changed)


@given(data=st.data(), size=st.integers(2, MOST))
@examples(60)
def test_a_tree_with_one_other_leaf_is_proven_to_extend_nothing(data, size):
    changed_at = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(changed_at + 1, size))
    forged = [*HASHES[:changed_at], tree.leaf_hash(b"forged"), *HASHES[changed_at + 1 : size]]
    node = tree.nodes_of(forged)
    assert not tree.verify_consistency(
        old, size, ROOTS[old], tree.root(forged), tree.consistency_proof(old, size, node)
    )


@given(size=st.integers(0, MOST), more=st.integers(0, 40))
def test_a_compact_range_goes_on_after_being_stored(size, more):
    more = min(more, MOST - size)
    stored = tree.CompactRange.from_bytes(size, tree.grown(HASHES[:size]).to_bytes())
    for leaf in HASHES[size : size + more]:
        for level, index, value in stored.append(leaf):
            assert value == NODE(level, index)
    assert stored.size == size + more
    assert stored.root() == ROOTS[size + more]
