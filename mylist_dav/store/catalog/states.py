"""Entries by their ids, as they were at any revision of a flist, and whether and where a root led to them."""

from __future__ import annotations

from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog.rows import ENTRY_COLUMNS, Statements, to_entry
from mylist_dav.store.catalog.trees import ROOT_PARENT

_OPEN = f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ?1 AND entry_id = ?2 AND since_jid <= ?3"
_PAST = (
    f"SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND entry_id = ?2 AND until_jid > ?3"
    " AND since_jid <= ?3"
)


class States:
    """Of one flist. For the time of the view it came from; it remembers the paths of folders."""

    def __init__(self, connection: Statements, flist: Flist) -> None:
        self._sql = connection
        self._flist_id = flist.flist_id
        self._paths: dict[tuple[int, int], TreePath | None] = {}

    def entry(self, entry_id: int, jid: int) -> Entry | None:
        """An entry as it was at a revision, whether a root led to it or not; None when it was not there."""
        for statement in (_OPEN, _PAST):
            rows = self._sql.execute(statement, (self._flist_id, entry_id, jid)).fetchall()
            if rows:
                return to_entry(rows[0])
        return None

    def path(self, entry: Entry, jid: int) -> TreePath | None:
        """The path at a revision of an entry as it was then; None when no root led to it."""
        if entry.parent_id == ROOT_PARENT:
            return TreePath()
        above = self.folder_path(entry.parent_id, jid)
        return None if above is None else TreePath((*above, entry.name))

    def folder_path(self, folder_id: int, jid: int) -> TreePath | None:
        """The same for a folder, by its id. Folders of a revision never hold each other, so this ends."""
        known = self._paths.get((folder_id, jid), ...)
        if known is not ...:
            return known
        folder = self.entry(folder_id, jid)
        found = None if folder is None else self.path(folder, jid)
        self._paths[folder_id, jid] = found
        return found
