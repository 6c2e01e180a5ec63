"""What is signed to add a key to an account: proof that whoever adds it has its private half.

Without it somebody could add a key of another person, who then could not have it, or would log in where they did not
mean to.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from mylist_dav.errors import Invalid
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import ACCOUNT_PATTERN
from mylist_dav.model.signed_text import HEX_32, compose, parse

TITLE = (
    "mylist key of an account, version 1\n"
    "Signing this lets the key log in as the account below. It is good for some minutes, and for nothing else."
)
_WHAT = "text to add a key with"
_PATTERNS = {
    "server key": HEX_32,
    "account": ACCOUNT_PATTERN,
    "nonce": HEX_32,
    "expires": "[0-9]{1,12}",
}


class KeyText(NamedTuple):
    """expires_seconds: since the epoch. mac: 32 bytes of the server; b'' before it is known."""

    server_key: PublicKey
    account: str
    nonce: bytes
    expires_seconds: int
    mac: bytes = b""

    @property
    def text(self) -> str:
        """What is signed."""
        values = (self.server_key.hex(), self.account, self.nonce.hex(), str(self.expires_seconds))
        return compose(TITLE, dict(zip(_PATTERNS, values, strict=True)), self.mac)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text with its mac. Raises Invalid for what differs in any way from what `text` gives."""
        found, mac = parse(text, TITLE, _PATTERNS, _WHAT)
        server_key, nonce = PublicKey(bytes.fromhex(found["server key"])), bytes.fromhex(found["nonce"])
        parsed = cls(server_key, found["account"], nonce, int(found["expires"]), mac)
        if parsed.text != text:
            raise Invalid(f"this is no {_WHAT}")
        return parsed
