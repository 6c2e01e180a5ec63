"""Bodies of requests that are worked on later: each a file that survives a restart, under the id of its job.

A body is durable before its job is, so a job that is there has its body. What was left by a process that died before
is told by its lock, which whoever writes a body holds until its job is there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mylist_dav.errors import Busy, NotFound, OutOfSpace, TooLarge
from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.processes.living import hold

_CHECK_BYTES = 64 * 1024 * 1024
"""After so many bytes one looks again how many there are in all bodies together."""


class Bodies:
    """The bodies in a folder, made when needed.

    size_bytes_max: of one body. together_bytes_max: of all; some more when several processes write at once.
    """

    def __init__(self, folder: Path, disk: Disk, size_bytes_max: int, together_bytes_max: int) -> None:
        self.folder = folder
        self.disk = disk
        self.size_bytes_max = size_bytes_max
        self._together_bytes_max = together_bytes_max
        self._folder_is_durable = False

    def new(self, name: str) -> NewBody:
        """Begin a body. Raises OutOfSpace."""
        self.check_room()
        return NewBody(self, name)

    def open(self, name: str) -> BinaryIO:
        """A body, for reading; the caller closes it. Raises NotFound."""
        try:
            return open(self.folder / name, "rb")
        except FileNotFoundError as error:
            raise NotFound("what was sent for this job is gone: send it again") from error
        except OSError as error:
            raise turned(error, "read what was sent for this job") from error

    def remove(self, name: str) -> None:
        """Drop a body; it need not be there."""
        with contextlib.suppress(OSError):
            self.disk.unlink(self.folder / name)

    def remove_unused(self, is_used: Callable[[str], bool]) -> int:
        """Remove bodies that nobody writes and that is_used says no to; returns how many."""
        removed = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self.folder)):
                if (descriptor := hold(Path(entry.path))) is None:
                    continue
                try:
                    if not is_used(entry.name):
                        self.disk.unlink(entry.path)
                        removed += 1
                finally:
                    os.close(descriptor)
        return removed

    def sync_folder(self) -> None:
        """Make the names of bodies durable, and once in each process the folder itself, which it may have made."""
        self.disk.sync_folder(self.folder)
        if not self._folder_is_durable:
            self.disk.sync_folder(self.folder.parent)
            self._folder_is_durable = True

    def check_room(self) -> None:
        """Raise OutOfSpace when all bodies together have reached their limit."""
        if self.together_bytes() >= self._together_bytes_max:
            raise OutOfSpace("too much waits to be worked on already: try again when some of it is done")

    def together_bytes(self) -> int:
        """The size of all bodies."""
        found = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                with contextlib.suppress(FileNotFoundError):
                    found += entry.stat(follow_symlinks=False).st_size
        return found


class NewBody:
    """A body that arrives: write() any number of times, then keep() once, then close(). For one thread at a time.

    Without keep() it is gone after close().
    """

    def __init__(self, bodies: Bodies, name: str) -> None:
        self._bodies = bodies
        self.name = name
        self._path = bodies.folder / name
        self._kept = False
        self._checked_bytes = 0
        self.size_bytes = 0
        try:
            bodies.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = bodies.disk.create(self._path, 0o600)
        except OSError as error:
            raise turned(error, "keep what was sent") from error
        lock = hold(self._path)
        if lock is None:
            os.close(self._descriptor)
            raise Busy("a file was cleaned away too early: try again")
        self._lock = lock

    def write(self, piece: bytes) -> None:
        """The next bytes. Raises TooLarge, OutOfSpace."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._bodies.size_bytes_max:
            raise TooLarge(f"at most {self._bodies.size_bytes_max} bytes are taken")
        if self.size_bytes - self._checked_bytes >= _CHECK_BYTES:
            self._checked_bytes = self.size_bytes
            self._bodies.check_room()
        try:
            self._bodies.disk.write(self._descriptor, piece)
        except OSError as error:
            raise turned(error, "keep what was sent") from error

    def sync(self) -> None:
        """Make it durable. Raises OutOfSpace, WritesStopped."""
        try:
            self._bodies.disk.sync_file(self._descriptor)
            self._bodies.sync_folder()
        except OSError as error:
            raise turned(error, "keep what was sent") from error

    def keep(self) -> None:
        """Its job is there now."""
        self._kept = True

    def close(self) -> None:
        """Let go of it. May be called twice."""
        if self._descriptor >= 0:
            if not self._kept:
                self._bodies.remove(self.name)
            os.close(self._descriptor)
            os.close(self._lock)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
