"""Content-Disposition (RFC 6266): under which name a browser keeps what it is sent."""

from __future__ import annotations

from urllib.parse import quote

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !#$&+-.^_`|~()[]{}@=,'")


def attachment(file_name: str) -> str:
    """The value of the header for something to be kept under this name, whatever characters it has.

    filename is for programs of old, with '_' for what they may not understand; filename* is exact (RFC 8187).
    """
    plain = "".join(character if character in _PLAIN else "_" for character in file_name)
    value = f'attachment; filename="{plain}"'
    return value if plain == file_name else f"{value}; filename*=UTF-8''{quote(file_name, safe='')}"
