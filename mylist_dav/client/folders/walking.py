"""Finds what is in a folder of this machine, each entry once and without following symlinks.

One thread is the quickest as long as the system answers at once: several fight for the interpreter. Where a disk or a
network has to be waited for, several folders are looked through at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from mylist_dav.client.folders.crew import Alone
from mylist_dav.client.folders.ignoring import IGNORE_BYTES_MAX, IGNORE_FILE, Ignoring
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, MODE_MASK, SYMLINK, Node, Tree
from mylist_dav.errors import BadArchive, BadName, LimitExceeded
from mylist_dav.model.archives.members import checked_target, checked_time
from mylist_dav.model.names import check_entry_name
from mylist_dav.model.paths import DEPTH_MAX, PATH_BYTES_MAX

if TYPE_CHECKING:
    from concurrent.futures import Executor

ENTRIES_MAX = 5_000_000
TEMPORARY = ".mylist-"
"""A pull gives the files it writes names that begin so; what is left of a pull that was killed is never pushed."""
TEMPORARY_CHARS = len(TEMPORARY) + 16 + len(".part")

_FORMAT, _REGULAR = 0o170000, stat.S_IFREG
_SPECIAL = {
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class Stamp(NamedTuple):
    """What changes when a file is written to."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


Row = tuple[Stamp, str]
"""A stamp, and the digest of what the file held then."""


class Walked(NamedTuple):
    """tree: with the digests that are known. stamps: of its files; unread: of those without a digest.

    left_out: why, by path; what is below such a path is not known.
    """

    tree: Tree
    stamps: dict[str, Stamp]
    unread: dict[str, Stamp]
    left_out: dict[str, str]


_new = tuple.__new__
"""Makes a named tuple in half the time, where there are very many."""


def stamp_of(found: os.stat_result) -> Stamp:
    return _new(Stamp, (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))


def file_node(found: os.stat_result, digest: str = "") -> Node:
    """A file as it stands in a tree."""
    return _new(Node, (FILE, found.st_size, found.st_mode & MODE_MASK, found.st_mtime_ns, digest, ""))


def is_temporary(name: str) -> bool:
    """Whether a pull has named this file."""
    return name.startswith(TEMPORARY) and name.endswith(".part") and len(name) == TEMPORARY_CHARS


def walk(
    inside: Inside,
    ignoring: Ignoring,
    threads: Callable[[], Executor],
    known: Mapping[str, Row] | None = None,
) -> Walked:
    """Everything in a folder but what is ignored. known: what is known of files, by path.

    Raises LimitExceeded, Invalid (an ignore file that is none).
    """
    walked = Walked({}, {}, {}, {})
    alone = Alone()

    def scan(folder: str) -> list[str]:
        return _Folder(inside, ignoring, walked, known or {}, folder).scan()

    level = [""]
    while level:
        following: list[str] = []
        for folders in _each(scan, level, alone, threads):
            following += folders
        if len(walked.tree) > ENTRIES_MAX:
            raise LimitExceeded(f"the folder has more than {ENTRIES_MAX} entries")
        level = following
    return walked


def _each(
    scan: Callable[[str], list[str]], folders: list[str], alone: Alone, threads: Callable[[], Executor]
) -> Iterator[list[str]]:
    """What is found in each folder: by this thread, or by several at a time once that is quicker."""
    left = iter(folders)
    while alone.is_enough and (folder := next(left, None)) is not None:
        with alone.at_work():
            found = scan(folder)
        yield found
    if not alone.is_enough:
        yield from threads().map(scan, left)


class _Folder:
    """One folder that is looked through. Results go into dictionaries that several threads fill."""

    def __init__(
        self, inside: Inside, ignoring: Ignoring, walked: Walked, known: Mapping[str, Row], folder: str
    ) -> None:
        self._inside = inside
        self._ignoring = ignoring
        self._walked = walked
        self._tree, self._stamps = walked.tree, walked.stamps
        self._known = known
        self._folder = folder
        self._prefix = f"{folder}/" if folder else ""
        self._folders: list[str] = []

    def scan(self) -> list[str]:
        """The folders in it."""
        try:
            with self._inside.folder(self._folder) as descriptor, os.scandir(descriptor) as found:
                entries = list(found)
                if IGNORE_FILE in [entry.name for entry in entries]:
                    self._read_ignore_file()
                if not self._ignoring.has_patterns:
                    is_as_it_was = self._is_as_it_was
                    entries = [entry for entry in entries if not is_as_it_was(entry)]
                for entry in entries:
                    self._take(entry, descriptor)
        except OSError as error:
            if self._folder and error.errno == errno.ENOENT:
                self._tree.pop(self._folder, None)  # removed meanwhile
                return []
            self._leave_out(self._folder, _why(error))
        return self._folders

    def _read_ignore_file(self) -> None:
        with (
            contextlib.suppress(FileNotFoundError),  # removed meanwhile; the folder need not be
            self._inside.file(self._prefix + IGNORE_FILE) as descriptor,
        ):
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._ignoring.add(self._folder, os.read(descriptor, IGNORE_BYTES_MAX + 1))

    def _is_as_it_was(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a file that is known, and is in the tree now: most are, so this takes no step too many."""
        path = self._prefix + entry.name
        row = self._known.get(path)
        if row is None:
            return False
        try:
            found = entry.stat(follow_symlinks=False)  # which the entry keeps
        except OSError:
            return False
        size_bytes, mode, mtime_ns = found.st_size, found.st_mode, found.st_mtime_ns
        stamp, digest = row
        if stamp != (size_bytes, mtime_ns, found.st_ctime_ns, found.st_ino) or mode & _FORMAT != _REGULAR:
            return False
        self._stamps[path] = stamp
        self._tree[path] = _new(Node, (FILE, size_bytes, mode & MODE_MASK, mtime_ns, digest, ""))
        return True

    def _take(self, entry: os.DirEntry[str], descriptor: int) -> None:
        name = entry.name
        path = self._prefix + name
        try:
            found = entry.stat(follow_symlinks=False)
            mode = found.st_mode
            if is_temporary(name) or self._ignoring.is_out(path, stat.S_ISDIR(mode)):
                return
            if stat.S_ISREG(mode):
                self._take_file(path, name, found)
                return
            self._check(path, name, found.st_mtime_ns)
            if stat.S_ISDIR(mode):
                self._tree[path] = Node(DIRECTORY, 0, mode & MODE_MASK, found.st_mtime_ns)
                self._folders.append(path)
            elif stat.S_ISLNK(mode):
                target = checked_target(path, os.readlink(name, dir_fd=descriptor))
                self._tree[path] = Node(SYMLINK, 0, 0, found.st_mtime_ns, "", target)
            else:
                self._leave_out(path, f"it is {_SPECIAL.get(stat.S_IFMT(mode), 'a special file')}")
        except FileNotFoundError:
            return  # removed meanwhile
        except OSError as error:
            self._leave_out(path, _why(error))
        except (BadName, BadArchive) as error:
            self._leave_out(path, str(error))

    def _take_file(self, path: str, name: str, found: os.stat_result) -> None:
        stamp = stamp_of(found)
        row = self._known.get(path)
        if row is not None and row[0] == stamp:
            digest = row[1]
        else:
            digest = ""
            self._check(path, name, stamp.mtime_ns)  # what is known was checked when it came to be known
            self._walked.unread[path] = stamp
        self._stamps[path] = stamp
        self._tree[path] = file_node(found, digest)

    def _check(self, path: str, name: str, mtime_ns: int) -> None:
        """Raises BadName, BadArchive for what no tree can hold."""
        check_entry_name(name)
        if path.count("/") >= DEPTH_MAX:
            raise BadName(f"it lies deeper than {DEPTH_MAX} folders")
        if len(path) > PATH_BYTES_MAX // 4 and len(path.encode()) > PATH_BYTES_MAX:
            raise BadName(f"its path is longer than {PATH_BYTES_MAX} bytes")
        checked_time(path, mtime_ns)

    def _leave_out(self, path: str, why: str) -> None:
        self._tree.pop(path, None)
        self._walked.left_out[path] = why


def _why(error: OSError) -> str:
    return f"it cannot be read: {os.strerror(error.errno or 0)}"
