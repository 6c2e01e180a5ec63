"""tar to members, as a stream: ustar and older, PAX (POSIX.1-2001), GNU long names and large numbers.

Strict where silence would lose files: a damaged header or a missing end mark is an error, not the end. The tarfile of
the standard library stops quietly at both, and keeps every member in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mylist_dav.errors import BadArchive, Incomplete
from mylist_dav.model.archives.members import (
    Count,
    Found,
    Limits,
    Member,
    Pieces,
    checked_target,
    checked_time,
    member_path,
    refused,
)
from mylist_dav.model.archives.streams import PIECE_BYTES, ByteReader, Read, is_old_tar
from mylist_dav.model.archives.tar_out import BLOCK
from mylist_dav.model.entries import SYMLINK_MODE, Kind

META_BYTES_MAX = 1024 * 1024
META_IN_A_ROW_MAX = 8
TAIL_BYTES_MAX = 64 * 1024 * 1024
"""What may follow the end mark: padding, at most the largest record that tar writes."""

_NANOSECONDS = 1_000_000_000
_DECIMAL = re.compile(r"(-?)(\d{1,20})(?:\.(\d*))?")
FILES = (b"0", b"\0", b"7")
_SPECIAL = {b"3": "a character device", b"4": "a block device", b"6": "a FIFO"}
_SPARSE = "it is sparse; make the archive without --sparse"
_ODD = {b"S": _SPARSE, b"M": "it is continued from another volume", b"N": "its kind is obsolete"}


class Header(NamedTuple):
    """One header block, its numbers read, its names still bytes."""

    name: bytes
    mode: int
    size_bytes: int
    mtime_s: int
    type: bytes
    link: bytes


def read_tar(read: Read, limits: Limits) -> Found:
    """The members of a tar stream. Raises BadArchive, Incomplete, LimitExceeded, naming the member."""
    return _Tar(ByteReader(read), limits).members()


class _Tar:
    def __init__(self, stream: ByteReader, limits: Limits) -> None:
        self._stream = stream
        self._count = Count(limits)
        self._defaults: dict[str, str] = {}
        self._last = "the first member"

    def members(self) -> Found:
        while (found := self._next()) is not None:
            header, extra = found
            name = self._name(header, extra)
            self._last = name
            size_bytes = self._size(name, header, extra)
            member = self._member(name, size_bytes, header, extra)
            self._count.member(name, member.size_bytes)
            pieces = self._pieces(name, member.size_bytes)
            yield member, pieces
            for _ in pieces:
                pass
        self._drain()

    # -- headers -----------------------------------------------------------------------------------------------

    def _next(self) -> tuple[Header, dict[str, str]] | None:
        """The next header that stands for a member, with its extended records; None at the end mark."""
        extra: dict[str, str] = {}
        for _ in range(META_IN_A_ROW_MAX):
            block = self._block()
            if block is None:
                return None
            header = read_header(block, self._last)
            if header.type in b"xX":
                extra.update(read_records(self._meta(header), self._last))
            elif header.type == b"g":
                self._defaults.update(read_records(self._meta(header), self._last))
            elif header.type == b"L":
                extra["path"] = self._long_name(header)
            elif header.type == b"K":
                extra["linkpath"] = self._long_name(header)
            elif header.type == b"V":
                self._meta(header)
            else:
                return header, {**self._defaults, **extra} if self._defaults else extra
        raise BadArchive(f"there are too many extended headers in a row after {self._last}")

    def _block(self) -> bytes | None:
        """A header block; None for the end mark, a block of zeros."""
        block = self._stream.take(BLOCK)
        if len(block) < BLOCK:
            raise Incomplete(f"the archive is cut off after {self._last}: its end mark is missing")
        return block if block[0] or any(block) else None

    def _meta(self, header: Header) -> bytes:
        size_bytes = header.size_bytes
        if not 0 <= size_bytes <= META_BYTES_MAX:
            raise BadArchive(f"an extended header after {self._last} has {size_bytes} bytes")
        content = self._stream.take(size_bytes + -size_bytes % BLOCK)
        if len(content) < size_bytes + -size_bytes % BLOCK:
            raise Incomplete(f"the archive is cut off after {self._last}")
        return content[:size_bytes]

    def _long_name(self, header: Header) -> str:
        return as_text(self._meta(header).rstrip(b"\0"))

    def _name(self, header: Header, extra: dict[str, str]) -> str:
        return extra["path"] if "path" in extra else as_text(header.name)

    def _size(self, name: str, header: Header, extra: dict[str, str]) -> int:
        text = extra.get("size")
        if text is None:
            size_bytes = header.size_bytes
        elif text.isascii() and text.isdigit() and len(text) < 20:
            size_bytes = int(text)
        else:
            raise refused(name, "its size is not a number")
        if size_bytes < 0:
            raise refused(name, "its size is negative")
        return size_bytes

    # -- members -----------------------------------------------------------------------------------------------

    def _member(self, name: str, size_bytes: int, header: Header, extra: dict[str, str]) -> Member:
        if header.type in _SPECIAL:
            raise refused(name, f"it is {_SPECIAL[header.type]}, and those are not kept")
        if header.type in _ODD or any(key.startswith("GNU.sparse.") for key in extra):
            raise refused(name, _ODD.get(header.type, _SPARSE))
        mtime_ns = _time(name, header, extra)
        mode = header.mode & 0o7777
        path = member_path(name)
        if header.type == b"5" or (header.type in FILES and name.endswith("/")):
            return Member(name, path, Kind.DIRECTORY, mode, mtime_ns)
        if header.type == b"D":
            return Member(name, path, Kind.DIRECTORY, mode, mtime_ns, size_bytes)
        if not path:
            raise refused(name, "only a folder may have this name")
        if header.type in FILES:
            return Member(name, path, Kind.FILE, mode, mtime_ns, size_bytes)
        link = extra["linkpath"] if "linkpath" in extra else as_text(header.link)
        if header.type == b"2":
            return Member(name, path, Kind.SYMLINK, SYMLINK_MODE, mtime_ns, 0, checked_target(name, link))
        if header.type == b"1":
            return Member(name, path, None, mode, mtime_ns, 0, None, member_path(link))
        raise refused(name, f"a member of type {header.type!r} is not known")

    def _pieces(self, name: str, size_bytes: int) -> Pieces:
        """The content; what is not read by the caller is skipped when the next member is asked for."""
        left = size_bytes
        while left:
            piece = self._stream.take(min(left, PIECE_BYTES))
            if not piece:
                break
            left -= len(piece)
            self._count.read(name, len(piece))
            yield piece
        if left or len(self._stream.take(-size_bytes % BLOCK)) < -size_bytes % BLOCK:
            raise Incomplete(f"the archive is cut off inside of {name}")

    def _drain(self) -> None:
        """Read to the end of the stream, so that checksums of what packs it are checked too."""
        seen = 0
        while piece := self._stream.read(PIECE_BYTES):
            seen += len(piece)
            if seen > TAIL_BYTES_MAX:
                raise BadArchive(f"more than {TAIL_BYTES_MAX} bytes follow the end of the archive")


def read_header(block: bytes, last: str) -> Header:
    """Read a header block. Raises BadArchive unless its checksum holds."""
    if not is_old_tar(block) and not _signed_sum_holds(block):
        raise BadArchive(f"the archive is damaged after {last}: there is no header where one is expected")
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return Header(
        name,
        _number(block[100:108], last),
        _number(block[124:136], last),
        _number(block[136:148], last),
        block[156:157],
        block[157:257].split(b"\0", 1)[0],
    )


def _signed_sum_holds(block: bytes) -> bool:
    """Some old writers summed the bytes as signed ones."""
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 256
    digits = block[148:156].strip(b" \0")
    return digits.isdigit() and b"8" not in digits and b"9" not in digits and int(digits, 8) == signed


def _number(field: bytes, last: str) -> int:
    """An octal number, or a base-256 one as GNU writes what is too large or negative; nothing counts as 0."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise BadArchive(f"the archive is damaged after {last}: a header holds {digits[:12]!r} as a number")
    return int(digits, 8)


def read_records(content: bytes, last: str) -> Iterator[tuple[str, str]]:
    """The records of an extended header: '<length> <key>=<value>\\n'. Raises BadArchive."""
    at = 0
    while at < len(content) and content[at]:
        space = content.find(b" ", at, at + 8)
        digits = content[at : max(space, at)]
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not space + 1 < end <= len(content) or content[end - 1 : end] != b"\n" or not equals:
            raise BadArchive(f"an extended header after {last} is damaged")
        yield key.decode("utf-8", "replace"), as_text(value)
        at = end


def as_text(name: bytes) -> str:
    """A name as text. What is not UTF-8 becomes lone surrogates, which no entry may have: refused later."""
    return name.decode("utf-8", "surrogateescape")


def _time(name: str, header: Header, extra: dict[str, str]) -> int:
    text = extra.get("mtime")
    if text is None:
        return checked_time(name, header.mtime_s * _NANOSECONDS)
    match = _DECIMAL.fullmatch(text)
    if not match:
        raise refused(name, "its time of modification is not a number")
    sign, seconds, fraction = match.groups(default="")
    nanoseconds = int(seconds) * _NANOSECONDS + int(fraction[:9].ljust(9, "0"))
    return checked_time(name, -nanoseconds if sign else nanoseconds)
