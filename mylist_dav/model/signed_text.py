"""Texts that are signed with a key: a title that says what for, then lines `name: value`, the last one a mac.

Lines are joined by single line feeds; there is none at the end; all is ASCII. Each kind has a title of its own, so that
no signature made for one is good for another. The server knows its own texts by the mac, and keeps none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mylist_dav.errors import Invalid

TEXT_CHARS_MAX = 1024
HEX_32 = "[0-9a-f]{64}"


def compose(title: str, fields: Mapping[str, str], mac: bytes = b"") -> str:
    """The text; with its last line, when the mac is known."""
    lines = [title, *(f"{name}: {value}" for name, value in fields.items())]
    return "\n".join([*lines, f"mac: {mac.hex()}"] if mac else lines)


def parse(text: str, title: str, patterns: Mapping[str, str], what: str) -> tuple[dict[str, str], bytes]:
    """The values of a text by their names, and its mac. patterns: a regular expression for each value, in order.

    Raises Invalid, which says that it is not `what`, for a text that differs in anything.
    """
    lines = [f"{name}: ({pattern})" for name, pattern in patterns.items()]
    if len(text) <= TEXT_CHARS_MAX and text.startswith(f"{title}\n"):
        found = re.fullmatch("\n".join([*lines, f"mac: ({HEX_32})"]), text[len(title) + 1 :])
        if found is not None:
            *values, mac = found.groups()
            return dict(zip(patterns, values, strict=True)), bytes.fromhex(mac)
    raise Invalid(f"this is no {what}")
