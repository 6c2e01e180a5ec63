"""A few places that all processes on a data directory share: for work of which only so much may be done at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from mylist_dav.store.disk import turned


class Places(Protocol):
    def tried(self) -> contextlib.AbstractContextManager[bool]:
        """Have a place if one is free right now; whether one was."""
        ...


class MemoryPlaces:
    """Those of one process alone."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextlib.contextmanager
    def tried(self) -> Iterator[bool]:
        mine = self._free.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                self._free.release()


class SharedPlaces:
    """Those of all processes: each is the lock of a file `stem-NUMBER`, which the kernel gives back when one dies.

    Thread-safe; not to be kept over a fork. Opening makes the files. Raises OutOfSpace, MylistError.
    """

    def __init__(self, stem: Path, count: int) -> None:
        try:
            stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = [_opened(stem.with_name(f"{stem.name}-{number}")) for number in range(count)]
        except OSError as error:
            raise turned(error, "open the locks of places") from error
        self._here = [threading.Lock() for _ in self._files]

    @contextlib.contextmanager
    def tried(self) -> Iterator[bool]:
        taken = self._take()
        try:
            yield taken is not None
        finally:
            if taken is not None:
                with contextlib.suppress(OSError, ValueError):  # closed meanwhile, which let go of it too
                    fcntl.flock(self._files[taken], fcntl.LOCK_UN)
                self._here[taken].release()

    def close(self) -> None:
        """Let go of the files. There are no places after that: the numbers of the files may be others' by then."""
        files, self._files = self._files, [-1] * len(self._files)
        for each in files:
            if each >= 0:
                os.close(each)

    def _take(self) -> int | None:
        """A lock of a file is of the whole process, so each place is first taken among the threads of this one."""
        for number, here in enumerate(self._here):
            if not here.acquire(blocking=False):
                continue
            try:
                fcntl.flock(self._files[number], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (OSError, ValueError):  # another process has it; or they are closed
                here.release()
            else:
                return number
        return None


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
