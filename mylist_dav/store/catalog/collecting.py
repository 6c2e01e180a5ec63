"""Finding and dropping what no flist needs: blocks, recipes, and rows of `held` that hold nothing.

A block is needed while a flist that exists holds it, as a content or as a part of one, in any revision it has, or while
somebody has brought it and may still commit it. `held` never lacks what a flist has; what it has too much is found by
going through the entries (releasing), everything else by index. All is looked at again inside of the transaction that
acts on it; so whoever refers to a block in a transaction before is seen, and whoever does so after finds it condemned
and revives it, or finds it gone.

Work that brings contents long before it commits them keeps a lease (`session_`): while there is one that has not
expired, nothing is condemned, deleted or released. An expired one is removed before anything is done, and whoever had
it cannot commit any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.store.catalog.intake import remove_from_intake
from mylist_dav.store.catalog.rows import Statements, array, unpack_blocks

LEASE_NS = 3600 * 1_000_000_000
"""How long a lease lasts unless it is kept."""

_HELD = "SELECT 1 FROM held h CROSS JOIN flist f USING (flist_id) WHERE h.digest ="
_NEEDED = (
    f"(EXISTS ({_HELD} b.digest)"
    " OR EXISTS (SELECT 1 FROM recipe_block r CROSS JOIN held h ON h.digest = r.recipe_digest"
    " CROSS JOIN flist f USING (flist_id) WHERE r.block_digest = b.digest)"
    " OR EXISTS (SELECT 1 FROM upload u WHERE u.digest = b.digest AND u.expires_ns > ?1))"
)
_PAGE = (
    f"SELECT b.digest, b.size_bytes, b.state = 'stored' AND b.added_ns <= ?2 AND NOT {_NEEDED} FROM block b"
    " WHERE b.digest > ?3 ORDER BY b.digest LIMIT ?4"
)
_CONDEMN = (
    "UPDATE block AS b SET state = 'condemned', since_ns = ?1 WHERE b.digest IN (SELECT value FROM carray(?3))"
    f" AND b.state = 'stored' AND b.added_ns <= ?2 AND NOT {_NEEDED} RETURNING digest, size_bytes"
)
# Of the two conditions on the state, the second is what the index of those few blocks asks for.
_OVERDUE = (
    "SELECT digest FROM block WHERE state = 'condemned' AND state <> 'stored' AND since_ns <= ?2"
    " ORDER BY since_ns LIMIT ?3"
)
_REVIVE = (
    f"UPDATE block AS b SET state = 'stored', since_ns = NULL WHERE b.digest IN ({_OVERDUE}) AND {_NEEDED}"
)
_BEGIN_DELETING = f"UPDATE block AS b SET state = 'deleting' WHERE b.digest IN ({_OVERDUE}) AND NOT {_NEEDED}"
_DELETING = (
    "SELECT b.digest, b.size_bytes FROM block b WHERE b.state = 'deleting' AND b.state <> 'stored'"
    f" AND NOT {_NEEDED} LIMIT ?2"
)
_NEEDED_AND_GONE = (
    "SELECT b.digest FROM block b WHERE b.state = 'deleting' AND b.state <> 'stored' AND b.digest > ?2"
    f" AND {_NEEDED} ORDER BY b.digest LIMIT ?3"
)
_DELETING_OF = (
    "SELECT b.digest, b.size_bytes FROM carray(?2) i CROSS JOIN block b ON b.digest = i.value"
    f" WHERE b.state = 'deleting' AND NOT {_NEEDED}"
)
_RECIPES = (
    f"SELECT p.digest, p.size_bytes, NOT EXISTS ({_HELD} p.digest) FROM recipe p"
    " WHERE p.digest > ?1 ORDER BY p.digest LIMIT ?2"
)
_UNHELD_RECIPES = (
    "SELECT p.digest, p.blocks FROM carray(?1) i CROSS JOIN recipe p ON p.digest = i.value"
    f" WHERE NOT EXISTS ({_HELD} p.digest)"
)
_ENTRIES = (
    "SELECT parent_id, name, digest FROM entry WHERE flist_id = ?1 AND (parent_id, name) > (?2, ?3)"
    " ORDER BY parent_id, name LIMIT ?4"
)
_PAST = (
    "SELECT parent_id, name, until_jid, digest FROM entry_past WHERE flist_id = ?1"
    " AND (parent_id, name, until_jid) > (?2, ?3, ?4) ORDER BY parent_id, name, until_jid LIMIT ?5"
)
_SINCE = (
    "SELECT digest FROM entry WHERE flist_id = ?1 AND since_jid > ?2 AND digest IS NOT NULL"
    " UNION ALL SELECT digest FROM entry_past WHERE flist_id = ?1 AND since_jid > ?2 AND digest IS NOT NULL"
)
FIRST_ENTRY: tuple[int, str] = (-2, "")
FIRST_PAST: tuple[int, str, int] = (-2, "", 0)
"""Before every row: parents are counted from -1 on."""

HeldRow = tuple[bytes, int]
"""A digest, and the id of a flist that may hold it."""


class Candidates(NamedTuple):
    """A page of rows in order of digest: the last one looked at, None at the end, and those that nobody needs."""

    last: Digest | None
    found: list[BlockRef]


class Finder:
    """Reads for the collector. Nothing here is true any more when the view has ended."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    def unneeded_blocks(self, after: bytes, limit: int, now_ns: int, added_max_ns: int) -> Candidates:
        """Of the next blocks, those that are stored, not younger than that, and not needed."""
        rows = self._sql.execute(_PAGE, (now_ns, added_max_ns, after, limit)).fetchall()
        return Candidates(
            Digest(rows[-1][0]) if rows else None,
            [BlockRef(Digest(row[0]), row[1]) for row in rows if row[2]],
        )

    def unheld_recipes(self, after: bytes, limit: int) -> Candidates:
        """Of the next recipes, those of contents that no flist holds."""
        rows = self._sql.execute(_RECIPES, (after, limit)).fetchall()
        return Candidates(
            Digest(rows[-1][0]) if rows else None,
            [BlockRef(Digest(row[0]), row[1]) for row in rows if row[2]],
        )

    def condemned(self, since_max_ns: int, now_ns: int) -> tuple[int, int]:
        """How many blocks are condemned, or being deleted, since then or before, and their bytes.

        What is needed and has no file any more is not among them.
        """
        row = self._sql.execute(
            f"SELECT count(*), coalesce(sum(b.size_bytes), 0) FROM block b WHERE b.state <> 'stored'"
            f" AND b.since_ns <= ?2 AND NOT (b.state = 'deleting' AND {_NEEDED})",
            (now_ns, since_max_ns),
        ).fetchall()[0]
        return row[0], row[1]

    def unregistered(self, digests: Sequence[Digest]) -> list[Digest]:
        """Those of these blocks that the catalog does not know, and that no flist may need all the same."""
        rows = self._sql.execute(
            "SELECT value FROM carray(?1) i WHERE NOT EXISTS (SELECT 1 FROM block b WHERE b.digest = i.value)"
            " AND NOT EXISTS (SELECT 1 FROM held h WHERE h.digest = i.value)"
            " AND NOT EXISTS (SELECT 1 FROM recipe_block r WHERE r.block_digest = i.value)",
            (array(digests),),
        )
        return [Digest(row[0]) for row in rows if row[0]]

    def leases(self, now_ns: int) -> int:
        """How many leases there are that have not expired."""
        rows = self._sql.execute("SELECT count(*) FROM session_ WHERE expires_ns > ?", (now_ns,))
        return int(rows.fetchall()[0][0])

    def collected_ns(self, kind: str) -> int:
        """When a kind of collecting was last done; 0: never."""
        rows = self._sql.execute("SELECT number FROM generation WHERE kind = ?", (kind,)).fetchall()
        return int(rows[0][0]) if rows else 0

    # -- what flists really hold ---------------------------------------------------------------------------------

    def heads(self) -> dict[int, int]:
        """The head of every flist, by its id."""
        return dict(self._sql.execute("SELECT flist_id, head_jid FROM flist").fetchall())

    def head_of(self, flist_id: int) -> int | None:
        """The head of a flist; None when it is gone."""
        rows = self._sql.execute("SELECT head_jid FROM flist WHERE flist_id = ?", (flist_id,)).fetchall()
        return int(rows[0][0]) if rows else None

    def entry_digests(
        self, flist_id: int, after: tuple[int, str], limit: int
    ) -> tuple[tuple[int, str] | None, list[bytes]]:
        """The digests of the next rows of entries as they are now, and where to go on; None: that was all."""
        rows = self._sql.execute(_ENTRIES, (flist_id, *after, limit)).fetchall()
        last = (rows[-1][0], rows[-1][1]) if len(rows) == limit else None
        return last, [row[2] for row in rows if row[2] is not None]

    def past_digests(
        self, flist_id: int, after: tuple[int, str, int], limit: int
    ) -> tuple[tuple[int, str, int] | None, list[bytes]]:
        """The same of entries as they were before."""
        rows = self._sql.execute(_PAST, (flist_id, *after, limit)).fetchall()
        last = (rows[-1][0], rows[-1][1], rows[-1][2]) if len(rows) == limit else None
        return last, [row[3] for row in rows if row[3] is not None]

    def digests_since(self, flist_id: int, jid: int) -> set[bytes]:
        """The digests of rows that were written after the commit of this jid, staged ones too."""
        return {row[0] for row in self._sql.execute(_SINCE, (flist_id, jid))}

    def held_page(self, after: HeldRow, limit: int) -> list[HeldRow]:
        """The next rows of `held`, in order."""
        return self._sql.execute(
            "SELECT digest, flist_id FROM held WHERE (digest, flist_id) > (?, ?) ORDER BY digest, flist_id LIMIT ?",
            (*after, limit),
        ).fetchall()


class Reaper(Finder):
    """Writes for the collector, in one transaction. now_ns: its time."""

    def __init__(self, connection: Statements, now_ns: int) -> None:
        super().__init__(connection)
        self.now_ns = now_ns

    # -- leases ------------------------------------------------------------------------------------------------

    def begin_lease(self, lease_id: int, kind: str, account: str) -> None:
        """Have the collector wait, for LEASE_NS. lease_id: one that no lease has ever had."""
        self._sql.execute(
            "INSERT INTO session_ (session_id, kind, account, expires_ns) VALUES (?, ?, ?, ?)",
            (lease_id, kind, account, self.now_ns + LEASE_NS),
        )

    def keep_lease(self, lease_id: int) -> bool:
        """Let a lease last LEASE_NS from now; False when it is gone, and the collector may have been at work since."""
        self._sql.execute(
            "UPDATE session_ SET expires_ns = ? WHERE session_id = ?", (self.now_ns + LEASE_NS, lease_id)
        )
        return self._sql.changes() > 0

    def shorten_leases(self) -> None:
        """Let none last longer than it could from now on: one of when the clock was wrong might last for years."""
        last_ns = self.now_ns + LEASE_NS
        self._sql.execute("UPDATE session_ SET expires_ns = ?1 WHERE expires_ns > ?1", (last_ns,))

    def end_lease(self, lease_id: int) -> None:
        """The collector need not wait any more."""
        self._sql.execute("DELETE FROM session_ WHERE session_id = ?", (lease_id,))

    def must_wait(self) -> bool:
        """Whether there is a lease. Those that have expired are removed."""
        self._sql.execute("DELETE FROM session_ WHERE expires_ns <= ?", (self.now_ns,))
        return self.leases(self.now_ns) > 0

    def forget_uploads(self, limit: int) -> int:
        """Remove rows of blocks that were brought and not committed in time; returns how many."""
        self._sql.execute(
            "DELETE FROM upload WHERE (account_id, digest) IN"
            " (SELECT account_id, digest FROM upload WHERE expires_ns <= ? LIMIT ?)",
            (self.now_ns, limit),
        )
        return self._sql.changes()

    def shorten_uploads(self, lasting_ns: int, limit: int) -> int:
        """Let blocks that were brought wait no longer than if they were brought now; returns how many did."""
        self._sql.execute(
            "UPDATE upload SET expires_ns = ?1 WHERE (account_id, digest) IN"
            " (SELECT account_id, digest FROM upload WHERE expires_ns > ?1 LIMIT ?2)",
            (self.now_ns + lasting_ns, limit),
        )
        return self._sql.changes()

    def note_collected(self, kind: str) -> None:
        """This kind of collecting has been done now."""
        self._sql.execute(
            "INSERT INTO generation VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET number = excluded.number",
            (kind, self.now_ns),
        )

    # -- blocks ------------------------------------------------------------------------------------------------

    def condemn(self, digests: Sequence[Digest], added_max_ns: int) -> list[BlockRef]:
        """Condemn those of these blocks that are not needed still; returns them."""
        rows = self._sql.execute(_CONDEMN, (self.now_ns, added_max_ns, array(digests)))
        return [BlockRef(Digest(digest), size_bytes) for digest, size_bytes in rows.fetchall()]

    def begin_deleting(self, since_max_ns: int, limit: int) -> int:
        """Let go of blocks that were condemned then or before; returns how many were looked at.

        From now on such a block is there no more for those who ask, and is used again only if its file is found.
        """
        bindings = (self.now_ns, since_max_ns, limit)
        self._sql.execute(_REVIVE, bindings)
        revived = self._sql.changes()
        self._sql.execute(_BEGIN_DELETING, bindings)
        return revived + self._sql.changes()

    def take_back(self, after: bytes, limit: int, is_there: Callable[[Digest], bool]) -> Digest | None:
        """Of the next blocks that are needed and were found missing, believe in those that are there again.

        Returns the last one looked at; None when there were none.
        """
        rows = self._sql.execute(_NEEDED_AND_GONE, (self.now_ns, after, limit)).fetchall()
        back = [row[0] for row in rows if is_there(Digest(row[0]))]
        self._sql.execute(
            "UPDATE block SET state = 'stored', since_ns = NULL WHERE digest IN (SELECT value FROM carray(?))",
            (array(back),),
        )
        return Digest(rows[-1][0]) if rows else None

    def delete(
        self, remove: Callable[[Digest], bool], go_on: Callable[[], bool], limit: int
    ) -> list[BlockRef]:
        """Remove blocks that are being deleted, files first, as long as go_on() says so; returns them.

        remove: removes the file; False when that cannot be, and the block stays. It runs in here, so that nobody
        registers the block meanwhile.
        """
        rows = self._sql.execute(_DELETING, (self.now_ns, limit)).fetchall()
        return self._remove(rows, remove, go_on)

    def mark_deleting(self, digests: Sequence[Digest]) -> None:
        """Let go of these blocks, whatever their state."""
        self._sql.execute(
            "UPDATE block SET state = 'deleting', since_ns = ?1 WHERE digest IN (SELECT value FROM carray(?2))",
            (self.now_ns, array(digests)),
        )

    def delete_these(self, digests: Sequence[Digest], remove: Callable[[Digest], object]) -> list[BlockRef]:
        """Remove those of these blocks that are being deleted and not needed, files first; returns them."""
        rows = self._sql.execute(_DELETING_OF, (self.now_ns, array(digests))).fetchall()

        def surely(digest: Digest) -> bool:
            remove(digest)
            return True

        return self._remove(rows, surely, lambda: True)

    def _remove(
        self, rows: list[tuple[bytes, int]], remove: Callable[[Digest], bool], go_on: Callable[[], bool]
    ) -> list[BlockRef]:
        removed = []
        for name, size_bytes in rows:
            digest = Digest(name)
            if remove(digest):
                remove_from_intake(self._sql, digest)
                self._sql.execute("DELETE FROM block WHERE digest = ?", (digest,))
                removed.append(BlockRef(digest, size_bytes))
            if not go_on():
                break
        return removed

    # -- recipes, rows of held ---------------------------------------------------------------------------------

    def drop_recipes(self, digests: Sequence[Digest]) -> int:
        """Forget those of these recipes that no flist holds still; returns how many."""
        rows = self._sql.execute(_UNHELD_RECIPES, (array(digests),)).fetchall()
        for digest, packed in rows:
            self._sql.executemany(
                "DELETE FROM recipe_block WHERE block_digest = ? AND recipe_digest = ?",
                [(ref.digest, digest) for ref in unpack_blocks(packed)],
            )
            self._sql.execute("DELETE FROM recipe WHERE digest = ?", (digest,))
        return len(rows)

    def release(self, flist_id: int, head_jid: int, digests: Iterable[bytes]) -> bool:
        """A flist whose head is this holds none of these; False, and nothing is done, when it has another by now."""
        if self.head_of(flist_id) != head_jid:
            return False
        self._sql.executemany(
            "DELETE FROM held WHERE digest = ? AND flist_id = ?", [(digest, flist_id) for digest in digests]
        )
        return True

    def release_gone(self, rows: Iterable[HeldRow]) -> int:
        """Forget what flists held that are no more; returns how many rows."""
        released = 0
        for digest, flist_id in rows:
            self._sql.execute(
                "DELETE FROM held WHERE digest = ?1 AND flist_id = ?2"
                " AND NOT EXISTS (SELECT 1 FROM flist WHERE flist_id = ?2)",
                (digest, flist_id),
            )
            released += self._sql.changes()
        return released

    # -- who needs a block -------------------------------------------------------------------------------------

    def needed_by(self, digest: Digest) -> str:
        """Who needs a block, as the end of a sentence; '' when nobody does."""
        rows = self._sql.execute(
            "SELECT a.name || '/' || f.name FROM held h CROSS JOIN flist f USING (flist_id)"
            " CROSS JOIN account a USING (account_id) WHERE h.digest = ?1 UNION ALL"
            " SELECT a.name || '/' || f.name FROM recipe_block r CROSS JOIN held h ON h.digest = r.recipe_digest"
            " CROSS JOIN flist f USING (flist_id) CROSS JOIN account a USING (account_id)"
            " WHERE r.block_digest = ?1 LIMIT 1",
            (digest,),
        ).fetchall()
        if rows:
            return f"{rows[0][0]} holds it"
        rows = self._sql.execute(
            "SELECT a.name FROM upload u CROSS JOIN account a USING (account_id)"
            " WHERE u.digest = ? AND u.expires_ns > ? LIMIT 1",
            (digest, self.now_ns),
        ).fetchall()
        return f"{rows[0][0]} has brought it and may commit it" if rows else ""
