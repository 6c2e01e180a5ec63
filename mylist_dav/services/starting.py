"""What the first start of a new data directory makes: an admin, and the welcome site."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library

ADMIN = "admin"
WELCOME = FlistName(ADMIN, "welcome")
WELCOME_PREFIX = "/welcome"


class Started(NamedTuple):
    """What was made: the token of a new admin account ('' if there was an admin), whether the welcome site is new."""

    token: str
    welcome: bool


def first_start(library: Library, welcome_folder: Path) -> Started:
    """Make what a new data directory needs; in one that has been used already, change nothing."""
    if any(role is Role.ADMIN for _, role in library.identity.accounts(OPERATOR)):
        return Started("", False)
    library.identity.add_account(OPERATOR, ADMIN, Role.ADMIN)
    days = library.settings.tokens.days_default
    token = library.identity.new_token(OPERATOR, ADMIN, days=days, label="first start")
    fresh = library.settings.sites.welcome and not library.flists.list(OPERATOR)
    if fresh:
        library.imports.run(OPERATOR, WELCOME, library.imports.folder(welcome_folder), make=True)
        library.exposures.expose(OPERATOR, WELCOME, prefix=WELCOME_PREFIX)
    return Started(token, fresh)
