"""Two revisions walked side by side in order of path: how they differ, however much that is, in little memory.

Each page costs what is looked at for it, the entries that do not differ as well. So this is for revisions that are far
apart; what lies between near ones is told by few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mylist_dav.model.entries import Entry
from mylist_dav.model.operations import Change, Difference, Mark
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.tree.going_on import Level, members
from mylist_dav.store.catalog import States, TreeView

LOOKED_AT_MAX = 50_000
"""So many steps, two for each path, are made for one page: some tenths of a second."""

PAGE = 500


class Sides(NamedTuple):
    """The two trees, at earlier_jid and later_jid, which may be the newer one of the two."""

    earlier: TreeView
    later: TreeView
    earlier_jid: int
    later_jid: int
    states: States

    def of_roots(self) -> Difference | None:
        """What the roots differ by. One in the place of another is told by what is in them."""
        before, after = self.earlier.root(), self.later.root()
        same = before.entry_id == after.entry_id
        return Difference(Change.CHANGED, ROOT, None, after) if same and _differ(before, after) else None

    def removed(self, path: TreePath, before: Entry, at_path: Entry | None) -> Difference | None:
        """What went from a path, unless its folder went too: then it is not told."""
        if at_path is not None and at_path.entry_id == before.entry_id:
            return None
        after = self.states.entry(before.entry_id, self.later_jid)
        if after is not None and self.states.path(after, self.later_jid) is not None:
            return None
        stays = self.states.folder_path(before.parent_id, self.later_jid) is not None
        told = stays or before.parent_id == self.earlier.root().entry_id
        return Difference(Change.REMOVED, path, None, before) if told else None

    def other(self, path: TreePath, after: Entry, at_path: Entry | None) -> Difference | None:
        """What came to a path, or is another there."""
        if at_path is not None and at_path.entry_id == after.entry_id:
            before, old_path = at_path, path
        else:
            found = self.states.entry(after.entry_id, self.earlier_jid)
            way = self.states.path(found, self.earlier_jid) if found is not None else None
            if found is None or way is None:
                return Difference(Change.ADDED, path, None, after)
            before, old_path = found, way
        if (before.parent_id, before.name) != (after.parent_id, after.name):
            return Difference(Change.MOVED, path, old_path, after)
        return Difference(Change.CHANGED, path, None, after) if _differ(before, after) else None


def differences_after(
    sides: Sides, after: Mark | None, limit: int, looked_at_max: int = LOOKED_AT_MAX
) -> tuple[list[Difference], Mark | None]:
    """At most limit differences in order of path, and where to go on: None at the end. There may be none on a page."""
    root = sides.of_roots() if after is None else None
    found = [root] if root is not None else []
    told = after or Mark(ROOT, True)
    for steps, (mark, difference) in enumerate(_steps(sides, told)):
        if len(found) == limit or steps == looked_at_max:
            return found, told
        if difference is not None:
            found.append(difference)
        told = mark
    return found, None


def _differ(before: Entry, after: Entry) -> bool:
    return before._replace(since_jid=after.since_jid) != after


def _steps(sides: Sides, after: Mark) -> Iterator[tuple[Mark, Difference | None]]:
    """Two for each path at which either tree has something: what has gone, and what has come or changed."""
    path, whole = after
    gone, come = _walk(sides.earlier, path), _walk(sides.later, path, with_path=not whole)
    before, now = next(gone, None), next(come, None)
    while before is not None or now is not None:
        place = min(one[0] for one in (before, now) if one is not None)
        old = before[1] if before is not None and before[0] == place else None
        new = now[1] if now is not None and now[0] == place else None
        if old is not None:
            yield Mark(place, False), sides.removed(place, old, new)
            before = next(gone, None)
        if new is not None:
            yield Mark(place, True), sides.other(place, new, old)
            now = next(come, None)


def _walk(tree: TreeView, path: TreePath, *, with_path: bool = False) -> Iterator[tuple[TreePath, Entry]]:
    """All that comes after a path in a tree, which need not have it; with_path: and what is there."""
    folder_id, there = tree.root().entry_id, None
    levels: list[Level] = []
    for depth, name in enumerate(path):
        levels.append((TreePath(path[:depth]), members(tree, folder_id, name, PAGE)))
        there = tree.child(folder_id, name)
        if there is None or not there.is_directory:
            there = there if depth == len(path) - 1 else None
            break
        folder_id = there.entry_id
    else:
        levels.append((path, members(tree, folder_id, "", PAGE)))
    if with_path and there is not None:
        yield path, there
    while levels:
        above, those = levels[-1]
        entry = next(those, None)
        if entry is None:
            levels.pop()
            continue
        place = TreePath((*above, entry.name))
        yield place, entry
        if entry.is_directory:
            levels.append((place, members(tree, entry.entry_id, "", PAGE)))
