"""Header sections, in and out: the checks every engine makes of a request, and the bytes of a response.

What is refused here is refused because two parties on the way could read it in two ways (RFC 9112, 11.2).
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from mylist_dav.errors import HeadersTooLarge, Invalid, MylistError, Unsupported
from mylist_dav.outcomes import outcome
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.wire.hosts import parse_host
from mylist_dav.wire.messages import Headers, Request, Response
from mylist_dav.wire.targets import Target, split_target

ONE_WRITE_BYTES = 64 * 1024
"""Up to this a piece of a body is joined with its header section: one copy is cheaper than a second write."""
_SERVER_NAME = b"mylist-dav"
_LENGTH_DIGITS_MAX = 18
_REMEMBERED_CHARS = 300
"""Targets and hosts up to this are worth remembering (less than a MiB in all); well below every limit on them."""
_WATCHED = frozenset(("host", "content-length", "transfer-encoding"))
_BODYLESS = frozenset((204, 304))

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def request_of(
    method: str, target: str, version: str, headers: Headers, client: str, scheme: str, limits: EngineLimits
) -> Request:
    """The request of a header section that a parser has accepted. Names in headers are in lower case.

    Raises Invalid, Misdirected, Unsupported, UriTooLong, HeadersTooLarge: the connection cannot go on after these.
    """
    if method == "CONNECT":
        raise Unsupported("this server is no proxy: CONNECT is not offered")
    if len(headers) > limits.header_fields:
        raise HeadersTooLarge(f"a request may have {limits.header_fields} header fields")
    hosts: list[str] = []
    lengths: list[str] = []
    codings: list[str] = []
    for name, value in headers:
        if name in _WATCHED:
            (hosts if name == "host" else lengths if name == "content-length" else codings).append(value)
    if len(target) <= _REMEMBERED_CHARS:
        path, query, authority = _split_short(target)
    else:
        path, query, authority = split_target(target, limits.target_bytes)
    if path == "*":
        path = _whole_server(method)
    host, named = _site(hosts, authority, version)
    content_length, has_body = None, False
    if lengths or codings:
        content_length, has_body = _framing(lengths, codings, version)
    return Request(
        method, path, query, headers, host, named, scheme, version, client, "", content_length, has_body
    )


@lru_cache(maxsize=2048)
def _split_short(target: str) -> Target:
    """The same targets come again and again; what raises is not kept."""
    return split_target(target)


@lru_cache(maxsize=1024)
def _one_host(value: str) -> tuple[str, str]:
    return parse_host([value])


def _whole_server(method: str) -> str:
    """OPTIONS * asks about the server as a whole (RFC 9110, 9.3.7): answered like its root."""
    if method != "OPTIONS":
        raise Invalid("the target '*' is for OPTIONS only")
    return "/"


def _site(hosts: list[str], authority: str | None, version: str) -> tuple[str, str]:
    """Host and authority. An absolute target replaces Host, which must be well formed all the same."""
    if version == "1.0" and not hosts and authority is None:
        return "", ""  # RFC 9112, 3.2 asks for Host from HTTP/1.1 on
    if version == "1.0" and not hosts and authority is not None:
        return parse_host([authority])
    site = (
        _one_host(hosts[0]) if len(hosts) == 1 and len(hosts[0]) <= _REMEMBERED_CHARS else parse_host(hosts)
    )
    return site if authority is None else parse_host([authority])


def _framing(lengths: list[str], codings: list[str], version: str) -> tuple[int | None, bool]:
    """(content_length, has_body) by RFC 9112, 6.3; stricter where that leaves a choice."""
    if codings:
        if lengths:
            raise Invalid("a request has Content-Length or Transfer-Encoding, never both")
        if version == "1.0":
            raise Invalid("HTTP/1.0 knows no Transfer-Encoding")
        if len(codings) != 1 or codings[0].strip(" \t").lower() != "chunked":
            raise Unsupported("the only Transfer-Encoding understood here is chunked")
        return None, True
    if len(lengths) != 1:
        raise Invalid("a request has at most one Content-Length")
    digits = lengths[0].strip(" \t")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LENGTH_DIGITS_MAX):
        raise Invalid("Content-Length is not a number of bytes")
    length = int(digits)
    return length, length > 0


class Framing(NamedTuple):
    """How the body of a response goes out. length: known size, or None. body: whether any of it is sent at all."""

    length: int | None
    body: bool


def framing_of(request: Request, response: Response) -> Framing:
    """What RFC 9110, 6.4 allows this response to carry. HEAD tells the length of what GET would send."""
    if response.status in _BODYLESS or response.status < 200:
        return Framing(None, False)
    length = response.content_length
    if isinstance(response.body, bytes) and length is None and (response.body or request.method != "HEAD"):
        length = len(response.body)
    return Framing(length, request.method != "HEAD")


def encode_headers(headers: Headers) -> bytes:
    """The lines of these fields. Raises ValueError for a field that would break its line (response splitting)."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    count = len(headers)
    if text.count("\n") != count or text.count("\r") != count or "\0" in text:
        raise ValueError("a header field holds a line break or NUL")
    return text.encode("latin-1")


def date_lines(date: bytes) -> bytes:
    """The fields that every response has: Date, which is given here, and Server."""
    return b"Date: %b\r\nServer: %b\r\n" % (date, _SERVER_NAME)


def head_bytes(
    request: Request, response: Response, framing: Framing, dated: bytes, close: bool, known: bool = False
) -> bytes:
    """The header section of a response, with X-Request-Id if the request has one.

    dated: what date_lines gave. known: the response may be given again. Raises ValueError as encode_headers does.
    """
    http_10 = request.http_version == "1.0"
    fields = response.encoded
    if fields is None:
        fields = encode_headers(response.headers)
        if known:
            response.encoded = fields
    if request.request_id:
        dated = b"X-Request-Id: %b\r\n%b" % (request.request_id.encode(), dated)
    if framing.length is not None:
        size = b"Content-Length: %d\r\n" % framing.length
    elif framing.body and not http_10:
        size = b"Transfer-Encoding: chunked\r\n"
    else:
        size = b""
    keep = (
        b"Connection: close\r\n\r\n" if close else b"Connection: keep-alive\r\n\r\n" if http_10 else b"\r\n"
    )
    return b"".join((_status_line(response.status), fields, dated, size, keep))


def _status_line(status: int) -> bytes:
    """The first line of a response; the phrase is empty for a code without one."""
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode()


def plain_refusal(error: MylistError, status: int | None = None) -> Response:
    """An answer to what never became a request, so that no front end can be asked to render it."""
    text = f"{error}\n".encode()
    code = status or outcome(error).http
    return Response(code, [("Content-Type", "text/plain; charset=utf-8")], text, close=True)
