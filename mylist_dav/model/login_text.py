"""What is signed to log in: a text that a person can read, the same on the server and in every client.

Its first line says what it is for, so that no signature made for anything else is one of these. It names the server by
the address the client was given and by the server's own key, and the key that signs: a signature is of no use anywhere
else. docs/login.md has test vectors.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, Self

from mylist_dav.errors import Invalid
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.signed_text import HEX_32, compose, parse

NONCE_BYTES = 32
SECONDS_MAX = 253_402_300_799
"""The last second of the year 9999."""

_ABOUT = "Signing this logs the key in at the server below. It is good once, and for nothing else."
CHALLENGE_TITLE = f"mylist login by challenge, version 1\n{_ABOUT}"
ONE_SHOT_TITLE = f"mylist login by time, version 1\n{_ABOUT}"
_WHAT = "challenge of a login"
_PATTERNS = {
    "server": "[!-~]+",
    "server key": HEX_32,
    "key": HEX_32,
    "nonce": HEX_32,
    "expires": "[0-9TZ:-]{20}",
}


class Challenge(NamedTuple):
    """A login text that the server has made. expires_seconds: since the epoch. mac: 32 bytes; b'' before it is known.

    The server knows its own text by the mac, which is over the text without it.
    """

    server: str
    server_key: PublicKey
    key: PublicKey
    nonce: bytes
    expires_seconds: int
    mac: bytes = b""

    @property
    def text(self) -> str:
        """What is signed."""
        return compose(CHALLENGE_TITLE, dict(zip(_PATTERNS, self._values(), strict=True)), self.mac)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text with its mac. Raises Invalid for what differs in any way from what `text` gives."""
        found, mac = parse(text, CHALLENGE_TITLE, _PATTERNS, _WHAT)
        parsed = cls(
            found["server"],
            PublicKey(bytes.fromhex(found["server key"])),
            PublicKey(bytes.fromhex(found["key"])),
            bytes.fromhex(found["nonce"]),
            _seconds(found["expires"]),
            mac,
        )
        if parsed.text != text:
            raise Invalid(f"this is no {_WHAT}")
        return parsed

    def _values(self) -> tuple[str, ...]:
        ends = utc_time(self.expires_seconds)
        return self.server, self.server_key.hex(), self.key.hex(), self.nonce.hex(), ends


def one_shot_text(server: str, server_key: PublicKey, key: PublicKey, nonce: bytes, seconds: int) -> str:
    """What is signed to log in without asking for a challenge.

    server: as canonical_server gives it. nonce: 32 random bytes. seconds: since the epoch. Raises Invalid.
    """
    if len(nonce) != NONCE_BYTES or not 0 <= seconds <= SECONDS_MAX:
        raise Invalid(f"a login by time has a nonce of {NONCE_BYTES} bytes and a time in seconds since 1970")
    fields = {
        "server": server,
        "server key": server_key.hex(),
        "key": key.hex(),
        "nonce": nonce.hex(),
        "time": str(seconds),
    }
    return compose(ONE_SHOT_TITLE, fields)


def utc_time(seconds: int) -> str:
    """Seconds since the epoch as 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise Invalid(f"this is no {_WHAT}") from error
