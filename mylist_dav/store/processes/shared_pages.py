"""A page of memory that all processes on a data directory see: a small file that each has mapped.

Looking at it is a load, no system call. It is written with pwrite, never through the mapping: a page that cannot be
dirtied would kill the process with SIGBUS. pwrite into an allocated block needs neither space nor a working disk, only
a file system that still takes writes.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from contextlib import suppress
from pathlib import Path

from mylist_dav.store.disk import turned

PAGE_BYTES = 4096


class SharedPage:
    """The page at path; zeros when it is new. Thread-safe; one for each process, inherited by forks."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises OutOfSpace, WritesStopped or MylistError when that fails."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _fill(self._descriptor)
                self.memory = mmap.mmap(self._descriptor, PAGE_BYTES, mmap.MAP_SHARED)
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise turned(error, "write to the data directory") from error
        _pin(self.memory)

    def write(self, data: bytes, offset: int) -> None:
        """Raises OSError."""
        os.pwrite(self._descriptor, data, offset)

    def sync(self) -> None:
        """Bring it to disk. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file, which stays as it is."""
        if not self.memory.closed:
            self.memory.close()
            os.close(self._descriptor)


def _fill(descriptor: int) -> None:
    """Allocate the page for good. The lock keeps two first starters from wiping what one has written already."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        size = os.fstat(descriptor).st_size
        if size < PAGE_BYTES:
            os.pwrite(descriptor, bytes(PAGE_BYTES - size), size)
            os.fsync(descriptor)
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _pin(memory: mmap.mmap) -> None:
    """Keep the page in memory, so that looking at it never needs the disk. Where it is not allowed, it is likely."""
    view = (ctypes.c_char * PAGE_BYTES).from_buffer(memory)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlock(ctypes.byref(view), ctypes.c_size_t(PAGE_BYTES))
