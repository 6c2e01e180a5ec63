"""What changed in a flist between two revisions: the rows that ended, and those that began.

Folders that were removed closed one row, their own. So a row here is a change of that entry alone; whether a root leads
to it, at either end, is told by path().
"""

from __future__ import annotations

from mylist_dav.errors import LimitExceeded
from mylist_dav.model.entries import Entry, Flist, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog.rows import ENTRY_COLUMNS, Row, Statements, to_entry
from mylist_dav.store.catalog.trees import ROOT_PARENT, STAGE_PARENT

_ENDED = (
    f"SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND until_jid > ?2 AND until_jid <= ?3"
    " AND since_jid <= ?2 LIMIT ?4"
)
_BEGUN = (
    f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ?1 AND since_jid > ?2 AND since_jid <= ?3 AND parent_id <> ?5"
    f" UNION ALL SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND until_jid > ?3"
    " AND since_jid > ?2 AND since_jid <= ?3 LIMIT ?4"
)
_FOLDERS_SINCE = (
    f"SELECT {ENTRY_COLUMNS}, until_jid FROM entry_past WHERE flist_id = ?1 AND until_jid > ?2"
    f" AND kind = {int(Kind.DIRECTORY)} LIMIT ?3"
)
_OPEN = f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ? AND entry_id = ?"


class Span:
    """The changes after revision low, up to and with revision high. rows_max: more are refused with LimitExceeded.

    ended: the entries, by id, whose state of low does not hold at high. begun: those with a state at high that did not
    hold at low. An entry in both has changed, or is elsewhere.
    """

    def __init__(self, connection: Statements, flist: Flist, low: int, high: int, rows_max: int) -> None:
        assert low <= high, "the older revision comes first"
        self._sql = connection
        self._flist_id = flist.flist_id
        self._rows_max = rows_max
        self._paths: dict[tuple[int, int], TreePath | None] = {}
        bindings = (flist.flist_id, low, high, rows_max + 1)
        self.ended = self._entries(_ENDED, bindings)
        self.begun = self._entries(_BEGUN, (*bindings, STAGE_PARENT))
        self._folders: dict[int, list[tuple[Entry, int]]] = {}
        for row in self._rows(_FOLDERS_SINCE, (flist.flist_id, low, rows_max + 1)):
            entry = to_entry(row[:-1])
            self._folders.setdefault(entry.entry_id, []).append((entry, row[-1]))

    def path(self, entry: Entry, jid: int) -> TreePath | None:
        """The path at a revision of an entry as it was then; None when no root led to it. jid: not before low."""
        if entry.parent_id == ROOT_PARENT:
            return TreePath()
        above = self.folder_path(entry.parent_id, jid)
        return None if above is None else TreePath((*above, entry.name))

    def folder_path(self, folder_id: int, jid: int) -> TreePath | None:
        """The same for a folder, by its id. Folders of a revision never hold each other, so this ends."""
        known = self._paths.get((folder_id, jid), ...)
        if known is not ...:
            return known
        folder = self._folder(folder_id, jid)
        found = None if folder is None else self.path(folder, jid)
        self._paths[folder_id, jid] = found
        return found

    def _folder(self, folder_id: int, jid: int) -> Entry | None:
        for entry, until_jid in self._folders.get(folder_id, ()):
            if entry.since_jid <= jid < until_jid:
                return entry
        rows = self._sql.execute(_OPEN, (self._flist_id, folder_id)).fetchall()
        now = to_entry(rows[0]) if rows else None
        return now if now is not None and now.since_jid <= jid else None

    def _entries(self, statement: str, bindings: tuple[int, ...]) -> dict[int, Entry]:
        return {row[0]: to_entry(row) for row in self._rows(statement, bindings)}

    def _rows(self, statement: str, bindings: tuple[int, ...]) -> list[Row]:
        rows = self._sql.execute(statement, bindings).fetchall()
        if len(rows) > self._rows_max:
            raise LimitExceeded(
                f"more than {self._rows_max} entries differ between these revisions: compare nearer ones"
            )
        return rows
