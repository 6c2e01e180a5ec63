"""What is signed to come in to a site by key: a text that a person can read, for this one site and for nothing else.

Lines are joined by single line feeds; there is none at the end; all is ASCII. Nothing else that keys sign here has this
title.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from mylist_dav.errors import Invalid

TEXT_CHARS_MAX = 1024
TITLE = "mylist visit by key, version 1\nSigning this opens the site below. It is good once, and for nothing else."
_LINES = re.compile(
    r"site: (?P<site>[a-z0-9._-]{1,253})\nnonce: (?P<nonce>[0-9a-f]{64})\nexpires: (?P<expires>[0-9]{1,12})"
    r"\nmac: (?P<mac>[0-9a-f]{64})"
)


class VisitText(NamedTuple):
    """site: the host name. expires_seconds: since the epoch. mac: 32 bytes of the server; b'' before it is known."""

    site: str
    nonce: bytes
    expires_seconds: int
    mac: bytes = b""

    @property
    def text(self) -> str:
        """What is signed."""
        lines = [
            TITLE,
            f"site: {self.site}",
            f"nonce: {self.nonce.hex()}",
            f"expires: {self.expires_seconds}",
        ]
        return "\n".join([*lines, f"mac: {self.mac.hex()}"] if self.mac else lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text with its mac. Raises Invalid for what differs in any way from what `text` gives."""
        title, rest = text[: len(TITLE)], text[len(TITLE) + 1 :]
        found = _LINES.fullmatch(rest) if len(text) <= TEXT_CHARS_MAX and title == TITLE else None
        if found is None:
            raise Invalid("this is no text to come in with")
        nonce, mac = bytes.fromhex(found["nonce"]), bytes.fromhex(found["mac"])
        parsed = cls(found["site"], nonce, int(found["expires"]), mac)
        if parsed.text != text:
            raise Invalid("this is no text to come in with")
        return parsed
