"""Which blocks somebody may know of, many at a time, and what accounts have brought and not committed yet.

Whoever asks for a block must be able to read a flist that holds it in any revision, as a content or as a part of one,
or have brought it. The rights are looked at before the block is: one that is kept from the caller costs what an unknown
one does, but for a lookup or two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mylist_dav.model.actors import Reach
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog.rows import Statements, array

_READABLE = (
    "(?4 OR NOT f.private OR f.account_id = ?2"
    " OR EXISTS (SELECT 1 FROM grant_ g WHERE g.flist_id = f.flist_id AND g.account_id = ?2))"
    " AND (?5 IS NULL OR f.flist_id = ?5)"
)
_MINE = (
    "SELECT i.value FROM carray(?1) i WHERE ?6"
    " OR EXISTS (SELECT 1 FROM held h CROSS JOIN flist f USING (flist_id)"
    f" WHERE h.digest = i.value AND {_READABLE})"
    " OR EXISTS (SELECT 1 FROM recipe_block r CROSS JOIN held h ON h.digest = r.recipe_digest"
    f" CROSS JOIN flist f USING (flist_id) WHERE r.block_digest = i.value AND {_READABLE})"
    " OR EXISTS (SELECT 1 FROM upload u WHERE u.account_id = ?7 AND u.digest = i.value AND u.expires_ns > ?3)"
)
_KNOWN = (
    f"WITH mine (digest) AS MATERIALIZED ({_MINE})"
    " SELECT b.digest, b.size_bytes FROM mine CROSS JOIN block b ON b.digest = mine.digest"
    " WHERE b.state <> 'deleting'"
)
_LASTING = (
    f"WITH mine (digest) AS MATERIALIZED ({_MINE})"
    " SELECT b.digest FROM mine CROSS JOIN block b ON b.digest = mine.digest"
    " WHERE b.state <> 'deleting' AND (b.since_ns IS NULL OR b.since_ns >= ?8)"
)
_FLIST_ID = (
    "SELECT f.flist_id FROM account a CROSS JOIN flist f USING (account_id) WHERE a.name = ? AND f.name = ?"
)
_NO_FLIST = 0
"""An id that no flist has."""


class Pending(NamedTuple):
    """What an account has brought and not committed. quota_bytes: what it may have; None: no limit.

    held_bytes: of all its flists, and of those blocks; 0 where there is no limit: nobody has to add them up.
    """

    quota_bytes: int | None
    held_bytes: int


class Holdings:
    """What one account may know of at one moment, for the time of the view this came from."""

    def __init__(
        self, connection: Statements, reach: Reach, now_ns: int, *, unlimited: bool, uploads: bool
    ) -> None:
        """unlimited: every block may be known. uploads: those that the account has brought count."""
        self._sql = connection
        self._unlimited = unlimited
        account_id = self._id("SELECT account_id FROM account WHERE name = ?", (reach.account,))
        flist_id = self._flist_id(reach.flist_name)
        self._bindings = (
            account_id, now_ns, reach.everything, flist_id, unlimited, account_id if uploads else None,
        )  # fmt: skip

    def known(self, digests: Iterable[Digest]) -> dict[bytes, int]:
        """Those of these blocks that there are, and that may be known of, with their sizes in bytes."""
        return dict(self._sql.execute(_KNOWN, (array(digests), *self._bindings)).fetchall())

    def lasting(self, digests: Iterable[Digest], condemned_min_ns: int) -> set[bytes]:
        """Those of these blocks that are known, without those that were condemned before a time."""
        rows = self._sql.execute(_LASTING, (array(digests), *self._bindings, condemned_min_ns))
        return {row[0] for row in rows}

    def _id(self, statement: str, bindings: Sequence[str]) -> int | None:
        rows = self._sql.execute(statement, bindings).fetchall()
        return int(rows[0][0]) if rows else None

    def _flist_id(self, name: FlistName | None) -> int | None:
        if name is None:
            return None
        found = self._id(_FLIST_ID, name)
        return _NO_FLIST if found is None else found


def pending(connection: Statements, account: str, now_ns: int) -> Pending:
    """What counts to the quota of an account."""
    rows = connection.execute(
        "SELECT a.quota_bytes, CASE WHEN a.quota_bytes IS NULL THEN 0 ELSE"
        " (SELECT coalesce(sum(f.size_bytes), 0) FROM flist f WHERE f.account_id = a.account_id)"
        " + (SELECT coalesce(sum(u.size_bytes), 0) FROM upload u WHERE u.account_id = a.account_id"
        " AND u.expires_ns > ?2) END FROM account a WHERE a.name = ?1",
        (account, now_ns),
    ).fetchall()
    return Pending(*rows[0]) if rows else Pending(None, 0)


def brought(connection: Statements, account: str, digests: Iterable[Digest], now_ns: int) -> set[Digest]:
    """Those of these blocks that an account has brought already."""
    rows = connection.execute(
        "SELECT u.digest FROM carray(?2) i CROSS JOIN upload u ON u.digest = i.value"
        " AND u.account_id = (SELECT account_id FROM account WHERE name = ?1) WHERE u.expires_ns > ?3",
        (account, array(digests), now_ns),
    )
    return {Digest(row[0]) for row in rows}


def add_uploads(connection: Statements, account: str, refs: Iterable[BlockRef], expires_ns: int) -> None:
    """Note that an account has brought blocks; those it had last longer now. Without an account nothing is noted."""
    for (account_id,) in connection.execute(
        "SELECT account_id FROM account WHERE name = ?", (account,)
    ).fetchall():
        connection.executemany(
            "INSERT INTO upload (account_id, digest, size_bytes, expires_ns) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (account_id, digest) DO UPDATE SET expires_ns = max(expires_ns, excluded.expires_ns)",
            [(account_id, digest, size_bytes, expires_ns) for digest, size_bytes in sorted(refs)],
        )


def uploads_held(
    connection: Statements, account: str, flist_id: int, after: bytes, limit: int
) -> tuple[list[Digest], bytes | None]:
    """What an account has brought and a flist holds now, and where to go on, None at the end. limit: rows looked at."""
    rows = connection.execute(
        "SELECT u.digest, EXISTS (SELECT 1 FROM held h WHERE h.digest = u.digest AND h.flist_id = ?3)"
        " OR EXISTS (SELECT 1 FROM recipe_block r CROSS JOIN held h ON h.digest = r.recipe_digest AND h.flist_id = ?3"
        " WHERE r.block_digest = u.digest) FROM upload u"
        " WHERE u.account_id = (SELECT account_id FROM account WHERE name = ?1) AND u.digest > ?2"
        " ORDER BY u.digest LIMIT ?4",
        (account, after, flist_id, limit),
    ).fetchall()
    held = [Digest(digest) for digest, is_held in rows if is_held]
    return held, rows[-1][0] if len(rows) == limit else None


def end_uploads(connection: Statements, account: str, digests: Iterable[Digest]) -> None:
    """Blocks that an account has brought are in a flist now: they count to its size, and not beside it any more."""
    connection.execute(
        "DELETE FROM upload WHERE account_id = (SELECT account_id FROM account WHERE name = ?1)"
        " AND digest IN (SELECT value FROM carray(?2))",
        (account, array(digests)),
    )
