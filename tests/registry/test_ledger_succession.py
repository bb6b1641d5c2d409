"""Can whoever trusts one key follow the chain of keys and epochs, and is everything beside the chain refused?"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.ledger.checkpoint import Checkpoint, NoteInvalid, epoch_of, origin_of, sign_note, verifier_key
from registry.ledger.succession import Declaration, Rotation, SuccessionInvalid, succession

NAME = "cadastre.example/register"
KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(1, 5)]
PUBLIC = [key.public_key() for key in KEYS]
ROOT = "ab" * 32


def turn(old: int, new: int, size: int) -> dict[str, object]:
    keys = verifier_key(NAME, PUBLIC[old]), verifier_key(NAME, PUBLIC[new])
    return Rotation(NAME, size, ROOT, *keys).signed(KEYS[old], KEYS[new])


def rollback(signer: int, *, epoch: int = 2, size: int = 30, kept: int = 30, lost: int = 50, abandoned_epoch: int = 1):
    gone = verifier_key(NAME, PUBLIC[3])
    return Declaration(NAME, epoch, size, ROOT, kept, abandoned_epoch, lost, ROOT, gone).signed(KEYS[signer])


def note(signer: int, size: int, epoch: int = 1) -> str:
    return sign_note(Checkpoint(origin_of(NAME, epoch), size, bytes.fromhex(ROOT)), KEYS[signer], name=NAME)


@pytest.mark.parametrize("trusted", [0, 1, 2])
def test_each_key_of_the_chain_leads_to_all_of_it(trusted):
    chain = succession(NAME, PUBLIC[trusted], rotations=[turn(0, 1, 10), turn(1, 2, 20)])
    assert chain.keys() == [verifier_key(NAME, key) for key in PUBLIC[:3]]
    signers = {1: 0, 10: 0, 11: 1, 20: 1, 21: 2, 10**9: 2}
    for size, right in signers.items():
        assert chain.read(note(right, size)).size == size
        for wrong in {0, 1, 2, 3} - {right}:
            with pytest.raises(NoteInvalid):
                chain.read(note(wrong, size))


def test_a_retired_key_signs_nothing_beyond_its_last_size():
    chain = succession(NAME, PUBLIC[0], rotations=[turn(0, 1, 10)])
    assert chain.read(note(0, 10))
    with pytest.raises(NoteInvalid, match="not signed by the key"):
        chain.read(note(0, 11))
    with pytest.raises(NoteInvalid, match="not signed by the key"):
        chain.read(note(1, 10))


@pytest.mark.parametrize(
    ("states", "fault"),
    [
        ([turn(0, 1, 10) | {"last_size": 11}], "both keys"),
        ([turn(0, 1, 10) | {"signature_of_new": turn(0, 1, 9)["signature_of_new"]}], "both keys"),
        ([turn(0, 1, 10) | {"signature_of_previous": turn(0, 1, 10)["signature_of_new"]}], "both keys"),
        ([turn(0, 1, 10) | {"last_root": "AB" * 32}], "cannot be read"),
        ([turn(0, 1, 10) | {"last_size": True}], "cannot be read"),
        ([{}], "cannot be read"),
        ([turn(0, 1, 10), turn(0, 2, 20)], "go on"),
        ([turn(0, 1, 10), turn(1, 0, 20)], "go on"),
        ([turn(0, 1, 10), turn(1, 2, 10)], "order"),
        ([turn(1, 2, 10)], "trusted key is none"),
    ],
)
def test_a_chain_that_does_not_hold_is_refused(states, fault):
    with pytest.raises(SuccessionInvalid, match=fault):
        succession(NAME, PUBLIC[0], rotations=states)


def test_the_rotation_of_another_register_does_not_count():
    other = "other.example/register"
    keys = verifier_key(other, PUBLIC[0]), verifier_key(other, PUBLIC[1])
    state = Rotation(other, 1, ROOT, *keys).signed(KEYS[0], KEYS[1])
    with pytest.raises(SuccessionInvalid):
        succession(NAME, PUBLIC[0], rotations=[state])


def test_an_epoch_is_part_of_the_origin_and_of_nothing_else():
    assert origin_of(NAME, 1) == NAME
    assert [epoch_of(origin_of(NAME, one), NAME) for one in (1, 2, 30)] == [1, 2, 30]
    for wrong in ("/epoch-1", "/epoch-0", "/epoch-02", "/epoch-", "/epoch-2 ", "/epoch-٢", "x"):
        assert epoch_of(NAME + wrong, NAME) is None


def test_a_declared_rollback_begins_an_epoch_and_says_what_was_given_up():
    chain = succession(NAME, PUBLIC[0], rotations=[turn(0, 1, 10)], rollbacks=[rollback(1)])
    assert (chain.epoch, chain.epoch_at(30), chain.epoch_at(31)) == (2, 1, 2)
    assert chain.gave_up(chain.read(note(1, 31, epoch=2))) is None
    assert chain.gave_up(chain.read(note(1, 30))) is None
    lost = chain.read(note(1, 50))
    assert chain.gave_up(lost).epoch == 2
    assert chain.gave_up(chain.read(note(3, 50))).epoch == 2, "the key that the declaration names signed what is lost"
    assert chain.gave_up(chain.read(note(1, 51))) is None, "nobody gave that up: it is a fork"
    with pytest.raises(NoteInvalid, match="began later"):
        chain.read(note(1, 30, epoch=2))
    assert chain.read(note(1, 60, epoch=3)), "a database restored once more still reads what was anchored later"


def test_a_second_declaration_skips_the_number_that_was_lost():
    rollbacks = [rollback(0), rollback(0, epoch=4, size=40, kept=35, lost=45, abandoned_epoch=3)]
    chain = succession(NAME, PUBLIC[0], rollbacks=rollbacks)
    assert [chain.epoch_at(size) for size in (30, 31, 40, 41)] == [1, 2, 2, 4]
    assert chain.gave_up(chain.read(note(0, 44, epoch=3))).epoch == 4
    assert chain.gave_up(chain.read(note(0, 36, epoch=3))).epoch == 4
    assert chain.gave_up(chain.read(note(0, 35, epoch=3))) is None


@pytest.mark.parametrize(
    "state",
    [
        rollback(0) | {"signature": rollback(1)["signature"]},
        rollback(0) | {"kept_size": 29},
        rollback(0, epoch=1),
        rollback(0, kept=31),
        rollback(0) | {"signature": None},
        {},
    ],
)
def test_a_declaration_that_does_not_hold_is_refused(state):
    with pytest.raises(SuccessionInvalid):
        succession(NAME, PUBLIC[0], rollbacks=[state])
