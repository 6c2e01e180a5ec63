"""View: everything that is read from the catalog, as values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mylist_dav.errors import Corrupt, NotFound
from mylist_dav.model.actors import Reach
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.model.entries import Commit, Entry, Flist, Label
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.locks import Lock
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog.accounts import AccountReads
from mylist_dav.store.catalog.claims import Claims
from mylist_dav.store.catalog.collecting import Finder
from mylist_dav.store.catalog.figures import Figures
from mylist_dav.store.catalog.generations import Cached
from mylist_dav.store.catalog.holders import Holders
from mylist_dav.store.catalog.holdings import Holdings, Pending, brought, pending, uploads_held
from mylist_dav.store.catalog.intake import IntakeReads
from mylist_dav.store.catalog.jobs import JobReads
from mylist_dav.store.catalog.records import Records
from mylist_dav.store.catalog.rows import (
    ENTRY_COLUMNS,
    EXPOSURE_COLUMNS,
    FLIST_COLUMNS,
    LOCK_COLUMNS,
    Statements,
    array,
    to_entry,
    to_exposure,
    to_flist,
    to_lock,
    to_recipe,
)
from mylist_dav.store.catalog.spans import Span, span_of
from mylist_dav.store.catalog.states import States
from mylist_dav.store.catalog.trees import STAGE_PARENT, TreeView

_FLIST = f"SELECT {FLIST_COLUMNS} FROM flist f JOIN account a USING (account_id)"
_EXPOSURE = f"SELECT {EXPOSURE_COLUMNS} FROM exposure x JOIN flist f USING (flist_id) JOIN account a USING (account_id)"


class View(AccountReads, IntakeReads):
    """Reads of one consistent state. Lists are in ascending order of name unless said otherwise."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    # -- flists ------------------------------------------------------------------------------------------------

    def flist(self, name: FlistName) -> Flist:
        """Raises NotFound."""
        rows = self._sql.execute(f"{_FLIST} WHERE a.name = ? AND f.name = ?", name).fetchall()
        if not rows:
            raise NotFound(f"there is no flist {name}")
        return to_flist(rows[0])

    def flist_by_id(self, flist_id: int) -> Flist:
        """Raises NotFound."""
        rows = self._sql.execute(f"{_FLIST} WHERE f.flist_id = ?", (flist_id,)).fetchall()
        if not rows:
            raise NotFound("the flist is gone")
        return to_flist(rows[0])

    def flists(self, account: str | None = None) -> list[Flist]:
        """All flists, or those of one account."""
        where = "WHERE a.name = ?" if account is not None else ""
        found = self._sql.execute(
            f"{_FLIST} {where} ORDER BY a.name, f.name", (account,) if account is not None else ()
        )
        return [to_flist(row) for row in found]

    def flists_page(
        self,
        after: FlistName | None = None,
        limit: int = 100,
        *,
        account: str | None = None,
        name_contains: str = "",
        private: bool | None = None,
        exposed: bool | None = None,
    ) -> list[Flist]:
        """Flists in order of account and name, past one of them, at most limit. None and '': whatever it is."""
        exposures = "EXISTS (SELECT 1 FROM exposure x WHERE x.flist_id = f.flist_id)"
        given: list[tuple[str, tuple[object, ...]]] = [("(a.name, f.name) > (?, ?)", after or ("", ""))]
        if account is not None:
            given.append(("a.name = ?", (account,)))
        if name_contains:
            given.append(("instr(f.name, ?) > 0", (name_contains,)))
        if private is not None:
            given.append(("f.private = ?", (int(private),)))
        if exposed is not None:
            given.append((exposures if exposed else f"NOT {exposures}", ()))
        where = " AND ".join(text for text, _ in given)
        rows = self._sql.execute(
            f"{_FLIST} WHERE {where} ORDER BY a.name, f.name LIMIT ?",
            (*(value for _, values in given for value in values), limit),
        )
        return [to_flist(row) for row in rows]

    def room_bytes(self, flist: Flist) -> int | None:
        """How much more the flists of this one's account may hold; below 0 when it is too much. None: no quota."""
        if flist.quota_bytes is None:
            return None
        rows = self._sql.execute(
            "SELECT coalesce(sum(f.size_bytes), 0) FROM account a CROSS JOIN flist f USING (account_id)"
            " WHERE a.name = ?",
            (flist.flist_name.account,),
        ).fetchall()
        return flist.quota_bytes - int(rows[0][0])

    def head_jid(self, flist_id: int) -> int | None:
        """The newest jid; None when the flist is gone."""
        rows = self._sql.execute("SELECT head_jid FROM flist WHERE flist_id = ?", (flist_id,)).fetchall()
        return int(rows[0][0]) if rows else None

    def tree(self, flist: Flist, at_jid: int | None = None) -> TreeView:
        """The tree of a flist at a revision; None is the head. Raises NotFound for a revision that is not there."""
        if at_jid is None or at_jid == flist.head_jid:
            return TreeView(self._sql, flist, None)
        if not flist.oldest_jid <= at_jid <= flist.head_jid:
            raise NotFound(
                f"{flist.flist_name} has no revision {at_jid}: {flist.oldest_jid} to {flist.head_jid} are there"
            )
        return TreeView(self._sql, flist, at_jid)

    def span(self, flist: Flist, low: int, high: int, rows_max: int) -> Span | None:
        """What changed after revision low up to and with revision high; None when it is more than so many rows."""
        return span_of(self._sql, flist, low, high, rows_max)

    def states(self, flist: Flist) -> States:
        """The entries of a flist by their ids, at any revision."""
        return States(self._sql, flist)

    def commits(self, flist: Flist, before_jid: int | None = None, limit: int = 100) -> list[Commit]:
        """The commits of a flist, newest first, at most limit, all with a jid below before_jid."""
        rows = self._sql.execute(
            "SELECT jid, at_ns, actor, note FROM commit_ WHERE flist_id = ? AND jid < ? ORDER BY jid DESC LIMIT ?",
            (flist.flist_id, before_jid if before_jid is not None else flist.head_jid + 1, max(0, limit)),
        )
        return [Commit(*row) for row in rows]

    def committed_ns(self, flist_id: int, jid: int) -> int:
        """When the state of since_jid = jid was published: the time of the first commit at or after it; 0 if none."""
        rows = self._sql.execute(
            "SELECT at_ns FROM commit_ WHERE flist_id = ? AND jid >= ? ORDER BY jid LIMIT 1", (flist_id, jid)
        ).fetchall()
        return int(rows[0][0]) if rows else 0

    def labels(self, flist_id: int) -> list[Label]:
        """The labels of a flist, in order of name."""
        rows = self._sql.execute(
            "SELECT name, jid, created_ns FROM label WHERE flist_id = ? ORDER BY name", (flist_id,)
        )
        return [Label(*row) for row in rows]

    def stages(self) -> list[tuple[Flist, Entry]]:
        """Every staged folder of every flist: what imports are building, or have left behind."""
        rows = self._sql.execute(
            f"SELECT f.flist_id, {', '.join('e.' + column for column in ENTRY_COLUMNS.split(', '))} FROM flist f"
            " CROSS JOIN entry e WHERE e.flist_id = f.flist_id AND e.parent_id = ?",
            (STAGE_PARENT,),
        ).fetchall()
        return [(self.flist_by_id(row[0]), to_entry(row[1:])) for row in rows]

    # -- contents ----------------------------------------------------------------------------------------------

    def recipe(self, digest: Digest, size_bytes: int) -> Recipe:
        """The blocks of a content. Raises Corrupt when the catalog has lost them."""
        if size_bytes == 0:
            return Recipe(digest, 0, "", ())
        if size_bytes <= WHOLE_BYTES_MAX:
            return Recipe(digest, size_bytes, "", (BlockRef(digest, size_bytes),))
        rows = self._sql.execute(
            "SELECT digest, size_bytes, chunker, blocks FROM recipe WHERE digest = ?", (digest,)
        ).fetchall()
        if not rows or rows[0][1] != size_bytes:
            raise Corrupt(f"the recipe of content {digest} is missing")
        return to_recipe(rows[0])

    def recipe_held(self, flist_id: int, digest: Digest) -> Recipe | None:
        """The blocks of a content that a flist holds in any revision it has; None when it does not."""
        if digest == EMPTY:
            return Recipe(EMPTY, 0, "", ())
        rows = self._sql.execute(
            "SELECT (SELECT size_bytes FROM block b WHERE b.digest = h.digest) FROM held h"
            " WHERE h.digest = ? AND h.flist_id = ?",
            (digest, flist_id),
        ).fetchall()
        known = self.known_recipe(digest) if rows else None
        if known is not None or not rows or rows[0][0] is None:
            return known
        return Recipe(digest, rows[0][0], "", (BlockRef(digest, rows[0][0]),))

    def known_recipe(self, digest: Digest) -> Recipe | None:
        """The recipe of a content of several blocks, if it is known here, whoever may read it."""
        rows = self._sql.execute(
            "SELECT digest, size_bytes, chunker, blocks FROM recipe WHERE digest = ?", (digest,)
        ).fetchall()
        return to_recipe(rows[0]) if rows else None

    def blocks_bytes(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """The sizes of those of these blocks that are here and stay unless nobody needs them."""
        rows = self._sql.execute(
            "SELECT b.digest, b.size_bytes FROM carray(?) i CROSS JOIN block b ON b.digest = i.value"
            " WHERE b.state IN ('stored', 'condemned')",
            (array(sorted(digests)),),  # neighbours in the index are read one after the other
        )
        return {Digest(digest): size_bytes for digest, size_bytes in rows}

    def claims(self, reach: Reach, now_ns: int) -> Claims:
        """Which blocks and contents somebody may name."""
        return Claims(self._sql, reach, now_ns)

    def blocks_unregistered(self, refs: Iterable[BlockRef]) -> list[BlockRef]:
        """Those of these blocks that are not registered, each once."""
        return [
            ref
            for ref in dict.fromkeys(refs)
            if not self._sql.execute("SELECT 1 FROM block WHERE digest = ?", (ref.digest,)).fetchall()
        ]

    def blocks_registered(self, after: Digest | None = None, limit: int = 1000) -> list[BlockRef]:
        """Registered blocks in ascending order of digest, past after, at most limit."""
        rows = self._sql.execute(
            "SELECT digest, size_bytes FROM block WHERE digest > ? AND state <> 'condemned' ORDER BY digest LIMIT ?",
            (after or b"", limit),
        )
        return [BlockRef(Digest(digest), size) for digest, size in rows]

    def holdings(self, reach: Reach, now_ns: int, *, unlimited: bool, uploads: bool) -> Holdings:
        """Which blocks somebody may know of. unlimited: all; uploads: also those that the account has brought."""
        return Holdings(self._sql, reach, now_ns, unlimited=unlimited, uploads=uploads)

    def pending(self, account: str, now_ns: int) -> Pending:
        """What counts to the quota of an account, with what it has brought and not committed."""
        return pending(self._sql, account, now_ns)

    def brought(self, account: str, digests: Iterable[Digest], now_ns: int) -> set[Digest]:
        """Those of these blocks that an account has brought and may still commit."""
        return brought(self._sql, account, digests, now_ns)

    def uploads_held(
        self, account: str, flist_id: int, after: bytes, limit: int
    ) -> tuple[list[Digest], bytes | None]:
        """What an account has brought and a flist holds now, and where to go on; see holdings."""
        return uploads_held(self._sql, account, flist_id, after, limit)

    @property
    def finder(self) -> Finder:
        """What no flist needs."""
        return Finder(self._sql)

    # -- upkeep ------------------------------------------------------------------------------------------------

    @property
    def records(self) -> Records:
        """The audit and the sums of traffic."""
        return Records(self._sql)

    @property
    def figures(self) -> Figures:
        """Counts for those who watch, and when upkeep was last done."""
        return Figures(self._sql)

    @property
    def holders(self) -> Holders:
        """Which flists hold a content."""
        return Holders(self._sql)

    @property
    def jobs(self) -> JobReads:
        """The jobs."""
        return JobReads(self._sql)

    def totals(self) -> dict[str, int]:
        """Counts for an operator: accounts, flists, entries, size_bytes of all heads, blocks, block_bytes."""
        row = self._sql.execute(
            "SELECT (SELECT count(*) FROM account), count(*), coalesce(sum(entries), 0), coalesce(sum(size_bytes), 0),"
            " (SELECT count(*) FROM block), (SELECT coalesce(sum(size_bytes), 0) FROM block) FROM flist"
        ).fetchall()[0]
        names = ("accounts", "flists", "entries", "size_bytes", "blocks", "block_bytes")
        return dict(zip(names, row, strict=True))

    def integrity_problems(self) -> list[str]:
        """What SQLite finds wrong with its file; at most 100 sentences."""
        found = [row[0] for row in self._sql.execute("PRAGMA integrity_check(100)")]
        return [f"the catalog is damaged: {text}" for text in found if text != "ok"]

    # -- locks, properties -------------------------------------------------------------------------------------

    def locks(self, flist_id: int, now_ns: int) -> list[Lock]:
        """All locks in a flist that have not expired."""
        rows = self._sql.execute(
            f"SELECT {LOCK_COLUMNS} FROM lock WHERE flist_id = ? AND expires_ns > ?", (flist_id, now_ns)
        )
        return [to_lock(row) for row in rows]

    def locks_on(self, flist_id: int, entry_ids: Sequence[int], now_ns: int) -> list[Lock]:
        """The locks held directly on these entries."""
        marks = ",".join("?" * len(entry_ids))
        rows = self._sql.execute(
            f"SELECT {LOCK_COLUMNS} FROM lock WHERE flist_id = ? AND expires_ns > ? AND entry_id IN ({marks})",
            (flist_id, now_ns, *entry_ids),
        )
        return [to_lock(row) for row in rows]

    def lock_count(self, flist_id: int, now_ns: int) -> int:
        """How many locks there are in a flist that have not expired."""
        rows = self._sql.execute(
            "SELECT count(*) FROM lock WHERE flist_id = ? AND expires_ns > ?", (flist_id, now_ns)
        )
        return int(rows.fetchall()[0][0])

    def has_locks(self, flist_id: int, now_ns: int) -> bool:
        """Whether there is any lock in a flist."""
        return bool(
            self._sql.execute(
                "SELECT 1 FROM lock WHERE flist_id = ? AND expires_ns > ? LIMIT 1", (flist_id, now_ns)
            ).fetchall()
        )

    def properties(self, flist_id: int, entry_id: int) -> dict[str, str]:
        """The dead properties of an entry: Clark name to serialised XML."""
        return dict(
            self._sql.execute(
                "SELECT name, value_xml FROM property WHERE flist_id = ? AND entry_id = ? ORDER BY name",
                (flist_id, entry_id),
            ).fetchall()
        )

    def properties_of_members(self, flist_id: int, parent_id: int) -> dict[int, dict[str, str]]:
        """The dead properties of all members of a folder that have any, by entry id."""
        found: dict[int, dict[str, str]] = {}
        if not self._sql.execute("SELECT 1 FROM property WHERE flist_id = ? LIMIT 1", (flist_id,)).fetchall():
            return found
        for entry_id, name, value in self._sql.execute(
            "SELECT p.entry_id, p.name, p.value_xml FROM entry e CROSS JOIN property p"
            " ON p.flist_id = e.flist_id AND p.entry_id = e.entry_id WHERE e.flist_id = ? AND e.parent_id = ?",
            (flist_id, parent_id),
        ):
            found.setdefault(entry_id, {})[name] = value
        return found

    def entries_with_properties(self, flist_id: int, after_id: int = 0, limit: int = 1000) -> list[int]:
        """The ids of entries that have dead properties, in ascending order, past after_id, at most limit."""
        rows = self._sql.execute(
            "SELECT DISTINCT entry_id FROM property WHERE flist_id = ? AND entry_id > ? ORDER BY entry_id LIMIT ?",
            (flist_id, after_id, limit),
        )
        return [row[0] for row in rows]

    # -- exposures ---------------------------------------------------------------------------------------------

    def exposures(self, flist_id: int | None = None) -> list[Exposure]:
        """All exposures, or those of one flist, hosts first, each in order of name."""
        rows = self._sql.execute(
            f"{_EXPOSURE} WHERE ?1 IS NULL OR x.flist_id = ?1 ORDER BY x.host = '', x.host, x.prefix",
            (flist_id,),
        )
        return [to_exposure(row) for row in rows]

    def exposure(self, exposure_id: int, changed_ns: int) -> Exposure | None:
        """An exposure as it was attached then; None when it is gone, or has been switched since."""
        rows = self._sql.execute(
            f"{_EXPOSURE} WHERE x.exposure_id = ? AND x.changed_ns = ?", (exposure_id, changed_ns)
        ).fetchall()
        return to_exposure(rows[0]) if rows else None

    def secret_hash(self, exposure_id: int, changed_ns: int) -> str | None:
        """The hash of the pass phrase of an exposure as it was attached then; None when it has none."""
        rows = self._sql.execute(
            "SELECT secret_hash FROM exposure WHERE exposure_id = ? AND changed_ns = ?",
            (exposure_id, changed_ns),
        ).fetchall()
        return rows[0][0] if rows else None

    def visitors(self, exposure_id: int) -> list[str]:
        """Who may see an exposure of mode 'keys': names of accounts, and keys as 64 hex digits; in ascending order."""
        rows = self._sql.execute("SELECT who FROM visitor WHERE exposure_id = ? ORDER BY who", (exposure_id,))
        return [row[0] for row in rows]

    def generation(self, kind: Cached) -> int:
        """The generation number of a kind: a cache of that kind is fresh while its number stays."""
        rows = self._sql.execute(
            "SELECT number FROM generation WHERE kind = ?", (kind.name.lower(),)
        ).fetchall()
        return int(rows[0][0])


class Snapshot(View):
    """A view inside of one transaction: what it has read once of flists and their trees it need not read again."""

    def __init__(self, connection: Statements) -> None:
        super().__init__(connection)
        self._flists: dict[FlistName, Flist] = {}
        self._heads: dict[int, TreeView] = {}

    def flist(self, name: FlistName) -> Flist:
        found = self._flists.get(name)
        if found is None:
            found = self._flists[name] = super().flist(name)
        return found

    def tree(self, flist: Flist, at_jid: int | None = None) -> TreeView:
        if at_jid is not None and at_jid != flist.head_jid:
            return super().tree(flist, at_jid)
        found = self._heads.get(flist.flist_id)
        if found is None:
            found = self._heads[flist.flist_id] = super().tree(flist)
        return found
