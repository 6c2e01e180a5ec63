"""account.*, key.*, token.*, grant.*: who there is, and what they may."""

from __future__ import annotations

from mylist_dav.model.accounts import AccountFacts, KeyFacts, Right, TokenFacts
from mylist_dav.model.actors import Actor, Role, Scope
from mylist_dav.model.keys import parse_public_key
from mylist_dav.model.names import FlistName
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.rpc.paging import page
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.accounts import (
    Account,
    Accounts,
    Grant,
    Grants,
    Key,
    Keys,
    NewToken,
    Token,
    Tokens,
)
from mylist_dav.wire.documents.calls import (
    AccountAdd,
    AccountQuota,
    GrantSet,
    KeyAdd,
    OfAccount,
    OfFlist,
    OneAccount,
    OneKey,
    OneToken,
    Paged,
    TokenCreate,
)
from mylist_dav.wire.documents.upkeep import Done

_NEWEST_NS = 2**63


def list_accounts(library: Library, actor: Actor, asked: Paged) -> Accounts:
    """All accounts, in order of name. For admins."""
    found, after = page(library.identity.accounts(actor), lambda one: one.name, asked.after, asked.limit)
    return Accounts(accounts=[_account(one) for one in found], next=after)


def add_account(library: Library, actor: Actor, asked: AccountAdd) -> Done:
    """Make an account. For admins. key: its first one; if that is taken nothing is made."""
    key = None if asked.key is None else parse_public_key(asked.key)
    library.identity.add_account(
        actor,
        asked.account,
        Role(asked.role),
        quota_bytes=asked.quota_bytes,
        key=key,
        key_label=asked.key_label,
    )
    return Done()


def disable_account(library: Library, actor: Actor, asked: OneAccount) -> Done:
    """Let nobody in as this account any more, at once. For admins. Its flists stay, and so do its keys and tokens."""
    library.identity.set_disabled(actor, asked.account, True)
    return Done()


def enable_account(library: Library, actor: Actor, asked: OneAccount) -> Done:
    """Let a disabled account in again, with the keys, tokens and grants it had. For admins."""
    library.identity.set_disabled(actor, asked.account, False)
    return Done()


def set_quota(library: Library, actor: Actor, asked: AccountQuota) -> Done:
    """Limit what all flists of an account may hold together. For admins."""
    library.identity.set_quota(actor, asked.account, asked.quota_bytes)
    return Done()


def list_keys(library: Library, actor: Actor, asked: OfAccount) -> Keys:
    """Public keys of an account, or all that you manage. In order of account and age."""
    rows = library.identity.keys(actor, asked.account)
    found, after = page(
        rows, lambda one: f"{one.account} {one.added_ns:020} {one.key}", asked.after, asked.limit
    )
    return Keys(keys=[_key(one) for one in found], next=after)


def add_key(library: Library, actor: Actor, asked: KeyAdd) -> Done:
    """Let an account log in with this key too. For admins; others show in the console that they have it."""
    library.identity.add_key(actor, asked.account, parse_public_key(asked.key), asked.label)
    return Done()


def remove_key(library: Library, actor: Actor, asked: OneKey) -> Done:
    """Let nobody log in with this key any more. Tokens that were handed out for it live on: revoke them too."""
    library.identity.remove_key(actor, parse_public_key(asked.key))
    return Done()


def create_token(library: Library, actor: Actor, asked: TokenCreate) -> NewToken:
    """Make a token for an account, shown this once. It may what its account may, or less."""
    days = library.settings.tokens.days_default if asked.days is None else asked.days
    scope = Scope(None if asked.flist is None else FlistName.parse(asked.flist), asked.read_only)
    token = library.identity.new_token(actor, asked.account, days=days, label=asked.label, scope=scope)
    return NewToken(token=token, account=asked.account)


def list_tokens(library: Library, actor: Actor, asked: OfAccount) -> Tokens:
    """Tokens of an account, or all that you manage. Newest first; the secrets themselves are not kept."""
    rows = library.identity.tokens(actor, asked.account)
    found, after = page(
        rows, lambda one: f"{_NEWEST_NS - one.created_ns:020} {one.token_id}", asked.after, asked.limit
    )
    return Tokens(tokens=[_token(one) for one in found], next=after)


def revoke_token(library: Library, actor: Actor, asked: OneToken) -> Done:
    """Revoke the token whose id begins so, and sessions begun with it. At once, in all processes."""
    library.identity.revoke_token(actor, asked.token_id)
    return Done()


def set_grant(library: Library, actor: Actor, asked: GrantSet) -> Done:
    """Let an account read or write a flist, or take that away. For admins."""
    library.grants.grant(actor, asked.account, FlistName.parse(asked.flist), Right(asked.right))
    return Done()


def list_grants(library: Library, actor: Actor, asked: OfFlist) -> Grants:
    """Who is granted what in a flist. For admins."""
    rows = library.grants.grants(actor, FlistName.parse(asked.flist))
    found, after = page(rows, lambda one: one.account, asked.after, asked.limit)
    shown = [
        Grant(account=one.account, right="write" if one.right is Right.WRITE else "read") for one in found
    ]
    return Grants(grants=shown, next=after)


METHODS: list[AnyMethod] = [
    Method("account.list", Paged, Accounts, list_accounts),
    Method("account.add", AccountAdd, Done, add_account),
    Method("account.disable", OneAccount, Done, disable_account),
    Method("account.enable", OneAccount, Done, enable_account),
    Method("account.quota", AccountQuota, Done, set_quota),
    Method("key.list", OfAccount, Keys, list_keys),
    Method("key.add", KeyAdd, Done, add_key),
    Method("key.remove", OneKey, Done, remove_key),
    Method("token.create", TokenCreate, NewToken, create_token),
    Method("token.list", OfAccount, Tokens, list_tokens),
    Method("token.revoke", OneToken, Done, revoke_token),
    Method("grant.set", GrantSet, Done, set_grant),
    Method("grant.list", OfFlist, Grants, list_grants),
]


def _account(one: AccountFacts) -> Account:
    return Account(
        account=one.name,
        role="admin" if one.role is Role.ADMIN else "user",
        disabled=one.disabled,
        quota_bytes=one.quota_bytes,
        keys=one.keys,
    )


def _key(one: KeyFacts) -> Key:
    return Key(
        key=str(one.key),
        fingerprint=one.key.fingerprint,
        account=one.account,
        label=one.label,
        added_ns=one.added_ns,
        used_ns=one.used_ns,
    )


def _token(one: TokenFacts) -> Token:
    return Token(
        token_id=one.token_id,
        account=one.account,
        label=one.label,
        created_ns=one.created_ns,
        expires_ns=one.expires_ns,
        used_ns=one.used_ns,
        flist=None if one.scope.flist_name is None else str(one.scope.flist_name),
        read_only=one.scope.read_only,
    )
