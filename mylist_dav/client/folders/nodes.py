"""The tree of a folder or of a revision, as pushes and pulls compare them: paths, and what is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

FILE, DIRECTORY, SYMLINK = "file", "directory", "symlink"
KINDS = frozenset((FILE, DIRECTORY, SYMLINK))
MODE_MASK = 0o777
"""The bits of a mode that are pushed and pulled: never set-user-id, set-group-id or sticky."""


class Node(NamedTuple):
    """One entry. digest: of a file, 64 hex digits, '' while it is not known. target: of a symlink."""

    kind: str
    size_bytes: int = 0
    mode: int = 0
    mtime_ns: int = 0
    digest: str = ""
    target: str = ""


Tree = dict[str, Node]
"""By path ('a/b', without the root). Nothing is said of the order."""


class Block(NamedTuple):
    """A block of a content: its id, 64 hex digits, and its length."""

    id: str
    size_bytes: int


def parent_of(path: str) -> str:
    """The folder a path lies in; '' for the root."""
    return path.rpartition("/")[0]


def above(path: str) -> list[str]:
    """All folders a path lies in, the nearest first, without the root."""
    found = []
    while path := parent_of(path):
        found.append(path)
    return found


def in_order(paths: Iterable[str]) -> list[str]:
    """Paths, each folder before what is in it."""
    return sorted(paths)
