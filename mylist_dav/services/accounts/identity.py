"""Accounts, their keys and tokens: who somebody is. Tokens are random, kept only as a hash, and expire."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import Forbidden, Invalid, LimitExceeded, NotFound, Unauthenticated
from mylist_dav.model.accounts import AccountFacts, KeyFacts, TokenFacts, TokenHolder
from mylist_dav.model.actors import EVERYTHING, Actor, Role, Scope
from mylist_dav.model.audit import Action
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import check_account_name
from mylist_dav.services.accounts.key_proofs import KeyProofs, Proof
from mylist_dav.services.accounts.known_tokens import KnownTokens
from mylist_dav.services.accounts.token_uses import TokenUses
from mylist_dav.services.accounts.tokens import TOKEN_CHARS_MAX, TOKEN_PREFIX, TOKENS_MAX
from mylist_dav.services.accounts.tokens import token_hash as _hash
from mylist_dav.services.accounts.tokens import token_id as token_id_of
from mylist_dav.services.ledger import Ledger
from mylist_dav.services.rights import is_admin, readable, require_admin, require_own, require_unlimited
from mylist_dav.store.catalog import Catalog, Detail, Draft

LABEL_CHARS_MAX = 200
KEYS_MAX = 100
"""Of one account."""

QUOTA_BYTES_MAX = 2**62
_DAY_NS = 86_400 * 1_000_000_000
_UNKNOWN = "the token is unknown, expired, or of another account"


class Session(NamedTuple):
    """A token of a session, and when it ends."""

    token: str
    expires_ns: int

    def __repr__(self) -> str:
        return f"Session(…, {self.expires_ns})"


class Identity:
    """The verbs on accounts, keys and tokens. Users manage the keys and tokens of their own account, admins all.

    days_max bounds the life of a token. self_service: users make and change flists under their own name. proofs:
    without them only admins add keys.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], int],
        days_max: int,
        new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        *,
        self_service: bool = False,
        ledger: Ledger | None = None,
        proofs: KeyProofs | None = None,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._days_max = days_max
        self._new_secret = new_secret
        self._ledger = ledger
        self._proofs = proofs
        self._self_service = self_service
        self._uses = TokenUses(catalog)
        self._tokens = KnownTokens(catalog, clock)

    def close(self) -> None:
        """Write down the last uses of tokens; to be called before the catalog is closed."""
        self._uses.close()

    # -- accounts ----------------------------------------------------------------------------------------------

    def add_account(
        self,
        actor: Actor,
        name: str,
        role: Role,
        *,
        quota_bytes: int | None = None,
        key: PublicKey | None = None,
        key_label: str = "",
    ) -> None:
        """quota_bytes: of all its flists together; None is no limit. key: its first one.

        Raises Exists (the account, the key), BadName, Invalid; then nothing is made.
        """
        require_admin(actor)
        if role is Role.GUEST:
            raise Invalid("an account is a user or an admin")
        check_account_name(name)
        _check_quota(quota_bytes)
        _check_label(key_label)

        def make(draft: Draft) -> None:
            draft.add_account(name, role, quota_bytes)
            detail: Detail = {"name": name, "role": role.value, "quota_bytes": quota_bytes}
            if key is not None:
                draft.add_key(name, key, key_label)
                detail = {**detail, "key": str(key), "label": key_label}
            draft.record(actor, Action.ACCOUNT_ADD, "", detail)

        self._catalog.change(make)

    def accounts(self, actor: Actor) -> list[AccountFacts]:
        """All accounts, in order of name."""
        require_admin(actor)
        with self._catalog.view() as view:
            return view.account_facts()

    def set_disabled(self, actor: Actor, name: str, disabled: bool) -> None:
        """A disabled account keeps its keys, tokens and grants, and none of them holds. Raises NotFound."""
        require_admin(actor)

        def make(draft: Draft) -> None:
            draft.set_disabled(name, disabled)
            draft.record(actor, Action.ACCOUNT_CHANGE, "", {"name": name, "disabled": disabled})

        self._catalog.change(make)

    def set_quota(self, actor: Actor, name: str, quota_bytes: int | None) -> None:
        """None is no limit. Raises NotFound, Invalid."""
        require_admin(actor)
        _check_quota(quota_bytes)

        def make(draft: Draft) -> None:
            draft.set_quota(name, quota_bytes)
            draft.record(actor, Action.ACCOUNT_CHANGE, "", {"name": name, "quota_bytes": quota_bytes})

        self._catalog.change(make)

    # -- keys --------------------------------------------------------------------------------------------------

    def add_key(
        self, actor: Actor, account: str, key: PublicKey, label: str = "", *, proof: Proof | None = None
    ) -> None:
        """proof: that whoever asks has the private half; only admins need none.

        Raises Exists for a key that any account has, NotFound, LimitExceeded, Forbidden, Invalid (no proof at all).
        """
        require_own(actor, account)
        _check_label(label)
        if proof is not None and self._proofs is not None:
            self._proofs.check(account, key, proof)
        elif not is_admin(actor):
            raise Forbidden(
                "to add a key, sign with it; only an admin adds one for somebody who has not signed"
            )

        def make(draft: Draft) -> None:
            draft.add_key(account, key, label)
            if len(draft.keys(account)) > KEYS_MAX:
                raise LimitExceeded(f"an account has at most {KEYS_MAX} keys: remove one first")
            draft.record(actor, Action.KEY_ADD, "", {"name": account, "key": str(key), "label": label})

        self._catalog.change(make)

    def keys(self, actor: Actor, account: str | None = None) -> list[KeyFacts]:
        """The keys of an account; without one, all that the caller manages. In order of account and age."""
        with self._catalog.view() as view:
            return view.keys(_managed(actor, account))

    def remove_key(self, actor: Actor, key: PublicKey) -> None:
        """Raises NotFound. Tokens that were handed out for the key live on: revoke them too if it was stolen."""
        account = _managed(actor, None)

        def make(draft: Draft) -> None:
            if all(known.key != key for known in draft.keys(account)):
                raise NotFound(f"there is no key {key.fingerprint}; see: mylist key list")
            draft.remove_key(key)
            draft.record(actor, Action.KEY_REMOVE, "", {"key": str(key)})

        self._catalog.change(make)

    def key_owner(self, key: PublicKey) -> Actor | None:
        """Whose key it is; None when it is unknown, or its account disabled."""
        with self._catalog.glance() as view:
            found = view.key_actor(key)
        return None if found is None else self._served(found)

    def note_login(self, key: PublicKey) -> None:
        """Somebody has just logged in with a key."""
        self._catalog.change(lambda draft: draft.note_key_use(key))

    # -- tokens ------------------------------------------------------------------------------------------------

    def new_token(
        self, actor: Actor, account: str, *, days: float = 1, label: str = "", scope: Scope = EVERYTHING
    ) -> str:
        """A new token for an account; this is the only time it can be seen.

        scope: what it may do of what its account may. Raises NotFound (account, flist), LimitExceeded, Invalid.
        """
        require_own(actor, account)
        if not 0 < days <= self._days_max:
            raise Invalid(f"a token lives more than 0 and at most {self._days_max} days, not {days:g}")
        _check_label(label)
        token = TOKEN_PREFIX + self._new_secret()
        expires_ns = self._clock() + int(days * _DAY_NS)

        def make(draft: Draft) -> None:
            if scope.flist_name is not None:
                readable(draft, actor, scope.flist_name)
            draft.add_token(_hash(token), account, label, expires_ns, scope)
            if draft.count_tokens(account) > TOKENS_MAX:
                raise LimitExceeded(f"an account has at most {TOKENS_MAX} tokens: revoke some first")
            draft.record(
                actor,
                Action.TOKEN_ADD,
                str(scope.flist_name or ""),
                {
                    "name": account,
                    "token": token_id_of(_hash(token)),
                    "label": label,
                    "read_only": scope.read_only,
                },
            )

        self._catalog.change(make)
        return token

    def new_session(
        self,
        begun_with: str,
        *,
        days: float,
        label: str,
        instead: bool = False,
        address: str = "",
        request_id: str = "",
    ) -> Session:
        """A token for a session of whoever came with the token begun_with.

        It ends with that one at the latest, be it revoked or expired. instead: that one ends now, for this. Raises
        Unauthenticated, Forbidden (it is a limited one), LimitExceeded.
        """
        actor = self.actor_for(begun_with, address=address, request_id=request_id)
        require_unlimited(actor)
        parent = _hash(begun_with)
        token = TOKEN_PREFIX + self._new_secret()
        wanted_ns = self._clock() + int(days * _DAY_NS)

        def make(draft: Draft) -> int:
            holder = draft.token_holder(parent, draft.now_ns)
            if holder is None:
                raise Unauthenticated(_UNKNOWN)
            expires_ns = min(wanted_ns, holder.expires_ns)
            if instead and draft.remove_token(parent):
                draft.record(actor, Action.LOGOUT, "", {"token": token_id_of(parent)})
            draft.add_token(
                _hash(token), actor.account, label, expires_ns, parent=None if instead else parent
            )
            if draft.count_tokens(actor.account) > TOKENS_MAX:
                raise LimitExceeded(f"an account has at most {TOKENS_MAX} tokens: revoke some first")
            detail: Detail = {"name": actor.account, "token": token_id_of(_hash(token)), "label": label}
            draft.record(actor, Action.TOKEN_ADD, "", {**detail, "read_only": False})
            return expires_ns

        return Session(token, self._catalog.change(make))

    def tokens(self, actor: Actor, account: str | None = None) -> list[TokenFacts]:
        """The tokens of an account; without one, all that the caller manages. Newest first."""
        with self._catalog.view() as view:
            return [facts for _, facts in view.tokens(_managed(actor, account))]

    def revoke_token(self, actor: Actor, token_id: str) -> None:
        """Revoke the token whose id begins so, and sessions begun with it; at once, in all processes.

        Raises NotFound, Invalid (ambiguous)."""
        account = _managed(actor, None)

        def make(draft: Draft) -> None:
            known = [token_hash for token_hash, _ in draft.tokens(account)]
            matching = [one for one in known if token_id and one.hex().startswith(token_id)]
            if not matching:
                raise NotFound(f"there is no token {token_id[:20]}; see: mylist token list")
            if len(matching) > 1:
                raise Invalid(f"{token_id[:20]} begins the ids of {len(matching)} tokens: give more of it")
            draft.remove_token(matching[0])
            draft.record(actor, Action.TOKEN_REVOKE, "", {"token": token_id_of(matching[0])})

        self._catalog.change(make)

    def revoke_this(self, token: str, *, address: str = "", request_id: str = "") -> None:
        """Revoke a token that somebody holds: a logout. One that does not hold is left as it is."""
        holder = self._holder(token)
        if holder is None:
            return
        actor, token_hash = holder.actor._replace(address=address, request_id=request_id), holder.token_hash

        def make(draft: Draft) -> None:
            if draft.remove_token(token_hash):
                draft.record(actor, Action.LOGOUT, "", {"token": token_id_of(token_hash)})

        self._catalog.change(make)

    def actor_for(
        self, token: str, account: str | None = None, *, address: str = "", request_id: str = ""
    ) -> Actor:
        """Who a token stands for; with Basic its account must be the user name. The use of it is noted.

        address, request_id: of the request, for the actor and the record. Raises Unauthenticated, in the same words
        whatever is wrong.
        """
        holder = self._holder(token)
        if holder is None or (account is not None and account != holder.actor.account):
            self.note_failure(address, account or "")
            raise Unauthenticated(_UNKNOWN)
        if self._uses.note(holder.token_hash, holder.used_ns, self._clock()):
            self._tokens.forget(holder.token_hash)
        return self._served(holder.actor._replace(address=address, request_id=request_id))

    def expires_ns(self, token: str) -> int:
        """Until when a token holds. Raises Unauthenticated."""
        holder = self._holder(token)
        if holder is None:
            raise Unauthenticated(_UNKNOWN)
        return holder.expires_ns

    def seconds_left(self, token: str) -> int:
        """How long a token will hold, rounded down. Raises Unauthenticated."""
        return max(self.expires_ns(token) - self._clock(), 0) // 1_000_000_000

    def note_failure(self, address: str, account: str = "") -> None:
        """Count that somebody gave what does not hold; account: who they said they were."""
        if self._ledger is not None:
            self._ledger.login_failed(address, account=account)

    # -- inside ------------------------------------------------------------------------------------------------

    def _holder(self, token: str) -> TokenHolder | None:
        """It is found by its hash: the time that takes says nothing of other tokens."""
        if not token.startswith(TOKEN_PREFIX) or len(token) > TOKEN_CHARS_MAX or not token.isascii():
            return None
        return self._tokens.holder(_hash(token))

    def _served(self, actor: Actor) -> Actor:
        return actor._replace(self_service=True) if self._self_service else actor


def _managed(actor: Actor, account: str | None) -> str | None:
    """Whose keys and tokens are meant; None for all. Raises Unauthenticated, Forbidden."""
    require_unlimited(actor)
    if account is None and actor.role is not Role.ADMIN:
        account = actor.account
    if account is not None:
        require_own(actor, account)
    return account


def _check_label(label: str) -> None:
    if len(label) > LABEL_CHARS_MAX or not all(one.isprintable() for one in label):
        raise Invalid(f"a label has at most {LABEL_CHARS_MAX} characters, all printable")


def _check_quota(quota_bytes: int | None) -> None:
    if quota_bytes is not None and not 0 <= quota_bytes <= QUOTA_BYTES_MAX:
        raise Invalid(f"a quota lies between 0 and {QUOTA_BYTES_MAX} bytes")
