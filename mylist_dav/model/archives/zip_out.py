"""Records of a zip archive that is written as a stream: sizes and checksums follow the contents, zip64 where needed.

Names are UTF-8, modes and symlinks as Unix programs write them, times to 100 ns in the NTFS extra (to 1 s in 0x5455).
"""

from __future__ import annotations

import stat
import struct
from typing import NamedTuple

from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath

STORED, DEFLATED = 0, 8
_FULL = 0xFFFFFFFF
_WIDE_FROM_BYTES = 0xF0000000
"""From this size on a member is written with zip64: deflate may make a content a little longer than it was."""
_FLAGS_STREAMED = 0x0808
_FLAGS = 0x0800
_UNIX_45 = 0x032D
_NTFS_EPOCH_NS = 11_644_473_600 * 1_000_000_000
_DOS_DATE = (1 << 5) | 1  # 1980-01-01: the real time stands in the extras, with its zone
_TYPES = {Kind.FILE: stat.S_IFREG, Kind.DIRECTORY: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}


class Written(NamedTuple):
    """What is known of a member when it has been written. offset: of its local header."""

    offset: int
    method: int
    crc: int
    packed_bytes: int


def is_wide(entry: Entry) -> bool:
    """Whether the sizes of this entry are written with 64 bits."""
    return entry.size_bytes >= _WIDE_FROM_BYTES


def local_header(path: TreePath, entry: Entry, method: int, crc: int, size_bytes: int) -> bytes:
    """In front of the content. Deflated members are streamed: size and checksum come after them."""
    name = _name(path, entry)
    streamed = method == DEFLATED
    extra = struct.pack("<2H2Q", 1, 16, 0, 0) if is_wide(entry) else b""
    sizes = (0, 0, 0) if streamed else (crc, size_bytes, size_bytes)
    if is_wide(entry):
        sizes = (0, _FULL, _FULL)
    extra += _unix_time(entry)
    return (
        struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 45, _FLAGS_STREAMED if streamed else _FLAGS, method, 0, _DOS_DATE, *sizes,
            len(name), len(extra),
        )
        + name
        + extra
    )  # fmt: skip


def descriptor(entry: Entry, written: Written) -> bytes:
    """After a streamed content."""
    form = "<4sL2Q" if is_wide(entry) else "<4s3L"
    return struct.pack(form, b"PK\x07\x08", written.crc, written.packed_bytes, entry.size_bytes)


def central_header(path: TreePath, entry: Entry, written: Written) -> bytes:
    """The member's record in the central directory."""
    name = _name(path, entry)
    size_bytes = len((entry.target or "").encode()) if entry.kind is Kind.SYMLINK else entry.size_bytes
    numbers = [size_bytes, written.packed_bytes, written.offset]
    wide = [number for number in numbers if number >= _FULL]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    extra += _unix_time(entry) + _ntfs_time(entry)
    size_bytes, packed_bytes, offset = (min(number, _FULL) for number in numbers)
    flags = _FLAGS_STREAMED if written.method == DEFLATED else _FLAGS
    attributes = (_TYPES[entry.kind] | entry.mode) << 16 | (0x10 if entry.is_directory else 0)
    return (
        struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", _UNIX_45, 45, flags, written.method, 0, _DOS_DATE, written.crc,
            packed_bytes, size_bytes, len(name), len(extra), 0, 0, 0, attributes, offset,
        )
        + name
        + extra
    )  # fmt: skip


def end_records(members: int, offset: int, size_bytes: int) -> bytes:
    """After the central directory, which begins at offset and has size_bytes."""
    end64 = b""
    if members >= 0xFFFF or offset >= _FULL or size_bytes >= _FULL:
        end64 = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, _UNIX_45, 45, 0, 0, members, members, size_bytes, offset
        )
        end64 += struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size_bytes, 1)
    few = min(members, 0xFFFF)
    return end64 + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, min(size_bytes, _FULL), min(offset, _FULL), 0
    )


def _name(path: TreePath, entry: Entry) -> bytes:
    return f"{path}/".encode() if entry.is_directory else str(path).encode()


def _unix_time(entry: Entry) -> bytes:
    seconds = entry.mtime_ns // 1_000_000_000
    return struct.pack("<2HBl", 0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""


def _ntfs_time(entry: Entry) -> bytes:
    ticks = (entry.mtime_ns + _NTFS_EPOCH_NS) // 100
    return struct.pack("<2HL2H3Q", 0x000A, 32, 0, 1, 24, ticks, ticks, ticks) if ticks >= 0 else b""
