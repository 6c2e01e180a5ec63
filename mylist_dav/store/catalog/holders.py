"""Which flists hold a content, and whether one of its revisions shows it.

The table held may say too much: imports that were given up have left rows there, and a file that came and went within
one commit. So what it says is looked up in the tree before anybody is let in by it.
"""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.store.catalog.rows import ENTRY_COLUMNS, FLIST_COLUMNS, Statements, to_entry, to_flist
from mylist_dav.store.catalog.trees import ROOT_PARENT, STAGE_PARENT

_FLISTS = (
    f"SELECT {FLIST_COLUMNS} FROM held h CROSS JOIN flist f USING (flist_id) CROSS JOIN account a USING (account_id)"
    " WHERE h.digest = ? AND f.flist_id > ? ORDER BY h.flist_id LIMIT ?"
)
_NOW = f"SELECT {ENTRY_COLUMNS}, NULL FROM entry WHERE flist_id = ?1"
_THEN = f"SELECT {ENTRY_COLUMNS}, until_jid FROM entry_past WHERE flist_id = ?1"
_OF_DIGEST = f"{_NOW} AND digest = ?2 UNION ALL {_THEN} AND digest = ?2"
_OF_ID = f"{_NOW} AND entry_id = ?2 UNION ALL {_THEN} AND entry_id = ?2"


class Shown(NamedTuple):
    """An entry as a revision shows it. jid: the newest of these revisions that is known."""

    entry: Entry
    jid: int


class Holders:
    """Reads of who holds a content."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    def flists(self, digest: Digest, after_id: int = 0, limit: int = 100) -> list[Flist]:
        """Flists that may hold it, in order of their ids, past after_id."""
        return [to_flist(row) for row in self._sql.execute(_FLISTS, (digest, after_id, limit))]

    def shown(self, flist: Flist, digest: Digest) -> Shown | None:
        """A file of this content in a revision that the flist still has; None when there is none.

        Goes through the rows of the flist until it finds one: 0.1 s for some 300,000 entries.
        """
        for row in self._sql.execute(_OF_DIGEST, (flist.flist_id, digest)):
            entry, until_jid = to_entry(row[:-1]), row[-1]
            last = flist.head_jid if until_jid is None else until_jid - 1
            jid = self._shown_at(flist, entry.parent_id, max(entry.since_jid, flist.oldest_jid), last)
            if jid is not None:
                return Shown(entry, jid)
        return None

    def _shown_at(self, flist: Flist, parent_id: int, low: int, high: int) -> int | None:
        """The newest revision from low to high in which a root leads to a folder, as far as one row of each tells."""
        if low > high or parent_id == STAGE_PARENT:
            return None
        if parent_id == ROOT_PARENT:
            return high
        for row in self._sql.execute(_OF_ID, (flist.flist_id, parent_id)):
            folder, until_jid = to_entry(row[:-1]), row[-1]
            last = high if until_jid is None else min(high, until_jid - 1)
            found = self._shown_at(flist, folder.parent_id, max(low, folder.since_jid), last)
            if found is not None:
                return found
        return None
