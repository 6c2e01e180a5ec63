"""Which blocks and contents somebody may name: what they may read, and what they have brought themselves.

Knowing a digest is no right to its bytes. So whoever names one must be able to read a flist that holds it in any
revision, or have uploaded it; everything else answers like a digest that nobody has ever seen.
"""

from __future__ import annotations

from mylist_dav.model.actors import Reach
from mylist_dav.model.digest import Digest
from mylist_dav.store.catalog.rows import Statements

_READABLE = (
    "(?4 OR NOT f.private OR f.account_id = ?2"
    " OR EXISTS (SELECT 1 FROM grant_ g WHERE g.flist_id = f.flist_id AND g.account_id = ?2))"
    " AND (?5 IS NULL OR f.flist_id = ?5)"
)
_HELD = f"SELECT 1 FROM held h CROSS JOIN flist f USING (flist_id) WHERE h.digest = ?1 AND {_READABLE}"
_CONTENT = f"SELECT EXISTS ({_HELD})"
_BLOCK = (
    "SELECT EXISTS (SELECT 1 FROM upload WHERE account_id = ?2 AND digest = ?1 AND expires_ns > ?3)"
    f" OR EXISTS ({_HELD})"
    " OR EXISTS (SELECT 1 FROM recipe_block b CROSS JOIN held h ON h.digest = b.recipe_digest"
    f" CROSS JOIN flist f USING (flist_id) WHERE b.block_digest = ?1 AND {_READABLE})"
)
_NO_FLIST = 0
"""An id that no flist has."""


class Claims:
    """What one account may name at one moment. For the time of the view it came from."""

    def __init__(self, connection: Statements, reach: Reach, now_ns: int) -> None:
        self._sql = connection
        self._now_ns = now_ns
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

    def _id_of(self, statement: str, bindings: tuple[str, ...]) -> int | None:
        rows = self._sql.execute(statement, bindings).fetchall()
        return int(rows[0][0]) if rows else None

    def may_name_content(self, digest: Digest) -> bool:
        """Whether a readable flist holds this content in any revision it has."""
        return self._ask(_CONTENT, digest)

    def may_name_block(self, digest: Digest) -> bool:
        """Whether this is a block of a content that a readable flist holds, or one that the account has uploaded.

        An account without a limit that may read everything also names what no flist holds.
        """
        return (self._everything and self._flist_id is None) or self._ask(_BLOCK, digest)

    def _ask(self, statement: str, digest: Digest) -> bool:
        bindings = (digest, self._account_id, self._now_ns, self._everything, self._flist_id)
        return bool(self._sql.execute(statement, bindings).fetchall()[0][0])
