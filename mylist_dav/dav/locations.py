"""Which URL is which place: /, /dav/, /dav/<account>/, /dav/<account>/<flist>/ and what lies in it. Reads no tree."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from mylist_dav.errors import BadName, Conflict, Forbidden, Invalid, NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.names import FlistName, check_account_name
from mylist_dav.model.paths import TreePath
from mylist_dav.wire.targets import DecodedPath, decode_path, quote_path

PREFIX = "dav"


class Level(IntEnum):
    """How far down a location lies: above the flists there are only collections that list."""

    SERVER = 0
    ACCOUNTS = 1
    ACCOUNT = 2
    FLIST = 3
    ENTRY = 4


class Location(NamedTuple):
    """A URL path of this front end. names: its segments, decoded, from 'dav' on. directory: it ended with a slash."""

    names: tuple[str, ...]
    directory: bool

    @property
    def level(self) -> Level:
        return Level(min(len(self.names), Level.ENTRY))

    @property
    def account(self) -> str:
        """The account; for Level.ACCOUNT and below. Raises NotFound for what cannot be one."""
        try:
            return check_account_name(self.names[1])
        except BadName as error:
            raise NotFound("there is no such account") from error

    @property
    def place(self) -> Place:
        """The place in a flist. Raises Forbidden above the flists: nothing can be written there; NotFound, BadName."""
        if len(self.names) < Level.FLIST:
            raise Forbidden("only what is in a flist can be changed, at /dav/<account>/<flist>/...")
        return Place(FlistName(self.account, self.names[2]), TreePath.of(self.names[3:]))

    @property
    def href(self) -> str:
        """The canonical path, quoted; with a trailing slash if it came with one."""
        return quote_path(self.names, self.directory)


def locate(target: str) -> Location:
    """The location of a request target (without query), as sent. Raises Invalid, NotFound."""
    found = _location(decode_path(target))
    if found is None:
        raise NotFound("WebDAV is at /dav/")
    return found


def destination_place(path: DecodedPath) -> Place:
    """The place that a Destination names. Raises Forbidden outside of the flists, Conflict, BadName."""
    found = _location(path)
    if found is None:
        raise Forbidden("the Destination is not in a flist, at /dav/<account>/<flist>/...")
    try:
        return found.place
    except NotFound as error:
        raise Conflict("there is no such account to put it in") from error


def place_of(path: DecodedPath) -> Place | None:
    """The place in a flist that a decoded path names; None for any other path."""
    try:
        found = _location(path)
        return found.place if found is not None else None
    except (Invalid, Forbidden, NotFound):
        return None


def href_of(place: Place, directory: bool) -> str:
    """The canonical path of a place."""
    return quote_path((PREFIX, *place.flist_name, *place.path), directory)


def _location(path: DecodedPath) -> Location | None:
    if path.encoded_slash:
        raise BadName("a name cannot hold a '/', and %2F stands for one")
    if path.names and path.names[0] != PREFIX:
        return None
    return Location(path.names, path.directory)
