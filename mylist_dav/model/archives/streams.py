"""Bounded reading of byte streams: exact lengths, gzip and zstd unpacked bit by bit, and which format it is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import IO, Protocol, cast

import zstandard

from mylist_dav.errors import BadArchive, Incomplete, UnsupportedMedia

PIECE_BYTES = 2 * 1024 * 1024
INPUT_BYTES = 128 * 1024
ZSTD_WINDOW_BYTES_MAX = 32 * 1024 * 1024
MAGIC_BYTES = 512

Read = Callable[[int], bytes]
"""read(n): between 1 and n bytes, or b'' at the end."""


class Packing(StrEnum):
    """What a stream is, by its first bytes."""

    TAR = "tar"
    GZIP = "gzip"
    ZSTD = "zstd"
    ZIP = "zip"


def packing_of(head: bytes) -> Packing:
    """Tell the format by the first bytes, never by a name. Raises UnsupportedMedia."""
    if head.startswith(b"\x1f\x8b"):
        return Packing.GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return Packing.ZSTD
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Packing.ZIP
    if len(head) >= MAGIC_BYTES and (head[257:262] == b"ustar" or is_old_tar(head) or not any(head)):
        return Packing.TAR
    raise UnsupportedMedia("this is no archive that is read here: tar, tar.gz, tar.zst or zip is expected")


def is_old_tar(head: bytes) -> bool:
    """Whether the first block is the header of a tar archive from before POSIX: only its checksum tells."""
    digits = head[148:156].strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(head[:148]) + 256 + sum(head[156:512])


class Seekable(Protocol):
    """What is read of a file that can be sought in."""

    def read(self, count: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class ByteReader:
    """Exact reads from a stream of unknown lengths. Buffers one piece."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._buffer = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Exactly count bytes, or fewer at the end of the stream. count should be small."""
        end = self._at + count
        if end <= len(self._buffer):
            taken = self._buffer[self._at : end]
            self._at = end
            return taken
        parts = [self._buffer[self._at :]] if self._at < len(self._buffer) else []
        missing = count - len(self._buffer) + self._at
        self._buffer, self._at = b"", 0
        while missing and (piece := self._read(max(missing, INPUT_BYTES))):
            if len(piece) > missing:
                self._buffer, self._at = piece, missing
                piece = piece[:missing]
            parts.append(piece)
            missing -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def peek(self, count: int) -> bytes:
        """What take(count) would give, without taking it."""
        head = self.take(count)
        self._buffer = head + self._buffer[self._at :]
        self._at = 0
        return head

    def read(self, count: int) -> bytes:
        """Between 1 and count bytes, b'' at the end: a Read."""
        if self._at < len(self._buffer):
            return self.take(min(count, len(self._buffer) - self._at))
        return self._read(count)


def reader_of_pieces(pieces: Iterable[bytes]) -> Read:
    """A Read over pieces of any size."""
    source = iter(pieces)
    rest = b""

    def read(count: int) -> bytes:
        nonlocal rest
        while not rest:
            found = next(source, None)
            if found is None:
                return b""
            rest = found
        piece, rest = rest[:count], rest[count:]
        return piece

    return read


def gunzipped(read: Read) -> Read:
    """Unpack gzip (RFC 1952), several members in a row too. Raises BadArchive, Incomplete."""
    pieces = _gunzip(read)
    return reader_of_pieces(pieces)


def _gunzip(read: Read) -> Iterator[bytes]:
    waiting = read(INPUT_BYTES)
    while waiting:
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            try:
                piece = unpacker.decompress(waiting, PIECE_BYTES)
            except zlib.error as error:
                raise BadArchive("the gzip stream is damaged; make the archive again") from error
            waiting = unpacker.unconsumed_tail
            if piece:
                yield piece
            elif not waiting and not unpacker.eof:
                waiting = read(INPUT_BYTES)
                if not waiting:
                    raise Incomplete("the gzip stream is cut off")
        waiting = (unpacker.unused_data or read(INPUT_BYTES)).lstrip(b"\0")  # tapes are padded with zeros


def unzstd(read: Read) -> Read:
    """Unpack zstd (RFC 8878), several frames in a row too; windows of up to 32 MiB. Raises BadArchive."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    stream = unpacker.stream_reader(
        cast(IO[bytes], _Readable(read)), read_size=INPUT_BYTES, read_across_frames=True
    )

    def unpacked(count: int) -> bytes:
        try:
            return stream.read(min(count, PIECE_BYTES))
        except zstandard.ZstdError as error:
            raise BadArchive(
                "the zstd stream is damaged, or made with --long or --ultra: windows of up to 32 MiB are read"
            ) from error

    return unpacked


class _Readable:
    """An object with a read method, which is what zstandard wants."""

    def __init__(self, read: Read) -> None:
        self.read = read
