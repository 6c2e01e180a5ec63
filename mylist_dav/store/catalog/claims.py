"""Which blocks and contents somebody may name: what they may read, and what they have brought themselves.

Knowing a digest is no right to its bytes. So whoever names one must be able to read a flist that holds it in any
revision, or have uploaded it; everything else answers like a digest that nobody has ever seen.
"""

from __future__ import annotations

from collections.abc import Collection

from mylist_dav.model.actors import Reach
from mylist_dav.model.digest import Digest
from mylist_dav.store.catalog.rows import Statements, array

_READABLE = (
    "(?4 OR NOT f.private OR f.account_id = ?2"
    " OR EXISTS (SELECT 1 FROM grant_ g WHERE g.flist_id = f.flist_id AND g.account_id = ?2))"
    " AND (?5 IS NULL OR f.flist_id = ?5)"
)
_HELD = f"SELECT 1 FROM held h CROSS JOIN flist f USING (flist_id) WHERE h.digest = ?1 AND {_READABLE}"
_CONTENT = f"SELECT EXISTS ({_HELD})"
_BLOCKS = (
    "SELECT i.value FROM carray(?1) i"
    " WHERE EXISTS (SELECT 1 FROM upload u WHERE u.account_id = ?2 AND u.digest = i.value AND u.expires_ns > ?3)"
    " OR EXISTS (SELECT 1 FROM held h CROSS JOIN flist f USING (flist_id)"
    f" WHERE h.digest = i.value AND {_READABLE})"
    " OR EXISTS (SELECT 1 FROM recipe_block b CROSS JOIN held h ON h.digest = b.recipe_digest"
    f" CROSS JOIN flist f USING (flist_id) WHERE b.block_digest = i.value AND {_READABLE})"
)
_NO_FLIST = 0
"""An id that no flist has."""


class Claims:
    """What one account may name at one moment. For the time of the view it came from."""

    def __init__(self, connection: Statements, reach: Reach, now_ns: int) -> None:
        self._sql = connection
        self._everything = reach.everything
        self._account_id = self._id_of("SELECT account_id FROM account WHERE name = ?", (reach.account,))
        self._flist_id: int | None = None
        if reach.flist_name is not None:
            found = self._id_of(
                "SELECT f.flist_id FROM account a CROSS JOIN flist f USING (account_id)"
                " WHERE a.name = ? AND f.name = ?",
                reach.flist_name,
            )
            self._flist_id = _NO_FLIST if found is None else found
        self._bindings = (self._account_id, now_ns, self._everything, self._flist_id)

    def _id_of(self, statement: str, bindings: tuple[str, ...]) -> int | None:
        rows = self._sql.execute(statement, bindings).fetchall()
        return int(rows[0][0]) if rows else None

    def may_name_content(self, digest: Digest) -> bool:
        """Whether a readable flist holds this content in any revision it has."""
        return bool(self._sql.execute(_CONTENT, (digest, *self._bindings)).fetchall()[0][0])

    def blocks_named(self, digests: Collection[Digest]) -> Collection[Digest]:
        """Those that are blocks of a content that a readable flist holds, or that the account has uploaded.

        An account without a limit that may read everything also names what no flist holds.
        """
        if self._everything and self._flist_id is None:
            return digests
        rows = self._sql.execute(_BLOCKS, (array(digests), *self._bindings))
        return [Digest(row[0]) for row in rows]
