"""zip to members: the central directory is read along with the contents, so that memory does not grow with it.

Understood: stored and deflated members, zip64, UTF-8 names (flag, Unicode path extra, or as Unix programs write them),
Unix modes and symlinks, the time extras 0x5455 and NTFS. What both headers of a member say must agree: programs that
believe different ones would see different archives.
"""

from __future__ import annotations

import datetime
import os
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from mylist_dav.errors import BadArchive
from mylist_dav.model.archives.members import (
    Count,
    Found,
    Limits,
    Member,
    Pieces,
    checked_target,
    checked_time,
    kind_of_mode,
    member_path,
    refused,
)
from mylist_dav.model.archives.streams import INPUT_BYTES, PIECE_BYTES, ByteReader, Seekable
from mylist_dav.model.entries import SYMLINK_MODE, Kind
from mylist_dav.model.paths import PATH_BYTES_MAX

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_COMMENT_BYTES_MAX = 65_535
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8 = 0x0800
_STORED, _DEFLATED = 0, 8
_UNIX, _MACOS = 3, 19
_BACKSLASHED = frozenset({0, 10, 11, 14})  # systems whose programs have been seen to write '\\' between names
_FOLDER_ATTRIBUTE = 0x10
_NTFS_EPOCH_NS = 11_644_473_600 * 1_000_000_000
_FULL = 0xFFFFFFFF


class _Directory(NamedTuple):
    """Where the central directory lies; shift: bytes in front of the archive, to be added to every offset."""

    offset: int
    members: int
    shift: int


class _Central(NamedTuple):
    """A member as the central directory has it. raw_name: its bytes."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    offset: int
    system: int
    attributes: int
    mtime_ns: int | None


def read_zip(file: Seekable, limits: Limits) -> Found:
    """The members of a zip archive in a file that can seek. Raises BadArchive, LimitExceeded, naming the member."""
    return _Zip(file, limits).members()


class _Zip:
    def __init__(self, file: Seekable, limits: Limits) -> None:
        self._file = file
        self._count = Count(limits)
        self._packed_bytes = 0

    def members(self) -> Found:
        directory = _find_directory(self._file)
        for central in self._centrals(directory):
            member = self._member(central)
            self._count.member(central.name, central.size_bytes)
            pieces = self._pieces(central, directory)
            if member.kind is Kind.SYMLINK:
                member = member._replace(target=_target(central, pieces))
            elif member.kind is Kind.DIRECTORY and central.size_bytes:
                raise refused(central.name, "it is a folder with a content")
            yield member, pieces
            for _ in pieces:
                pass

    def _centrals(self, directory: _Directory) -> Iterator[_Central]:
        """The records of the central directory, read piece by piece between the contents."""
        at = directory.offset

        def read(count: int) -> bytes:
            nonlocal at
            self._file.seek(at)
            piece = self._file.read(count)
            at += len(piece)
            return piece

        stream = ByteReader(read)
        for number in range(directory.members):
            head = stream.take(_CENTRAL.size)
            if len(head) < _CENTRAL.size or head[:4] != b"PK\x01\x02":
                raise BadArchive(
                    f"the central directory of the zip archive is damaged at member {number + 1}"
                )
            fields = _CENTRAL.unpack(head)
            rest = stream.take(sum(fields[12:15]))
            yield _central(fields, rest, directory.shift)

    def _member(self, central: _Central) -> Member:
        name = central.name
        if central.flags & _ENCRYPTED:
            raise refused(name, "it is encrypted")
        if central.method not in (_STORED, _DEFLATED):
            raise refused(
                name, f"it is compressed by method {central.method}; only stored and deflated are read"
            )
        unix_mode = central.attributes >> 16 if central.system in (_UNIX, _MACOS) else 0
        kind = kind_of_mode(name, unix_mode)
        mode: int | None = unix_mode & 0o7777 if unix_mode else None
        if name.endswith("/") or (not unix_mode and central.attributes & _FOLDER_ATTRIBUTE):
            kind = Kind.DIRECTORY
        path = member_path(name)
        if not path and kind is not Kind.DIRECTORY:
            raise refused(name, "only a folder may have this name")
        if kind is Kind.SYMLINK:
            mode = SYMLINK_MODE
        size_bytes = central.size_bytes if kind is Kind.FILE else 0
        return Member(name, path, kind, mode, central.mtime_ns, size_bytes)

    # -- contents ----------------------------------------------------------------------------------------------

    def _pieces(self, central: _Central, directory: _Directory) -> Pieces:
        """The content, its size and checksum verified; what the caller does not read is read after all."""
        start = self._start(central)
        if start + central.packed_bytes > directory.offset:
            raise refused(central.name, "its content lies outside of the archive")
        self._packed_bytes += central.packed_bytes
        if self._packed_bytes > directory.offset:
            raise refused(central.name, "it shares its content with other members")
        packed = self._packed(central, start)
        crc = size_bytes = 0
        for piece in packed if central.method == _STORED else _inflated(central.name, packed):
            size_bytes += len(piece)
            if size_bytes > central.size_bytes:
                raise refused(
                    central.name, f"it is larger than the {central.size_bytes} bytes that it declares"
                )
            crc = zlib.crc32(piece, crc)
            self._count.read(central.name, len(piece))
            yield piece
        if size_bytes != central.size_bytes or crc != central.crc:
            raise refused(central.name, "its content does not match its size and checksum")

    def _start(self, central: _Central) -> int:
        """Where the content begins, after the local header, which must be of the same name."""
        self._file.seek(central.offset)
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            raise refused(central.name, "the archive is damaged where it should begin")
        fields = _LOCAL.unpack(head)
        name_bytes, extra_bytes = int(fields[-2]), int(fields[-1])
        if self._file.read(name_bytes) != central.raw_name or fields[4] != central.method:
            raise refused(central.name, "its two headers do not agree")
        return central.offset + _LOCAL.size + name_bytes + extra_bytes

    def _packed(self, central: _Central, start: int) -> Pieces:
        at, end = start, start + central.packed_bytes
        while at < end:
            self._file.seek(at)
            piece = self._file.read(min(INPUT_BYTES, end - at))
            if not piece:
                raise refused(central.name, "the archive is cut off inside of it")
            at += len(piece)
            yield piece


def _inflated(name: str, packed: Pieces) -> Pieces:
    unpacker = zlib.decompressobj(wbits=-15)
    for waiting in packed:
        while waiting:
            try:
                piece = unpacker.decompress(waiting, PIECE_BYTES)
            except zlib.error as error:
                raise refused(name, "its compressed content is damaged") from error
            waiting = unpacker.unconsumed_tail
            if piece:
                yield piece
    while not unpacker.eof and (piece := unpacker.decompress(b"", PIECE_BYTES)):
        yield piece
    if not unpacker.eof:
        raise refused(name, "its compressed content is cut off")


def _target(central: _Central, pieces: Pieces) -> str:
    if central.size_bytes > PATH_BYTES_MAX:
        raise refused(central.name, f"the target of a symlink may have {PATH_BYTES_MAX} bytes")
    try:
        return checked_target(central.name, b"".join(pieces).decode())
    except UnicodeDecodeError as error:
        raise refused(central.name, "the target of the symlink is not valid Unicode") from error


# -- the central directory -------------------------------------------------------------------------------------


def _find_directory(file: Seekable) -> _Directory:
    """Read the end record, and that of zip64 where it is needed. Raises BadArchive."""
    size_bytes = file.seek(0, os.SEEK_END)
    tail_offset = max(0, size_bytes - _COMMENT_BYTES_MAX - _END.size)
    file.seek(tail_offset)
    tail = file.read(size_bytes - tail_offset)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0 and (
        at + _END.size > len(tail) or at + _END.size + _END.unpack_from(tail, at)[7] != len(tail)
    ):
        at = tail.rfind(b"PK\x05\x06", 0, at)
    if at < 0:
        raise BadArchive("the zip archive is cut off: its end record is missing")
    fields = _END.unpack_from(tail, at)
    end_offset = tail_offset + at
    members, directory_bytes, offset = fields[4], fields[5], fields[6]
    if fields[1] not in (0, 0xFFFF) or 0xFFFF in (members, fields[2]) or _FULL in (directory_bytes, offset):
        found = _find_zip64(file, end_offset)
        if found is not None:
            members, directory_bytes, offset, end_offset = found
    shift = end_offset - directory_bytes - offset
    if shift < 0 or fields[1] not in (0, 0xFFFF):
        raise BadArchive("the central directory of the zip archive is damaged, or in another part of it")
    return _Directory(offset + shift, members, shift)


def _find_zip64(file: Seekable, end_offset: int) -> tuple[int, int, int, int] | None:
    """(members, size and offset of the directory, where it ends) of the zip64 end record, if there is one."""
    if end_offset < _LOCATOR64.size:
        return None
    file.seek(end_offset - _LOCATOR64.size)
    mark, _, offset, _ = _LOCATOR64.unpack(file.read(_LOCATOR64.size))
    if mark != b"PK\x06\x07":
        return None
    if not 0 <= offset <= end_offset - _LOCATOR64.size - _END64.size:
        raise BadArchive("the zip64 end record is not where it should be")
    file.seek(offset)
    fields = _END64.unpack(file.read(_END64.size))
    if fields[0] != b"PK\x06\x06":
        raise BadArchive("the zip64 end record is not where it should be")
    return fields[7], fields[8], fields[9], offset


def _central(fields: tuple[int, ...], rest: bytes, shift: int) -> _Central:
    """A record from its fixed fields and what follows them: name, extras, comment."""
    system, flags, method, dos_time, dos_date, crc = fields[2], *fields[5:10]
    packed_bytes, size_bytes, name_bytes, extra_bytes = fields[10:14]
    attributes, offset = fields[17:19]
    raw_name = rest[:name_bytes]
    extras = _extras(rest[name_bytes : name_bytes + extra_bytes])
    name = _name(raw_name, flags, system, extras)
    wide = extras.get(0x0001, b"")
    size_bytes, wide = _wide(name, size_bytes, wide)
    packed_bytes, wide = _wide(name, packed_bytes, wide)
    offset, wide = _wide(name, offset, wide)
    mtime_ns = _time(name, extras, dos_date, dos_time)
    return _Central(
        raw_name, name, flags, method, crc, packed_bytes, size_bytes, offset + shift, system, attributes, mtime_ns
    )  # fmt: skip


def _extras(content: bytes) -> dict[int, bytes]:
    """The extra fields by their id; the first of an id counts, and what is cut off does not."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(content):
        number, length = struct.unpack_from("<2H", content, at)
        found.setdefault(number, content[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _wide(name: str, value: int, wide: bytes) -> tuple[int, bytes]:
    """A number that stands in the zip64 extra if it is too large for its own place; and what is left of the extra."""
    if value != _FULL:
        return value, wide
    if len(wide) < 8:
        raise refused(name, "its zip64 extra is damaged")
    return int.from_bytes(wide[:8], "little"), wide[8:]


def _name(raw: bytes, flags: int, system: int, extras: dict[int, bytes]) -> str:
    text = _decoded(raw, flags, system, extras)
    if system in _BACKSLASHED and "\\" in text and "/" not in text:
        text = text.replace("\\", "/")
    if system in _BACKSLASHED and text[1:3] == ":/":
        raise refused(text, "its name is absolute")
    return text


def _decoded(raw: bytes, flags: int, system: int, extras: dict[int, bytes]) -> str:
    unicode_path = extras.get(0x7075, b"")
    if flags & _UTF8:
        return raw.decode("utf-8", "surrogateescape")
    if unicode_path[:1] == b"\1" and unicode_path[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
        return unicode_path[5:].decode("utf-8", "surrogateescape")
    if system in (_UNIX, _MACOS):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return raw.decode("cp437")


def _time(name: str, extras: dict[int, bytes], dos_date: int, dos_time: int) -> int | None:
    """The time of modification: of NTFS (100 ns), Unix (1 s), or DOS (2 s, no zone: taken as UTC)."""
    ntfs, unix = extras.get(0x000A, b""), extras.get(0x5455, b"")
    if len(ntfs) >= 16 and ntfs[4:8] == b"\1\0\x18\0":
        return checked_time(name, int.from_bytes(ntfs[8:16], "little") * 100 - _NTFS_EPOCH_NS)
    if len(unix) >= 5 and unix[0] & 1:
        return int.from_bytes(unix[1:5], "little", signed=True) * 1_000_000_000
    try:
        found = datetime.datetime(
            1980 + (dos_date >> 9), dos_date >> 5 & 15, dos_date & 31,
            dos_time >> 11, dos_time >> 5 & 63, (dos_time & 31) * 2, tzinfo=datetime.UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return int(found.timestamp()) * 1_000_000_000
