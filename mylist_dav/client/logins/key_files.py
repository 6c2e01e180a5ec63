"""Private keys as text: our own form, OpenSSH's, and PEM (PKCS #8). Ed25519 only.

Our own form is plain enough for a shell and for a browser:

    mylist private key, version 1
    public: 64 hex digits
    seed: 64 hex digits
    comment: alice@laptop

or, when a pass phrase protects it, instead of the seed:

    sealed: pbkdf2-sha256 ROUNDS SALT NONCE BOX

with three words of hex: the key for AES-256-GCM is PBKDF2-HMAC-SHA256 of the pass phrase in UTF-8, BOX is the seed,
encrypted, with its tag of 16 bytes; the additional data are the 32 bytes of the public key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from nacl.signing import SigningKey

from mylist_dav.errors import Invalid, Unauthenticated
from mylist_dav.model.keys import PublicKey

TITLE = "mylist private key, version 1"
ROUNDS = 600_000
ROUNDS_MAX = 10_000_000
COMMENT_CHARS_MAX = 200
_SEED = re.compile(r"[0-9a-f]{64}")
_SEALED = re.compile(r"pbkdf2-sha256 ([0-9]{1,8}) ([0-9a-f]{32}) ([0-9a-f]{24}) ([0-9a-f]{96})")

AskPassPhrase = Callable[[str], str]
"""Asks for the pass phrase of what is named."""


class PrivateKey(NamedTuple):
    """A key pair in memory."""

    pair: SigningKey
    comment: str = ""

    @property
    def public(self) -> PublicKey:
        return PublicKey(bytes(self.pair.verify_key))

    def sign(self, message: bytes) -> bytes:
        """64 bytes (RFC 8032)."""
        return self.pair.sign(message).signature

    def __repr__(self) -> str:
        return f"PrivateKey({self.public!r})"


def written(key: PrivateKey, pass_phrase: str = "", random: Callable[[int], bytes] = os.urandom) -> str:
    """A key in our own form. pass_phrase: protects it, unless it is empty."""
    comment = "".join(c for c in key.comment[:COMMENT_CHARS_MAX] if c.isprintable())
    secret = _seal(key, pass_phrase, random) if pass_phrase else f"seed: {bytes(key.pair).hex()}"
    return f"{TITLE}\npublic: {key.public.hex()}\n{secret}\ncomment: {comment}\n"


def read_public(text: str) -> PublicKey | None:
    """The public half of a key in our own form, sealed or not, as the file says; None for another form."""
    fields = _fields(text)
    if fields is None or not _SEED.fullmatch(fields.get("public", "")):
        return None
    return PublicKey.checked(bytes.fromhex(fields["public"]))


def read_private(text: str, name: str, ask: AskPassPhrase) -> PrivateKey:
    """The key of a file called `name`; asks once for the pass phrase of a protected one.

    Raises Invalid (no such key), Unauthenticated (wrong pass phrase).
    """
    fields = _fields(text)
    if fields is not None:
        return _own(fields, name, ask)
    return PrivateKey(SigningKey(_foreign(text, name, ask)))


def _fields(text: str) -> dict[str, str] | None:
    lines = text.splitlines()
    if not lines or lines[0].strip() != TITLE:
        return None
    pairs = [line.partition(":") for line in lines[1:]]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _own(fields: dict[str, str], name: str, ask: AskPassPhrase) -> PrivateKey:
    seed, public = fields.get("seed", ""), fields.get("public", "")
    if "sealed" in fields and _SEED.fullmatch(public):
        seed = _unseal(fields["sealed"], bytes.fromhex(public), name, ask).hex()
    if not _SEED.fullmatch(seed):
        raise Invalid(f"{name} is damaged: it holds no key")
    key = PrivateKey(SigningKey(bytes.fromhex(seed)), fields.get("comment", ""))
    if key.public.hex() != public:
        raise Invalid(f"{name} is damaged: its two halves do not fit")
    return key


def _seal(key: PrivateKey, pass_phrase: str, random: Callable[[int], bytes]) -> str:
    salt, nonce = random(16), random(12)
    box = AESGCM(_stretched(pass_phrase, salt, ROUNDS)).encrypt(nonce, bytes(key.pair), bytes(key.public))
    return f"sealed: pbkdf2-sha256 {ROUNDS} {salt.hex()} {nonce.hex()} {box.hex()}"


def _unseal(sealed: str, public: bytes, name: str, ask: AskPassPhrase) -> bytes:
    found = _SEALED.fullmatch(sealed)
    if found is None or not 1 <= int(found[1]) <= ROUNDS_MAX:
        raise Invalid(f"{name} is sealed in a way that is not known here")
    salt, nonce, box = (bytes.fromhex(found[number]) for number in (2, 3, 4))
    try:
        return AESGCM(_stretched(ask(name), salt, int(found[1]))).decrypt(nonce, box, public)
    except InvalidTag as error:
        raise Unauthenticated(f"this is not the pass phrase of {name}") from error


def _stretched(pass_phrase: str, salt: bytes, rounds: int) -> bytes:
    return PBKDF2HMAC(hashes.SHA256(), 32, salt, rounds).derive(pass_phrase.encode())


def _foreign(text: str, name: str, ask: AskPassPhrase) -> bytes:
    """The seed of a key in a form of OpenSSH or OpenSSL."""
    if "PRIVATE KEY-----" not in text:
        hint = ": it is a public key; give the private one" if text.startswith("ssh-") else ""
        raise Invalid(f"{name} holds no private key{hint}")
    key = _load(text.encode(), None, name)
    if key is None:
        key = _load(text.encode(), ask(name).encode(), name)
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid(f"{name} is not a key of the kind Ed25519 (make one: mylist key new)")
    return key.private_bytes_raw()


def _load(data: bytes, pass_phrase: bytes | None, name: str) -> object | None:
    """Any private key; None when a pass phrase is needed and was not given. Raises Unauthenticated, Invalid."""
    openssh = b"OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        return load(data, pass_phrase)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, TypeError) and pass_phrase is None:
            return None
        if pass_phrase is not None:
            raise Unauthenticated(f"this is not the pass phrase of {name}") from error
        raise Invalid(f"{name} is damaged, or of a kind that is not known here") from error
