"""Drafting a commit of the temporal tree of one flist.

A commit is written as it is made: what ends is closed, what begins is opened, under the next jid. An entry that changes
twice in one commit leaves one row. Nobody sees it before the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mylist_dav.errors import Conflict, LimitExceeded
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import DIRECTORY_MODE, Entry, Flist, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog.rows import Statements
from mylist_dav.store.catalog.trees import BELOW, MEMBERS, ROOT_PARENT, STAGE_PARENT, TreeView, Way

_COLUMNS = (
    "flist_id, parent_id, name, entry_id, kind, mode, mtime_ns, created_ns, size_bytes, digest, target,"
    " content_type, since_jid"
)
_INSERT = f"INSERT INTO entry ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
_CLOSE = (
    f"INSERT INTO entry_past ({_COLUMNS}, until_jid) SELECT {_COLUMNS}, ?4 FROM entry"
    " WHERE flist_id = ?1 AND parent_id = ?2 AND name = ?3"
)
_DELETE = "DELETE FROM entry WHERE flist_id = ? AND parent_id = ? AND name = ?"
_REOPEN = "DELETE FROM entry_past WHERE flist_id = ? AND parent_id = ? AND name = ? AND until_jid = ?"
_SINCE = "UPDATE entry SET since_jid = ?4 WHERE flist_id = ?1 AND parent_id = ?2 AND name = ?3"
_HOLD = "INSERT OR IGNORE INTO held (digest, flist_id) VALUES (?, ?)"
_MADE_BELOW = (
    f"DELETE FROM entry WHERE flist_id = ?1 AND entry_id IN ({BELOW} SELECT e.entry_id {MEMBERS} AND e.since_jid = ?3)"
    " RETURNING entry_id"
)
_CLEAR = (
    "DELETE FROM entry WHERE flist_id = ?1 AND parent_id = ?2 AND name IN"
    f" (SELECT name FROM entry WHERE flist_id = ?1 AND parent_id = ?2 AND kind <> {int(Kind.DIRECTORY)} LIMIT ?3)"
)
_ONE_FOLDER = (
    "SELECT name, entry_id FROM entry WHERE flist_id = ?1 AND parent_id = ?2"
    f" AND kind = {int(Kind.DIRECTORY)} LIMIT 1"
)


class NewEntry(NamedTuple):
    """What is given of an entry that is about to be made; the rest follows from where it is put."""

    kind: Kind
    mode: int
    mtime_ns: int
    created_ns: int
    size_bytes: int = 0
    digest: Digest | None = None
    target: str | None = None
    content_type: str | None = None


class TreeDraft(TreeView):
    """The head of one flist while a commit is being made of it. Reads see what was written before.

    jid: of the commit that is drafted. The draft that made this one calls finish(). action, note, brought_bytes: what
    the audit says of it; brought_bytes is the size of the contents that came in with it.
    """

    def __init__(
        self,
        connection: Statements,
        flist: Flist,
        next_entry_id: int,
        now_ns: int,
        actor: Actor,
        entries_max: int,
    ) -> None:
        super().__init__(connection, flist, None)
        self.jid = flist.head_jid + 1
        self.now_ns = now_ns
        self.actor = actor
        self.action = Action.CHANGE
        self.note = ""
        self.brought_bytes = 0
        self._entries_max = entries_max
        self._entries = flist.entries
        self._size_bytes = flist.size_bytes
        self._first_id = self._next_id = next_entry_id
        self._dirty = False
        self._ended: dict[int, Entry] = {}  # what was closed, by entry id, as the head had it
        self._begun: set[int] = set()  # the ids of rows that were opened one by one, and are open still
        self._contents: dict[int, Digest] = {}  # of those rows
        self._removed: list[int] = []  # folders that went when there were such rows
        self._fresh: dict[
            int, dict[str, Entry]
        ] = {}  # folders that were just made, by id, and all that is in them

    @property
    def grown_bytes(self) -> int:
        """By how much this commit makes the flist larger; below 0 when it makes it smaller."""
        return self._size_bytes - self.flist.size_bytes

    def left(self) -> tuple[Flist, int, Way]:
        """The flist after the commit, the id of its next entry, and what is known of a way in it. After finish."""
        flist = self.flist
        if self._dirty:
            flist = flist._replace(
                head_jid=self.jid, entries=self._entries, size_bytes=self._size_bytes, changed_ns=self.now_ns
            )
        return flist, self._next_id, (self._asked, self._way)

    # -- single entries ----------------------------------------------------------------------------------------

    def insert(self, parent_id: int, name: str, new: NewEntry) -> Entry:
        """Make an entry. The caller has made sure that the parent is a folder and the name is free."""
        entry = Entry(self.take_ids(1), parent_id, name, *new, self.jid)
        way, fresh = self._way_to(parent_id), self._fresh
        self._open(entry)
        self._count(1, entry.size_bytes)
        if way is not None:  # nothing above has changed, and the next entry is mostly made beside this one
            self.know(way)
        self._fresh = fresh
        if parent_id in fresh:
            fresh[parent_id][name] = entry
        if entry.is_directory:
            fresh[entry.entry_id] = {}
        return entry

    def child(self, parent_id: int, name: str) -> Entry | None:
        members = self._fresh.get(parent_id)
        return super().child(parent_id, name) if members is None else members.get(name)

    def _forget(self) -> None:
        super()._forget()
        self._fresh = {}

    def _way_to(self, folder_id: int) -> Way | None:
        """The way to a folder, if it is part of what was looked up last."""
        for depth, entry in enumerate(self._way):
            if entry.entry_id == folder_id:
                return TreePath((self._asked or ())[:depth]), self._way[: depth + 1]
        return None

    def replace(self, old: Entry, new: Entry) -> Entry:
        """Change an entry: its name, parent, attributes or content. Its id and kind stay."""
        assert new.entry_id == old.entry_id
        self._end(old)
        entry = new._replace(since_jid=self.jid)
        self._open(entry)
        self._count(0, new.size_bytes - old.size_bytes)
        return entry

    def exchange(self, one: Entry, other: Entry) -> None:
        """Let two entries take each other's places. Neither may hold the other."""
        self._end(one)
        self._end(other)
        self._open(one._replace(parent_id=other.parent_id, name=other.name, since_jid=self.jid))
        self._open(other._replace(parent_id=one.parent_id, name=one.name, since_jid=self.jid))
        self._count(0, 0)

    def remove(self, entry: Entry, totals: tuple[int, int] | None = None) -> None:
        """End an entry, and with it all that is below it. Its locks, and those below, are the caller's to drop.

        totals: what totals(entry) gives, if it is known: counting a large folder takes its time.
        """
        below, below_bytes = totals or (self.totals(entry) if entry.is_directory else (0, 0))
        if below and self._begun:
            self._removed.append(entry.entry_id)
        self._end(entry)
        self._count(-1 - below, -entry.size_bytes - below_bytes)

    def _open(self, entry: Entry) -> None:
        self._sql.execute(
            _INSERT,
            (
                self.flist.flist_id, entry.parent_id, entry.name, entry.entry_id, int(entry.kind), entry.mode,
                entry.mtime_ns, entry.created_ns, entry.size_bytes, entry.digest, entry.target, entry.content_type,
                entry.since_jid,
            ),
        )  # fmt: skip
        self._begun.add(entry.entry_id)
        if entry.digest is not None:
            self._contents[entry.entry_id] = entry.digest

    def _end(self, entry: Entry) -> None:
        """Close the open row. A row of this same commit leaves no trace: no row has since = until."""
        if entry.since_jid < self.jid:
            self._sql.execute(_CLOSE, (self.flist.flist_id, entry.parent_id, entry.name, self.jid))
            self._ended[entry.entry_id] = entry
        self._drop([entry.entry_id])
        self._sql.execute(_DELETE, (self.flist.flist_id, entry.parent_id, entry.name))

    def _drop(self, entry_ids: Iterable[int]) -> None:
        """Forget rows that were opened, and are gone again."""
        for entry_id in entry_ids:
            self._begun.discard(entry_id)
            self._contents.pop(entry_id, None)

    # -- subtrees ----------------------------------------------------------------------------------------------

    def copy_members(self, source: TreeView, source_folder: Entry, target_folder: Entry) -> None:
        """Copy everything below a folder, of this or another flist of this catalog, into an empty folder here.

        The copies are new entries; no content is touched. Dead properties are copied too. The folder must not lie in
        the one that is copied. Raises LimitExceeded before anything is written.
        """
        assert source.at_jid is None, "only the head can be copied"
        entries, size_bytes = source.totals(source_folder)
        self._refuse_too_many(self._entries + entries)
        pending = [(source_folder.entry_id, target_folder.entry_id)]
        for source_id, target_id in pending:
            count = self._copy_folder(source.flist.flist_id, source_id, target_id)
            if count:
                pending.extend(self._folder_pairs(source.flist.flist_id, source_id, target_id))
        self._count(entries, size_bytes)
        if self._contents or source.flist.flist_id != self.flist.flist_id:
            self._hold_below(
                target_folder
            )  # also what was copied of this very commit, and may be replaced by it

    def _copy_folder(self, source_flist_id: int, source_id: int, target_id: int) -> int:
        """Copy the direct members of one folder; returns how many."""
        count: int = self._sql.execute(
            "SELECT count(*) FROM entry WHERE flist_id = ? AND parent_id = ?", (source_flist_id, source_id)
        ).fetchall()[0][0]
        if not count:
            return 0
        first = self.take_ids(count)
        self._sql.execute(
            f"INSERT INTO entry ({_COLUMNS}) SELECT ?1, ?2, name, ?3 + row_number() OVER (ORDER BY name) - 1, kind,"
            " mode, mtime_ns, created_ns, size_bytes, digest, target, content_type, ?4 FROM entry"
            " WHERE flist_id = ?5 AND parent_id = ?6",
            (self.flist.flist_id, target_id, first, self.jid, source_flist_id, source_id),
        )
        self._copy_properties(source_flist_id, source_id, target_id)
        return count

    def _copy_properties(self, source_flist_id: int, source_id: int, target_id: int) -> None:
        if not self._sql.execute(
            "SELECT 1 FROM property WHERE flist_id = ? LIMIT 1", (source_flist_id,)
        ).fetchall():
            return
        self._sql.execute(
            "INSERT INTO property SELECT ?1, t.entry_id, p.name, p.value_xml FROM entry s"
            " CROSS JOIN entry t ON t.flist_id = ?1 AND t.parent_id = ?2 AND t.name = s.name"
            " CROSS JOIN property p ON p.flist_id = ?3 AND p.entry_id = s.entry_id"
            " WHERE s.flist_id = ?3 AND s.parent_id = ?4",
            (self.flist.flist_id, target_id, source_flist_id, source_id),
        )

    def _folder_pairs(self, source_flist_id: int, source_id: int, target_id: int) -> list[tuple[int, int]]:
        """The subfolders of both, paired by name, as (source id, target id)."""
        return self._sql.execute(
            "SELECT s.entry_id, t.entry_id FROM entry s CROSS JOIN entry t"
            " ON t.flist_id = ?1 AND t.parent_id = ?2 AND t.name = s.name"
            f" WHERE s.flist_id = ?3 AND s.parent_id = ?4 AND s.kind = {int(Kind.DIRECTORY)}",
            (self.flist.flist_id, target_id, source_flist_id, source_id),
        ).fetchall()

    def _hold_below(self, folder: Entry) -> None:
        pending = [folder.entry_id]
        for folder_id in pending:
            self._sql.execute(
                "INSERT OR IGNORE INTO held (digest, flist_id) SELECT digest, flist_id FROM entry"
                " WHERE flist_id = ? AND parent_id = ? AND digest IS NOT NULL",
                (self.flist.flist_id, folder_id),
            )
            pending.extend(
                row[0]
                for row in self._sql.execute(
                    f"SELECT entry_id FROM entry WHERE flist_id = ? AND parent_id = ? AND kind = {int(Kind.DIRECTORY)}",
                    (self.flist.flist_id, folder_id),
                )
            )

    # -- staging -----------------------------------------------------------------------------------------------

    def stage_root(self, stage_name: str, new: NewEntry) -> Entry:
        """Make a folder that nothing leads to. It is not part of any revision until it is attached."""
        entry = Entry(self.take_ids(1), STAGE_PARENT, stage_name, *new, self.jid)
        self._open(entry)
        return entry

    def stage(self, entries: Iterable[tuple[int, int, str, NewEntry]], first_id: int) -> None:
        """Insert (parent id, offset from first_id, name, what) below a staged folder. Nothing is counted yet."""
        flist_id, jid = self.flist.flist_id, self.jid
        rows = [
            (flist_id, parent_id, name, first_id + offset, int(new.kind), *new[1:], jid)
            for parent_id, offset, name, new in entries
        ]
        self._sql.executemany(_INSERT, rows)
        self._sql.executemany(_HOLD, [(row[9], flist_id) for row in rows if row[9] is not None])

    def take_ids(self, count: int) -> int:
        """Reserve entry ids; returns the first."""
        first = self._next_id
        self._next_id += count
        return first

    def attach_root(self, staged: Entry, entries: int, size_bytes: int) -> None:
        """Put a staged folder in the place of the root; entries and size_bytes are all that is below it.

        Raises Conflict when it is not there any more, because the flist was rolled back since it was staged.
        """
        self._unhook(staged)
        self._end(self.root())
        self._open(staged._replace(parent_id=ROOT_PARENT, name="", since_jid=self.jid))
        self._count(entries - self._entries, size_bytes - self._size_bytes)

    def attach(self, staged: Entry, parent_id: int, name: str, entries: int, size_bytes: int) -> None:
        """Put a staged entry into a folder, under a name that is free; entries and size_bytes are all below it.

        Raises Conflict like attach_root.
        """
        self._unhook(staged)
        self._open(staged._replace(parent_id=parent_id, name=name, since_jid=self.jid))
        self._count(1 + entries, staged.size_bytes + size_bytes)

    def _unhook(self, staged: Entry) -> None:
        self._sql.execute(_DELETE, (self.flist.flist_id, staged.parent_id, staged.name))
        if not self._sql.changes():
            raise Conflict(f"{self.flist.flist_name} was rolled back meanwhile; begin again")

    def graft(self, entries: Iterable[tuple[int, int, str, NewEntry]], first_id: int) -> None:
        """Make many entries at once: rows as for stage, but they belong to the commit and are counted."""
        counted = [0, 0]

        def counting() -> Iterator[tuple[int, int, str, NewEntry]]:
            for row in entries:
                counted[0] += 1
                counted[1] += row[3].size_bytes
                yield row

        self.stage(counting(), first_id)
        if counted[0]:
            self._count(*counted)

    def empty_stage(self, staged: Entry, limit: int) -> int:
        """Remove up to limit rows below a staged folder; returns how many. It stays itself."""
        return self._clear(staged.entry_id, limit)

    def unstage(self, staged: Entry, limit: int) -> int:
        """Remove up to limit rows of a staged tree, folders' members first; returns how many. 0 when all are gone."""
        removed = self._clear(staged.entry_id, limit)
        if removed < limit:
            self._sql.execute(_DELETE, (self.flist.flist_id, staged.parent_id, staged.name))
            removed += self._sql.changes()
        return removed

    def _clear(self, folder_id: int, limit: int) -> int:
        """Remove up to limit rows below a folder. Fewer were removed only when none is left."""
        flist_id = self.flist.flist_id
        self._sql.execute(_CLEAR, (flist_id, folder_id, limit))
        removed = self._sql.changes()
        while removed < limit:
            folders = self._sql.execute(_ONE_FOLDER, (flist_id, folder_id)).fetchall()
            if not folders:
                break
            name, child_id = folders[0]
            removed += self._clear(child_id, limit - removed)
            if removed < limit:
                self._sql.execute(_DELETE, (flist_id, folder_id, name))
                removed += 1
        return removed

    # -- the whole ---------------------------------------------------------------------------------------------

    def restore(self, jid: int) -> int:
        """Make the tree what it was at a revision; returns how many rows changed.

        What began after that revision ends, what ended after it begins again, with the ids it had. Also what nothing
        leads to any more: so the number may be more than 0 though no path shows another state. And what lies below a
        staged folder, if it is newer than that revision: whoever has built it must look whether it is still whole.
        """
        flist_id = self.flist.flist_id
        bindings = (flist_id, jid, self.jid)
        self._sql.execute(
            f"INSERT INTO entry_past ({_COLUMNS}, until_jid) SELECT {_COLUMNS}, ?3 FROM entry"
            " WHERE flist_id = ?1 AND since_jid > ?2 AND since_jid < ?3 AND parent_id <> ?4",
            (*bindings, STAGE_PARENT),
        )
        self._sql.execute(
            "DELETE FROM entry WHERE flist_id = ?1 AND since_jid > ?2 AND parent_id <> ?3",
            (flist_id, jid, STAGE_PARENT),
        )
        ended = self._sql.changes()
        self._sql.execute(
            f"INSERT INTO entry ({_COLUMNS}) SELECT {_COLUMNS.replace('since_jid', '?3')} FROM entry_past"
            " WHERE flist_id = ?1 AND until_jid > ?2 AND until_jid < ?3 AND since_jid <= ?2",
            bindings,
        )
        changed = ended + self._sql.changes()
        if changed:
            entries, size_bytes = self.totals(self.root())
            self._count(entries - self._entries, size_bytes - self._size_bytes)
        return changed

    def settle(self) -> bool:
        """Leave of what was done one by one its net effect alone; False when nothing is left of it.

        An entry that has come back to what it was keeps the row it had. What was made, or put, into a folder that went
        leaves no row: no revision would ever show it.
        """
        for folder_id in self._removed:
            rows = self._sql.execute(_MADE_BELOW, (self.flist.flist_id, folder_id, self.jid))
            self._drop(row[0] for row in rows.fetchall())
        for entry_id, before in list(self._ended.items()):
            now = self.by_id(entry_id)
            if now is not None and now._replace(since_jid=before.since_jid) == before:
                self._resume(before)
        return bool(self._ended or self._begun)

    def _resume(self, before: Entry) -> None:
        """Open the row again that was closed for an entry, which is as it was."""
        place = (self.flist.flist_id, before.parent_id, before.name)
        self._sql.execute(_REOPEN, (*place, self.jid))
        self._sql.execute(_SINCE, (*place, before.since_jid))
        del self._ended[before.entry_id]
        self._drop([before.entry_id])
        self._forget()

    def touch(self) -> None:
        """Make a commit even though no entry has changed."""
        self._dirty = True

    def finish(self) -> bool:
        """Write the commit and the counters; False when nothing was changed. Raises LimitExceeded."""
        if not self._dirty:
            self._keep_ids()
            return False
        self._refuse_too_many(self._entries)
        held = [(digest, self.flist.flist_id) for digest in sorted(set(self._contents.values()))]
        self._sql.executemany(_HOLD, held)
        self._sql.execute(
            "UPDATE flist SET head_jid = ?, entries = ?, size_bytes = ?, next_entry_id = ?, changed_ns = ?"
            " WHERE flist_id = ?",
            (
                self.jid, self._entries, self._size_bytes, self._next_id, self.now_ns, self.flist.flist_id,
            ),
        )  # fmt: skip
        self._sql.execute(
            "INSERT INTO commit_ (flist_id, jid, at_ns, actor, note) VALUES (?, ?, ?, ?, ?)",
            (self.flist.flist_id, self.jid, self.now_ns, self.actor.label, self.note),
        )
        return True

    def _keep_ids(self) -> None:
        if self._next_id != self._first_id:
            self._sql.execute(
                "UPDATE flist SET next_entry_id = ? WHERE flist_id = ?",
                (self._next_id, self.flist.flist_id),
            )

    def _refuse_too_many(self, entries: int) -> None:
        if entries > self._entries_max and entries > self.flist.entries:
            raise LimitExceeded(
                f"{self.flist.flist_name} would have {entries} entries, and {self._entries_max} are allowed"
            )

    def _count(self, entries: int, size_bytes: int) -> None:
        self._entries += entries
        self._size_bytes += size_bytes
        self._dirty = True
        self._forget()


def empty_root(now_ns: int) -> NewEntry:
    """The root folder of a new flist."""
    return NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, now_ns, now_ns)
