"""What a commit is made of, why an operation of it may be refused, and how two revisions differ: values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.paths import TreePath

OPERATIONS_MAX = 50_000
"""How many operations one commit may have: its transaction holds up all who write. More comes as a tree."""

NOTE_CHARS_MAX = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """Make the file at a path have this content; its folder must be there.

    blocks: the recipe, or None: of a content that is one block, or that the caller may read. only_if: what must be
    there, as a digest; only_if_absent: nothing may be there. mode, content_type None: those of the file that is there,
    or the usual ones. mtime_ns None: now.
    """

    path: TreePath
    digest: Digest
    size_bytes: int
    blocks: tuple[BlockRef, ...] | None = None
    mode: int | None = None
    mtime_ns: int | None = None
    content_type: str | None = None
    only_if: Digest | None = None
    only_if_absent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeDirectory:
    """Make a folder. parents: also those above it, and it may be there already."""

    path: TreePath
    mode: int | None = None
    mtime_ns: int | None = None
    parents: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeSymlink:
    """Make a symbolic link, or let the one that is there lead elsewhere."""

    path: TreePath
    target: str
    mtime_ns: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Remove an entry and all below it."""

    path: TreePath


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Put an entry elsewhere; it keeps its id. overwrite: in the place of what is there."""

    source: TreePath
    target: TreePath
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """Make new entries like an entry and all below it."""

    source: TreePath
    target: TreePath
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """Let two entries take each other's places."""

    one: TreePath
    other: TreePath


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAttributes:
    """Set what is not None."""

    path: TreePath
    mode: int | None = None
    mtime_ns: int | None = None
    content_type: str | None = None


Operation = Put | MakeDirectory | MakeSymlink | Delete | Move | Copy | Exchange | SetAttributes
Operations = Sequence[Operation]


class Reason(StrEnum):
    """Why an operation cannot be done. The words are told to programs, and never change their meaning."""

    MISSING = "missing"
    """There is nothing at the path."""
    EXISTS = "exists"
    """There is something at the path already."""
    NO_PARENT = "no-parent"
    """There is no folder that the entry would be in."""
    NOT_A_FOLDER = "not-a-folder"
    """Something else is where a folder is needed."""
    NOT_A_FILE = "not-a-file"
    """A folder or symbolic link is there, which has no content."""
    CHANGED = "changed"
    """The condition of the operation does not hold: another content is there, or none, or anything at all."""
    LOCKED = "locked"
    """A lock is in the way."""
    NESTED = "nested"
    """An entry would be inside of itself, or in the place of a folder that holds it."""
    SAME = "same"
    """Both paths lead to the same entry."""
    ROOT = "root"
    """The root of a flist is neither made, moved, replaced nor deleted."""
    TOO_DEEP = "too-deep"
    """Paths would be longer than is allowed."""
    SIZE = "size"
    """The content has another size."""
    RECIPE = "recipe"
    """The blocks do not make up the content."""


class Refusal(NamedTuple):
    """One operation that cannot be done. number: which one, from 0. now: what is at the path, as the tree stands."""

    number: int
    path: TreePath
    reason: Reason
    now: Entry | None


class Change(StrEnum):
    """How an entry differs between two revisions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


class Difference(NamedTuple):
    """One entry that differs. path: in the later tree; of one that was removed, in the earlier.

    old_path: of one that was moved, in the earlier tree; it may have changed too. What goes or moves with its folder
    is not told again. entry: the later state; of one that was removed, the earlier.
    """

    change: Change
    path: TreePath
    old_path: TreePath | None
    entry: Entry


class Mark(NamedTuple):
    """How far differences were told: up to a path. whole: with what has come there, and not only what has gone."""

    path: TreePath
    whole: bool


class DifferencePage(NamedTuple):
    """Some differences, in order of path; of many there may be none on a page. next: None at the end."""

    earlier_jid: int
    later_jid: int
    differences: list[Difference]
    next: Mark | None
