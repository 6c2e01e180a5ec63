"""A directory of this machine as the source of an import.

Members come in the order in which the directory has them, folders before what is in them. Symlinks are never followed,
hard links are plain files, and nothing is believed of a file that changes while it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mylist_dav.errors import BadArchive, BadName, Conflict, NotFound
from mylist_dav.model.archives.members import (
    Count,
    Found,
    Limits,
    Member,
    Pieces,
    checked_target,
    kind_of_mode,
    refused,
    shown,
)
from mylist_dav.model.entries import SYMLINK_MODE, Kind
from mylist_dav.model.paths import ROOT, TreePath

_PIECE_BYTES = 2 * 1024 * 1024
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class FolderSource:
    """Everything in a directory. Holds one open directory for each level, 256 at most."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        """Raises NotFound unless there is such a directory."""
        if not folder.is_dir():
            raise NotFound(f"there is no directory {folder.name!r}")
        self._folder = str(folder)
        self._count = Count(limits)

    def members(self) -> Found:
        open_folders = [(ROOT, self._scan(self._folder, "."))]
        try:
            while open_folders:
                path, scan = open_folders[-1]
                entry = _next(scan, path)
                if entry is None:
                    open_folders.pop()[1].close()
                    continue
                member, pieces = self._member(path, entry)
                yield member, pieces
                if member.kind is Kind.DIRECTORY:
                    open_folders.append((member.path, self._scan(entry.path, member.name)))
        finally:
            for _, scan in open_folders:
                scan.close()

    def _scan(self, folder: str, name: str) -> os._ScandirIterator[str]:
        try:
            return os.scandir(folder)
        except OSError as error:
            raise _unreadable(name, error) from error

    def _member(self, parent: TreePath, entry: os.DirEntry[str]) -> tuple[Member, Pieces]:
        name = "/".join((*parent, entry.name))
        try:
            path = parent.child(entry.name)
        except BadName as error:
            raise refused(name, str(error)) from error
        try:
            found = entry.stat(follow_symlinks=False)
            kind = kind_of_mode(name, found.st_mode)
            target = checked_target(name, os.readlink(entry.path)) if kind is Kind.SYMLINK else None
        except OSError as error:
            raise _unreadable(name, error) from error
        mode = SYMLINK_MODE if kind is Kind.SYMLINK else stat.S_IMODE(found.st_mode)
        size_bytes = found.st_size if kind is Kind.FILE else 0
        self._count.member(name, size_bytes)
        member = Member(name, path, kind, mode, found.st_mtime_ns, size_bytes, target)
        return member, self._pieces(name, entry.path, found) if kind is Kind.FILE else iter(())

    def _pieces(self, name: str, path: str, expected: os.stat_result) -> Iterator[bytes]:
        """The content. Raises Conflict if it is not the same file all the time."""
        try:
            descriptor = os.open(path, _OPEN_FLAGS)
        except OSError as error:
            raise _unreadable(name, error) from error
        try:
            _require_same(name, expected, os.fstat(descriptor))
            left = expected.st_size
            while left and (piece := os.read(descriptor, min(left, _PIECE_BYTES))):
                left -= len(piece)
                self._count.read(name, len(piece))
                yield piece
            _require_same(name, expected, os.fstat(descriptor), cut=left > 0)
        except OSError as error:
            raise _unreadable(name, error) from error
        finally:
            os.close(descriptor)


def _next(scan: Iterator[os.DirEntry[str]], path: TreePath) -> os.DirEntry[str] | None:
    try:
        return next(scan, None)
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _require_same(name: str, expected: os.stat_result, found: os.stat_result, *, cut: bool = False) -> None:
    if cut or _identity(expected) != _identity(found):
        raise Conflict(f"{shown(name)} was changed while it was read; nothing was imported. Try again")


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _unreadable(name: str, error: OSError) -> BadArchive:
    return refused(name, f"it cannot be read: {os.strerror(error.errno or 0)}")
