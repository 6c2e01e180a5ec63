"""A folder of this machine that is never left: every name on the way is opened by itself, and no symlink is followed.

So whoever else may write there cannot lead a push or a pull elsewhere. Needs a system with openat (not Windows).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from mylist_dav.errors import MylistError, NotFound, Unsupported

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Inside:
    """A folder, held open. Paths are relative to it: 'a/b'; '' is the folder itself. Raises OSError for what is amiss.

    For many threads; close() it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises NotFound unless there is such a folder, Unsupported where this system cannot do it."""
        if os.open not in os.supports_dir_fd:
            raise Unsupported("push and pull need a system with openat; this one has none")
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no folder {folder}") from error
        except OSError as error:
            raise MylistError(f"the folder {folder} cannot be opened: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """A descriptor of a folder, for as long as the block runs."""
        descriptor = os.dup(self._root) if not path else self._walk(path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder a path lies in, and the last name of the path."""
        above, _, name = path.rpartition("/")
        with self.folder(above) as descriptor:
            yield descriptor, name

    @contextmanager
    def file(self, path: str) -> Iterator[int]:
        """A descriptor of a file, for reading; it may turn out to be something else than a file."""
        with self.parent(path) as (above, name):
            descriptor = os.open(name, _FILE, dir_fd=above)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def stat(self, path: str) -> os.stat_result | None:
        """What is at a path, a symlink as such; None if nothing is."""
        try:
            with self.parent(path) as (above, name):
                return os.stat(name, dir_fd=above, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _walk(self, path: str) -> int:
        at = self._root
        try:
            for name in path.split("/"):
                down = os.open(name, _FOLDER, dir_fd=at)
                if at != self._root:
                    os.close(at)
                at = down
        except OSError:
            if at != self._root:
                os.close(at)
            raise
        return at


class Near:
    """Opens files one after the other. The folder of the last one stays open: the next one mostly lies in it too.

    For one thread; close() it, but not the folder it is of.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._opened = ExitStack()
        self._above: str | None = None
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._opened.close()
        self._above = None

    def open(self, path: str) -> int:
        """A descriptor of a file, as Inside.file gives it; whoever asks for it closes it."""
        above, _, name = path.rpartition("/")
        if above != self._above:
            self.close()
            self._descriptor = self._opened.enter_context(self._inside.folder(above))
            self._above = above
        return os.open(name, _FILE, dir_fd=self._descriptor)


def is_file(found: os.stat_result) -> bool:
    """Whether it is a plain file."""
    return stat.S_ISREG(found.st_mode)
