"""A stream that is kept in a temporary file until it is used: an archive that has to be read from its end."""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import BinaryIO, Self

from mylist_dav.errors import TooLarge
from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.processes.scratch import Scratch, temporary_path


class Spool:
    """write() any number of times, then file(). A context manager: the temporary file is gone at the end."""

    def __init__(self, scratch: Scratch, disk: Disk, size_bytes_max: int) -> None:
        self._disk = disk
        self._size_bytes_max = size_bytes_max
        self._path = temporary_path(scratch)
        try:
            self._file: BinaryIO = open(self._path, "xb+")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise turned(error, "keep the archive for reading") from error
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """The next bytes. Raises TooLarge, OutOfSpace."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._size_bytes_max:
            raise TooLarge(f"the archive has more than the {self._size_bytes_max} bytes that are allowed")
        try:
            self._file.write(piece)
        except OSError as error:
            raise turned(error, "keep the archive for reading") from error

    def file(self) -> BinaryIO:
        """All that was written, from the beginning. It belongs to the spool."""
        try:
            self._file.flush()
            self._file.seek(0, os.SEEK_SET)
        except OSError as error:
            raise turned(error, "keep the archive for reading") from error
        return self._file

    @property
    def closed(self) -> bool:
        """Whether the bytes are dropped."""
        return self._file.closed

    def close(self) -> None:
        """Drop the bytes. May be called twice."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._disk.unlink(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
