"""Draft: everything that is written to the catalog, inside one transaction that also reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mylist_dav.errors import BlocksGone, Exists, NotFound, OutOfQuota
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action, TallyKind
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Flist
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.locks import Lock
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog.accounts import AccountWrites
from mylist_dav.store.catalog.collecting import Reaper
from mylist_dav.store.catalog.figures import Upkept, note_upkept
from mylist_dav.store.catalog.generations import Cached
from mylist_dav.store.catalog.handed import Handed
from mylist_dav.store.catalog.holdings import add_uploads, end_uploads
from mylist_dav.store.catalog.intake import REGISTER, IntakeWrites
from mylist_dav.store.catalog.jobs import JobWrites
from mylist_dav.store.catalog.records import Detail, Recorder
from mylist_dav.store.catalog.rows import FLIST_COLUMNS, Row, Statements, array, pack_blocks, to_flist
from mylist_dav.store.catalog.treedrafts import TreeDraft, empty_root
from mylist_dav.store.catalog.trees import ROOT_PARENT
from mylist_dav.store.catalog.views import View

_DRAFTED = (
    f"SELECT {FLIST_COLUMNS}, f.next_entry_id, EXISTS (SELECT 1 FROM lock l WHERE l.flist_id = f.flist_id)"
)
_FLIST = f"{_DRAFTED} FROM account a CROSS JOIN flist f USING (account_id)"
_FLIST_BY_NAME = f"{_FLIST} WHERE a.name = ? AND f.name = ?"
_FLIST_BY_ID = f"{_DRAFTED} FROM flist f CROSS JOIN account a USING (account_id)"
_ALL_OF_A_FLIST = (
    "entry", "entry_past", "commit_", "property", "lock", "exposure", "grant_", "token", "label", "flist",
)  # fmt: skip


class Draft(View, AccountWrites, IntakeWrites):
    """A change that is being made. Reads see its own writes. now_ns: the time of the change."""

    def __init__(
        self,
        connection: Statements,
        now_ns: int,
        has_file: Callable[[Digest], bool] = lambda digest: True,
        handed: Handed | None = None,
    ) -> None:
        """has_file: whether a block has a file; asked about those that are registered anew.

        handed: what the drafts of the transaction leave to each other.
        """
        super().__init__(connection)
        self.now_ns = now_ns
        self._has_file = has_file
        self._handed = handed or Handed()
        self.raised: set[Cached] = set()
        self._leaves: TreeDraft | None = None
        self._trees: dict[int, TreeDraft] = {}
        self._next_ids: dict[int, tuple[Flist, int]] = {}
        self._unlocked: set[int] = set()  # the ids of flists that have no lock, expired or not
        self._taken_in: set[Digest] = set()

    def finish(self) -> None:
        """Write the commits of all trees that were changed, and record them. Raises LimitExceeded, OutOfQuota."""
        for tree in self._trees.values():
            self._finish(tree)
        limited = [tree for tree in self._trees.values() if tree.flist.quota_bytes is not None]
        for account in {tree.flist.flist_name.account for tree in limited}:
            self._refuse_over_quota([tree for tree in limited if tree.flist.flist_name.account == account])
        if self._leaves is not None:
            self._handed.leave(self._sql, self._leaves, self._leaves.flist.flist_id in self._unlocked)

    def leave(self, tree: TreeDraft) -> None:
        """Leave what is known of a tree to the next draft. For one that has done nothing else but bring contents."""
        self._leaves = tree

    def _finish(self, tree: TreeDraft) -> None:
        if tree.finish():
            detail: Detail = {"jid": tree.jid, "note": tree.note}
            self.record(tree.actor, tree.action, str(tree.flist.flist_name), detail, tree.brought_bytes)

    # -- audit -------------------------------------------------------------------------------------------------

    @property
    def records(self) -> Recorder:
        """The audit and the sums of traffic, to be written."""
        return Recorder(self._sql, self.now_ns)

    @property
    def jobs(self) -> JobWrites:
        """The jobs, to be written."""
        return JobWrites(self._sql, self.now_ns)

    def record(
        self,
        actor: Actor,
        action: Action,
        flist: str = "",
        detail: Detail | None = None,
        size_bytes: int = 0,
    ) -> None:
        """Record that somebody does this, in the transaction of the change itself. detail: never a secret.

        Commits of trees are recorded by themselves, with the action and the note of the tree.
        """
        self.records.record(actor, action, flist, detail, size_bytes)

    def note_upkept(self, kind: str, found: dict[str, int]) -> None:
        """Note that upkeep of a kind has just been done, and what it counted."""
        note_upkept(self._sql, kind, Upkept(self.now_ns, found))

    def _refuse_over_quota(self, trees: list[TreeDraft]) -> None:
        """trees: those of one account. What makes them no larger together is allowed, however large they are."""
        flist = trees[0].flist
        room_bytes = self.room_bytes(flist) if sum(tree.grown_bytes for tree in trees) > 0 else None
        if room_bytes is not None and room_bytes < 0:
            raise OutOfQuota(
                f"the flists of {flist.flist_name.account} may hold {flist.quota_bytes} bytes together, and this would"
                f" be {-room_bytes} too many"
            )

    # -- flists ------------------------------------------------------------------------------------------------

    def add_flist(self, name: FlistName, actor: Actor) -> Flist:
        """Make an empty flist; its first revision is 1. Raises Exists, NotFound (no such account)."""
        account_id = self._account_id(name.account)
        if self._sql.execute(
            "SELECT 1 FROM flist WHERE account_id = ? AND name = ?", (account_id, name.name)
        ).fetchall():
            raise Exists(f"there is already a flist {name}")
        self._sql.execute(
            "INSERT INTO flist (account_id, name, head_jid, oldest_jid, entries, size_bytes, next_entry_id, created_ns,"
            " changed_ns) VALUES (?, ?, 0, 1, -1, 0, 1, ?, ?)",
            (account_id, name.name, self.now_ns, self.now_ns),
        )
        tree = self.draft_tree(self.flist(name), actor)
        tree.action, tree.note = Action.CREATE, "created"
        tree.insert(ROOT_PARENT, "", empty_root(self.now_ns))
        self._finish(tree)
        self._let_go(tree.flist)
        return self.flist(name)

    def flist(self, name: FlistName) -> Flist:
        """Raises NotFound."""
        handed = self._handed
        if handed.holds(self._sql) and handed.flist.flist_name == name:
            return self._know(handed.flist, handed.next_id, handed.unlocked)
        rows = self._sql.execute(_FLIST_BY_NAME, name).fetchall()
        if not rows:
            raise NotFound(f"there is no flist {name}")
        return self._read(rows[0])

    def flist_by_id(self, flist_id: int) -> Flist:
        """Raises NotFound."""
        rows = self._sql.execute(f"{_FLIST_BY_ID} WHERE f.flist_id = ?", (flist_id,)).fetchall()
        if not rows:
            raise NotFound("the flist is gone")
        return self._read(rows[0])

    def _read(self, row: Row) -> Flist:
        return self._know(to_flist(row[:-2]), row[-2], not row[-1])

    def _know(self, flist: Flist, next_id: int, unlocked: bool) -> Flist:
        self._next_ids[flist.flist_id] = flist, next_id
        if unlocked:
            self._unlocked.add(flist.flist_id)
        return flist

    def _let_go(self, flist: Flist) -> None:
        """Forget what is known of a flist, because its row has changed."""
        self._trees.pop(flist.flist_id, None)
        self._next_ids.pop(flist.flist_id, None)

    def remove_flist(self, flist: Flist) -> None:
        """Delete a flist with its history, locks, properties, exposures, grants, and the tokens for it alone.

        Its blocks stay for the collector.
        """
        self._sql.execute(
            "DELETE FROM held WHERE flist_id = ?1 AND digest IN (SELECT digest FROM entry WHERE flist_id = ?1"
            " UNION ALL SELECT digest FROM entry_past WHERE flist_id = ?1)",
            (flist.flist_id,),
        )
        self._drop_visitors("flist_id = ?", (flist.flist_id,))
        for table in _ALL_OF_A_FLIST:
            self._sql.execute(f"DELETE FROM {table} WHERE flist_id = ?", (flist.flist_id,))
        self.records.remove_tally(TallyKind.FLIST, str(flist.flist_name))
        self._let_go(flist)
        self._raise_generation(Cached.EXPOSURES)
        self._raise_generation(Cached.RIGHTS)

    def rename_flist(self, flist: Flist, name: str) -> Flist:
        """Give a flist another name under its account; its id, history and all that hangs on it stay. Raises Exists."""
        new = FlistName(flist.flist_name.account, name)
        account_id = self._account_id(new.account)
        if self._sql.execute(
            "SELECT 1 FROM flist WHERE account_id = ? AND name = ?", (account_id, name)
        ).fetchall():
            raise Exists(f"there is already a flist {new}")
        self._sql.execute("UPDATE flist SET name = ? WHERE flist_id = ?", (name, flist.flist_id))
        self.records.rename_tally(TallyKind.FLIST, str(flist.flist_name), str(new))
        self._let_go(flist)
        self._raise_generation(Cached.EXPOSURES)
        self._raise_generation(Cached.RIGHTS)
        return self.flist(new)

    def set_label(self, flist_id: int, name: str, jid: int) -> None:
        """Name a revision; a label of this name moves there."""
        self._sql.execute(
            "INSERT INTO label (flist_id, name, jid, created_ns) VALUES (?, ?, ?, ?) ON CONFLICT (flist_id, name)"
            " DO UPDATE SET jid = excluded.jid, created_ns = excluded.created_ns",
            (flist_id, name, jid, self.now_ns),
        )

    def remove_label(self, flist_id: int, name: str) -> bool:
        """False when there was none."""
        self._sql.execute("DELETE FROM label WHERE flist_id = ? AND name = ?", (flist_id, name))
        return self._sql.changes() > 0

    def draft_tree(self, flist: Flist, actor: Actor, entries_max: int = 10_000_000) -> TreeDraft:
        """The head of a flist, to be changed. All changes of one draft to one flist make one commit."""
        tree = self._trees.get(flist.flist_id)
        if tree is None:
            if flist.flist_id not in self._next_ids:
                self.flist_by_id(flist.flist_id)
            fresh, next_id = self._next_ids[flist.flist_id]
            tree = TreeDraft(self._sql, fresh, next_id, self.now_ns, actor, entries_max)
            if self._handed.holds(self._sql) and self._handed.flist is fresh:
                tree.know(self._handed.way)
            self._trees[flist.flist_id] = tree
        return tree

    # -- contents ----------------------------------------------------------------------------------------------

    def register(self, recipe: Recipe) -> None:
        """Note that the blocks of a content are durably stored, and how they make it up.

        A content has one recipe. Another one, cut differently, takes its place: of these blocks it is sure that they
        are here. Raises BlocksGone.
        """
        self.register_blocks(recipe.blocks)
        if recipe.size_bytes > WHOLE_BYTES_MAX:
            known = self.known_recipe(recipe.digest)
            if known is not None and known.blocks == recipe.blocks:
                return
            if known is not None:
                self._sql.executemany(
                    "DELETE FROM recipe_block WHERE block_digest = ? AND recipe_digest = ?",
                    [(ref.digest, recipe.digest) for ref in known.blocks],
                )
            self._sql.execute(
                "INSERT OR REPLACE INTO recipe (digest, size_bytes, chunker, blocks) VALUES (?, ?, ?, ?)",
                (recipe.digest, recipe.size_bytes, recipe.chunker, pack_blocks(recipe.blocks)),
            )
            self._sql.executemany(
                "INSERT OR IGNORE INTO recipe_block (block_digest, recipe_digest) VALUES (?, ?)",
                [(ref.digest, recipe.digest) for ref in recipe.blocks],
            )

    def register_blocks(self, blocks: Iterable[BlockRef]) -> None:
        """Note that these blocks are durably stored; condemned ones stay.

        Between storing and this the collector may have deleted a block: of those that it could have, each is looked
        for. It removes files inside of its transactions only, so what is found here stays. Raises BlocksGone.
        """
        gone = []
        for digest, size_bytes in blocks:
            if digest in self._taken_in:
                continue
            self._sql.execute(REGISTER, (digest, size_bytes, self.now_ns))
            if self._sql.changes() and not self.is_there(digest):
                gone.append(digest)
        if gone:
            raise BlocksGone(gone)

    def is_there(self, digest: Digest) -> bool:
        """Whether a block has a file, or is in the intake."""
        return digest in self._taken_in or self._has_file(digest) or self.intake_has(digest)

    def doubt_blocks(self, digests: Iterable[Digest]) -> None:
        """Of blocks that were found missing or damaged, those without a file are not here until they come again."""
        gone = [digest for digest in digests if not self.is_there(digest)]
        self.reaper.mark_deleting(gone)

    def add_uploads(self, account: str, refs: Iterable[BlockRef], expires_ns: int) -> None:
        """An account has brought these blocks: until then it may name them. '' is no account."""
        add_uploads(self._sql, account, refs, expires_ns)

    def end_uploads(self, account: str, digests: Iterable[Digest]) -> None:
        """What an account has brought is in a flist now, and counts to its quota there alone."""
        end_uploads(self._sql, account, digests)

    @property
    def reaper(self) -> Reaper:
        """Dropping what no flist needs, and the leases of those who need what no flist has yet."""
        return Reaper(self._sql, self.now_ns)

    def revive_blocks(self, blocks: Iterable[BlockRef]) -> list[BlockRef]:
        """Let these blocks stay, condemned ones too; returns those that are not here any more, or of another size."""
        wanted = list(blocks)
        rows = self._sql.execute(
            "SELECT b.digest, b.size_bytes, b.state = 'condemned' FROM carray(?) i CROSS JOIN block b"
            " ON b.digest = i.value WHERE b.state IN ('stored', 'condemned')",
            (array(sorted(ref.digest for ref in wanted)),),  # neighbours in the index one after the other
        )
        found = {digest: (size_bytes, condemned) for digest, size_bytes, condemned in rows}
        missing, revived = [], []
        for ref in wanted:
            size_bytes, condemned = found.get(ref.digest, (None, False))
            if size_bytes != ref.size_bytes:
                missing.append(ref)
            elif condemned:
                revived.append((ref.digest,))
        self._sql.executemany("UPDATE block SET state = 'stored', since_ns = NULL WHERE digest = ?", revived)
        return missing

    # -- locks, properties -------------------------------------------------------------------------------------

    def has_locks(self, flist_id: int, now_ns: int) -> bool:
        """Whether there is any lock in a flist."""
        return flist_id not in self._unlocked and super().has_locks(flist_id, now_ns)

    def add_lock(self, flist_id: int, lock: Lock) -> None:
        """Store a lock; expired ones of the flist go."""
        self._unlocked.discard(flist_id)
        self._sql.execute("DELETE FROM lock WHERE flist_id = ? AND expires_ns <= ?", (flist_id, self.now_ns))
        self._sql.execute(
            "INSERT INTO lock (token, flist_id, entry_id, scope, infinite, owner_xml, principal, timeout_seconds,"
            " expires_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                lock.token, flist_id, lock.entry_id, lock.scope.value, int(lock.infinite), lock.owner_xml,
                lock.principal, lock.timeout_seconds, lock.expires_ns,
            ),
        )  # fmt: skip

    def refresh_lock(self, token: str, timeout_seconds: int, expires_ns: int) -> None:
        """Let a lock live on."""
        self._sql.execute(
            "UPDATE lock SET timeout_seconds = ?, expires_ns = ? WHERE token = ?",
            (timeout_seconds, expires_ns, token),
        )

    def remove_lock(self, token: str) -> None:
        """Drop a lock."""
        self._sql.execute("DELETE FROM lock WHERE token = ?", (token,))

    def move_lock(self, token: str, entry_id: int) -> None:
        """Let a lock hold another entry of its flist, which has taken the place of the one it was on."""
        self._sql.execute("UPDATE lock SET entry_id = ? WHERE token = ?", (entry_id, token))

    def set_property(self, flist_id: int, entry_id: int, name: str, value_xml: str) -> None:
        """Set a dead property."""
        self._sql.execute(
            "INSERT INTO property VALUES (?, ?, ?, ?)"
            " ON CONFLICT (flist_id, entry_id, name) DO UPDATE SET value_xml = excluded.value_xml",
            (flist_id, entry_id, name, value_xml),
        )

    def remove_property(self, flist_id: int, entry_id: int, name: str) -> None:
        """Remove a dead property; it need not be there."""
        self._sql.execute(
            "DELETE FROM property WHERE flist_id = ? AND entry_id = ? AND name = ?",
            (flist_id, entry_id, name),
        )

    def copy_properties(self, source_flist_id: int, source_id: int, flist_id: int, entry_id: int) -> None:
        """Give an entry the dead properties of another, and no others."""
        self._sql.execute("DELETE FROM property WHERE flist_id = ? AND entry_id = ?", (flist_id, entry_id))
        self._sql.execute(
            "INSERT INTO property SELECT ?, ?, name, value_xml FROM property WHERE flist_id = ? AND entry_id = ?",
            (flist_id, entry_id, source_flist_id, source_id),
        )

    # -- exposures ---------------------------------------------------------------------------------------------

    def use_nonce(self, nonce: bytes, expires_ns: int, forget_before_ns: int) -> bool:
        """Remember that a nonce was used, until expires_ns; False when it was used before.

        Forgets those that have expired before forget_before_ns.
        """
        self._sql.execute("DELETE FROM nonce WHERE expires_ns < ?", (forget_before_ns,))
        self._sql.execute("INSERT INTO nonce VALUES (?, ?) ON CONFLICT DO NOTHING", (nonce, expires_ns))
        return self._sql.changes() > 0

    def put_exposure(
        self, exposure: Exposure, secret_hash: str | None = None, visitors: Iterable[str] = ()
    ) -> None:
        """Attach a flist to a host or prefix; what was attached there before is replaced.

        secret_hash: for mode 'secret'; visitors: for mode 'keys', account names and keys as 64 hex digits.
        """
        self._drop_visitors("host = ? AND prefix = ?", (exposure.host, exposure.prefix))
        self._sql.execute(
            "INSERT INTO exposure (host, prefix, flist_id, at_jid, mode, listing, dav, changed_ns, secret_hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (host, prefix) DO UPDATE SET flist_id = excluded.flist_id, at_jid = excluded.at_jid,"
            " mode = excluded.mode, listing = excluded.listing, dav = excluded.dav, changed_ns = excluded.changed_ns,"
            " secret_hash = excluded.secret_hash",
            (
                exposure.host, exposure.prefix, exposure.flist_id, exposure.at_jid, exposure.mode.value,
                int(exposure.listing), exposure.dav, self.now_ns, secret_hash,
            ),
        )  # fmt: skip
        self._sql.executemany(
            "INSERT INTO visitor (exposure_id, who)"
            " SELECT exposure_id, ? FROM exposure WHERE host = ? AND prefix = ?",
            [(who, exposure.host, exposure.prefix) for who in sorted(set(visitors))],
        )
        self._raise_generation(Cached.EXPOSURES)

    def remove_exposure(self, host: str, prefix: str) -> bool:
        """False when there was none."""
        self._drop_visitors("host = ? AND prefix = ?", (host, prefix))
        self._sql.execute("DELETE FROM exposure WHERE host = ? AND prefix = ?", (host, prefix))
        found = self._sql.changes() > 0
        self._raise_generation(Cached.EXPOSURES)
        return found

    def _drop_visitors(self, where: str, bindings: tuple[object, ...]) -> None:
        """Empty the lists of the exposures for which the condition holds."""
        self._sql.execute(
            f"DELETE FROM visitor WHERE exposure_id IN (SELECT exposure_id FROM exposure WHERE {where})",
            bindings,
        )
