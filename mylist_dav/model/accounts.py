"""What is known of accounts, their keys and tokens, and what they are granted."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mylist_dav.model.actors import EVERYTHING, Actor, Role, Scope
from mylist_dav.model.keys import PublicKey


class Right(StrEnum):
    """What an account is granted in one flist; writing includes reading."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


class AccountFacts(NamedTuple):
    """An account. role: what it has once it is not disabled. quota_bytes: None is no limit. keys: how many."""

    name: str
    role: Role
    disabled: bool = False
    quota_bytes: int | None = None
    keys: int = 0


class KeyFacts(NamedTuple):
    """A public key of an account. used_ns: of the last login with it, 0 before the first."""

    key: PublicKey
    account: str
    label: str
    added_ns: int
    used_ns: int


class TokenFacts(NamedTuple):
    """What is known of a token; token_id is the beginning of its hash, enough to name it.

    used_ns: when it was last used, within ten minutes and some seconds; 0 before.
    """

    token_id: str
    account: str
    label: str
    created_ns: int
    expires_ns: int
    used_ns: int = 0
    scope: Scope = EVERYTHING


class TokenHolder(NamedTuple):
    """Who a token stands for, until when, and when its last use was noted."""

    token_hash: bytes
    actor: Actor
    used_ns: int
    expires_ns: int


class GrantFacts(NamedTuple):
    """That an account may read or write a flist."""

    account: str
    right: Right
