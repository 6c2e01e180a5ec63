"""The seam to the disk: every system call that changes the block store goes through a Disk, and there are no others.

A test hands in a Disk that fails the n-th call. Nothing here decides anything: errors stay OSError, and `turned` says
what they mean to the layers above.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from pathlib import Path

from mylist_dav import errors

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
_BROKEN = frozenset({errno.EIO, errno.EROFS})
_SYNC_FILE_RANGE_WRITE = 2
_SYNCFS_REPORTS_SINCE = (5, 8)
"""Linux before 5.8 answers 0 to syncfs even when a page could not be written: no good as a promise."""


class Disk:
    """The system calls, one method each. Paths are absolute; descriptors are closed by whoever opened them."""

    def __init__(self) -> None:
        self._syncfs = _find_syncfs()
        self._sync_range = _find_sync_file_range()

    @property
    def can_sync_file_system(self) -> bool:
        """Whether sync_file_system is there and reports failed writes."""
        return self._syncfs is not None

    def create(self, path: Path | str, mode: int = 0o444) -> int:
        """Make a new file, for writing, read-only to everybody after; FileExistsError if there is one."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    def write(self, descriptor: int, piece: bytes | memoryview) -> None:
        """Write the whole piece, in as many calls as it takes."""
        done = os.write(descriptor, piece)
        if done < len(piece):
            view = memoryview(piece)
            while done < len(view):
                done += os.write(descriptor, view[done:])

    def sync_file(self, descriptor: int) -> None:
        """fsync. An error must never be followed by a second try: the kernel forgets the pages it could not write."""
        os.fsync(descriptor)

    def sync_folder(self, path: Path | str) -> None:
        """fsync of a folder: the names in it become durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_file_system(self, descriptor: int) -> None:
        """syncfs: all that was written to the file system of this descriptor becomes durable.

        Reports what failed since the descriptor was opened: open it before writing, one for each who must know.
        """
        assert self._syncfs is not None, "asked although can_sync_file_system is false"
        if self._syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def begin_writing_out(self, descriptor: int) -> None:
        """Let the device begin on a file's bytes now, so that a later sync has less to wait for. Promises nothing."""
        if self._sync_range is not None:
            self._sync_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)

    def forget(self, path: Path | str) -> None:
        """Drop what the system has in memory of a file that was synced. Promises nothing."""
        if not hasattr(os, "posix_fadvise"):
            return
        with contextlib.suppress(OSError):  # no descriptor is left: then it stays in memory
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def rename(self, source: Path | str, target: Path | str) -> None:
        """Give a file another name on the same file system; atomically replaces what has that name."""
        os.rename(source, target)

    def link(self, source: Path | str, target: Path | str) -> None:
        """Give a file a second name on the same file system; FileExistsError if something has it."""
        os.link(source, target)

    def unlink(self, path: Path | str) -> None:
        os.unlink(path)

    def make_folder(self, path: Path | str) -> None:
        """mkdir; FileExistsError if it is there already."""
        os.mkdir(path, 0o755)

    def remove_folder(self, path: Path | str) -> None:
        os.rmdir(path)


def turned(error: OSError, what: str) -> errors.MylistError:
    """The error of ours that an OSError means; what completes 'could not …'. The disk path stays out of it."""
    reason = os.strerror(error.errno) if error.errno else "the disk failed"
    if error.errno in _FULL:
        return errors.OutOfSpace(f"could not {what}: the disk is full. Free some space, then try again")
    if error.errno in _SCARCE:
        return errors.Busy(f"could not {what}: {reason}. Try again a little later")
    if error.errno in _BROKEN:
        return errors.WritesStopped(f"could not {what}: {reason}. Look at the disk and the kernel log")
    return errors.MylistError(f"could not {what}: {reason}")


def is_full(error: OSError) -> bool:
    """Whether the error only says that there is no room."""
    return error.errno in _FULL


def _find_syncfs() -> ctypes._NamedFuncPointer | None:
    """syncfs of the C library (os has none), or None where it is missing or promises nothing."""
    if os.uname().sysname != "Linux":
        return None
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())
    if release < _SYNCFS_REPORTS_SINCE:
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int]
    function.restype = ctypes.c_int
    return function


def _find_sync_file_range() -> ctypes._NamedFuncPointer | None:
    """sync_file_range of the C library (os has none), or None where it is missing."""
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function
