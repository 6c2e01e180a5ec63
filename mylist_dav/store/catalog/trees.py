"""The temporal tree of one flist, read at a revision; treedrafts.py writes it.

A row of `entry` is open: it holds now. When a commit changes or ends it, its old state moves to `entry_past` with the
jid of that commit. A folder that is removed closes one row, its own: what lay below keeps its rows and is simply not
reachable from the root any more. So deleting, moving and replacing a folder costs the same however much it holds, and
the members are there again when an old revision is read. For the same reason a tree can be built out of sight, below a
parent that nothing leads to, and be attached by one row (stage_root, attach).
"""

from __future__ import annotations

from collections.abc import Iterator

from mylist_dav.errors import NotFound
from mylist_dav.model.entries import Entry, Flist, Kind
from mylist_dav.model.names import other_normal_form
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.store.catalog.rows import ENTRY_COLUMNS, Statements, to_entry

ROOT_PARENT = 0
STAGE_PARENT = -1

_NOW = f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ?1 AND parent_id = ?2"
_PAST = (
    f"SELECT {ENTRY_COLUMNS} FROM entry_past WHERE flist_id = ?1 AND parent_id = ?2"
    " AND since_jid <= ?3 AND until_jid > ?3"
)
_THEN = f"{_NOW} AND since_jid <= ?3"

_CHILD_NOW = f"{_NOW} AND name = ?3"
_WAY_NAMES_MAX = 8
"""So many names of a path are looked up in one statement."""


def _way_of(names: int) -> str:
    """A path of so many names looked up in the head: one row, with an entry for the root and for each name."""
    levels = range(names + 1)
    columns = ", ".join(f"e{level}.{column}" for level in levels for column in ENTRY_COLUMNS.split(", "))
    joins = "".join(
        f" LEFT JOIN entry e{level} ON e{level}.flist_id = ?1 AND e{level}.parent_id = e{level - 1}.entry_id"
        f" AND e{level}.name = ?{level + 1}"
        for level in levels[1:]
    )
    root = f"e0.flist_id = ?1 AND e0.parent_id = {ROOT_PARENT} AND e0.name = ''"
    return f"SELECT {columns} FROM entry e0{joins} WHERE {root}"


_WAYS_NOW = [_way_of(names) for names in range(_WAY_NAMES_MAX + 1)]
_ENTRY_WIDTH = len(ENTRY_COLUMNS.split(", "))

_CHILD_THEN = f"{_THEN} AND name = ?4 UNION ALL {_PAST} AND name = ?4"
_CHILDREN_NOW = f"{_NOW} AND name > ?3 ORDER BY name LIMIT ?4"
_CHILDREN_THEN = (
    f"SELECT * FROM ({_THEN} AND name > ?4 UNION ALL {_PAST} AND name > ?4) ORDER BY name LIMIT ?5"
)
_CHILDREN_NOW_BACK = f"{_NOW} AND name < ?3 ORDER BY name DESC LIMIT ?4"
_CHILDREN_THEN_BACK = (
    f"SELECT * FROM ({_THEN} AND name < ?4 UNION ALL {_PAST} AND name < ?4) ORDER BY name DESC LIMIT ?5"
)

# The join order is fixed by CROSS JOIN: the planner's own choice reads the whole flist for each folder.
BELOW = f"""
WITH RECURSIVE folder(id, names, bytes) AS (
  SELECT ?2, 0, 0 UNION ALL
  SELECT e.entry_id, folder.names + 1, folder.bytes + 1 + octet_length(e.name) FROM folder CROSS JOIN entry e
  WHERE e.flist_id = ?1 AND e.parent_id = folder.id AND e.kind = {int(Kind.DIRECTORY)}
)
"""
MEMBERS = "FROM folder CROSS JOIN entry e WHERE e.flist_id = ?1 AND e.parent_id = folder.id"
_TOTALS = f"{BELOW} SELECT count(*), coalesce(sum(e.size_bytes), 0) {MEMBERS}"
_REACH = (
    f"{BELOW} SELECT coalesce(max(folder.names) + 1, 0), coalesce(max(folder.bytes + 1 + octet_length(e.name)), 0),"
    " count(*)"
    f" {MEMBERS}"
)
_FOLDERS_REACH = f"{BELOW} SELECT max(names), max(bytes), count(*) - 1 FROM folder"

WALK_PAGE = 1000

Ahead = list[tuple[TreePath, int, str]]
"""What a walk has before it: folders as (path, entry id, the name after which to go on)."""

Way = tuple[TreePath | None, list[Entry]]
"""A path that was looked up, and the entries along it as far as they exist, the root first; None and none: no path."""


class TreeView:
    """One flist at one revision; at_jid None is the head."""

    def __init__(self, connection: Statements, flist: Flist, at_jid: int | None) -> None:
        self._sql = connection
        self.flist = flist
        self.at_jid = at_jid
        self._asked: TreePath | None = None  # the path that was last looked up, and
        self._way: list[Entry] = []  # what was there: most paths of a request share their folders

    def root(self) -> Entry:
        """The root folder; every flist has one at every revision. Raises NotFound when the flist is gone."""
        root = self._way[0] if self._way else self.child(ROOT_PARENT, "")
        if root is None:
            raise self._gone()
        return root

    def _gone(self) -> NotFound:
        return NotFound(f"there is no flist {self.flist.flist_name} any more")

    def child(self, parent_id: int, name: str) -> Entry | None:
        """The member of exactly this name, or None."""
        if self.at_jid is None:
            rows = self._sql.execute(_CHILD_NOW, (self.flist.flist_id, parent_id, name)).fetchall()
        else:
            rows = self._sql.execute(
                _CHILD_THEN, (self.flist.flist_id, parent_id, self.at_jid, name)
            ).fetchall()
        return to_entry(rows[0]) if rows else None

    def member(self, parent_id: int, name: str) -> Entry | None:
        """The member of this name, or else of its other Unicode normal form, or None."""
        return self.child(parent_id, name) or self._otherwise(parent_id, name)

    def _otherwise(self, parent_id: int, name: str) -> Entry | None:
        """The member whose name is this one in its other Unicode normal form, or None."""
        other = other_normal_form(name)
        return self.child(parent_id, other) if other is not None else None

    def find(self, path: TreePath) -> Entry | None:
        """The entry at a path, or None."""
        chain = self.chain(path)
        return chain[-1] if len(chain) == len(path) + 1 else None

    def chain(self, path: TreePath) -> list[Entry]:
        """The entries along a path from the root on, as far as they exist; all but the last are folders."""
        if path == self._asked:
            return self._way.copy()
        chain, tried = self._known(path), False
        if not chain:
            chain, tried = self._exact(path)
        for name in path[len(chain) - 1 :]:
            if not chain[-1].is_directory:
                break
            found = (self._otherwise if tried else self.member)(chain[-1].entry_id, name)
            if found is None:
                break
            chain.append(found)
            tried = False
        self._asked, self._way = path, chain
        return chain.copy()

    def _exact(self, path: TreePath) -> tuple[list[Entry], bool]:
        """The root, and the entries below it of exactly these names, as far as they exist, but not all of a long path.

        And whether the name after them was looked for, and is not there.
        """
        if self.at_jid is not None:
            return [self.root()], False
        names = path[:_WAY_NAMES_MAX]
        rows = self._sql.execute(_WAYS_NOW[len(names)], (self.flist.flist_id, *names)).fetchall()
        if not rows:
            raise self._gone()
        row = rows[0]
        chain = [
            to_entry(row[begin : begin + _ENTRY_WIDTH])
            for begin in range(0, len(row), _ENTRY_WIDTH)
            if row[begin] is not None
        ]
        return chain, len(chain) <= len(names)

    def _known(self, path: TreePath) -> list[Entry]:
        """The beginning of the chain that was looked up last, as far as it is that of path too."""
        shared = 0
        for name, asked in zip(path, (self._asked or ())[: len(self._way) - 1], strict=False):
            if name != asked:
                break
            shared += 1
        return self._way[: shared + 1]

    def know(self, way: Way) -> None:
        """Take this for what is there along a path."""
        self._asked, self._way = way

    def _forget(self) -> None:
        """The tree has changed."""
        self._asked = None
        self._way = []

    def children(self, parent_id: int, after: str = "", limit: int = -1) -> list[Entry]:
        """The members of a folder in binary order of name, those past after, at most limit (-1: all)."""
        if self.at_jid is None:
            rows = self._sql.execute(_CHILDREN_NOW, (self.flist.flist_id, parent_id, after, limit))
        else:
            rows = self._sql.execute(
                _CHILDREN_THEN, (self.flist.flist_id, parent_id, self.at_jid, after, limit)
            )
        return [to_entry(row) for row in rows]

    def children_before(self, parent_id: int, before: str, limit: int) -> list[Entry]:
        """The members of a folder whose names come before `before`, the last limit of them, in descending order."""
        if self.at_jid is None:
            rows = self._sql.execute(_CHILDREN_NOW_BACK, (self.flist.flist_id, parent_id, before, limit))
        else:
            rows = self._sql.execute(
                _CHILDREN_THEN_BACK, (self.flist.flist_id, parent_id, self.at_jid, before, limit)
            )
        return [to_entry(row) for row in rows]

    def walk(self, top: Entry, path: TreePath = ROOT) -> Iterator[tuple[TreePath, Entry]]:
        """Everything below a folder (not the folder), parents before members, with paths that begin with path.

        Reads in pages of a thousand: a folder of any size costs bounded memory.
        """
        ahead: Ahead = [(path, top.entry_id, "")]
        while ahead:
            yield from self.walk_on(ahead)

    def walk_on(self, ahead: Ahead) -> list[tuple[TreePath, Entry]]:
        """One page of a walk, at most a thousand entries. What is left to do is in ahead afterwards."""
        path, folder_id, after = ahead.pop()
        page = self.children(folder_id, after, WALK_PAGE)
        if len(page) == WALK_PAGE:
            ahead.append((path, folder_id, page[-1].name))
        found = [(TreePath((*path, entry.name)), entry) for entry in page]
        ahead.extend((below, entry.entry_id, "") for below, entry in reversed(found) if entry.is_directory)
        return found

    def totals(self, folder: Entry) -> tuple[int, int]:
        """(entries, size_bytes) of all below a folder of the head, without the folder itself."""
        assert self.at_jid is None, "only the head can be counted"
        row = self._sql.execute(_TOTALS, (self.flist.flist_id, folder.entry_id)).fetchall()[0]
        return row[0], row[1]

    def reach(self, folder: Entry) -> tuple[int, int, int]:
        """The most names, and the most bytes, that a path below a folder of the head adds to the path of the folder.

        And how many entries were looked at for that.
        """
        assert self.at_jid is None, "only the head can be measured"
        row = self._sql.execute(_REACH, (self.flist.flist_id, folder.entry_id)).fetchall()[0]
        return row[0], row[1], row[2]

    def folders_reach(self, folder: Entry) -> tuple[int, int, int]:
        """The same for the folders only, which are fewer."""
        assert self.at_jid is None, "only the head can be measured"
        row = self._sql.execute(_FOLDERS_REACH, (self.flist.flist_id, folder.entry_id)).fetchall()[0]
        return row[0], row[1], row[2]

    def by_id(self, entry_id: int) -> Entry | None:
        """The open row of an entry of the head, reachable or not."""
        assert self.at_jid is None, "only entries of the head have an id to look them up by"
        rows = self._sql.execute(
            f"SELECT {ENTRY_COLUMNS} FROM entry WHERE flist_id = ? AND entry_id = ?",
            (self.flist.flist_id, entry_id),
        ).fetchall()
        return to_entry(rows[0]) if rows else None

    def path_of(self, entry_id: int) -> tuple[TreePath, list[int]] | None:
        """The path of an entry in the head and the ids along it, root first; None when it is not reachable."""
        names: list[str] = []
        ids: list[int] = []
        while entry_id != ROOT_PARENT:
            entry = self.by_id(entry_id)
            if entry is None:
                return None
            ids.append(entry_id)
            names.append(entry.name)
            entry_id = entry.parent_id
        return TreePath(reversed(names[:-1])), ids[::-1]
