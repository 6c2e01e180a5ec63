"""The Authorization header: bearer tokens (RFC 6750), Basic (RFC 7617). Reads credentials, never judges them."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from mylist_dav.wire.messages import Request

CREDENTIALS_CHARS_MAX = 4096

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Bearer(NamedTuple):
    """A token."""

    token: str

    def __repr__(self) -> str:
        return "Bearer(…)"


class Basic(NamedTuple):
    """An account and a password, which here is a token as well. Either may be empty."""

    account: str
    password: str

    def __repr__(self) -> str:
        return f"Basic({self.account!r}, …)"


@lru_cache(maxsize=1024)
def is_this_machine(client: str) -> bool:
    """Whether an address is of this machine. What is no address is a local socket, or a test."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return True
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def sent_in_clear(request: Request) -> bool:
    """Whether the credentials of a request could be read on their way: plain HTTP from another machine."""
    return request.scheme == "http" and not is_this_machine(request.client)


def parse_authorization(value: str | None) -> Bearer | Basic | None:
    """The credentials of a request; None when there are none, or none that can be read here. Never raises.

    Another scheme, an empty token (Office sends that), bad Base64, control characters: all count as no
    credentials.
    """
    if value is None or len(value) > CREDENTIALS_CHARS_MAX:
        return None
    scheme, _, credentials = value.strip(" \t").partition(" ")
    credentials = credentials.strip(" \t")
    kind = scheme.lower()
    if kind == "bearer":
        return Bearer(credentials) if _TOKEN.fullmatch(credentials) else None
    return _parse_basic(credentials) if kind == "basic" else None


def _parse_basic(credentials: str) -> Basic | None:
    try:
        text = b64decode(credentials + "=" * (-len(credentials) % 4), validate=True).decode()
    except (Base64Error, ValueError):  # ValueError: not ASCII, or not UTF-8 once decoded
        return None
    account, colon, password = text.partition(":")
    return Basic(account, password) if colon and not _CONTROL.search(text) else None
