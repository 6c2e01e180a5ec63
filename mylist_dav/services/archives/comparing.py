"""What an import would change: the assembled tree against the head, both walked in order of name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mylist_dav.errors import Conflict
from mylist_dav.model.archives.members import shown
from mylist_dav.model.entries import DIRECTORY_MODE, FILE_MODE, SYMLINK_MODE, Entry, Kind
from mylist_dav.store.assembly import ROOT_NODE, Assembly, Node, Touch
from mylist_dav.store.catalog import NewEntry

HEAD_PAGE = 500
_MODES = {Kind.FILE: FILE_MODE, Kind.DIRECTORY: DIRECTORY_MODE, Kind.SYMLINK: SYMLINK_MODE}

ReadHead = Callable[[int, str], list[Entry]]
"""(folder id, after) to the next members of a folder of the head in order of name, at most HEAD_PAGE."""


class Difference(NamedTuple):
    """One entry that is not as it should be. old None: it is new. new None: it goes. Both: changed, or another kind.

    parent_id: the folder of the head that it is in. below: (entries, size_bytes) below a new folder.
    """

    parent_id: int
    old: Entry | None
    node: Node | None
    below: tuple[int, int] = (0, 0)

    @property
    def is_change(self) -> bool:
        """Whether the entry stays, and only its content or attributes become others."""
        return self.old is not None and self.node is not None and self.old.kind == self.node.kind

    @property
    def brought_bytes(self) -> int:
        """The size of the contents that are new here."""
        if self.node is None or (
            self.is_change and self.old is not None and self.old.digest == self.node.digest
        ):
            return 0
        return self.node.size_bytes + self.below[1]

    @property
    def rows(self) -> int:
        """How many rows of the catalog it takes."""
        return 1 + self.below[0]


class _Pair(NamedTuple):
    """A name in both trees; None where one has none of that name. goes: it is said to go."""

    old: Entry | None
    node: Node | None
    goes: bool = False


@dataclass(slots=True)
class _Level:
    """A folder that is being compared."""

    entry: Entry
    pairs: Iterator[_Pair]
    noted: bool = False


def differences(assembly: Assembly, root: Entry, read_head: ReadHead, *, merge: bool) -> Iterator[Difference]:
    """Every difference, those in a folder after the folder's own; what is below a new or vanished one is left out.

    merge: what is only in the head stays, unless it is said to go. Whatever is touched is noted in the assembly, for
    the locks. Raises Conflict when what is to go is not there.
    """
    levels, removals = [_Level(root, _pairs(assembly, root.entry_id, ROOT_NODE, read_head))], 0
    while levels:
        level = levels[-1]
        pair = next(level.pairs, None)
        if pair is None:
            levels.pop()
            continue
        old, node, goes = pair
        removals += goes
        found = _difference(assembly, level.entry, pair, stays=merge and not goes)
        if found is not None:
            _note(assembly, levels, found)
            yield found
        if old is not None and node is not None and old.is_directory and node.kind is Kind.DIRECTORY:
            levels.append(_Level(old, _pairs(assembly, old.entry_id, node.node_id, read_head)))
    if removals != assembly.removals:
        raise Conflict("something is to go from a folder that is not there")


def complete(assembly: Assembly, root: Entry, read_head: ReadHead, *, merge: bool) -> None:
    """Make the assembled tree whole: take over from the head what the import leaves as it is."""
    assembly.note_match(root.entry_id, ROOT_NODE)
    levels = [(ROOT_NODE, _pairs(assembly, root.entry_id, ROOT_NODE, read_head))]
    while levels:
        parent_id, pairs = levels[-1]
        pair = next(pairs, None)
        if pair is None:
            levels.pop()
            continue
        old, node, goes = pair
        if old is None:
            continue
        if node is None:
            if goes or not merge:
                continue
            node = assembly.adopt(parent_id, old)
        elif node.kind == old.kind:
            assembly.match(node, old)
        else:
            continue
        if old.is_directory:
            levels.append((node.node_id, _pairs(assembly, old.entry_id, node.node_id, read_head)))


def new_entry(node: Node, now_ns: int) -> NewEntry:
    """The entry that a node becomes."""
    return NewEntry(
        node.kind,
        _MODES[node.kind] if node.mode is None else node.mode,
        now_ns if node.mtime_ns is None else node.mtime_ns,
        now_ns if node.created_ns is None else node.created_ns,
        node.size_bytes,
        node.digest,
        node.target,
        node.content_type or None,
    )


def changed_entry(old: Entry, node: Node) -> Entry:
    """What an entry becomes that is there in both, of the same kind. What no member has said stays."""
    return old._replace(
        mode=old.mode if node.mode is None else node.mode,
        mtime_ns=old.mtime_ns if node.mtime_ns is None else node.mtime_ns,
        size_bytes=node.size_bytes,
        digest=node.digest,
        target=node.target,
        content_type=old.content_type if node.content_type is None else node.content_type or None,
    )


def _difference(assembly: Assembly, parent: Entry, pair: _Pair, *, stays: bool) -> Difference | None:
    """stays: what is only in the head."""
    old, node, _ = pair
    if node is None:
        return None if stays else Difference(parent.entry_id, old, None)
    if old is not None and old.kind == node.kind:
        return None if changed_entry(old, node) == old else Difference(parent.entry_id, old, node)
    below = assembly.totals(node.node_id) if node.kind is Kind.DIRECTORY else (0, 0)
    return Difference(parent.entry_id, old, node, below)


def _note(assembly: Assembly, levels: list[_Level], found: Difference) -> None:
    if found.old is not None:
        assembly.touch([found.old.entry_id], Touch.CHANGED if found.is_change else Touch.REMOVED)
    if not found.is_change:
        assembly.touch([found.parent_id], Touch.NAMES)
    new = [level for level in levels if not level.noted]
    assembly.touch([level.entry.entry_id for level in new], Touch.BELOW)
    for level in new:
        level.noted = True


def _pairs(assembly: Assembly, folder_id: int, node_id: int, read_head: ReadHead) -> Iterator[_Pair]:
    """The members of a folder in both trees, in order of name. Raises Conflict when what is to go is not there."""
    olds, nodes = _head_members(folder_id, read_head), assembly.all_children(node_id)
    going = _Going(assembly.going(node_id))
    old, node = next(olds, None), next(nodes, None)
    while old is not None or node is not None:
        if node is None or (old is not None and old.name < node.name):
            assert old is not None, "one of both is there"
            yield _Pair(old, None, going.take(old.name))
            old = next(olds, None)
        elif old is None or node.name < old.name:
            yield _Pair(None, node)
            node = next(nodes, None)
        else:
            yield _Pair(old, node)
            old, node = next(olds, None), next(nodes, None)
    going.end()


class _Going:
    """The names in one folder that are said to go, asked for in order."""

    def __init__(self, names: Iterator[str]) -> None:
        self._names = names
        self._next = next(names, None)

    def take(self, name: str) -> bool:
        """Whether the head's member of this name goes. Raises Conflict for one before it, that the head has not."""
        if self._next is None or name < self._next:
            return False
        if self._next != name:
            self.end()
        self._next = next(self._names, None)
        return True

    def end(self) -> None:
        """The head has no more members. Raises Conflict if one of them was to go."""
        if self._next is not None:
            raise Conflict(f"{shown(self._next)} is to go, and is not there")


def _head_members(folder_id: int, read_head: ReadHead) -> Iterator[Entry]:
    after = ""
    while page := read_head(folder_id, after):
        yield from page
        if len(page) < HEAD_PAGE:
            return
        after = page[-1].name
