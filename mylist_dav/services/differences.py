"""How two revisions of a flist differ, entry by entry: a renamed folder is one difference, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mylist_dav.errors import Invalid, LimitExceeded
from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Change, Difference
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.rights import readable
from mylist_dav.store.catalog import WALK_PAGE, Catalog, Span, TreeView

DIFFERENCES_MAX = 100_000
"""Between revisions that are further apart nothing is told: all of it is in memory, to be put in order."""


KEPT_MAX = 20_000
"""So many differences, some 10 MB, are kept for the next page of the same comparison."""

Pair = tuple[int, int, int]
"""A flist by its id, and two revisions of it: what differs between these never changes."""


class Page(NamedTuple):
    """Some differences, in order of path. next: how many there are before the next page, or None when there is none."""

    earlier_jid: int
    later_jid: int
    differences: list[Difference]
    next: int | None


class Differences:
    """The verb diff."""

    def __init__(self, catalog: Catalog, *, differences_max: int = DIFFERENCES_MAX) -> None:
        self._catalog = catalog
        self._differences_max = differences_max
        self._last: tuple[Pair, list[Difference]] | None = None

    def page(
        self,
        actor: Actor,
        name: FlistName,
        from_jid: int,
        to_jid: int | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Page:
        """What makes one revision the other; to_jid None: the head. It may also be the older of the two.

        after: how many differences to leave out. Pages of the same revisions fit together. Raises NotFound (flist,
        revision), LimitExceeded when too much differs, Invalid.
        """
        if after < 0 or limit < 1:
            raise Invalid("a page begins at 0 or later, and has at least one line")
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            to_jid = flist.head_jid if to_jid is None else to_jid
            low, high = min(from_jid, to_jid), max(from_jid, to_jid)
            trees = view.tree(flist, from_jid), view.tree(flist, to_jid)
            pair = flist.flist_id, from_jid, to_jid
            last = self._last  # read once: other threads replace it
            if last is not None and last[0] == pair:
                differences = last[1]
            else:
                span = view.span(flist, low, high, self._differences_max)
                differences = _Comparison(span, *trees, from_jid, to_jid).sorted(self._differences_max)
                self._last = (pair, differences) if len(differences) <= KEPT_MAX else None
        end = after + limit
        return Page(from_jid, to_jid, differences[after:end], end if end < len(differences) else None)


class _Comparison:
    """Every difference between two revisions, from the rows that are not the same in them."""

    def __init__(
        self, span: Span, earlier: TreeView, later: TreeView, earlier_jid: int, later_jid: int
    ) -> None:
        self._span = span
        self._earlier_jid, self._later_jid = earlier_jid, later_jid
        self._earlier, self._later = earlier, later
        forwards = earlier_jid <= later_jid
        self._before, self._after = (span.ended, span.begun) if forwards else (span.begun, span.ended)

    def sorted(self, limit: int) -> list[Difference]:
        """In order of path; what goes comes before what takes its place. Raises LimitExceeded."""
        found: list[Difference] = []
        for one in self._all():
            found.append(one)
            if len(found) > limit:
                raise LimitExceeded(
                    f"more than {limit} entries differ between these revisions: compare nearer ones"
                )
        return sorted(found, key=lambda one: (one.path, one.change is not Change.REMOVED))

    def _all(self) -> Iterator[Difference]:
        for entry_id, before in self._before.items():
            after = self._after.get(entry_id)
            yield from self._of(before, after)
        for entry_id, after in self._after.items():
            if entry_id not in self._before:
                yield from self._of(None, after)

    def _of(self, before: Entry | None, after: Entry | None) -> Iterator[Difference]:
        """What one entry differs by; of a folder that is new, also what it holds."""
        was = self._span.path(before, self._earlier_jid) if before is not None else None
        is_ = self._span.path(after, self._later_jid) if after is not None else None
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
        return self._span.folder_path(gone.parent_id, self._later_jid) is not None

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
