"""The one responder for GET and HEAD of file content, whichever way it is asked for.

It decides between 200, 206, 304, 412 and 416 and says which bytes to send; it reads none of them itself. The
plain 200 of a small file and the 304 run on an event loop, so they touch each header once and build nothing
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from mylist_dav.errors import NotAllowed, RangeNotSatisfiable
from mylist_dav.model.digest import Digest
from mylist_dav.wire.dates import http_date
from mylist_dav.wire.messages import Headers, Piece, Request, Response
from mylist_dav.wire.preconditions import Preconditions, Verdict, evaluate, preconditions_of, range_holds
from mylist_dav.wire.ranges import ByteRange, Multipart, parse_range

_ACCEPT_RANGES = ("Accept-Ranges", "bytes")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_PLAIN_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_OF_THE_BYTES = frozenset(
    f"content-{part}" for part in ("type", "encoding", "language", "disposition", "length", "range")
)
"""Fields of extra_headers that describe bytes which a 304 does not send (RFC 9110, 15.4.5)."""

_OF_THE_FILE = _OF_THE_BYTES | frozenset(
    ("cache-control", "expires", "etag", "last-modified", "content-location", "link")
)
"""Fields of extra_headers that do not belong to the text of a 412 or 416."""


class Representation(NamedTuple):
    """A file as it can be sent.

    etag: with its quotes; strong if it derives from a digest of just these bytes, else W/"...", or None.
    last_modified_s: since the epoch, not later than now (RFC 9110, 8.8.2.1), or None where there is no date.
    pieces(offset, length): that stretch of the bytes, in order; asked only within size_bytes, and only for a
    length of at least 1. small: all of the bytes, where they are at hand; then pieces is not called.
    """

    etag: str | None
    last_modified_s: int | None
    size_bytes: int
    content_type: str
    pieces: Callable[[int, int], Iterable[Piece]]
    small: bytes | None = None


def file_response(request: Request, representation: Representation, extra_headers: Headers) -> Response:
    """Answer GET or HEAD of a file (RFC 9110, 9.3.1, 13, 14). Raises NotAllowed for other methods.

    extra_headers: Cache-Control, Vary, Content-Location, security policy and the like, sent with 200 and
    206; a 304, 412 or 416 leaves out those that describe bytes it does not send. Content-Length is left to
    content_length of the answer, which is always set but for a 304; for HEAD it is the length that GET would
    give, over an empty body.
    """
    head = request.method == "HEAD"
    if not head and request.method != "GET":
        raise NotAllowed(f"{request.method} does not read a file")
    asked = preconditions_of(request.headers)
    if asked is None:
        return _whole(representation, extra_headers, head)
    verdict = evaluate(request.method, asked, representation.etag, representation.last_modified_s)
    if verdict is Verdict.NOT_MODIFIED:
        return _not_modified(representation, extra_headers)
    if verdict is Verdict.FAILED:
        return _refusal(412, "A condition of the request does not hold.\n", extra_headers, head)
    if head or asked.range is None:  # Range is defined for GET alone (RFC 9110, 14.2)
        return _whole(representation, extra_headers, head)
    return _ranged(representation, asked, asked.range, extra_headers)


def _ranged(whole: Representation, asked: Preconditions, range_text: str, extra_headers: Headers) -> Response:
    if not range_holds(asked.if_range, whole.etag, whole.last_modified_s):
        return _whole(whole, extra_headers, head=False)
    try:
        ranges = parse_range(range_text, whole.size_bytes)
    except RangeNotSatisfiable:
        response = _refusal(416, f"There are only {whole.size_bytes} bytes.\n", extra_headers, head=False)
        response.headers.append(("Content-Range", f"bytes */{whole.size_bytes}"))
        return response
    if ranges is None or (len(ranges) > 1 and not _names_its_bytes(whole.etag)):
        return _whole(whole, extra_headers, head=False)
    if len(ranges) == 1:
        return _one_range(whole, ranges[0], extra_headers)
    return _several_ranges(whole, ranges, extra_headers)


def _whole(whole: Representation, extra_headers: Headers, head: bool) -> Response:
    """200. Its headers are spelled out here, not built by steps: this is the path most requests take."""
    etag, last_modified_s, size_bytes, content_type, pieces, small = whole
    headers = [("Content-Type", content_type), _ACCEPT_RANGES, _NOSNIFF, *extra_headers]
    if etag is not None:
        headers.append(("ETag", etag))
    if last_modified_s is not None:
        headers.append(("Last-Modified", http_date(last_modified_s)))
    if head or not size_bytes:
        return Response(200, headers, b"", size_bytes)
    return Response(200, headers, pieces(0, size_bytes) if small is None else small, size_bytes)


def _not_modified(whole: Representation, extra_headers: Headers) -> Response:
    headers = [field for field in extra_headers if field[0].lower() not in _OF_THE_BYTES]
    if whole.etag is not None:
        headers.append(("ETag", whole.etag))
    if whole.last_modified_s is not None:
        headers.append(("Last-Modified", http_date(whole.last_modified_s)))
    return Response(304, headers)


def _refusal(status: int, text: str, extra_headers: Headers, head: bool) -> Response:
    """412 or 416, in plain words, with the policy headers of the file but nothing that describes it."""
    headers = [_PLAIN_TEXT, _NOSNIFF]
    headers += [field for field in extra_headers if field[0].lower() not in _OF_THE_FILE]
    body = text.encode()
    return Response(status, headers, b"" if head else body, len(body))


def _one_range(whole: Representation, one: ByteRange, extra_headers: Headers) -> Response:
    response = _whole(whole, extra_headers, head=True)
    response.status = 206
    response.headers.append(("Content-Range", one.content_range(whole.size_bytes)))
    response.body = _stretch(whole, one.offset, one.length)
    response.content_length = one.length
    return response


def _several_ranges(whole: Representation, ranges: tuple[ByteRange, ...], extra_headers: Headers) -> Response:
    parts = Multipart(_boundary(whole, ranges), whole.content_type, whole.size_bytes, ranges)
    response = _whole(whole._replace(content_type=parts.media_type), extra_headers, head=True)
    response.status = 206
    response.body = parts.body(lambda offset, length: _as_pieces(_stretch(whole, offset, length)))
    response.content_length = parts.length_bytes()
    return response


def _names_its_bytes(etag: str | None) -> bool:
    """Whether the tag is strong. Only then are several ranges sent: their boundary must be one nobody can foresee."""
    return etag is not None and etag.startswith('"')


def _boundary(whole: Representation, ranges: tuple[ByteRange, ...]) -> str:
    """A boundary that is not in the content: it derives from the strong tag, and that from the content's digest."""
    return str(Digest.of(repr((whole.etag, whole.size_bytes, ranges)).encode()))[:40]


def _stretch(whole: Representation, offset: int, length: int) -> bytes | Iterable[Piece]:
    if whole.small is not None:
        return whole.small[offset : offset + length]
    return whole.pieces(offset, length)


def _as_pieces(body: bytes | Iterable[Piece]) -> Iterable[Piece]:
    return (body,) if isinstance(body, bytes) else body
