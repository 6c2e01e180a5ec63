"""Where the members of an import come from, when it is no directory: archives, and lines that name contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from mylist_dav.errors import BadName, Invalid
from mylist_dav.model.archives.members import Count, Found, Limits, Member, Source
from mylist_dav.model.archives.streams import (
    MAGIC_BYTES,
    PIECE_BYTES,
    ByteReader,
    Packing,
    Read,
    Seekable,
    gunzipped,
    packing_of,
    unzstd,
)
from mylist_dav.model.archives.tar_in import read_tar
from mylist_dav.model.archives.zip_in import read_zip
from mylist_dav.store.disk import turned
from mylist_dav.store.spool import Spool

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Of the line of one entry: that of a content of 100,000 blocks has some 10 MB."""


def archive_in_file(file: BinaryIO, limits: Limits) -> Source:
    """An archive in a file that can be read from any place; for reading it without a data directory."""
    checked = CheckedFile(file)
    return ArchiveSource(limits, None, checked.read, checked)


class ArchiveSource:
    """An archive as a source: its format is told by its first bytes."""

    def __init__(
        self, limits: Limits, spool: Callable[[], Spool] | None, read: Read, file: Seekable | None
    ) -> None:
        """file: where it can be read from any place. spool: where one that cannot is kept, should it be a zip."""
        self._limits = limits
        self._spool = spool
        self._stream = ByteReader(read)
        self._file = file

    def members(self) -> Found:
        packing = packing_of(self._stream.peek(MAGIC_BYTES))
        if packing is Packing.ZIP:
            yield from self._zip()
        elif packing is Packing.TAR:
            yield from read_tar(self._stream.read, self._limits)
        else:
            unpack = gunzipped if packing is Packing.GZIP else unzstd
            yield from read_tar(unpack(self._stream.read), self._limits)

    def _zip(self) -> Found:
        """A zip is read from its end: what cannot seek is kept in a temporary file."""
        if self._file is not None:
            yield from read_zip(self._file, self._limits)
            return
        assert self._spool is not None, "a file that can be read from any place needs none"
        with self._spool() as spool:
            while piece := self._stream.read(PIECE_BYTES):
                spool.write(piece)
            yield from read_zip(CheckedFile(spool.file()), self._limits)


class CheckedFile:
    """A file whose errors are ours, and that reads short only at its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int, /) -> bytes:
        try:
            data = self._file.read(count)
            while 0 < len(data) < count and (more := self._file.read(count - len(data))):
                data += more
            return data
        except OSError as error:
            raise turned(error, "read the archive") from error

    def lines(self, bytes_max: int) -> Iterator[bytes]:
        """Each line with its end. Raises Invalid for one that is longer."""
        number = 0
        while line := self._line(bytes_max + 1):
            number += 1
            if len(line) > bytes_max:
                raise Invalid(f"line {number} has more than the {bytes_max} bytes that are allowed")
            yield line

    def _line(self, bytes_max: int) -> bytes:
        try:
            return self._file.readline(bytes_max)
        except OSError as error:
            raise turned(error, "read the lines") from error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            raise turned(error, "read the archive") from error


class LineSource:
    """Lines as a source: each says what is to be at one path, and names contents instead of carrying them."""

    def __init__(self, limits: Limits, file: CheckedFile, parse: Callable[[bytes], Member]) -> None:
        """parse: what a line says. Raises Invalid, BadName."""
        self._limits = limits
        self._file = file
        self._parse = parse

    def members(self) -> Found:
        """Raises Invalid, which names the line; LimitExceeded."""
        count, number = Count(self._limits), 0
        for number, line in enumerate(self._file.lines(LINE_BYTES_MAX), 1):
            try:
                member = self._parse(line)
            except (Invalid, BadName) as error:
                raise Invalid(f"line {number}: {error}") from error
            count.member(member.name, size_bytes=0)  # what is named is here already
            yield member, iter(())
        if not number:
            raise Invalid("there is no line: a tree has one for each entry")
