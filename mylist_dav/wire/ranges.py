"""Range requests (RFC 9110, 14): reading Range, and framing several ranges as multipart/byteranges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from mylist_dav.errors import RangeNotSatisfiable
from mylist_dav.wire.messages import Piece

RANGES_GIVEN_MAX = 64
RANGES_SENT_MAX = 16
HEADER_CHARS_MAX = 4096

_SPEC = re.compile(r"([0-9]{1,20})-([0-9]{0,20})|-([0-9]{1,20})")


class ByteRange(NamedTuple):
    """length bytes from offset on; length is at least 1."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """One past the last byte."""
        return self.offset + self.length

    def content_range(self, size_bytes: int) -> str:
        """The value of Content-Range (RFC 9110, 14.4)."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{size_bytes}"


def parse_range(header: str, size_bytes: int) -> tuple[ByteRange, ...] | None:
    """The ranges to send of so many bytes, or None to send all of them (RFC 9110, 14.1 and 14.2).

    None for another unit than bytes, a malformed header, one that begins after its end, more than 64 ranges
    given, or more than 16 left. Ranges that overlap or touch become one, at the place of the first of them
    (15.3.7.2); those that cannot be satisfied are dropped. Raises RangeNotSatisfiable when none is left.
    """
    unit, equals, specs = header[: HEADER_CHARS_MAX + 1].partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes" or len(header) > HEADER_CHARS_MAX:
        return None
    elements = [element for part in specs.split(",") if (element := part.strip(" \t"))]
    if not elements or len(elements) > RANGES_GIVEN_MAX:
        return None
    asked = []
    for element in elements:
        bounds = _bounds(element, size_bytes)
        if bounds is None:
            return None
        asked.append(bounds)
    if size_bytes == 0 and any(element.startswith("-") and element.strip("-0") for element in elements):
        return None  # the last bytes of nothing are all of it (14.1.2), and Content-Range cannot say so
    satisfiable = [ByteRange(first, end - first) for first, end in asked if first < end]
    if not satisfiable:
        raise RangeNotSatisfiable(size_bytes)
    ranges = _coalesce(satisfiable) if len(satisfiable) > 1 else tuple(satisfiable)
    return ranges if len(ranges) <= RANGES_SENT_MAX else None


def _bounds(element: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and one past the last of one range-spec, cut to the size; None if malformed."""
    found = _SPEC.fullmatch(element)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return max(size_bytes - int(suffix), 0), size_bytes
    begin = int(first)
    if not last:
        return begin, size_bytes
    end = int(last) + 1
    return (begin, min(end, size_bytes)) if begin < end else None


def _coalesce(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    """Join what overlaps or touches; the order is that of the first members."""
    by_offset = sorted(enumerate(ranges), key=lambda pair: pair[1])
    joined: list[tuple[int, ByteRange]] = [by_offset[0]]
    for place, one in by_offset[1:]:
        earlier_place, earlier = joined[-1]
        if one.offset <= earlier.end:
            length = max(earlier.end, one.end) - earlier.offset
            joined[-1] = min(place, earlier_place), ByteRange(earlier.offset, length)
        else:
            joined.append((place, one))
    return tuple(one for _, one in sorted(joined))


class Multipart(NamedTuple):
    """A multipart/byteranges body (RFC 9110, 14.6). boundary must not occur in the content."""

    boundary: str
    content_type: str
    size_bytes: int
    ranges: tuple[ByteRange, ...]

    @property
    def media_type(self) -> str:
        return f"multipart/byteranges; boundary={self.boundary}"

    def heading(self, one: ByteRange) -> bytes:
        """What stands before the bytes of one range."""
        return (
            f"\r\n--{self.boundary}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Range: {one.content_range(self.size_bytes)}\r\n\r\n"
        ).encode("latin-1")

    def closing(self) -> bytes:
        """What stands after the last range."""
        return f"\r\n--{self.boundary}--\r\n".encode("latin-1")

    def length_bytes(self) -> int:
        """The length of the whole body."""
        parts = sum(len(self.heading(one)) + one.length for one in self.ranges)
        return parts + len(self.closing())

    def body(self, pieces: Callable[[int, int], Iterable[Piece]]) -> Iterator[Piece]:
        """The body, piece by piece; pieces(offset, length) gives the bytes of a range."""
        for one in self.ranges:
            yield self.heading(one)
            yield from pieces(one.offset, one.length)
        yield self.closing()
