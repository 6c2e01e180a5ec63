"""Finding an entry of a published tree: hidden names are not there, and symlinks lead nowhere but inside.

A symlink target is relative; it may go up, but not above the root of the flist. An absolute one means a place of the
machine it came from, so it leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mylist_dav.model.entries import Entry, Kind
from mylist_dav.store.catalog import TreeView

HOPS_MAX = 16
NAMES_MAX = 1_000
"""Most names, those of symlink targets included, that are looked up for one path."""

WELL_KNOWN = ".well-known"


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


def way_to_root(tree: TreeView) -> Way:
    """Where every path begins."""
    root = tree.root()
    return Way((root,), root.since_jid)


def is_hidden(name: str, at_root: bool) -> bool:
    """Whether a name is kept from visitors: dotfiles, but for /.well-known/ (RFC 8615)."""
    return name.startswith(".") and not (at_root and name == WELL_KNOWN)


def follow(tree: TreeView, start: Way, names: Sequence[str]) -> Way | None:
    """Go on from a folder by these names; None when there is nothing, or nothing that may be seen."""
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
        if is_hidden(name, at_root=len(stack) == 1):
            return None
        entry = tree.member(stack[-1].entry_id, name)
        if entry is None:
            return None
        since_jid = max(since_jid, entry.since_jid)
        if entry.kind is not Kind.SYMLINK:
            stack.append(entry)
            continue
        hops += 1
        target = entry.target or ""
        if hops > HOPS_MAX or not target or target.startswith("/"):
            return None
        pending += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    return Way(tuple(stack), since_jid, hops, looked_up)
