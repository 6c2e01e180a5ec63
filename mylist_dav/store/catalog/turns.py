"""Whose turn it is to write: fairness between the processes on one catalog.

SQLite gives its write lock to whoever asks at the right moment, and a process that has just committed asks at the best
one: with two busy processes the other one waited for seconds. So a process first takes a second lock, the turn, and
keeps it until it has the write lock. Whoever comes back from a commit finds the turn taken by the one that waits, and
queues behind it. Of two processes with eight threads each the longest wait is some 20 ms. The turn is a flock: the
kernel gives it back when a process dies.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.errors import Busy, MylistError
from mylist_dav.store.catalog.connections import patience

POLL_SECONDS = 0.00005


class Turn:
    """The turn of a catalog, at path (made when needed). For one thread at a time in each process."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """busy_seconds: how long to wait for it at most. Raises MylistError."""
        self._busy_seconds = busy_seconds
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise MylistError(f"the catalog cannot be opened: {os.strerror(error.errno or 0)}") from error

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the turn. Raises Busy."""
        wait = patience(self._busy_seconds, POLL_SECONDS)
        for attempt in itertools.count():
            if self._take():
                break
            if not wait(attempt):
                raise Busy("the catalog is busy with other writers; try again")
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Have the turn if it is free right now; whether it was."""
        mine = self._take()
        try:
            yield mine
        finally:
            if mine:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken; or no locks to be had here, which ends in Busy too
            return False
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
