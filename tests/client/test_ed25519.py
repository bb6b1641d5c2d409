"""Does the client's own Ed25519 agree with RFC 8032 and with the cryptography library?"""

from __future__ import annotations

import hashlib

import pytest
from cadastre import ed25519
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing import examples

# RFC 8032, section 7.1: secret key, public key, message, signature (TEST 1, 2, 3 and SHA(abc)).
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
MESSAGE = b"DSSEv1 4 text 5 hello"
SIGNATURE = KEY.sign(MESSAGE)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS, ids=["1", "2", "3", "SHA(abc)"])
def test_the_vectors_of_rfc_8032_verify(secret: str, public: str, message: str, signature: str) -> None:
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)).public_key().public_bytes_raw() == key
    assert ed25519.verify(key, signed, text)
    assert not ed25519.verify(key, signed, text + b"x")


@examples(25)
@given(secret=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_what_cryptography_signs_verifies_here(secret: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    assert ed25519.verify(key.public_key().public_bytes_raw(), key.sign(message), message)


@examples(40)
@given(where=st.integers(0, 64 * 8 - 1), what=st.sampled_from(["signature", "key", "message"]))
def test_one_changed_bit_never_verifies_and_cryptography_agrees(where: int, what: str) -> None:
    parts = {"signature": SIGNATURE, "key": PUBLIC, "message": MESSAGE}
    whole = bytearray(parts[what])
    whole[where // 8 % len(whole)] ^= 1 << where % 8
    parts[what] = bytes(whole)
    assert not ed25519.verify(parts["key"], parts["signature"], parts["message"])
    with pytest.raises((InvalidSignature, ValueError)):
        Ed25519PublicKey.from_public_bytes(parts["key"]).verify(parts["signature"], parts["message"])


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (b"", SIGNATURE),
        (PUBLIC[:31], SIGNATURE),
        (PUBLIC + b"\0", SIGNATURE),
        (PUBLIC, b""),
        (PUBLIC, SIGNATURE[:63]),
        (PUBLIC, SIGNATURE + b"\0"),
        (PUBLIC, bytes(64)),
        (PUBLIC, b"\xff" * 64),
        (b"\xff" * 32, SIGNATURE),
    ],
)
def test_other_lengths_and_numbers_out_of_range_never_verify(key: bytes, signature: bytes) -> None:
    assert not ed25519.verify(key, signature, MESSAGE)


def test_a_scalar_raised_by_the_group_order_is_refused() -> None:
    scalar = int.from_bytes(SIGNATURE[32:], "little") + ed25519.L
    assert not ed25519.verify(PUBLIC, SIGNATURE[:32] + scalar.to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize(
    "point",
    [
        (1).to_bytes(32, "little"),
        (0).to_bytes(32, "little"),
        (ed25519.P - 1).to_bytes(32, "little"),
        (ed25519.P).to_bytes(32, "little"),
        (ed25519.P + 1).to_bytes(32, "little"),
        (1 | 1 << 255).to_bytes(32, "little"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ],
)
def test_a_key_of_small_order_or_odd_encoding_signs_nothing(point: bytes) -> None:
    identity = (1).to_bytes(32, "little")
    for message in (b"", b"a", b"b", b"c", MESSAGE):
        assert not ed25519.verify(point, identity + bytes(32), message)
        assert not ed25519.verify(point, point + bytes(32), message)
