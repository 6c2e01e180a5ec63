"""The other request headers of WebDAV (RFC 4918, 10): Depth, Overwrite, Timeout, Lock-Token, Destination."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from mylist_dav.errors import Invalid, Misdirected
from mylist_dav.wire.hosts import parse_host
from mylist_dav.wire.targets import TARGET_BYTES_MAX, DecodedPath, decode_path, split_target

_SECONDS = re.compile(r"second-([0-9]{1,20})", re.IGNORECASE)
_LOCK_TOKEN = re.compile(r"[!#-;=?-~]{1,1024}")
_TIMEOUT_CHARS_MAX = 1024


class Depth(StrEnum):
    """How far below its target a request reaches (RFC 4918, 10.2)."""

    ZERO = "0"
    ONE = "1"
    INFINITY = "infinity"


class Destination(NamedTuple):
    """Where COPY or MOVE puts things. path: decoded. foreign: on another host, for which the answer is 502."""

    path: DecodedPath
    foreign: bool


def parse_depth(value: str | None, default: Depth) -> Depth:
    """The Depth header, or default when there is none. Raises Invalid."""
    if value is None:
        return default
    try:
        return Depth(value.strip(" \t").lower())
    except ValueError as error:
        raise Invalid(f"{value[:40]!r} is no Depth: 0, 1 or infinity is expected") from error


def parse_overwrite(value: str | None) -> bool:
    """The Overwrite header; True when there is none (RFC 4918, 10.6). Raises Invalid."""
    letter = "T" if value is None else value.strip(" \t").upper()
    if letter not in ("T", "F"):
        raise Invalid("Overwrite is T or F")
    return letter == "T"


def parse_timeout(value: str | None, default_seconds: int, cap_seconds: int) -> int:
    """How long a lock shall last, 1 to cap_seconds: what Timeout asks for first that is understood.

    Infinite means cap_seconds; no header, or nothing understood in it, means default_seconds (RFC 4918, 10.7).
    """
    for choice in (value or "")[:_TIMEOUT_CHARS_MAX].split(","):
        wish = choice.strip(" \t")
        if wish.lower() == "infinite":
            return cap_seconds
        found = _SECONDS.fullmatch(wish)
        if found:
            return max(1, min(int(found[1]), cap_seconds))
    return min(default_seconds, cap_seconds)


def parse_lock_token(value: str | None) -> str:
    """The token of a Lock-Token header, without its brackets, which Windows leaves out. Raises Invalid."""
    if value is None:
        raise Invalid("UNLOCK needs a Lock-Token header")
    token = value.strip(" \t")
    if token.startswith("<") and token.endswith(">"):
        token = token[1:-1]
    if not _LOCK_TOKEN.fullmatch(token):
        raise Invalid("the Lock-Token header does not hold one token in angle brackets")
    return token


def parse_destination(value: str | None, host: str, limit_bytes: int = TARGET_BYTES_MAX) -> Destination:
    """The Destination header, an absolute URL or an absolute path, for a request to that host (Request.host).

    Split before it is decoded, so that %3F, %3B, %2F and %23 stay in names. The same host name with any port
    and scheme is this server: behind a proxy it knows neither. Raises Invalid, UriTooLong; also for a query,
    since it is nearly always a '?' of a name that was sent raw, and dropping it would write to another name.
    """
    if value is None:
        raise Invalid("COPY and MOVE need a Destination header")
    target = split_target(value.strip(" \t"), limit_bytes)
    if "?" in value:
        raise Invalid("a Destination is an absolute URL or path without a query; send %3F for a '?'")
    if target.authority is None and target.path.startswith("//"):
        raise Invalid("a Destination that is a path does not begin with '//' (RFC 3986, 3.3)")
    foreign = target.authority is not None and _host_of(target.authority) != host
    return Destination(decode_path(target.path, limit_bytes), foreign)


def _host_of(authority: str) -> str:
    """The host of an authority, whose user name, if there is one, is not looked at."""
    try:
        return parse_host([authority.rpartition("@")[2]])[0]
    except Misdirected as error:
        raise Invalid("the host of the Destination cannot be read") from error
