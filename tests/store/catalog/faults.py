"""A disk under SQLite that refuses writes when a test wants it to."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
_CALLS = ("pwrite", "pwrite64")


class Faults:
    """Which of the next writes fails. writes: how many there were since fail was called."""

    def __init__(self) -> None:
        self.writes = 0
        self._at = 0
        self._number = 0
        self._lasting = False

    def fail(self, at: int, number: int = errno.ENOSPC, *, lasting: bool = False) -> None:
        """Fail the write of this number (from 1; 0: none), or with lasting that one and all after it."""
        self.writes, self._at, self._number, self._lasting = 0, at, number, lasting

    def stop(self) -> int:
        """Fail no more; returns how many writes there were."""
        writes = self.writes
        self.fail(0)
        return writes

    def refuses(self) -> int:
        """The error of the next write; 0 to let it be."""
        self.writes += 1
        hit = self.writes == self._at or (self._lasting and 0 < self._at <= self.writes)
        return self._number if hit else 0


class _Calls(apsw.VFS):
    """Gives access to the system calls that SQLite makes."""

    def __init__(self) -> None:
        super().__init__("system calls of a test", "unix")


@contextmanager
def faults() -> Iterator[Faults]:
    """Every write of SQLite in this process goes through what this gives."""
    made = Faults()
    real = _real_write()

    def write(descriptor: int, data: int, size: int, offset: int) -> int:
        number = made.refuses()
        if number:
            ctypes.set_errno(number)
            return -1
        written: int = real(descriptor, data, size, offset)
        return written

    callback = _WRITE(write)
    calls = _Calls()
    for name in _CALLS:
        calls.xSetSystemCall(name, ctypes.cast(callback, ctypes.c_void_p).value or 0)
    try:
        yield made
    finally:
        for name in _CALLS:
            calls.xSetSystemCall(name, 0)
        calls.unregister()


def _real_write() -> ctypes._NamedFuncPointer:
    function = ctypes.CDLL(None, use_errno=True).pwrite
    function.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64]
    function.restype = ctypes.c_ssize_t
    return function
