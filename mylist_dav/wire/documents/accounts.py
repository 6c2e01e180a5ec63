"""Accounts, keys, tokens and grants, as programs are told of them."""

from __future__ import annotations

from typing import Literal

from mylist_dav.wire.documents import Told


class Account(Told):
    """An account. quota_bytes: null is no limit. keys: how many it has."""

    account: str
    role: Literal["user", "admin"]
    disabled: bool
    quota_bytes: int | None
    keys: int


class Accounts(Told):
    """In order of name. next: `after` of the next page, null after the last one."""

    accounts: list[Account]
    next: str | None


class Key(Told):
    """A public key of an account. key: 64 hex digits. used_ns: of the last login with it, 0 before the first."""

    key: str
    fingerprint: str
    account: str
    label: str
    added_ns: int
    used_ns: int


class Keys(Told):
    """In order of account and age."""

    keys: list[Key]
    next: str | None


class Token(Told):
    """What is known of a token. used_ns: when it was last used, within ten minutes; 0 before. flist: null is all."""

    token_id: str
    account: str
    label: str
    created_ns: int
    expires_ns: int
    used_ns: int
    flist: str | None
    read_only: bool


class Tokens(Told):
    """Newest first."""

    tokens: list[Token]
    next: str | None


class NewToken(Told):
    """A token, which cannot be shown again."""

    token: str
    account: str


class Grant(Told):
    """That an account may read or write a flist."""

    account: str
    right: Literal["read", "write"]


class Grants(Told):
    """In order of account."""

    grants: list[Grant]
    next: str | None
