"""Finding entries along paths that may go through symlinks: these lead inside of their flist only, at most 16 deep.

A symlink target is relative; it may go up, but not above the root of the flist. An absolute one means a place of the
machine it came from, so it leads nowhere. Published trees are followed with visitors' eyes: hidden names are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mylist_dav.errors import BadName
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog import TreeView

HOPS_MAX = 16
NAMES_MAX = 1_000
"""Most names, those of symlink targets included, that are looked up for one path."""

WELL_KNOWN = ".well-known"

Hidden = Callable[[str, bool], bool]
"""Whether a name is kept from whoever asks; the second argument tells whether it is in the root."""


class Way(NamedTuple):
    """How an entry was reached.

    stack: the entries from the root down to it, without symlinks. since_jid: the last commit that changed anything on
    the way, a symlink or a folder that was moved included: the content of the path is at least as old as that.
    """

    stack: tuple[Entry, ...]
    since_jid: int
    hops: int = 0
    looked_up: int = 0

    @property
    def entry(self) -> Entry:
        return self.stack[-1]

    @property
    def path(self) -> TreePath:
        return TreePath.of(entry.name for entry in self.stack[1:])


def way_to_root(tree: TreeView) -> Way:
    """Where every path begins."""
    root = tree.root()
    return Way((root,), root.since_jid)


def is_hidden(name: str, at_root: bool) -> bool:
    """Whether a name is kept from visitors: dotfiles, but for /.well-known/ (RFC 8615)."""
    return name.startswith(".") and not (at_root and name == WELL_KNOWN)


def shows_all(name: str, at_root: bool) -> bool:
    """Nothing is hidden from those who may read the flist itself."""
    return False


def follow(tree: TreeView, start: Way, names: Sequence[str], hidden: Hidden = is_hidden) -> Way | None:
    """Go on from a folder by these names; None when there is nothing, or nothing that may be seen."""
    found = _walk(tree, start, names, hidden)
    return found[0] if found is not None and not found[1] else None


def resolve(tree: TreeView, path: TreePath, *, last: bool = True) -> tuple[TreePath, Entry | None]:
    """Where a path really leads, and what is there; None when nothing is.

    Where only the last name is missing, the path is that of what could be made there. A way that leads out of the
    flist, on for too long, or through what is missing gives the path back as it was. last=False: the last name is not
    followed: it means the link itself.
    """
    chain = tree.chain(path)
    complete = len(chain) == len(path) + 1
    if chain[-1].kind is not Kind.SYMLINK or (complete and not last):
        return path, chain[-1] if complete else None
    found = _walk(tree, way_to_root(tree), path if last else path.parent, shows_all)
    if found is None or len(found[1]) > 1:
        return path, None
    way, missing = found
    names = missing if last else [*missing, path.name]
    if not names:
        return way.path, way.entry
    if len(names) > 1 or not way.entry.is_directory:
        return path, None
    try:
        return way.path.child(names[0]), tree.member(way.entry.entry_id, names[0])
    except BadName:
        return path, None  # a target may hold what no entry could be called


def _walk(tree: TreeView, start: Way, names: Sequence[str], hidden: Hidden) -> tuple[Way, list[str]] | None:
    """Name by name, as far as there is something; a link puts the names of its target in its place.

    Returns the way and the names that are left, the first of which is missing; None where it must not go on.
    """
    stack, since_jid, hops, looked_up = list(start.stack), start.since_jid, start.hops, start.looked_up
    pending = list(reversed(names))
    while pending:
        name = pending.pop()
        looked_up += 1
        if looked_up > NAMES_MAX or not stack[-1].is_directory:
            return None
        if name == "..":
            if len(stack) == 1:
                return None
            stack.pop()
            continue
        if hidden(name, len(stack) == 1):
            return None
        entry = tree.member(stack[-1].entry_id, name)
        if entry is None:
            return Way(tuple(stack), since_jid, hops, looked_up), [name, *reversed(pending)]
        since_jid = max(since_jid, entry.since_jid)
        if entry.kind is not Kind.SYMLINK:
            stack.append(entry)
            continue
        hops += 1
        target = entry.target or ""
        if hops > HOPS_MAX or not target or target.startswith("/"):
            return None
        pending += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    return Way(tuple(stack), since_jid, hops, looked_up), []
