"""Temporary files of block writers: one folder for each process, locked while the process lives.

What lies in the folder of a dead process (living.py) was never acknowledged and is removed at the next start.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from pathlib import Path

from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.processes.living import hold, is_held


class Scratch:
    """Names for temporary files below root. The folder is made at the first use. Thread-safe. May raise OSError."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._owner = 0
        self._descriptor = -1

    def new_path(self) -> str:
        """A path that no other file has, in the folder of this process."""
        if not self._has_folder():
            with self._lock:
                if not self._has_folder():
                    if self._owner == os.getpid():
                        os.close(self._descriptor)
                    self._folder, self._descriptor = self._claim()
                    self._owner = os.getpid()
        return f"{self._folder}/{next(self._numbers)}"

    def _has_folder(self) -> bool:
        """Whether there is one of this process; somebody may have cleaned it away."""
        return self._folder is not None and self._owner == os.getpid() and os.path.isdir(self._folder)

    def owner_lives(self, name: str) -> bool:
        """Whether a temporary file, given by its path below root, is there and the process that made it still runs."""
        path = self._root / name
        return path.exists() and is_held(path.parent)

    def remove_stale(self) -> int:
        """Remove the folders of processes that are no more; returns how many files were in them."""
        removed = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self._root)):
                if entry.is_dir(follow_symlinks=False):
                    removed += self._remove_if_dead(Path(entry.path))
        return removed

    def close(self) -> None:
        """Give the folder up. It is removed if it is empty, else by the next start."""
        if self._folder is not None and self._owner == os.getpid():
            with contextlib.suppress(OSError):
                self._disk.remove_folder(self._folder)
            os.close(self._descriptor)
            self._folder, self._owner = None, 0

    def _claim(self) -> tuple[Path, int]:
        """Make and lock a folder. A cleaner may take it in between; then the next number is tried."""
        for number in itertools.count(1):
            folder = self._root / f"{os.getpid()}-{number}"
            with contextlib.suppress(FileExistsError):
                self._make(folder)
                descriptor = hold(folder)
                if descriptor is not None:
                    return folder, descriptor
        raise AssertionError("numbers do not end")

    def _make(self, folder: Path) -> None:
        try:
            self._disk.make_folder(folder)
        except FileNotFoundError:
            for parent in reversed([self._root, *self._root.parents]):
                with contextlib.suppress(FileExistsError):
                    self._disk.make_folder(parent)
            self._disk.make_folder(folder)

    def _remove_if_dead(self, folder: Path) -> int:
        descriptor = hold(folder)
        if descriptor is None:
            return 0
        try:
            removed = 0
            for entry in list(os.scandir(folder)):
                self._disk.unlink(entry.path)
                removed += 1
            self._disk.remove_folder(folder)
            return removed
        finally:
            os.close(descriptor)


def temporary_path(scratch: Scratch) -> str:
    """A new path, with an error of ours if there is none to be had."""
    try:
        return scratch.new_path()
    except OSError as error:
        raise turned(error, "make a temporary file") from error
