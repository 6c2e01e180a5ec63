"""What the first start of a new data directory makes: an admin, and the welcome site."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from mylist_dav.errors import Exists
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library

ADMIN = "admin"
WELCOME = "welcome"
WELCOME_PREFIX = "/welcome"


class Started(NamedTuple):
    """What was made: the token of a new admin account ('' if there was an admin), whether the welcome site is new.

    account: that admin. key: what the admin logs in with; None if there was none to add.
    """

    token: str
    welcome: bool
    account: str = ADMIN
    key: PublicKey | None = None


def first_start(
    library: Library, welcome_folder: Path, operator_key: Callable[[], PublicKey | None] = lambda: None
) -> Started:
    """Make what a new data directory needs; in one that has been used already, change nothing.

    operator_key: finds or makes the key of who starts the server; asked only if an admin is made.
    """
    accounts = library.identity.accounts(OPERATOR)
    if any(known.role is Role.ADMIN and not known.disabled for known in accounts):
        return Started("", False)
    admin = _free_name([known.name for known in accounts])
    library.identity.add_account(OPERATOR, admin, Role.ADMIN)
    days = library.settings.tokens.days_default
    token = library.identity.new_token(OPERATOR, admin, days=days, label="first start")
    key = _added(library, admin, operator_key())
    fresh = library.settings.sites.welcome and not library.flists.list(OPERATOR)
    if fresh:
        name = FlistName(admin, WELCOME)
        library.imports.run(OPERATOR, name, library.imports.folder(welcome_folder), make=True)
        library.exposures.expose(OPERATOR, name, prefix=WELCOME_PREFIX)
    return Started(token, fresh, admin, key)


def _added(library: Library, admin: str, key: PublicKey | None) -> PublicKey | None:
    """The key, once it is the admin's. A key that belongs to another account stays there."""
    if key is None:
        return None
    try:
        library.identity.add_key(OPERATOR, admin, key, "first start")
    except Exists:
        return None
    return key


def _free_name(taken: Collection[str]) -> str:
    """'admin', or with a number: an import may have made a user of that name, who does not become an admin by that."""
    names = (ADMIN, *(f"{ADMIN}{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
