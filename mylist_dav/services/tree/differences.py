"""How two revisions of a flist differ, entry by entry: a renamed folder is one difference, whatever it holds."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from mylist_dav.errors import Invalid
from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Change, Difference, DifferencePage, Mark
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.rights import readable
from mylist_dav.services.tree.side_by_side import Sides, differences_after
from mylist_dav.store.catalog import WALK_PAGE, Catalog, Span, TreeView

KEPT_MAX = 20_000
"""So many differences, some 20 MB, are put in order in memory, and kept for the next page of the same comparison. Where
there are more, both trees are walked for each page."""

PAIRS_MAX = 100
"""Comparisons of which differences are kept, those that were read last."""

Pair = tuple[int, int, int]
"""A flist by its id, and two revisions of it: what differs between these never changes."""


class Differences:
    """The verb diff."""

    def __init__(self, catalog: Catalog, *, kept_max: int = KEPT_MAX) -> None:
        self._catalog = catalog
        self._kept_max = kept_max
        self._known: OrderedDict[Pair, list[Difference]] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self,
        actor: Actor,
        name: FlistName,
        from_jid: int,
        to_jid: int | None = None,
        after: Mark | None = None,
        limit: int = 1000,
    ) -> DifferencePage:
        """What makes one revision the other; to_jid None: the head. It may also be the older of the two.

        after: the next of the page before. Pages of the same revisions fit together. Raises NotFound (flist, revision),
        Invalid.
        """
        if limit < 1:
            raise Invalid("a page has at least one line")
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            to_jid = flist.head_jid if to_jid is None else to_jid
            trees = view.tree(flist, from_jid), view.tree(flist, to_jid)
            sides = Sides(*trees, from_jid, to_jid, view.states(flist))
            pair = flist.flist_id, from_jid, to_jid
            with self._lock:
                known = self._known.get(pair)
                if known is not None:
                    self._known.move_to_end(pair)
            if known is not None:
                return DifferencePage(from_jid, to_jid, *_page_of(known, after, limit))
            span = view.span(flist, min(pair[1:]), max(pair[1:]), self._kept_max)
            all_of_them = None if span is None else _Comparison(span, sides).sorted(self._kept_max)
            if all_of_them is None:
                return DifferencePage(from_jid, to_jid, *differences_after(sides, after, limit))
            self._keep(pair, all_of_them)
        return DifferencePage(from_jid, to_jid, *_page_of(all_of_them, after, limit))

    def _keep(self, pair: Pair, differences: list[Difference]) -> None:
        """For the next page; what was kept before goes until all fits."""
        with self._lock:
            self._known[pair] = differences
            while sum(map(len, self._known.values())) > self._kept_max or len(self._known) > PAIRS_MAX:
                self._known.popitem(last=False)


def _page_of(
    differences: list[Difference], after: Mark | None, limit: int
) -> tuple[list[Difference], Mark | None]:
    begin = 0 if after is None else bisect_right(differences, after, key=_mark)
    end = begin + limit
    return differences[begin:end], _mark(differences[end - 1]) if end < len(differences) else None


def _mark(one: Difference) -> Mark:
    """In the order of these, what goes comes before what takes its place."""
    return Mark(one.path, one.change is not Change.REMOVED)


class _Comparison:
    """Every difference between two revisions, from the rows that are not the same in them."""

    def __init__(self, span: Span, sides: Sides) -> None:
        self._states = sides.states
        self._earlier, self._later = sides.earlier, sides.later
        self._earlier_jid, self._later_jid = sides.earlier_jid, sides.later_jid
        forwards = sides.earlier_jid <= sides.later_jid
        self._before, self._after = (span.ended, span.begun) if forwards else (span.begun, span.ended)

    def sorted(self, limit: int) -> list[Difference] | None:
        """In order of path; what goes comes before what takes its place. None when there are more than so many."""
        found: list[Difference] = []
        for one in self._all():
            found.append(one)
            if len(found) > limit:
                return None
        return sorted(found, key=_mark)

    def _all(self) -> Iterator[Difference]:
        for entry_id, before in self._before.items():
            after = self._after.get(entry_id)
            yield from self._of(before, after)
        for entry_id, after in self._after.items():
            if entry_id not in self._before:
                yield from self._of(None, after)

    def _of(self, before: Entry | None, after: Entry | None) -> Iterator[Difference]:
        """What one entry differs by; of a folder that is new, also what it holds."""
        was = self._states.path(before, self._earlier_jid) if before is not None else None
        is_ = self._states.path(after, self._later_jid) if after is not None else None
        if after is None or is_ is None:
            if before is not None and was == ROOT:
                yield from self._all_of_a_root(before)
            elif before is not None and was is not None and self._stays(before):
                yield Difference(Change.REMOVED, was, None, before)
        elif before is None or was is None:
            if is_:
                yield Difference(Change.ADDED, is_, None, after)
            if after.is_directory:
                yield from self._below(is_, after)
        elif (before.parent_id, before.name) != (after.parent_id, after.name):
            yield Difference(Change.MOVED, is_, was, after)
        elif before._replace(since_jid=after.since_jid) != after:
            yield Difference(Change.CHANGED, is_, None, after)

    def _all_of_a_root(self, root: Entry) -> Iterator[Difference]:
        """What was in a root in the place of which another one has come, as after a large import."""
        for entry in _members(self._earlier, root.entry_id):
            yield Difference(Change.REMOVED, TreePath((entry.name,)), None, entry)

    def _stays(self, gone: Entry) -> bool:
        """Whether the folder that an entry was in is still in the tree: else the entry went with it."""
        return self._states.folder_path(gone.parent_id, self._later_jid) is not None

    def _below(self, path: TreePath, folder: Entry) -> Iterator[Difference]:
        """What a folder has brought along: rows that were there all the time, and that no root led to before."""
        ahead = [(path, folder.entry_id)]
        while ahead:
            above, folder_id = ahead.pop()
            for entry in self._untold(folder_id):
                place = TreePath((*above, entry.name))
                yield Difference(Change.ADDED, place, None, entry)
                if entry.is_directory:
                    ahead.append((place, entry.entry_id))

    def _untold(self, folder_id: int) -> Iterable[Entry]:
        """The members of a folder that have no rows of their own to be told by."""
        return (entry for entry in _members(self._later, folder_id) if entry.entry_id not in self._after)


def _members(tree: TreeView, folder_id: int) -> Iterator[Entry]:
    after = ""
    while page := tree.children(folder_id, after, WALK_PAGE):
        yield from page
        after = page[-1].name
