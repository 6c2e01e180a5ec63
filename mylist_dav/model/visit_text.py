"""What is signed to come in to a site by key: a text that a person can read, for this one site and for nothing else."""

from __future__ import annotations

from typing import NamedTuple, Self

from mylist_dav.errors import Invalid
from mylist_dav.model.signed_text import HEX_32, compose, parse

TITLE = "mylist visit by key, version 1\nSigning this opens the site below. It is good once, and for nothing else."
_WHAT = "text to come in with"
_PATTERNS = {"site": "[a-z0-9._-]{1,253}", "nonce": HEX_32, "expires": "[0-9]{1,12}"}


class VisitText(NamedTuple):
    """site: the host name. expires_seconds: since the epoch. mac: 32 bytes of the server; b'' before it is known."""

    site: str
    nonce: bytes
    expires_seconds: int
    mac: bytes = b""

    @property
    def text(self) -> str:
        """What is signed."""
        values = (self.site, self.nonce.hex(), str(self.expires_seconds))
        return compose(TITLE, dict(zip(_PATTERNS, values, strict=True)), self.mac)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text with its mac. Raises Invalid for what differs in any way from what `text` gives."""
        found, mac = parse(text, TITLE, _PATTERNS, _WHAT)
        parsed = cls(found["site"], bytes.fromhex(found["nonce"]), int(found["expires"]), mac)
        if parsed.text != text:
            raise Invalid(f"this is no {_WHAT}")
        return parsed
