"""Numbers that count tries: by name, shared by all processes on a data directory, in a file that never grows.

Limits on guessing keep one number for each thing they limit: the time at which it will be as if nobody had tried. Many
workers must count together, or as many workers allow as many times more. A row of the catalog for each try would have
a flood write without bound, and wait for the one writer. So there is a file of fixed size, 256 KiB, read and written in
place and never synced: a flood dirties the same few pages of the cache over and over. After a power cut the counts are
those of some seconds ago, or zero.

A name has its place in one of 2,048 sets of eight, by a hash under a key that only this data directory has: nobody can
choose names that fall together. When a set is full the smallest number goes, which is the limit nearest to its end.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from mylist_dav.errors import MylistError
from mylist_dav.store.disk import turned

NAMES_MAX = 10_000
"""Of those that are kept in memory."""

_SETS, _WAYS = 2048, 8
_PLACE = struct.Struct("<8sq")
_SET_BYTES = _WAYS * _PLACE.size
_KEY_BYTES = 32
_HEAD_BYTES = 4096
FILE_BYTES = _HEAD_BYTES + _SETS * _SET_BYTES

Step = Callable[[int], int]
"""From a number to the one after it; what it raises leaves the number as it was."""


class Tries(Protocol):
    """Numbers by name; 0 for a name that is new, or was forgotten."""

    def step(self, name: bytes, step: Step) -> None:
        """Change one number, while nobody else does."""
        ...


class MemoryTries:
    """Those of one process alone. Thread-safe. When there are too many, the one untouched for longest is forgotten."""

    def __init__(self, names_max: int = NAMES_MAX) -> None:
        self._names_max = names_max
        self._numbers: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def names(self) -> int:
        """How many are kept."""
        return len(self._numbers)

    def step(self, name: bytes, step: Step) -> None:
        with self._lock:
            if name in self._numbers:
                self._numbers.move_to_end(name)
            before = self._numbers.get(name, 0)
            after = step(before)
            if after == before:
                return
            self._numbers[name] = after
            if len(self._numbers) > self._names_max:
                self._numbers.popitem(last=False)


class SharedTries:
    """Those of all processes that have the file at path. Thread-safe; not to be kept over a fork.

    Opening makes the file. Raises OutOfSpace or MylistError when that fails, and so does step.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with self._alone():
                self._fill()
                self._key = os.pread(self._descriptor, _KEY_BYTES, 0)
        except OSError as error:
            raise turned(error, "open the counts of tries") from error

    def step(self, name: bytes, step: Step) -> None:
        tag, offset = self._place(name)
        with self._lock:
            if self._descriptor < 0:
                raise MylistError("the server is stopping")
            try:
                with self._alone():
                    self._step(tag, offset, step)
            except OSError as error:
                raise turned(error, "count a try") from error

    def close(self) -> None:
        """Let go of the file. A step that comes later fails: the number of the file may be another's by then."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _step(self, tag: bytes, offset: int, step: Step) -> None:
        places = list(_PLACE.iter_unpack(os.pread(self._descriptor, _SET_BYTES, offset)))
        found = next((number for number, (each, _) in enumerate(places) if each == tag), None)
        before = 0 if found is None else places[found][1]
        after = step(before)
        if after == before:
            return
        if found is None:
            found = min(range(_WAYS), key=lambda number: places[number][1])
        os.pwrite(self._descriptor, _PLACE.pack(tag, after), offset + found * _PLACE.size)

    def _place(self, name: bytes) -> tuple[bytes, int]:
        """What a name is known by, and where its set begins."""
        digest = blake3(name, key=self._key).digest(16)
        number = int.from_bytes(digest[8:], "little") % _SETS
        return digest[:8], _HEAD_BYTES + number * _SET_BYTES

    def _alone(self) -> _Flock:
        return _Flock(self._descriptor)

    def _fill(self) -> None:
        """Give a new file its key and its whole size; then no step needs room on the disk."""
        if os.fstat(self._descriptor).st_size < FILE_BYTES:
            fresh = secrets.token_bytes(_KEY_BYTES) + bytes(FILE_BYTES - _KEY_BYTES)
            if os.pwrite(self._descriptor, fresh, 0) < len(fresh):
                raise OSError(28, "the disk is full")


class _Flock:
    """The lock of a file, for one thread of one process at a time."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
