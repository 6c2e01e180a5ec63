"""Which processes live, by names that are never used twice: what a dead one was doing is seen by all others.

A process that owns something makes a file of a random name and keeps it locked (living.py).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from pathlib import Path

from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.processes.living import hold, is_held

NAME_BYTES = 16


class Owners:
    """The owners in a folder, made when needed; on a local file system, as the catalog is. Thread-safe."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._lock = threading.Lock()
        self._name = ""
        self._descriptor = -1
        self._pid = 0

    def own_name(self) -> str:
        """The name of this process, which lives until close() or its end. Not to be asked for before a fork.

        To be asked for now and then: if somebody has cleaned its file away, it is made anew, and so lives for others.
        """
        with self._lock:
            mine = bool(self._name) and self._pid == os.getpid()
            if mine and (self._folder / self._name).exists():
                return self._name
            if mine:
                os.close(self._descriptor)
            self._name, self._descriptor = self._claim(self._name if mine else _new_name())
            self._pid = os.getpid()
            return self._name

    def lives(self, name: str) -> bool:
        """Whether the process of that name still runs."""
        if name == self._name and self._pid == os.getpid():
            return True
        return _is_name(name) and is_held(self._folder / name)

    def remove_dead(self) -> int:
        """Remove the files of processes that are no more; returns how many."""
        removed = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self._folder)):
                if _is_name(entry.name) and (descriptor := hold(Path(entry.path))) is not None:
                    with contextlib.suppress(FileNotFoundError):
                        self._disk.unlink(entry.path)
                        removed += 1
                    os.close(descriptor)
        return removed

    def close(self) -> None:
        """Give the name up."""
        with self._lock:
            if self._name and self._pid == os.getpid():
                with contextlib.suppress(OSError):
                    self._disk.unlink(self._folder / self._name)
                os.close(self._descriptor)
            self._name = ""

    def _claim(self, name: str) -> tuple[str, int]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                os.close(self._disk.create(self._folder / name, 0o600))
                descriptor = hold(self._folder / name)
                if descriptor is not None:  # else a cleaner was quicker than the lock
                    return name, descriptor
                name = _new_name()
        except OSError as error:
            raise turned(error, "make a file for this process") from error


def _new_name() -> str:
    return secrets.token_hex(NAME_BYTES)


def _is_name(name: str) -> bool:
    return len(name) == 2 * NAME_BYTES and name.isascii() and name.isalnum()
