"""Puts what was pulled into a folder of this machine: each file whole or not at all, nothing outside of the folder.

What has changed there since it was looked at stays, and is named. Nothing is synced: after a power cut, pull again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.names_here import temporary_name
from mylist_dav.client.folders.nodes import DIRECTORY, MODE_MASK, Node, Tree, parent_of
from mylist_dav.client.folders.planning import Step
from mylist_dav.client.folders.walking import Stamp, stamp_of
from mylist_dav.errors import OutOfSpace

_WHILE = "it was changed here meanwhile"


class Meanwhile(Exception):
    """What is at a path is not what was there when the folder was looked through."""


class Draft:
    """A file that is being written, next to where it goes. For one thread."""

    def __init__(self, above: int, name: str) -> None:
        self._above = above
        self.name = name
        self._temporary = temporary_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._temporary, flags, 0o600, dir_fd=above)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def finish(self, node: Node) -> None:
        """Give it its mode and time, and its name."""
        os.fchmod(self._descriptor, node.mode & MODE_MASK)
        os.utime(self._descriptor, ns=(node.mtime_ns, node.mtime_ns))
        os.rename(self._temporary, self.name, src_dir_fd=self._above, dst_dir_fd=self._above)
        self._temporary = ""

    def close(self) -> None:
        """Let go of it; what is not finished goes."""
        os.close(self._descriptor)
        if self._temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._above)


class Placing:
    """Changes a folder. there, stamps: as it was looked through. For many threads, on different paths."""

    def __init__(self, inside: Inside, there: Tree, stamps: dict[str, Stamp]) -> None:
        self._inside = inside
        self._there = there
        self._stamps = stamps
        self.left_out: dict[str, str] = {}
        self._touched: set[str] = set()
        self._gone: set[str] = set()
        self._members: dict[str, list[str]] = {}
        for path in there:
            self._members.setdefault(parent_of(path), []).append(path)

    @contextmanager
    def noting(self, path: str) -> Iterator[None]:
        """What goes wrong at one path is named, and the others follow. Raises OutOfSpace."""
        try:
            yield
        except Meanwhile:
            self.left_out[path] = _WHILE
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace("the disk is full; what was pulled so far stays") from error
            self.left_out[path] = f"it cannot be written: {os.strerror(error.errno or 0)}"

    def remove(self, step: Step) -> None:
        """Take away what was there, with all below it; what has come since stays."""
        if step.path in self._gone:
            return
        with self.noting(step.path):
            self._remove(step.path)

    def folder(self, step: Step) -> None:
        """Make a folder; its mode and time come last, in finish()."""
        with self.noting(step.path):
            if step.was is not None and step.was.kind != DIRECTORY:
                self._remove(step.path)
            if step.was is None or step.was.kind != DIRECTORY:
                with self._inside.parent(step.path) as (descriptor, name):
                    os.mkdir(name, 0o700, dir_fd=descriptor)
                self._touch(step.path)
            self._touched.add(step.path)

    def link(self, step: Step) -> None:
        """Make a symlink."""
        assert step.now is not None
        with self.noting(step.path), self._inside.parent(step.path) as (descriptor, name):
            times = (step.now.mtime_ns, step.now.mtime_ns)
            if step.was is not None and not step.replaces:
                os.utime(name, ns=times, dir_fd=descriptor, follow_symlinks=False)
                return
            self.make_way(step.path, step.was)
            temporary = temporary_name()
            os.symlink(step.now.target, temporary, dir_fd=descriptor)
            os.utime(temporary, ns=times, dir_fd=descriptor, follow_symlinks=False)
            os.rename(temporary, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            self._touch(step.path)

    def attributes(self, step: Step) -> None:
        """Mode and time of a file whose content stays."""
        assert step.now is not None
        with self.noting(step.path), self._inside.file(step.path) as descriptor:
            self._require_same(step.path, os.fstat(descriptor))
            os.fchmod(descriptor, step.now.mode & MODE_MASK)
            os.utime(descriptor, ns=(step.now.mtime_ns, step.now.mtime_ns))

    @contextmanager
    def draft(self, path: str) -> Iterator[Draft]:
        """A new file for a path. Raises OSError."""
        with self._inside.parent(path) as (descriptor, name):
            draft = Draft(descriptor, name)
            try:
                yield draft
            finally:
                draft.close()

    def place(self, draft: Draft, step: Step) -> None:
        """A file that is written gets its name. Raises Meanwhile, OSError."""
        assert step.now is not None
        self.make_way(step.path, step.was)
        draft.finish(step.now)
        self._touch(step.path)

    def finish(self, wanted: Tree) -> None:
        """Modes and times of all folders that were made or written to, the deepest first."""
        for path in sorted(self._touched & wanted.keys(), reverse=True):
            node = wanted[path]
            if node.kind == DIRECTORY and path not in self.left_out:
                with self.noting(path), self._inside.folder(path) as descriptor:
                    os.fchmod(descriptor, node.mode & MODE_MASK)
                    os.utime(descriptor, ns=(node.mtime_ns, node.mtime_ns))

    def make_way(self, path: str, was: Node | None) -> None:
        """See to it that a name can be taken by what is no folder. Raises Meanwhile, OSError."""
        if was is not None and was.kind == DIRECTORY:
            self._remove(path)
        else:
            self._require_same(path, self._inside.stat(path))

    # -- within ------------------------------------------------------------------------------------------------

    def _touch(self, path: str) -> None:
        """The folder above has another time now."""
        self._touched.add(parent_of(path))

    def _remove(self, path: str) -> None:
        """What was there when the folder was looked through, from below; a folder with something new in it stays."""
        for each in sorted(self._members.get(path, ()), reverse=True):
            if each not in self._gone:
                self._remove(each)
        with self._inside.parent(path) as (descriptor, name):
            if self._there[path].kind == DIRECTORY:
                self._rmdir(name, descriptor)
            else:
                self._require_same(path, self._inside.stat(path))
                os.unlink(name, dir_fd=descriptor)
        self._gone.add(path)
        self._touch(path)

    def _rmdir(self, name: str, descriptor: int) -> None:
        try:
            os.rmdir(name, dir_fd=descriptor)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise Meanwhile from error
            raise

    def _require_same(self, path: str, found: os.stat_result | None) -> None:
        """Raises Meanwhile unless at a path is what was there."""
        node = None if path in self._gone else self._there.get(path)
        if node is None or found is None:
            if (node is None) is not (found is None):
                raise Meanwhile
            return
        if path in self._stamps:
            same = stat.S_ISREG(found.st_mode) and stamp_of(found) == self._stamps[path]
        else:
            same = stat.S_ISLNK(found.st_mode) and found.st_mtime_ns == node.mtime_ns
        if not same:
            raise Meanwhile
