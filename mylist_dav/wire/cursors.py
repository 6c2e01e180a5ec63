"""Cursors: where a list goes on. Opaque to whoever gets one; they hold the key of the last row, and no right."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from mylist_dav.errors import Invalid

Key = str | int


def cursor(*key: Key) -> str:
    """The text that read_cursor gives the key back for."""
    return (
        urlsafe_b64encode(json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
    )


def read_cursor(text: str, *kinds: type[Key]) -> tuple[Key, ...]:
    """The key of a cursor, which must have these types. Raises Invalid for whatever no list has given out."""
    try:
        found = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise Invalid("'after' is not what a page of this list gave as 'next'") from error
    fits = isinstance(found, list) and [type(part) for part in found] == list(kinds)
    if not fits or any(isinstance(part, int) and abs(part) >= 2**63 for part in found):
        raise Invalid("'after' is not what a page of this list gave as 'next'")
    return tuple(found)
