"""Public keys: the forms they are written in, what is refused, and signatures (RFC 8032)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from mylist_dav.errors import Invalid
from mylist_dav.model.keys import PublicKey, key_comment, parse_public_key, verify

RFC_8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
]  # fmt: skip
"""Seed, public key, message, signature: RFC 8032, 7.1, tests 1 and 2."""

ORDER = 2**252 + 27742317777372353535851937790883648493
SSH_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea alice@laptop"
SSH_FINGERPRINT = "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]


def test_an_openssh_line_and_hex_digits_name_the_same_key() -> None:
    key = parse_public_key(SSH_LINE)
    assert key == parse_public_key(RFC_8032[0][1]) == parse_public_key(f"  {RFC_8032[0][1].upper()}\n")
    assert str(key) == RFC_8032[0][1]
    assert key.openssh_line("alice@laptop") == SSH_LINE
    assert parse_public_key(key.openssh_line()) == key
    assert key_comment(SSH_LINE) == "alice@laptop"
    assert key_comment(RFC_8032[0][1]) == ""


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    assert parse_public_key(SSH_LINE).fingerprint == SSH_FINGERPRINT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "64 hex digits"),
        ("abc", "64 hex digits"),
        (RFC_8032[0][1] + "00", "64 hex digits"),
        (RFC_8032[0][1][:-1] + "g", "64 hex digits"),
        (f"{RFC_8032[0][1]} comment", "64 hex digits"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7", "ssh-rsa"),
        ("ssh-dss AAAA", "ssh-dss"),
        ("ecdsa-sha2-nistp256 AAAA", "ecdsa-sha2-nistp256"),
        ("sk-ssh-ed25519@openssh.com AAAA", "sk-ssh-ed25519@openssh.com"),
        ("ssh-ed25519", "ssh-ed25519"),
        ("ssh-ed25519 ????", "not Base64"),
        ("ssh-ed25519 é", "not Base64"),
        ("ssh-ed25519 " + SSH_LINE.split()[1][:-8], "no Ed25519 key"),
        ("ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAABAQC7", "no Ed25519 key"),
        (f"{SSH_LINE}\n{SSH_LINE}", "one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("x" * 100_000, "64 hex digits"),
        *((point, "no key pair") for point in SMALL_ORDER),
        ("ff" * 32, "no key pair"),  # not canonical
        ("02" + "00" * 31, "no key pair"),  # not on the curve
    ],
)
def test_what_is_no_key_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_public_key(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_of_the_rfc_hold_and_changed_ones_do_not(
    seed: str, public: str, message: str, signature: str
) -> None:
    key, signed, text = parse_public_key(public), bytes.fromhex(signature), bytes.fromhex(message)
    assert bytes(SigningKey(bytes.fromhex(seed)).verify_key) == key
    assert verify(key, text, signed)
    assert not verify(key, text + b"x", signed)
    assert not verify(key, text, signed[:-1])
    assert not verify(key, text, signed + b"\0")
    assert not verify(key, text, b"")
    for position in range(64):
        assert not verify(
            key, text, signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1 :]
        )


def test_a_signature_in_a_second_form_does_not_hold() -> None:
    _, public, message, signature = RFC_8032[0]
    signed = bytes.fromhex(signature)
    second = (int.from_bytes(signed[32:], "little") + ORDER).to_bytes(32, "little")
    assert not verify(parse_public_key(public), bytes.fromhex(message), signed[:32] + second)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_has_no_signature(point: str) -> None:
    for signature in (bytes.fromhex(point) + bytes(32), bytes.fromhex(SMALL_ORDER[0]) + bytes(32)):
        assert not verify(PublicKey(bytes.fromhex(point)), b"anything", signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.text(max_size=20))
def test_every_key_pair_round_trips(seed: bytes, message: bytes, comment: str) -> None:
    pair = SigningKey(seed)
    key = PublicKey.checked(bytes(pair.verify_key))
    assert parse_public_key(str(key)) == parse_public_key(key.openssh_line("a comment")) == key
    assert verify(key, message, pair.sign(message).signature)
