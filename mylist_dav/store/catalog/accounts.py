"""Accounts, their keys and tokens, and what they are granted: read by every View, written by every Draft."""

from __future__ import annotations

from collections.abc import Mapping

from mylist_dav.errors import Exists, NotFound
from mylist_dav.model.accounts import AccountFacts, GrantFacts, KeyFacts, Right, TokenFacts, TokenHolder
from mylist_dav.model.actors import EVERYTHING, Actor, Role, Scope
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog.generations import Cached
from mylist_dav.store.catalog.rows import Row, Statements

_TOKEN = (
    "SELECT t.token_hash, a.name, t.label, t.created_ns, t.expires_ns, t.used_ns, t.read_only, t.flist_id,"
    " o.name, f.name FROM token t CROSS JOIN account a USING (account_id)"
    " LEFT JOIN flist f ON f.flist_id = t.flist_id LEFT JOIN account o ON o.account_id = f.account_id"
)
_KEY = "SELECT k.public, a.name, k.label, k.added_ns, k.used_ns FROM key_ k CROSS JOIN account a USING (account_id)"


class AccountReads:
    """The part of a View that is about accounts."""

    _sql: Statements

    # -- accounts ----------------------------------------------------------------------------------------------

    def accounts(self) -> list[str]:
        """The names of all accounts."""
        return [row[0] for row in self._sql.execute("SELECT name FROM account ORDER BY name")]

    def account_facts(self) -> list[AccountFacts]:
        """All accounts."""
        rows = self._sql.execute(
            "SELECT name, role, disabled, quota_bytes,"
            " (SELECT count(*) FROM key_ k WHERE k.account_id = a.account_id) FROM account a ORDER BY name"
        )
        return [AccountFacts(row[0], Role(row[1]), bool(row[2]), row[3], row[4]) for row in rows]

    def has_account(self, name: str) -> bool:
        """Whether there is an account of this name."""
        return bool(self._sql.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchall())

    def room_of(self, account: str) -> tuple[int, int] | None:
        """(bytes that the flists of an account may hold together, bytes they hold); None: no quota, or no account."""
        rows = self._sql.execute(
            "SELECT a.quota_bytes, (SELECT coalesce(sum(f.size_bytes), 0) FROM flist f"
            " WHERE f.account_id = a.account_id) FROM account a WHERE a.name = ?",
            (account,),
        ).fetchall()
        return None if not rows or rows[0][0] is None else (int(rows[0][0]), int(rows[0][1]))

    def account_role(self, name: str) -> Role | None:
        """The role of an account that may log in; None when it is unknown or disabled."""
        rows = self._sql.execute(
            "SELECT role FROM account WHERE name = ? AND NOT disabled", (name,)
        ).fetchall()
        return Role(rows[0][0]) if rows else None

    # -- keys --------------------------------------------------------------------------------------------------

    def key_actor(self, key: PublicKey) -> Actor | None:
        """Whose key it is; None when it is unknown, or its account disabled."""
        rows = self._sql.execute(
            "SELECT a.name, a.role FROM key_ k CROSS JOIN account a USING (account_id)"
            " WHERE k.public = ? AND NOT a.disabled",
            (bytes(key),),
        ).fetchall()
        return Actor(rows[0][0], Role(rows[0][1])) if rows else None

    def keys(self, account: str | None = None) -> list[KeyFacts]:
        """All keys in order of account and age, or those of one account."""
        where = "WHERE a.name = ?" if account is not None else ""
        rows = self._sql.execute(
            f"{_KEY} {where} ORDER BY a.name, k.added_ns, k.public", (account,) if account is not None else ()
        )
        return [KeyFacts(PublicKey(row[0]), *row[1:]) for row in rows]

    # -- tokens ------------------------------------------------------------------------------------------------

    def token_holder(self, token_hash: bytes, now_ns: int) -> TokenHolder | None:
        """Who a token stands for.

        None when it is unknown, expired, for a flist that is gone, or its account disabled.
        """
        rows = self._sql.execute(
            "SELECT a.name, a.role, t.used_ns, t.expires_ns, t.read_only, t.flist_id"
            " FROM token t JOIN account a USING (account_id)"
            " WHERE t.token_hash = ? AND t.expires_ns > ? AND NOT a.disabled",
            (token_hash, now_ns),
        ).fetchall()
        if not rows:
            return None
        account, role, used_ns, expires_ns, read_only, flist_id = rows[0]
        scope = Scope(None, True) if read_only else EVERYTHING
        if flist_id is not None:
            name = self._name_of(flist_id)
            if name is None:
                return None
            scope = Scope(name, bool(read_only))
        return TokenHolder(token_hash, Actor(account, Role(role), scope), used_ns, expires_ns)

    def tokens(self, account: str | None = None) -> list[tuple[bytes, TokenFacts]]:
        """All tokens, or those of one account, newest first, each with its hash."""
        where = "WHERE a.name = ?" if account is not None else ""
        rows = self._sql.execute(
            f"{_TOKEN} {where} ORDER BY t.created_ns DESC, t.token_hash",
            (account,) if account is not None else (),
        )
        return [(row[0], _to_token(row)) for row in rows]

    def count_tokens(self, account: str) -> int:
        """How many tokens an account has."""
        rows = self._sql.execute(
            "SELECT count(*) FROM account a CROSS JOIN token t USING (account_id) WHERE a.name = ?",
            (account,),
        )
        return int(rows.fetchall()[0][0])

    def _name_of(self, flist_id: int) -> FlistName | None:
        rows = self._sql.execute(
            "SELECT a.name, f.name FROM flist f CROSS JOIN account a USING (account_id) WHERE f.flist_id = ?",
            (flist_id,),
        ).fetchall()
        return FlistName(*rows[0]) if rows else None

    # -- grants ------------------------------------------------------------------------------------------------

    def granted(self, flist_id: int, account: str) -> Right:
        """What an account is granted in a flist; nothing while it is disabled."""
        rows = self._sql.execute(
            "SELECT g.may_write FROM account a CROSS JOIN grant_ g"
            " WHERE a.name = ? AND NOT a.disabled AND g.flist_id = ? AND g.account_id = a.account_id",
            (account, flist_id),
        ).fetchall()
        return _to_right(rows[0][0]) if rows else Right.NONE

    def granted_to(self, account: str) -> dict[int, Right]:
        """All that an account is granted, by flist id; nothing while it is disabled."""
        rows = self._sql.execute(
            "SELECT g.flist_id, g.may_write FROM account a CROSS JOIN grant_ g USING (account_id)"
            " WHERE a.name = ? AND NOT a.disabled",
            (account,),
        )
        return {flist_id: _to_right(may_write) for flist_id, may_write in rows}

    def grants_on(self, flist_id: int) -> list[GrantFacts]:
        """What is granted in a flist, in order of account."""
        rows = self._sql.execute(
            "SELECT a.name, g.may_write FROM grant_ g CROSS JOIN account a USING (account_id) WHERE g.flist_id = ?"
            " ORDER BY a.name",
            (flist_id,),
        )
        return [GrantFacts(account, _to_right(may_write)) for account, may_write in rows]


class AccountWrites(AccountReads):
    """The part of a Draft that is about accounts. Whatever takes a right away raises the generation of rights.

    raised: the kinds of which something has been changed.
    """

    now_ns: int
    raised: set[Cached]

    # -- accounts ----------------------------------------------------------------------------------------------

    def add_account(self, name: str, role: Role, quota_bytes: int | None = None) -> None:
        """Raises Exists."""
        if self.has_account(name):
            raise Exists(f"there is already an account {name}")
        self._sql.execute(
            "INSERT INTO account (name, role, created_ns, quota_bytes) VALUES (?, ?, ?, ?)",
            (name, role.value, self.now_ns, quota_bytes),
        )

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Raises NotFound."""
        account_id = self._account_id(name)
        self._sql.execute("UPDATE account SET disabled = ? WHERE account_id = ?", (int(disabled), account_id))
        self._raise_generation(Cached.RIGHTS)

    def set_quota(self, name: str, quota_bytes: int | None) -> None:
        """None is no limit. Raises NotFound."""
        account_id = self._account_id(name)
        self._sql.execute(
            "UPDATE account SET quota_bytes = ? WHERE account_id = ?", (quota_bytes, account_id)
        )

    def _account_id(self, account: str) -> int:
        rows = self._sql.execute("SELECT account_id FROM account WHERE name = ?", (account,)).fetchall()
        if not rows:
            raise NotFound(f"there is no account {account}")
        return int(rows[0][0])

    # -- keys --------------------------------------------------------------------------------------------------

    def add_key(self, account: str, key: PublicKey, label: str) -> None:
        """Raises NotFound when there is no such account, Exists when the key is there, of whatever account."""
        account_id = self._account_id(account)
        if self._sql.execute("SELECT 1 FROM key_ WHERE public = ?", (bytes(key),)).fetchall():
            raise Exists(f"the key {key.fingerprint} belongs to an account already")
        self._sql.execute(
            "INSERT INTO key_ (public, account_id, label, added_ns, used_ns) VALUES (?, ?, ?, ?, 0)",
            (bytes(key), account_id, label, self.now_ns),
        )

    def remove_key(self, key: PublicKey) -> bool:
        """False when there was none."""
        self._sql.execute("DELETE FROM key_ WHERE public = ?", (bytes(key),))
        found = self._sql.changes() > 0
        self._raise_generation(Cached.RIGHTS)
        return found

    def note_key_use(self, key: PublicKey) -> None:
        """Somebody has logged in with a key, now."""
        self._sql.execute("UPDATE key_ SET used_ns = ? WHERE public = ?", (self.now_ns, bytes(key)))

    # -- tokens ------------------------------------------------------------------------------------------------

    def add_token(
        self,
        token_hash: bytes,
        account: str,
        label: str,
        expires_ns: int,
        scope: Scope = EVERYTHING,
        parent: bytes | None = None,
    ) -> None:
        """parent: the hash of the token that this one ends with.

        Raises NotFound when there is no such account, or no flist that the scope names.
        """
        account_id = self._account_id(account)
        flist_id = None if scope.flist_name is None else self._flist_id(scope.flist_name)
        self._sql.execute(
            "INSERT INTO token (token_hash, account_id, label, created_ns, expires_ns, read_only, flist_id, parent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (token_hash, account_id, label, self.now_ns, expires_ns, int(scope.read_only), flist_id, parent),
        )
        self._sql.execute("DELETE FROM token WHERE expires_ns <= ?", (self.now_ns,))

    def remove_token(self, token_hash: bytes) -> bool:
        """And all that end with it. False when there was none."""
        self._sql.execute(
            "WITH RECURSIVE ended (token_hash) AS (VALUES (?) UNION"
            " SELECT t.token_hash FROM ended CROSS JOIN token t ON t.parent = ended.token_hash)"
            " DELETE FROM token WHERE token_hash IN (SELECT token_hash FROM ended)",
            (token_hash,),
        )
        found = self._sql.changes() > 0
        self._raise_generation(Cached.RIGHTS)
        return found

    def note_token_uses(self, uses: Mapping[bytes, int], spacing_ns: int) -> None:
        """Note when tokens, by their hashes, were used; what was noted less than spacing_ns before stays."""
        self._sql.executemany(
            "UPDATE token SET used_ns = ?2 WHERE token_hash = ?1 AND used_ns <= ?2 - ?3",
            [(token_hash, used_ns, spacing_ns) for token_hash, used_ns in uses.items()],
        )

    def _flist_id(self, name: FlistName) -> int:
        rows = self._sql.execute(
            "SELECT f.flist_id FROM account a CROSS JOIN flist f USING (account_id) WHERE a.name = ? AND f.name = ?",
            name,
        ).fetchall()
        if not rows:
            raise NotFound(f"there is no flist {name}")
        return int(rows[0][0])

    # -- grants ------------------------------------------------------------------------------------------------

    def set_grant(self, flist_id: int, account: str, right: Right) -> None:
        """Grant an account this right in a flist, in place of what it was granted before. Raises NotFound."""
        account_id = self._account_id(account)
        if right is Right.NONE:
            self._sql.execute(
                "DELETE FROM grant_ WHERE flist_id = ? AND account_id = ?", (flist_id, account_id)
            )
        else:
            self._sql.execute(
                "INSERT INTO grant_ VALUES (?, ?, ?)"
                " ON CONFLICT (flist_id, account_id) DO UPDATE SET may_write = excluded.may_write",
                (flist_id, account_id, int(right is Right.WRITE)),
            )
        self._raise_generation(Cached.RIGHTS)

    def set_private(self, flist_id: int, private: bool) -> None:
        """Whether a flist is for its account and those with a grant only."""
        self._sql.execute("UPDATE flist SET private = ? WHERE flist_id = ?", (int(private), flist_id))
        self._raise_generation(Cached.RIGHTS)

    def _raise_generation(self, kind: Cached) -> None:
        self.raised.add(kind)
        self._sql.execute("UPDATE generation SET number = number + 1 WHERE kind = ?", (kind.name.lower(),))


def _to_right(may_write: int) -> Right:
    return Right.WRITE if may_write else Right.READ


def _to_token(row: Row) -> TokenFacts:
    """A row of _TOKEN. The flist of a token is there as long as the token."""
    token_hash, account, label, created_ns, expires_ns, used_ns, read_only, flist_id, owner, name = row
    scope = Scope(FlistName(owner, name) if flist_id is not None else None, bool(read_only))
    return TokenFacts(token_hash.hex()[:12], account, label, created_ns, expires_ns, used_ns, scope)
