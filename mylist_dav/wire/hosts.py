"""The Host header (RFC 9110, 7.2; RFC 9112, 3.2): which site a request is for. Knows no list of hosts."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from mylist_dav.errors import Misdirected

AUTHORITY_CHARS_MAX = 262
"""253 for a name, a final dot, a colon and a port with some leading zeros."""

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{0,7}))?")
_PORT_MAX = 65535


def parse_host(values: list[str]) -> tuple[str, str]:
    """(host, authority) from all Host lines of one request, or from the authority of an absolute-form target.

    host: lower-case, without port and final dot; an IPv6 address keeps its brackets. authority: as sent.
    Raises Misdirected unless there is exactly one line and it is a name or address with an optional port.
    """
    if len(values) != 1:
        raise Misdirected(
            "a request has exactly one Host header" + (", this one has several" if values else "")
        )
    authority = values[0].strip(" \t")
    if len(authority) > AUTHORITY_CHARS_MAX:
        raise Misdirected(f"a Host header may have {AUTHORITY_CHARS_MAX} characters, and this one has more")
    return _host(authority), authority


@lru_cache(maxsize=1024)
def _host(authority: str) -> str:
    """The host of an authority of bounded length (RFC 3986, 3.2), without percent-encoding, user or zone."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found["port"] or 0) > _PORT_MAX:
        raise Misdirected(f"{authority[:80]!r} is not a host name or address with an optional port")
    host = found["host"].lower()
    if host.startswith("["):
        _check_address(host)
        return host
    if ".." in host or host.startswith("."):
        raise Misdirected(f"{authority[:80]!r} is not a host name: a part of it is empty")
    return host.removesuffix(".")


def _check_address(bracketed: str) -> None:
    try:
        IPv6Address(bracketed[1:-1])
    except AddressValueError as error:
        raise Misdirected(f"{bracketed!r} is not an IPv6 address") from error
