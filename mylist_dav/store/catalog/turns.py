"""Whose turn it is to write: fairness between the processes on one catalog, and waiting that costs nothing.

SQLite gives its write lock to whoever asks at the right moment. A process that has just committed asks at the best one,
so with two busy processes the other waited for seconds; and who waits asks again and again. So a process first takes
a pen, which is a lock that it sleeps for, and while it waits for the pen it holds the turn: whoever comes back from a
commit finds the turn taken by the one that waits, and queues behind it. Of two processes with eight threads each the
longest wait is some 20 ms. SQLite's own lock still decides; these only say who asks for it.

Both are flocks, which the kernel gives back when a process dies. The file is a FIFO: who gives the lock back writes a
byte into it, and who waits polls for that.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mylist_dav.errors import Busy, MylistError

LOOK_SECONDS = 0.02
"""Who waits looks so often by itself: who died has told nobody."""

PLAIN_LOOK_SECONDS = 0.0002
"""The same on a file system that has no FIFOs."""

_RINGS_BYTES_MAX = 64 * 1024


class Turn:
    """A lock among processes, at path (made when needed). For one thread at a time in each process."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """busy_seconds: how long to wait for it at most. Raises MylistError."""
        self._busy_seconds = busy_seconds
        try:
            with suppress(OSError):  # it is there, or the file system has none: then it is a plain file
                os.mkfifo(path, 0o600)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise MylistError(f"the catalog cannot be opened: {os.strerror(error.errno or 0)}") from error
        self._rings = stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)
        self._bell = select.poll()
        self._bell.register(self._descriptor, select.POLLIN)

    def take(self) -> None:
        """Have it. Raises Busy."""
        if self._take():
            return
        deadline = time.monotonic() + self._busy_seconds
        while True:
            self._hush()
            if self._take():
                return
            if time.monotonic() >= deadline:
                raise Busy("the catalog is busy with other writers; try again")
            self._listen()

    def give(self) -> None:
        """Give it back, and tell who waits."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        if self._rings:
            with suppress(BlockingIOError):  # full of what nobody has listened to
                os.write(self._descriptor, b"\0")

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Have it if it is free right now; whether it was."""
        mine = self._take()
        try:
            yield mine
        finally:
            if mine:
                self.give()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken; or no locks to be had here, which ends in Busy too
            return False
        return True

    def _hush(self) -> None:
        """Forget what was told before: whoever gives it back after this is heard."""
        if self._rings:
            with suppress(BlockingIOError):
                os.read(self._descriptor, _RINGS_BYTES_MAX)

    def _listen(self) -> None:
        if self._rings:
            self._bell.poll(LOOK_SECONDS * 1000)
        else:
            time.sleep(PLAIN_LOOK_SECONDS)
