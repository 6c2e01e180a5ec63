"""Request targets and paths in URLs: splitting, decoding, quoting (RFC 9112, 3.2; RFC 3986, 2 and 3.3).

A path is decoded here and nowhere else: split at '/' first, then each segment by itself, once. What a
segment means (a name in a tree, a route) is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from mylist_dav.errors import Invalid, UriTooLong

TARGET_BYTES_MAX = 8000
"""RFC 9110, 4.1 asks for support of at least 8,000 octets."""

SAFE = "!$&'()*+,;=:@"
"""What stays as it is in a quoted name, beside letters, digits and - . _ ~ : just pchar (RFC 3986, 3.3).

Most clients decode an href before they compare it with what they asked for. Old GVfs compared it as text,
with upper-case %XX and no quoting of parentheses, and every client may send pchar as it is; so one spelling,
with the least quoting there can be, suits all. '&' and "'" are for whoever writes XML or HTML to escape.
"""

_NOT_IN_TARGET = re.compile(r"[^!-~]|#")
_NOT_IN_PATH = re.compile(r"[^!-~]|[#?]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)([^?#]*)(?:\?(.*))?")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@]*")
_PLAIN_QUERY = re.compile(r"[!$-~]*")


class Target(NamedTuple):
    """A request target in its parts, still encoded. authority: of the absolute form (it replaces Host), or None."""

    path: str
    query: str
    authority: str | None


class DecodedPath(NamedTuple):
    """The segments of a path, decoded, without the empty ones.

    directory: there was a trailing slash. empty_segments: somewhere there was '//'.
    encoded_slash: a name holds a '/' that was sent as %2F; it never separates, so no entry has such a name.
    """

    names: tuple[str, ...]
    directory: bool
    empty_segments: bool = False
    encoded_slash: bool = False


def split_target(target: str, limit_bytes: int = TARGET_BYTES_MAX) -> Target:
    """Split origin-form, absolute-form or '*' (RFC 9112, 3.2) into path and query, both as sent.

    Raises UriTooLong, and Invalid for the authority-form, for a fragment, and for what is no visible ASCII.
    """
    if len(target) > limit_bytes:
        raise UriTooLong(f"a request target may have {limit_bytes} bytes, and this one has {len(target)}")
    if _NOT_IN_TARGET.search(target):
        raise Invalid("the request target holds a character that must be percent-encoded")
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return Target(path, query, None)
    if target == "*":
        return Target("*", "", None)
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise Invalid("the request target is neither a path nor an absolute URL")
    return Target(found[2] or "/", found[3] or "", found[1])


def decode_path(target: str, limit_bytes: int = TARGET_BYTES_MAX) -> DecodedPath:
    """Decode an absolute path, percent-encoded and without query, into names.

    Raises UriTooLong, and Invalid for a relative path, a broken escape, NUL, what is not UTF-8, '.' and '..'
    in any spelling (RFC 3986, 5.2.4: nothing is resolved here), and raw characters that must be encoded.
    Backslashes are plain.
    """
    if len(target) > limit_bytes:
        raise UriTooLong(f"a path may have {limit_bytes} bytes, and this one has {len(target)}")
    if not target.startswith("/"):
        raise Invalid("a path begins with '/'")
    if _NOT_IN_PATH.search(target):
        raise Invalid("the path holds a character that must be percent-encoded")
    segments = target[1:].split("/")
    directory = not segments[-1]
    if directory:
        segments.pop()
    names = [segment for segment in segments if segment]
    empty_segments = len(names) != len(segments)
    if "%" in target:
        names = _decode(names, target)
    if "/." in target or "%" in target:
        _refuse_dots(names)
    encoded_slash = "%" in target and any("/" in name for name in names)
    return DecodedPath(tuple(names), directory, empty_segments, encoded_slash)


def _decode(segments: list[str], target: str) -> list[str]:
    if _BAD_ESCAPE.search(target):
        raise Invalid("the path holds a '%' that is not followed by two hex digits")
    try:
        names = [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError as error:
        raise Invalid("the path is not UTF-8 once it is decoded") from error
    if "%00" in target:
        raise Invalid("the path holds a NUL")
    return names


def _refuse_dots(names: list[str]) -> None:
    for name in names:
        if name[:1] == "." or "/" in name:
            for part in name.split("/"):
                if part in (".", ".."):
                    raise Invalid("the path holds a '.' or '..' segment")


def quote_name(name: str) -> str:
    """One name as a path segment: UTF-8, all but pchar as upper-case %XX. decode_path gives the name back."""
    return name if _PLAIN_NAME.fullmatch(name) else quote(name, safe=SAFE)


def quote_path(names: Iterable[str], directory: bool) -> str:
    """The canonical absolute path of these names; with a trailing slash for a directory. No names: '/'."""
    path = "/" + "/".join([quote_name(name) for name in names])
    return path + "/" if directory and len(path) > 1 else path


def relative_redirect(names: Iterable[str], directory: bool, query: str = "") -> str:
    """A Location on the same host: the canonical path of these names, and the query as it was sent.

    It adds or drops a trailing slash and collapses '//'. It has no scheme and no authority, and it never
    begins with '//' or '/\\', so it cannot lead to another host (RFC 3986, 4.2).
    """
    location = quote_path([name for name in names if name], directory)
    if not query:
        return location
    return f"{location}?{query if _PLAIN_QUERY.fullmatch(query) else quote(query, safe=SAFE + '/?%')}"
