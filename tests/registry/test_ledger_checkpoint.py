"""Is a checkpoint a C2SP signed note that only the right key can make, and is a key file safe?"""

from __future__ import annotations

import base64
import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.errors import DomainError
from registry.ledger import checkpoint, keys

ORIGIN = "example.org/register"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STATED = checkpoint.Checkpoint(ORIGIN, 4_294_967_296, bytes(range(100, 132)))
NOTE = checkpoint.sign_note(STATED, KEY)


def test_a_note_has_the_shape_of_the_specification_and_verifies():
    text, blank, signature = NOTE.partition("\n\n")
    origin, size, root = text.split("\n")
    assert blank
    assert (origin, size, base64.b64decode(root)) == (ORIGIN, "4294967296", STATED.root)
    assert signature.startswith(f"\u2014 {ORIGIN} ")
    assert signature.endswith("\n")
    assert checkpoint.verify_note(NOTE, KEY.public_key(), name=ORIGIN) == STATED
    assert checkpoint.parse(NOTE) == STATED


def test_the_published_key_of_the_signed_note_specification_is_read():
    """The verifier key that golang.org/x/mod/sumdb prints for sum.golang.org: id and key of that specification."""
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    name, public = checkpoint.parse_verifier_key(text)
    assert name == "sum.golang.org"
    assert checkpoint.verifier_key(name, public) == text


def test_the_printed_key_is_the_key():
    name, public = checkpoint.parse_verifier_key(checkpoint.verifier_key(ORIGIN, KEY.public_key()))
    assert checkpoint.verify_note(NOTE, public, name=name) == STATED


def test_every_changed_byte_of_a_note_is_refused():
    data = NOTE.encode()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(ValueError):  # noqa: PT011  (NoteInvalid or a byte that is no UTF-8)
            checkpoint.verify_note(bytes(changed).decode(), KEY.public_key(), name=ORIGIN)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("4294967296", "04294967296"),
        NOTE.replace("4294967296", "-1"),
        NOTE.replace(ORIGIN, "example.org/other"),
        NOTE.replace("\u2014", "-"),
        NOTE * 200,
        NOTE.partition("\n\n")[0] + "\n\n",
    ],
)
def test_a_malformed_or_foreign_note_is_refused(note):
    with pytest.raises(checkpoint.NoteInvalid):
        checkpoint.verify_note(note, KEY.public_key(), name=ORIGIN)


def test_another_key_under_the_same_name_is_refused():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(checkpoint.NoteInvalid, match="not signed"):
        checkpoint.verify_note(checkpoint.sign_note(STATED, other), KEY.public_key(), name=ORIGIN)


def test_a_witness_may_co_sign_but_a_wrong_signature_of_ours_is_never_passed_over():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness = checkpoint.sign_note(STATED, other, name="witness.example").partition("\n\n")[2]
    assert checkpoint.verify_note(NOTE + witness, KEY.public_key(), name=ORIGIN) == STATED
    head, _, line = NOTE.partition("\n\n")
    name, data = line.removeprefix("\u2014 ").split()
    raw = bytearray(base64.b64decode(data))
    raw[-1] ^= 1
    bad = f"\u2014 {name} {base64.b64encode(bytes(raw)).decode()}\n"
    with pytest.raises(checkpoint.NoteInvalid, match="wrong"):
        checkpoint.verify_note(f"{head}\n\n{bad}{line}", KEY.public_key(), name=ORIGIN)


def test_a_note_with_lines_we_do_not_know_is_not_taken_for_ours():
    text = STATED.text() + "extension\n"
    signed = checkpoint.note_key_id(ORIGIN, KEY.public_key()) + KEY.sign(text.encode())
    note = f"{text}\n\u2014 {ORIGIN} {base64.b64encode(signed).decode()}\n"
    with pytest.raises(checkpoint.NoteInvalid, match="plain"):
        checkpoint.verify_note(note, KEY.public_key(), name=ORIGIN)


@pytest.mark.parametrize("text", ["", "a+b", "a b+00000000+AQ==", "name+00000000+AQ==", "name+zz+@@"])
def test_a_malformed_verifier_key_is_refused(text):
    with pytest.raises(checkpoint.NoteInvalid):
        checkpoint.parse_verifier_key(text)


def test_a_key_file_is_made_once_and_readable_by_us_alone(tmp_path):
    path = tmp_path / "keys" / "ledger.key"
    key = keys.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert path.read_bytes() == key.private_bytes_raw()
    assert keys.load_or_create(path).private_bytes_raw() == key.private_bytes_raw()
    assert [child.name for child in path.parent.iterdir()] == ["ledger.key"]
    assert len(keys.key_id(key.public_key())) == 64


def test_starters_that_race_end_with_one_key(tmp_path):
    path, made = tmp_path / "ledger.key", []
    barrier = threading.Barrier(8)

    def start():
        barrier.wait()
        made.append(keys.load_or_create(path).private_bytes_raw())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert set(made) == {path.read_bytes()}


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_file_of_another_size_is_refused(tmp_path, content):
    path = tmp_path / "ledger.key"
    path.write_bytes(content)
    with pytest.raises(DomainError) as refusal:
        keys.load_or_create(path)
    assert refusal.value.code == "signing-key-malformed"
