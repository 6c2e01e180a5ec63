"""What changed in a flist between two revisions: the rows that ended, and those that began.

Folders that were removed closed one row, their own. So a row here is a change of that entry alone; whether a root leads
to it, at either end, is told by States.
"""

from __future__ import annotations

from mylist_dav.model.entries import Entry, Flist
from mylist_dav.store.catalog.rows import ENTRY_COLUMNS, Statements, to_entry
from mylist_dav.store.catalog.trees import STAGE_PARENT

_ENDED = (
    f"SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND until_jid > ?2 AND until_jid <= ?3"
    " AND since_jid <= ?2 LIMIT ?4"
)
_BEGUN = (
    f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ?1 AND since_jid > ?2 AND since_jid <= ?3 AND parent_id <> ?5"
    f" UNION ALL SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND until_jid > ?3"
    " AND since_jid > ?2 AND since_jid <= ?3 LIMIT ?4"
)


class Span:
    """The changes after revision low, up to and with revision high.

    ended: the entries, by id, whose state of low does not hold at high. begun: those with a state at high that did not
    hold at low. An entry in both has changed, or is elsewhere.
    """

    def __init__(self, ended: dict[int, Entry], begun: dict[int, Entry]) -> None:
        self.ended = ended
        self.begun = begun


def span_of(connection: Statements, flist: Flist, low: int, high: int, rows_max: int) -> Span | None:
    """None when more than so many rows have ended, or begun."""
    assert low <= high, "the older revision comes first"
    bindings = (flist.flist_id, low, high, rows_max + 1)
    sides: list[dict[int, Entry]] = []
    for statement, more in ((_ENDED, ()), (_BEGUN, (STAGE_PARENT,))):
        rows = connection.execute(statement, (*bindings, *more)).fetchall()
        if len(rows) > rows_max:
            return None
        sides.append({row[0]: to_entry(row) for row in rows})
    return Span(*sides)
