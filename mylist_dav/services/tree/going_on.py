"""A whole tree, page by page: each page goes on after the path at which the one before has ended."""

from __future__ import annotations

from collections.abc import Iterator

from mylist_dav.errors import Invalid
from mylist_dav.model.entries import Entry
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.store.catalog import WALK_PAGE, TreeView

Level = tuple[TreePath, Iterator[Entry]]
"""A folder, and those of its members that are still to come."""


def entries_after(tree: TreeView, after: TreePath | None, limit: int) -> list[tuple[TreePath, Entry]]:
    """At most limit entries in order of path, what is in a folder right after it. after: None, or a path of the tree.

    Raises Invalid for a path that is not in it.
    """
    levels = _levels(tree, after or ROOT, min(limit, WALK_PAGE))
    found: list[tuple[TreePath, Entry]] = []
    while levels and len(found) < limit:
        path, those = levels[-1]
        entry = next(those, None)
        if entry is None:
            levels.pop()
            continue
        entry_path = TreePath((*path, entry.name))
        found.append((entry_path, entry))
        if entry.is_directory:
            levels.append((entry_path, members(tree, entry.entry_id, "", min(limit, WALK_PAGE))))
    return found


def _levels(tree: TreeView, after: TreePath, page: int) -> list[Level]:
    """What is left to do after a path."""
    chain = tree.chain(after)
    if len(chain) != len(after) + 1:
        raise Invalid(f"/{after} is not in this revision: nothing goes on after it")
    levels: list[Level] = [
        (TreePath(after[:depth]), members(tree, folder.entry_id, chain[depth + 1].name, page))
        for depth, folder in enumerate(chain[:-1])
    ]
    if chain[-1].is_directory:
        levels.append((after, members(tree, chain[-1].entry_id, "", page)))
    return levels


def members(tree: TreeView, folder_id: int, after: str, page: int) -> Iterator[Entry]:
    """The members of a folder past a name, read so many at a time."""
    while found := tree.children(folder_id, after, page):
        yield from found
        if len(found) < page:
            return
        after = found[-1].name
