"""A board on which the worker processes of one server leave their figures for each other.

A folder with a small file for each process, run/figures/<run>.<process id>. What is on it helps whoever looks at the
server and nobody else: nothing is synced, and all of it may be lost.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from mylist_dav.store.disk import Disk, turned

NOTE_BYTES_MAX = 1024 * 1024
_NAME = re.compile(r"([0-9a-f]{1,32})\.([0-9]{1,10})")
_LEFT = re.compile(r"([0-9a-f]{1,32})\.([0-9]{1,10})(?:\.new|\.taken)?")


class Board:
    """The notes of one run of a server: run is what its processes have in common, hex digits.

    For one thread at a time.
    """

    def __init__(self, root: Path, run: str) -> None:
        """root: the data directory."""
        self._folder = root / "run" / "figures"
        self._disk = Disk()
        self._run = run
        self._own = f"{run}.{os.getpid()}"

    def post(self, note: bytes) -> None:
        """Put up the note of this process in the place of its last one. Raises MylistError."""
        new = self._folder / f"{self._own}.new"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(note)
            self._disk.rename(new, self._folder / self._own)
        except OSError as error:
            raise turned(error, "leave figures") from error

    def notes(self) -> dict[int, bytes]:
        """The notes of all processes of this run, by process id: also of those that have ended."""
        found = {}
        for run, process in self._names():
            note = self._read(f"{run}.{process}") if run == self._run else None
            if note is not None:
                found[process] = note
        return found

    def take_over(self) -> bytes | None:
        """The note of one process of this run that has ended, taken away from the board; None when there is none."""
        for run, process in self._names():
            if run == self._run and not is_alive(process):
                taken = f"{self._own}.taken"
                with contextlib.suppress(OSError):  # another process was faster
                    self._disk.rename(self._folder / f"{run}.{process}", self._folder / taken)
                    note = self._read(taken)
                    self._disk.unlink(self._folder / taken)
                    return note
        return None

    def clear(self) -> None:
        """Take away what servers have left that are not there any more."""
        for name in self._listed():
            found = _LEFT.fullmatch(name)
            if found is not None and found[1] != self._run and not is_alive(int(found[2])):
                with contextlib.suppress(OSError):
                    self._disk.unlink(self._folder / name)

    def leave(self) -> None:
        """Take the note of this process away."""
        with contextlib.suppress(OSError):
            self._disk.unlink(self._folder / self._own)

    def _listed(self) -> list[str]:
        try:
            return sorted(os.listdir(self._folder))
        except OSError:
            return []

    def _names(self) -> list[tuple[str, int]]:
        return [(found[1], int(found[2])) for name in self._listed() if (found := _NAME.fullmatch(name))]

    def _read(self, name: str) -> bytes | None:
        try:
            with open(self._folder / name, "rb") as file:
                return file.read(NOTE_BYTES_MAX)
        except OSError:
            return None


def is_alive(process: int) -> bool:
    """Whether there is a process of this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
