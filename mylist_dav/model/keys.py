"""Ed25519 public keys as people write them, and what their signatures are worth. Nothing here holds a private key."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Self

from mylist_dav.errors import Invalid

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
KEY_TEXT_CHARS_MAX = 4096

OPENSSH_KIND = "ssh-ed25519"
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_OTHER_KINDS = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")
_OPENSSH_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
"""What the encoded part of every OpenSSH line of such a key begins with; the 32 bytes follow (RFC 8709, 4)."""


class PublicKey(bytes):
    """32 bytes: a point of Ed25519 (RFC 8032). str() gives 64 lower-case hex digits, as hex() does."""

    @classmethod
    def checked(cls, raw: bytes) -> Self:
        """A key of 32 bytes. Raises Invalid for another length, and for what is no point a key pair can have.

        Points of small order are refused: for them there are signatures that hold for nearly every message.
        """
        from nacl.bindings import crypto_core_ed25519_is_valid_point  # here: most commands see no key

        if len(raw) != PUBLIC_BYTES:
            raise Invalid(f"a public key of Ed25519 has {PUBLIC_BYTES} bytes, not {len(raw)}")
        if not crypto_core_ed25519_is_valid_point(raw):
            raise Invalid("this is no public key of Ed25519: no key pair has it")
        return cls(raw)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: SHA256:…"""
        return "SHA256:" + b64encode(sha256(_OPENSSH_HEAD + self).digest()).decode().rstrip("=")

    def openssh_line(self, comment: str = "") -> str:
        """As in id_ed25519.pub, without a line feed. comment: no control characters."""
        return f"{OPENSSH_KIND} {b64encode(_OPENSSH_HEAD + self).decode()} {comment}".rstrip()

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"PublicKey({self.hex()[:12]}…)"


def parse_public_key(text: str) -> PublicKey:
    """Read 64 hex digits, or a line such as `ssh-ed25519 AAAA… comment`. Raises Invalid for anything else."""
    words = text[: KEY_TEXT_CHARS_MAX + 1].split()
    if not words or len(text) > KEY_TEXT_CHARS_MAX or "\n" in text.strip():
        raise Invalid("a public key is 64 hex digits, or one line that begins with ssh-ed25519")
    if len(words) == 1 and _HEX.fullmatch(words[0]):
        return PublicKey.checked(bytes.fromhex(words[0]))
    if words[0] == OPENSSH_KIND and len(words) > 1:
        return PublicKey.checked(_from_openssh(words[1]))
    if _OTHER_KINDS.fullmatch(words[0]):
        raise Invalid(f"keys of the kind {words[0][:60]} are not taken: only Ed25519 (ssh-keygen -t ed25519)")
    if "PRIVATE KEY" in text:
        raise Invalid("this is a private key: keep it to yourself, and give its public half")
    raise Invalid(
        f"{text.strip()[:20]!r}… is no public key: 64 hex digits or an ssh-ed25519 line are expected"
    )


def key_comment(text: str) -> str:
    """The comment of an OpenSSH line, '' if it has none. Printable characters only."""
    words = text[:KEY_TEXT_CHARS_MAX].split(None, 2)
    comment = words[2].strip() if len(words) > 2 and words[0] == OPENSSH_KIND else ""
    return "".join(character for character in comment if character.isprintable())


def verify(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether signature (64 bytes) is of this key over message (RFC 8032, 5.1.7).

    As libsodium does it: a signature in a second form (S past the order), and keys or points R of small order or not in
    canonical form, do not hold. Takes the same time for any message of one length.
    """
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    if len(signature) != SIGNATURE_BYTES or len(key) != PUBLIC_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def _from_openssh(encoded: str) -> bytes:
    try:
        blob = b64decode(encoded, validate=True)
    except (Base64Error, ValueError) as error:
        raise Invalid("the ssh-ed25519 line is damaged: its second word is not Base64") from error
    if not blob.startswith(_OPENSSH_HEAD) or len(blob) != len(_OPENSSH_HEAD) + PUBLIC_BYTES:
        raise Invalid("the ssh-ed25519 line is damaged: its second word holds no Ed25519 key")
    return blob[len(_OPENSSH_HEAD) :]
