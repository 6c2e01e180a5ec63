"""The stop sign of a data directory: after a failed sync no process on it acknowledges a write any more.

A sync that failed once cannot be trusted when it succeeds the second time: the kernel has dropped the pages it could
not write and reports the error to one descriptor only. So the sign is shared: a small file that every process has
mapped into its memory and looks at (a load, no system call) before it acknowledges. It stays set through restarts
until an operator clears it.

The sign is set with pwrite, never through the mapping: a page that cannot be dirtied would kill the process with
SIGBUS. pwrite into an allocated block needs neither space nor a working disk, only a file system that still takes
writes; when even that is refused, the writes of all other processes are refused with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import mmap
import os
from pathlib import Path

from mylist_dav.errors import WritesStopped
from mylist_dav.store.disk import turned

_PAGE_BYTES = 4096
_REASON_BYTES_MAX = 1000
_log = logging.getLogger(__name__)


class StopSign:
    """The shared sign at path. Thread-safe; one for each process and data directory, inherited by forks."""

    def __init__(self, path: Path) -> None:
        """Open the sign, or make it. Raises OutOfSpace, WritesStopped or MylistError when that fails."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            _fill(self._descriptor)
        except OSError as error:
            raise turned(error, "write to the data directory") from error
        self._page = mmap.mmap(self._descriptor, _PAGE_BYTES, mmap.MAP_SHARED)
        _pin(self._page)
        self._stopped_here = False

    def check(self) -> None:
        """Raise WritesStopped if the sign is set. Costs some 100 ns."""
        if self._page[0] or self._stopped_here:
            raise WritesStopped(
                "writes are stopped, because data could not be brought to disk"
                f" ({self.reason or 'no reason is recorded'}). Look at the disk and the kernel log, restart,"
                " run 'mylist verify', then clear the stop sign"
            )

    @property
    def is_set(self) -> bool:
        return bool(self._page[0]) or self._stopped_here

    @property
    def reason(self) -> str:
        """Why writes were stopped; '' if they are not."""
        text = self._page[1 : 1 + _REASON_BYTES_MAX].split(b"\0", 1)[0]
        return text.decode(errors="replace")

    def stop(self, reason: str) -> None:
        """Set the sign for all processes. Never raises; the first reason is kept."""
        if self._page[0]:
            return
        self._stopped_here = True
        _log.critical("writes are stopped: %s", reason)
        text = reason.encode(errors="replace")[: _REASON_BYTES_MAX - 1] + b"\0"
        # A file system that refuses this refuses the writes of all others too; see the module's docstring.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, text, 1)
            os.pwrite(self._descriptor, b"\1", 0)
            self._stopped_here = False  # the shared sign is set, and whoever clears that clears it for us too
            os.fsync(self._descriptor)

    def clear(self) -> None:
        """Take the sign away, for all processes: an operator has looked. Raises WritesStopped if the disk refuses."""
        try:
            os.pwrite(self._descriptor, bytes(1 + _REASON_BYTES_MAX), 0)
            os.fsync(self._descriptor)
        except OSError as error:
            raise turned(error, "clear the stop sign") from error
        self._stopped_here = False

    def close(self) -> None:
        """Let go of the file. The sign itself stays as it is."""
        if not self._page.closed:
            self._page.close()
            os.close(self._descriptor)


def _fill(descriptor: int) -> None:
    """Allocate the page for good. The lock keeps two first starters from wiping a sign that one has set already."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        size = os.fstat(descriptor).st_size
        if size < _PAGE_BYTES:
            os.pwrite(descriptor, bytes(_PAGE_BYTES - size), size)
            os.fsync(descriptor)
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _pin(page: mmap.mmap) -> None:
    """Keep the page in memory, so that looking at it never needs the disk. Where it is not allowed, it is likely."""
    view = (ctypes.c_char * _PAGE_BYTES).from_buffer(page)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlock(ctypes.byref(view), ctypes.c_size_t(_PAGE_BYTES))
