"""The services over a new catalog and blocks in memory, with a clock that only tests move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.locks import Scope
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Operation
from mylist_dav.model.paths import TreePath
from mylist_dav.services.accounts.grants import Grants
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.services.contents.uploads import Stored, Uploads
from mylist_dav.services.exposing.exposures import Exposures
from mylist_dav.services.limits.turns import Hashing
from mylist_dav.services.tree.changes import Changes, Committed
from mylist_dav.services.tree.differences import Differences
from mylist_dav.services.tree.flists import Flists
from mylist_dav.services.tree.locks import Locking, Locks
from mylist_dav.services.tree.properties import Properties
from mylist_dav.services.tree.trees import Trees
from mylist_dav.store.blockstore.memory import MemoryBlocks
from mylist_dav.store.catalog import Catalog, Draft, TreeView, View

ADMIN = Actor("anna", Role.ADMIN)
OTHER_ADMIN = Actor("otto", Role.ADMIN)
USER = Actor("ulla", Role.USER)
NAME = FlistName("anna", "photos")
SECOND_NS = 1_000_000_000


class Clock:
    """Says now_ns. Stands still."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)


class Shelf:
    """The flist anna/photos is there, and empty. Paths are text, below the flist if nothing else is said."""

    def __init__(self, path: Path, clock: Clock, entries_max: int = 10_000) -> None:
        self.clock = clock
        self.catalog = Catalog(path, clock=clock, durability="os")
        self.blocks = MemoryBlocks()
        self.trees = Trees(self.catalog, self.blocks, clock, entries_max)
        self.uploads = Uploads(self.catalog, self.blocks, clock, entries_max)
        self.locks = Locks(self.catalog, clock, seconds_max=3600, locks_max=50, entries_max=entries_max)
        self.properties = Properties(self.catalog)
        self.flists = Flists(self.catalog)
        self.differences = Differences(self.catalog)
        self.hashing = Hashing()
        self.changes = Changes(self.catalog, self.blocks, clock, entries_max, self.differences, self.hashing)
        self.exposures = Exposures(self.catalog)
        self.grants = Grants(self.catalog)
        self.identity = Identity(self.catalog, clock, days_max=30)
        self.flists.create(OPERATOR, NAME, make_account=True)

    def place(self, path: str, name: FlistName = NAME) -> Place:
        return Place(name, TreePath.parse(path))

    def put(
        self,
        path: str,
        content: bytes = b"content",
        conditions: Conditions = UNCONDITIONAL,
        actor: Actor = ADMIN,
        name: FlistName = NAME,
    ) -> Stored:
        upload = self.uploads.open(actor, self.place(path, name), conditions=conditions)
        upload.write(content)
        return upload.finish()

    def bring(self, *blocks: bytes, account: str = "anna") -> list[BlockRef]:
        """Blocks that an account has uploaded and no flist holds."""
        refs = [BlockRef(self.blocks.put(block), len(block)) for block in blocks]

        def note(draft: Draft) -> None:
            draft.register_blocks(refs)
            for ref in refs:
                draft._sql.execute(
                    "INSERT OR REPLACE INTO upload SELECT account_id, ?, ?, ? FROM account WHERE name = ?",
                    (ref.digest, ref.size_bytes, self.clock() + 3600 * SECOND_NS, account),
                )

        self.catalog.change(note)
        return refs

    def commit(
        self,
        *operations: Operation,
        base_jid: int | None = None,
        actor: Actor = ADMIN,
        name: FlistName = NAME,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Committed:
        return self.changes.commit(actor, name, base_jid, operations, "", conditions)

    def content(self, path: str, at_jid: int | None = None) -> bytes:
        """The bytes of a file, put together from its blocks."""
        entry = self.entry(path, at_jid)
        slices = self.trees.pieces(entry)(0, entry.size_bytes)
        return b"".join(self.blocks.get(s.digest)[s.offset : s.offset + s.length] for s in slices)

    def mkdir(self, path: str, conditions: Conditions = UNCONDITIONAL, name: FlistName = NAME) -> Entry:
        return self.trees.make_directory(ADMIN, self.place(path, name), conditions)

    def move(
        self,
        source: str,
        target: str,
        conditions: Conditions = UNCONDITIONAL,
        *,
        overwrite: bool = False,
        actor: Actor = ADMIN,
    ) -> Entry:
        return self.trees.move(
            actor, self.place(source), self.place(target), overwrite=overwrite, conditions=conditions
        ).entry

    def copy(
        self,
        source: str,
        target: str,
        conditions: Conditions = UNCONDITIONAL,
        *,
        overwrite: bool = False,
        members: bool = True,
        to: FlistName = NAME,
    ) -> Entry:
        return self.trees.copy(
            ADMIN,
            self.place(source),
            self.place(target, to),
            overwrite=overwrite,
            members=members,
            conditions=conditions,
        ).entry

    def delete(self, path: str, conditions: Conditions = UNCONDITIONAL, actor: Actor = ADMIN) -> None:
        self.trees.delete(actor, self.place(path), conditions)

    def lock(
        self,
        path: str,
        *,
        scope: Scope = Scope.EXCLUSIVE,
        infinite: bool = True,
        conditions: Conditions = UNCONDITIONAL,
        actor: Actor = ADMIN,
        seconds: int = 600,
    ) -> Locking:
        return self.locks.take(
            actor,
            self.place(path),
            scope=scope,
            infinite=infinite,
            owner_xml="",
            timeout_seconds=seconds,
            conditions=conditions,
        )

    def flist(self, name: FlistName = NAME) -> Flist:
        return self.flists.get(ADMIN, name)

    def entry(self, path: str, at_jid: int | None = None) -> Entry:
        return self.trees.stat(ADMIN, self.place(path), at_jid)

    def paths(self, at_jid: int | None = None, name: FlistName = NAME) -> list[str]:
        """Every path of a revision, in order."""
        return sorted(str(path) for path, _ in self.trees.walk(ADMIN, self.place("", name), at_jid))

    def close(self) -> None:
        self.identity.close()
        self.catalog.close()


@contextmanager
def shelf_in(folder: Path, entries_max: int = 10_000) -> Iterator[Shelf]:
    """A Shelf on a catalog in a folder; holds the invariants when it ends."""
    shelf = Shelf(folder / "catalog.sqlite", Clock(), entries_max)
    try:
        yield shelf
        with shelf.catalog.view() as view:
            hold_invariants(view, shelf.clock.now_ns)
    finally:
        shelf.close()


def tokens(*locked: Locking | str) -> Conditions:
    """The conditions of a request that submits these lock tokens."""
    return Conditions(
        lock_tokens=frozenset(one if isinstance(one, str) else one.lock.token for one in locked)
    )


def shown(tree: TreeView) -> dict[str, Entry]:
    """Every entry of a tree but its root, by path."""
    return {str(path): entry for path, entry in tree.walk(tree.root())}


def hold_invariants(view: View, now_ns: int = 0) -> None:
    """Fail unless what must be true of every catalog at any time is true of this one. now_ns: for the locks."""
    rows = view._sql.execute
    assert rows("SELECT * FROM entry_past WHERE since_jid >= until_jid").fetchall() == []
    assert (
        rows("SELECT * FROM entry_past p JOIN flist f USING (flist_id) WHERE until_jid > head_jid").fetchall()
        == []
    )
    for table in ("entry", "entry_past", "commit_", "property", "lock", "exposure", "grant_", "label"):
        lost = f"SELECT * FROM {table} WHERE flist_id NOT IN (SELECT flist_id FROM flist)"
        assert rows(lost).fetchall() == [], table
    held = set(rows("SELECT digest, flist_id FROM held").fetchall())
    needed = "SELECT digest, flist_id FROM {} WHERE digest IS NOT NULL"
    assert set(rows(needed.format("entry")).fetchall()) <= held
    assert set(rows(needed.format("entry_past")).fetchall()) <= held
    for flist in view.flists():
        hold_flist_invariants(view, flist, now_ns)


def hold_flist_invariants(view: View, flist: Flist, now_ns: int) -> None:
    """The same, of one flist."""
    found = shown(view.tree(flist))
    assert flist.entries == len(found), "the counter of entries"
    assert flist.size_bytes == sum(entry.size_bytes for entry in found.values()), "the counter of bytes"
    assert all(entry.since_jid <= flist.head_jid for entry in found.values())
    ids = [entry.entry_id for entry in found.values()]
    assert len(set(ids)) == len(ids)
    jids = [
        row[0] for row in view._sql.execute("SELECT jid FROM commit_ WHERE flist_id = ?", (flist.flist_id,))
    ]
    assert sorted(jids) == list(range(1, flist.head_jid + 1)), "one commit for each revision"
    for entry in found.values():
        if entry.digest is not None:
            view.recipe(entry.digest, entry.size_bytes)
    reachable = {view.tree(flist).root().entry_id, *ids}
    assert {lock.entry_id for lock in view.locks(flist.flist_id, now_ns)} <= reachable, (
        "locks are on what is there"
    )
