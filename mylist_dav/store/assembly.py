"""The tree of an import while its members arrive: a SQLite file of its own, thrown away at the end.

It takes any number of members in any order in constant memory, makes the folders that are only implied, lets the last
of several members of one name win, and refuses what cannot stand together. It also keeps the names that are said to go.
Nothing here has to survive anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from enum import IntFlag
from pathlib import Path
from typing import NamedTuple

import apsw

from mylist_dav.errors import LimitExceeded
from mylist_dav.model.archives.members import Member, refused
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog.connections import sql_errors
from mylist_dav.store.catalog.rows import Row, Statements
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch, temporary_path

ROOT_NODE = 1
PAGE = 500
_CACHE_KIB = 16 * 1024
_FOLDERS_KEPT_MAX = 10_000

_SCHEMA = """
CREATE TABLE node (
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  node_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  mode INTEGER,
  mtime_ns INTEGER,
  size_bytes INTEGER NOT NULL,
  digest BLOB,
  target TEXT,
  kept_mode INTEGER,
  kept_mtime_ns INTEGER,
  created_ns INTEGER,
  content_type TEXT,
  kept_content_type TEXT,
  PRIMARY KEY (parent_id, name)
) WITHOUT ROWID;
CREATE TABLE removal (parent_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (parent_id, name)) WITHOUT ROWID;
CREATE TABLE touched (entry_id INTEGER PRIMARY KEY, what INTEGER NOT NULL);
CREATE TABLE matched (entry_id INTEGER PRIMARY KEY, node_id INTEGER NOT NULL);
"""
_COLUMNS = (
    "parent_id, name, node_id, kind, mode, mtime_ns, size_bytes, digest, target, created_ns, content_type"
)
_INSERT = f"INSERT INTO node ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_READ = (
    "SELECT parent_id, name, node_id, kind, coalesce(mode, kept_mode), coalesce(mtime_ns, kept_mtime_ns), size_bytes,"
    " digest, target, created_ns, coalesce(content_type, kept_content_type) FROM node"
)
_ONE = f"{_READ} WHERE parent_id = ? AND name = ?"
_PAGE = f"{_READ} WHERE parent_id = ? AND name > ? ORDER BY name LIMIT {PAGE}"
_GOING = f"SELECT name FROM removal WHERE parent_id = ? AND name > ? ORDER BY name LIMIT {PAGE}"
_TOTALS = f"""
WITH RECURSIVE folder(id) AS (
  SELECT ?1 UNION ALL
  SELECT n.node_id FROM folder CROSS JOIN node n WHERE n.parent_id = folder.id AND n.kind = {int(Kind.DIRECTORY)}
)
SELECT count(*), coalesce(sum(n.size_bytes), 0) FROM folder CROSS JOIN node n WHERE n.parent_id = folder.id
"""
_KINDS = {int(kind): kind for kind in Kind}


class Node(NamedTuple):
    """One entry of the tree that is being assembled. mode, mtime_ns, content_type: None when no member has said them.

    content_type '': there is to be none.
    """

    parent_id: int
    name: str
    node_id: int
    kind: Kind
    mode: int | None
    mtime_ns: int | None
    size_bytes: int
    digest: Digest | None
    target: str | None
    created_ns: int | None
    content_type: str | None


class Touch(IntFlag):
    """What an import does to an entry of the head: to itself, to names in it, to something below it."""

    CHANGED = 1
    REMOVED = 2
    NAMES = 4
    BELOW = 8


class Assembly:
    """One tree. For one thread; close() it. Raises OutOfSpace, WritesStopped when the disk does not play along.

    entries: how many it has. removals: how many names were said to go, where no later member has come.
    """

    def __init__(self, scratch: Scratch, disk: Disk, entries_max: int) -> None:
        self._disk = disk
        self._path = Path(temporary_path(scratch))
        self._entries_max = entries_max
        self._folders: dict[TreePath, int] = {}
        self.entries = self.removals = 0
        self.last_node_id = ROOT_NODE
        self._own: tuple[int, int] | None = (
            None  # entries and last_node_id before anything came from the head
        )
        with sql_errors():
            self._connection = apsw.Connection(str(self._path))
            self._sql: Statements = self._connection
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                self._sql.execute(f"PRAGMA {pragma}")
            self._sql.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._sql.execute(_SCHEMA)
            self._sql.execute("BEGIN")

    @property
    def owner(self) -> str:
        """The name of the temporary file below the folder of all of them; see Scratch.owner_lives."""
        return f"{self._path.parent.name}/{self._path.name}"

    def close(self) -> None:
        """Throw everything away."""
        self._connection.close(True)
        with contextlib.suppress(OSError):
            self._disk.unlink(self._path)

    # -- members -----------------------------------------------------------------------------------------------

    def add(self, member: Member, digest: Digest | None) -> None:
        """Take in a member; digest: of a file's content. The root itself is left as it is.

        Raises BadArchive for a clash (a file and something below it) or a hard link to nothing, LimitExceeded.
        """
        if not member.path:
            return
        if member.goes:
            self._remove(member)
            return
        kind, size_bytes = member.kind, member.size_bytes
        if kind is None:
            linked = self._linked(member)
            kind, size_bytes, digest = Kind.FILE, linked.size_bytes, linked.digest
        with sql_errors():
            parent_id = self._folder(member.path.parent, member)
            node = Node(
                parent_id, member.path.name, self.last_node_id + 1, kind, member.mode, member.mtime_ns,
                size_bytes if kind is Kind.FILE else 0, digest, member.target, None, member.content_type,
            )  # fmt: skip
            if not self._insert(node):
                self._replace(node, member)
            if self.removals:
                self._sql.execute(
                    "DELETE FROM removal WHERE parent_id = ? AND name = ?", (parent_id, node.name)
                )
                self.removals -= self._sql.changes()

    def _remove(self, member: Member) -> None:
        """A name goes; of what came before under it, nothing is left."""
        name = member.path.name
        with sql_errors():
            parent_id = self._folder(member.path.parent, member)
            old = self._child(parent_id, name)
            if old is not None:
                self._refuse_members(old, member)
                self._sql.execute("DELETE FROM node WHERE parent_id = ? AND name = ?", (parent_id, name))
                self.entries -= 1
            self._sql.execute("INSERT OR IGNORE INTO removal VALUES (?, ?)", (parent_id, name))
            self.removals += self._sql.changes()

    def _insert(self, node: Node) -> bool:
        self._sql.execute(_INSERT, node)
        if not self._sql.changes():
            return False
        self.last_node_id = node.node_id
        self.entries += 1
        if self.entries > self._entries_max:
            raise LimitExceeded(
                f"{self.entries} entries are more than the {self._entries_max} that are allowed"
            )
        return True

    def _replace(self, node: Node, member: Member) -> None:
        """The last of several members of one name wins."""
        old = self._child(node.parent_id, node.name)
        assert old is not None, "there is a row, since inserting found one"
        if node.kind is not Kind.DIRECTORY:
            self._refuse_members(old, member)
        self._sql.execute(
            "UPDATE node SET kind = ?, mode = ?, mtime_ns = ?, size_bytes = ?, digest = ?, target = ?,"
            " content_type = ? WHERE parent_id = ? AND name = ?",
            (*node[3:9], node.content_type, node.parent_id, node.name),
        )

    def _refuse_members(self, old: Node, member: Member) -> None:
        """A folder is to be none any more. Raises BadArchive unless it is empty."""
        if old.kind is not Kind.DIRECTORY:
            return
        if self.children(old.node_id) or self._going(old.node_id, ""):
            raise refused(member.name, "there are other members below it, and it is not a folder")
        self._folders.pop(member.path, None)

    def _folder(self, path: TreePath, member: Member) -> int:
        """The node of a folder, made if it is only implied. Raises BadArchive when something else is there."""
        if not path:
            return ROOT_NODE
        known = self._folders.get(path)
        if known is not None:
            return known
        parent_id = self._folder(path.parent, member)
        found = self._child(parent_id, path.name)
        if found is None:
            if self._goes(parent_id, path.name):
                raise refused(member.name, f"/{path} is to go")
            found = Node(
                parent_id, path.name, self.last_node_id + 1, Kind.DIRECTORY, None, None, 0, None, None, None, None
            )  # fmt: skip
            self._insert(found)
        if found.kind is not Kind.DIRECTORY:
            raise refused(member.name, f"/{path} is another member, and not a folder")
        if len(self._folders) >= _FOLDERS_KEPT_MAX:
            self._folders.clear()
        self._folders[path] = found.node_id
        return found.node_id

    def _linked(self, member: Member) -> Node:
        assert member.link is not None, "a member without a kind is a hard link"
        node_id, found = ROOT_NODE, None
        for name in member.link:
            found = self._child(node_id, name)
            if found is None:
                break
            node_id = found.node_id
        if found is None or found.kind is not Kind.FILE:
            raise refused(
                member.name, f"it is a hard link to /{member.link}, and no file of that name came before it"
            )
        return found

    # -- reading -----------------------------------------------------------------------------------------------

    def _child(self, parent_id: int, name: str) -> Node | None:
        rows = self._sql.execute(_ONE, (parent_id, name)).fetchall()
        return _node(rows[0]) if rows else None

    def children(self, parent_id: int, after: str = "") -> list[Node]:
        """The members of a folder in binary order of name, those past after, at most PAGE."""
        with sql_errors():
            return [_node(row) for row in self._sql.execute(_PAGE, (parent_id, after))]

    def all_children(self, parent_id: int) -> Iterator[Node]:
        """All members of a folder in binary order of name, read page by page."""
        after = ""
        while page := self.children(parent_id, after):
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].name

    def going(self, parent_id: int) -> Iterator[str]:
        """The names in a folder that are said to go, in binary order, read page by page."""
        after = ""
        while self.removals and (page := self._going(parent_id, after)):
            yield from page
            after = page[-1]

    def _goes(self, parent_id: int, name: str) -> bool:
        one = "SELECT 1 FROM removal WHERE parent_id = ? AND name = ?"
        return self.removals > 0 and bool(self._sql.execute(one, (parent_id, name)).fetchall())

    def _going(self, parent_id: int, after: str) -> list[str]:
        with sql_errors():
            return [row[0] for row in self._sql.execute(_GOING, (parent_id, after))]

    def below(self, node_id: int) -> Iterator[Node]:
        """Everything below a folder, each folder before its members."""
        pending = [self.all_children(node_id)]
        while pending:
            node = next(pending[-1], None)
            if node is None:
                pending.pop()
                continue
            yield node
            if node.kind is Kind.DIRECTORY:
                pending.append(self.all_children(node.node_id))

    def totals(self, node_id: int) -> tuple[int, int]:
        """(entries, size_bytes) of all below a folder."""
        with sql_errors():
            entries, size_bytes = self._sql.execute(_TOTALS, (node_id,)).fetchall()[0]
        return entries, size_bytes

    def size_at(self, path: TreePath) -> int:
        """The bytes of the file at a path; 0 when there is none."""
        node_id, found = ROOT_NODE, None
        with sql_errors():
            for name in path:
                found = self._child(node_id, name)
                if found is None:
                    return 0
                node_id = found.node_id
        return found.size_bytes if found is not None else 0

    # -- what it means for the head ----------------------------------------------------------------------------

    def forget_head(self) -> None:
        """Forget what was noted about the head, and what was taken over from it: it may have moved on."""
        with sql_errors():
            self._sql.execute("DELETE FROM touched")
            if self._own is None:
                return
            self.entries, self.last_node_id = self._own
            self._own = None
            self._sql.execute("DELETE FROM matched")
            self._sql.execute("DELETE FROM node WHERE node_id > ?", (self.last_node_id,))
            self._sql.execute(
                "UPDATE node SET kept_mode = NULL, kept_mtime_ns = NULL, created_ns = NULL, kept_content_type = NULL"
                " WHERE created_ns IS NOT NULL"
            )

    def touch(self, entry_ids: Iterable[int], what: Touch) -> None:
        """Note that entries of the head are touched by this import."""
        with sql_errors():
            self._sql.executemany(
                "INSERT INTO touched VALUES (?1, ?2) ON CONFLICT DO UPDATE SET what = what | ?2",
                [(entry_id, int(what)) for entry_id in entry_ids],
            )

    def touched(self, entry_id: int) -> Touch:
        """What was noted about an entry of the head."""
        rows = self._sql.execute("SELECT what FROM touched WHERE entry_id = ?", (entry_id,)).fetchall()
        return Touch(rows[0][0]) if rows else Touch(0)

    def match(self, node: Node, entry: Entry) -> None:
        """A node takes the place of an entry of the head: take over what the archive does not say."""
        with sql_errors():
            self._sql.execute(
                "UPDATE node SET kept_mode = ?, kept_mtime_ns = ?, created_ns = ?, kept_content_type = ?"
                " WHERE parent_id = ? AND name = ?",
                (entry.mode, entry.mtime_ns, entry.created_ns, entry.content_type, node.parent_id, node.name),
            )
        self.note_match(entry.entry_id, node.node_id)

    def adopt(self, parent_id: int, entry: Entry) -> Node:
        """Take an entry of the head into the tree; a folder without its members."""
        self._own = self._own or (self.entries, self.last_node_id)
        node = Node(
            parent_id, entry.name, self.last_node_id + 1, entry.kind, entry.mode, entry.mtime_ns, entry.size_bytes,
            entry.digest, entry.target, entry.created_ns, entry.content_type,
        )  # fmt: skip
        with sql_errors():
            self._insert(node)
        self.note_match(entry.entry_id, node.node_id)
        return node

    def matched(self, entry_id: int) -> int | None:
        """The node that takes the place of an entry of the head."""
        rows = self._sql.execute("SELECT node_id FROM matched WHERE entry_id = ?", (entry_id,)).fetchall()
        return rows[0][0] if rows else None

    def note_match(self, entry_id: int, node_id: int) -> None:
        """A node takes the place of an entry of the head."""
        self._own = self._own or (self.entries, self.last_node_id)
        with sql_errors():
            self._sql.execute("INSERT OR REPLACE INTO matched VALUES (?, ?)", (entry_id, node_id))


def _node(row: Row) -> Node:
    digest = row[7]
    return Node(
        row[0], row[1], row[2], _KINDS[row[3]], row[4], row[5], row[6],
        Digest(digest) if digest is not None else None, row[8], row[9], row[10],
    )  # fmt: skip
