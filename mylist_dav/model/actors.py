"""Who acts, and what the token they came with lets them do."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mylist_dav.model.names import FlistName


class Role(StrEnum):
    GUEST = "guest"
    USER = "user"
    ADMIN = "admin"


class Scope(NamedTuple):
    """What a token lets its account do: all that it may, or reading only, in all flists or in one."""

    flist_name: FlistName | None = None
    read_only: bool = False


EVERYTHING = Scope()


class Actor(NamedTuple):
    """Who asks for something. account is '' for a guest; label is what a commit records.

    address, request_id: where the request came from and what it is called in the logs; '' for local commands.
    self_service: a user makes, writes and deletes flists under the name of the account (accounts.self_service).
    """

    account: str
    role: Role
    scope: Scope = EVERYTHING
    address: str = ""
    request_id: str = ""
    self_service: bool = False

    @property
    def label(self) -> str:
        return self.account or self.role.value


class Reach(NamedTuple):
    """What an account may read, as the catalog needs to know it to look for contents: services/rights.py makes it.

    everything: private flists too; else those that are not private, those of the account, and what it is granted.
    flist_name: nothing but this one; None: no such limit.
    """

    account: str
    everything: bool
    flist_name: FlistName | None = None


GUEST = Actor("", Role.GUEST)
OPERATOR = Actor("", Role.ADMIN)
"""The owner of the data directory, working on it with local commands."""
