"""A place in a tree: the names from its root down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from mylist_dav.errors import BadName
from mylist_dav.model.names import check_entry_name

PATH_BYTES_MAX = 4096
DEPTH_MAX = 256

_PLAIN_CHARS_MAX = 255
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .,+=()@-]*(?:/[A-Za-z0-9_][A-Za-z0-9_ .,+=()@-]*)*")
"""What most paths are. Such a one of so many characters has only names that are allowed, and is not too deep."""


class TreePath(tuple[str, ...]):
    """Names from the root down; the empty one is the root itself. Always checked: made only by its class methods."""

    __slots__ = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """The path of these names. Raises BadName for a bad name, more than 256 names, or 4096 bytes."""
        path = cls(check_entry_name(name) for name in names)
        if len(path) > DEPTH_MAX:
            raise BadName(f"a path of {len(path)} names is too deep: {DEPTH_MAX} are allowed")
        if sum(map(len, path)) + len(path) > PATH_BYTES_MAX // 4 and len(str(path).encode()) > PATH_BYTES_MAX:
            raise BadName(f"a path may have {PATH_BYTES_MAX} bytes, and this one has more")
        return path

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 'a/b/c' (one leading and trailing slash are ignored). Raises BadName."""
        if len(text) <= _PLAIN_CHARS_MAX and _PLAIN.fullmatch(text):
            return cls(text.split("/"))
        text = text.removeprefix("/").removesuffix("/")
        return cls.of(text.split("/")) if text else cls()

    @property
    def name(self) -> str:
        """The last name; '' for the root."""
        return self[-1] if self else ""

    @property
    def parent(self) -> TreePath:
        """The path above; the root is its own parent."""
        return TreePath(self[:-1])

    def child(self, name: str) -> TreePath:
        """The path of a member of this folder. Raises BadName."""
        return TreePath.of((*self, name))

    def is_within(self, ancestor: TreePath) -> bool:
        """Whether this is ancestor or lies below it."""
        return self[: len(ancestor)] == tuple(ancestor)

    def __str__(self) -> str:
        return "/".join(self)


ROOT = TreePath()
