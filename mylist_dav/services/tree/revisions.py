"""One revision of a flist, read from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterator

from mylist_dav.model.contents import BlockSlice, Recipe
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.store.catalog import Catalog
from mylist_dav.store.contents import read_slices

PAGE = 200


class Revision:
    """One revision of a flist, read in short views: an export of hours holds nobody up."""

    def __init__(self, catalog: Catalog, flist: Flist, jid: int) -> None:
        self._catalog = catalog
        self._flist = flist
        self._jid = jid

    def walk(self) -> Iterator[tuple[TreePath, Entry]]:
        """Everything, sorted by name in each folder, and what is in a folder right after it."""
        with self._catalog.view() as view:
            root = view.tree(view.flist_by_id(self._flist.flist_id), self._jid).root()
        levels = [(ROOT, self._members(root))]
        while levels:
            path, members = levels[-1]
            entry = next(members, None)
            if entry is None:
                levels.pop()
                continue
            entry_path = TreePath((*path, entry.name))
            yield entry_path, entry
            if entry.is_directory:
                levels.append((entry_path, self._members(entry)))

    def _members(self, folder: Entry) -> Iterator[Entry]:
        after = ""
        while page := self._page(folder, after):
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].name

    def _page(self, folder: Entry, after: str) -> list[Entry]:
        with self._catalog.view() as view:
            tree = view.tree(view.flist_by_id(self._flist.flist_id), self._jid)
            return tree.children(folder.entry_id, after, PAGE)

    def recipe(self, entry: Entry) -> Recipe:
        """The blocks of a file."""
        assert entry.digest is not None, "only files have a recipe"
        with self._catalog.view() as view:
            return view.recipe(entry.digest, entry.size_bytes)

    def slices(self, entry: Entry) -> Iterator[BlockSlice]:
        """The whole content of a file."""
        return read_slices(self.recipe(entry), 0, entry.size_bytes)
