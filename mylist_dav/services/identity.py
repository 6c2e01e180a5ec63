"""Accounts and tokens: who somebody is. Tokens are random, kept only as a hash, and expire."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import Invalid, NotFound, Unauthenticated
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.names import check_account_name
from mylist_dav.services.ledger import Ledger
from mylist_dav.services.rights import require_admin
from mylist_dav.store.catalog import Catalog

TOKEN_PREFIX = "mylist_"
TOKEN_CHARS_MAX = 200
LABEL_CHARS_MAX = 200
_DAY_NS = 86_400 * 1_000_000_000


class TokenFacts(NamedTuple):
    """What is known of a token; token_id is the beginning of its hash, enough to name it."""

    token_id: str
    account: str
    label: str
    created_ns: int
    expires_ns: int


class Identity:
    """The verbs on accounts and tokens. days_max bounds the life of a token."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], int],
        days_max: int,
        new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        ledger: Ledger | None = None,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._days_max = days_max
        self._new_secret = new_secret
        self._ledger = ledger

    def add_account(self, actor: Actor, name: str, role: Role) -> None:
        """Raises Exists, BadName."""
        require_admin(actor)
        if role is Role.GUEST:
            raise Invalid("an account is a user or an admin")
        self._catalog.change(lambda draft: draft.add_account(check_account_name(name), role))

    def accounts(self, actor: Actor) -> list[tuple[str, Role | None]]:
        """All accounts with their roles; None for a disabled one."""
        require_admin(actor)
        with self._catalog.view() as view:
            return [(name, view.account_role(name)) for name in view.accounts()]

    def new_token(self, actor: Actor, account: str, *, days: float = 1, label: str = "") -> str:
        """A new token for an account; this is the only time it can be seen. Raises NotFound, Invalid."""
        require_admin(actor)
        if not 0 < days <= self._days_max:
            raise Invalid(f"a token lives more than 0 and at most {self._days_max} days, not {days:g}")
        if len(label) > LABEL_CHARS_MAX:
            raise Invalid(f"a label has at most {LABEL_CHARS_MAX} characters")
        token = TOKEN_PREFIX + self._new_secret()
        expires_ns = self._clock() + int(days * _DAY_NS)
        self._catalog.change(lambda draft: draft.add_token(_hash(token), account, label, expires_ns))
        return token

    def tokens(self, actor: Actor) -> list[TokenFacts]:
        """All tokens, newest first."""
        require_admin(actor)
        with self._catalog.view() as view:
            return [TokenFacts(row[0].hex()[:12], *row[1:]) for row in view.tokens()]

    def revoke_token(self, actor: Actor, token_id: str) -> None:
        """Revoke the token whose id begins so; at once, in all processes. Raises NotFound, Invalid (ambiguous)."""
        require_admin(actor)
        with self._catalog.view() as view:
            matching = [row[0] for row in view.tokens() if token_id and row[0].hex().startswith(token_id)]
        if not matching:
            raise NotFound(f"there is no token {token_id[:20]}; see: mylist token list")
        if len(matching) > 1:
            raise Invalid(f"{token_id[:20]} begins the ids of {len(matching)} tokens: give more of it")
        self._catalog.change(lambda draft: draft.remove_token(matching[0]))

    def actor_for(
        self, token: str, account: str | None = None, *, address: str = "", request_id: str = ""
    ) -> Actor:
        """Who a token stands for; with Basic its account must be the user name.

        address, request_id: of the request, for the actor and the record. Raises Unauthenticated, in the same words
        whatever is wrong.
        """
        found = None
        if token.startswith(TOKEN_PREFIX) and len(token) <= TOKEN_CHARS_MAX and token.isascii():
            with self._catalog.glance() as view:
                found = view.token_actor(_hash(token), self._clock())
        if found is None or (account is not None and account != found.account):
            if self._ledger is not None:
                self._ledger.login_failed(address, account=account or "")
            raise Unauthenticated("the token is unknown, expired, or of another account")
        return found._replace(address=address, request_id=request_id)


def _hash(token: str) -> bytes:
    """Tokens carry 256 random bits: a fast hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).digest()
