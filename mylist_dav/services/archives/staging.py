"""Building large trees out of sight, in slices that others can write between, to be attached by one row each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator

from mylist_dav.errors import NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import DIRECTORY_MODE, Entry, Flist, Kind
from mylist_dav.services.archives.comparing import new_entry
from mylist_dav.store.assembly import ROOT_NODE, Assembly, Node
from mylist_dav.store.catalog import Catalog, Draft, NewEntry, TreeDraft
from mylist_dav.store.pacing import Pace
from mylist_dav.store.processes.scratch import Scratch

Row = tuple[int, int, str, NewEntry]
"""(parent id, node id, name, what): the entry id is first_id plus the node id."""


class Stage:
    """What one import builds in one flist. Nothing of it is visible until it is attached. For one thread."""

    def __init__(
        self,
        catalog: Catalog,
        actor: Actor,
        flist: Flist,
        assembly: Assembly,
        now_ns: int,
        require: Callable[[Draft], None],
    ) -> None:
        """require: called in each change; raises Busy when the contents may be gone."""
        self._require = require
        self._catalog = catalog
        self._actor = actor
        self._flist = flist
        self._assembly = assembly
        self._now_ns = now_ns
        self._totals = (0, 0)
        self._pace = Pace()
        self._staged: dict[int, Entry] = {}
        self._folder, self.first_id = catalog.change(self._begin)

    def _begin(self, draft: Draft) -> tuple[Entry, int]:
        tree = self._tree(draft)
        new = NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, self._now_ns, self._now_ns)
        return tree.stage_root(self._assembly.owner, new), tree.take_ids(self._assembly.last_node_id + 1)

    def _tree(self, draft: Draft) -> TreeDraft:
        return draft.draft_tree(self._flist, self._actor)

    def build(self, nodes: Iterable[Node]) -> None:
        """Build folders of the assembled tree with all that is below them; those that are built already stay."""
        new = {node.node_id: new_entry(node, self._now_ns) for node in nodes if not self.holds(node.node_id)}
        self._build(new)

    def build_root(self, root: Entry) -> Entry:
        """Build the whole assembled tree, to take the place of this root; returns the new root."""
        self._build({ROOT_NODE: NewEntry(Kind.DIRECTORY, root.mode, root.mtime_ns, root.created_ns)})
        return self.staged(ROOT_NODE)

    def staged(self, node_id: int) -> Entry:
        """What was built for a node."""
        return self._staged[node_id]

    def holds(self, node_id: int) -> bool:
        """Whether a node was built."""
        return node_id in self._staged

    def serves(self, new_folders: Container[int]) -> bool:
        """Whether what an earlier attempt has built is of use for these new folders, given by their nodes.

        All of it must be: else the folder of a node is in the head by now, and what is below it would be built twice.
        """
        return all(node_id in new_folders for node_id in self._staged) and self.is_whole()

    def is_whole(self) -> bool:
        """Whether all that was built is still there: going back to an old revision takes away what is newer."""
        with self._catalog.view() as view:
            flist = view.flist_by_id(self._flist.flist_id)
            return view.tree(flist).totals(self._folder) == self._totals

    def clear(self) -> None:
        """Remove what was built and not attached. Raises NotFound when the flist is gone, and everything with it."""
        remove_staged(self._catalog, self._actor, self._flist, self._folder, self._pace)

    def _build(self, tops: dict[int, NewEntry]) -> None:
        """Insert these and all below them. Slices run across them: thousands of small folders are few transactions."""
        entries, size_bytes = self._totals
        for piece in self._pace.slices(self._rows(tops)):
            self._insert(piece)
            entries += len(piece)
            size_bytes += sum(row[3].size_bytes for row in piece)
        self._totals = entries, size_bytes
        for node_id, new in tops.items():
            self._staged[node_id] = Entry(
                self.first_id + node_id, self._folder.entry_id, str(node_id), *new, self._folder.since_jid
            )

    def _insert(self, rows: list[Row]) -> None:
        def insert(draft: Draft) -> None:
            self._require(draft)
            self._tree(draft).stage(rows, self.first_id)

        self._catalog.change(insert)

    def _rows(self, tops: dict[int, NewEntry]) -> Iterator[Row]:
        for node_id, new in tops.items():
            yield self._folder.entry_id, node_id, str(node_id), new
            yield from rows_below(self._assembly, node_id, self.first_id, self._now_ns)


def rows_below(assembly: Assembly, node_id: int, first_id: int, now_ns: int) -> Iterator[Row]:
    """The rows of everything below a node, each folder before its members."""
    for node in assembly.below(node_id):
        yield first_id + node.parent_id, node.node_id, node.name, new_entry(node, now_ns)


def remove_staged(catalog: Catalog, actor: Actor, flist: Flist, folder: Entry, pace: Pace) -> None:
    """Remove a staged folder and all below it, in slices. Raises NotFound when the flist is gone."""

    def remove(limit: int) -> int:
        return catalog.change(lambda draft: draft.draft_tree(flist, actor).unstage(folder, limit))

    _until_done(remove, pace)


def _until_done(remove: Callable[[int], int], pace: Pace) -> int:
    """Remove in slices until nothing is left; returns how many rows that were."""
    removed = 0
    for limit in _limits(pace):
        if not (done := remove(limit)):
            break
        removed += done
    return removed


def _limits(pace: Pace) -> Iterable[int]:
    """How many rows to remove at once, for ever; the pace is kept between them."""
    while True:
        for piece in pace.slices(range(pace.rows)):
            yield len(piece)


def given_up(catalog: Catalog, scratch: Scratch) -> list[tuple[Flist, Entry]]:
    """The staged folders of imports of processes that are no more."""
    with catalog.view() as view:
        stages = view.stages()
    return [(flist, folder) for flist, folder in stages if not scratch.owner_lives(folder.name)]


def remove_leftovers(catalog: Catalog, actor: Actor, scratch: Scratch) -> int:
    """Remove what imports of processes that are no more have left staged; returns of how many there was something.

    The empty folders stay: they tell the collector in which flists it is to look for what was held for them.
    """
    found = 0
    for flist, folder in given_up(catalog, scratch):

        def remove(limit: int, flist: Flist = flist, folder: Entry = folder) -> int:
            return catalog.change(lambda draft: draft.draft_tree(flist, actor).empty_stage(folder, limit))

        with contextlib.suppress(NotFound):  # the flist is gone, and all of this with it
            found += not _is_empty(catalog, flist, folder) and _until_done(remove, Pace()) > 0
    return found


def _is_empty(catalog: Catalog, flist: Flist, folder: Entry) -> bool:
    with catalog.view() as view:
        return not view.tree(view.flist_by_id(flist.flist_id)).children(folder.entry_id, "", 1)
