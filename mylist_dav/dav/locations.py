"""Which URL is which place. Reads no tree.

The server's own mount shows everything: /, /dav/, /dav/<account>/, /dav/<account>/<flist>/ and what lies in it. An
exposure is a mount of one flist, at the root of a host name or at a prefix.
"""

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


class Mount(NamedTuple):
    """Where flists are shown. above: the names of the URL path above them.

    flist_name: the one that is shown there; None where account and flist are the next two names.
    """

    above: tuple[str, ...]
    flist_name: FlistName | None = None

    def location(self, path: DecodedPath) -> Location | None:
        """The location of a URL path; None outside of the mount. Raises BadName."""
        if path.encoded_slash:
            raise BadName("a name cannot hold a '/', and %2F stands for one")
        inside = path.names[: len(self.above)] == self.above
        if inside or (self.flist_name is None and not path.names):
            return Location(path.names, path.directory, self)
        return None

    def locate(self, target: str) -> Location:
        """The location of a request target (without query), as sent. Raises Invalid, NotFound."""
        found = self.location(decode_path(target))
        if found is None:
            raise NotFound(f"WebDAV is at {quote_path(self.above, directory=True)}")
        return found

    def destination(self, path: DecodedPath) -> Place:
        """The place that a Destination names. Raises Forbidden outside of the flists, Conflict, BadName."""
        found = self.location(path)
        if found is None:
            where = (
                f"{quote_path(self.above, directory=True)}{'' if self.flist_name else '<account>/<flist>/'}"
            )
            raise Forbidden(f"the Destination is not in a flist, at {where}...")
        try:
            return found.place
        except NotFound as error:
            raise Conflict("there is no such account to put it in") from error

    def place_of(self, path: DecodedPath) -> Place | None:
        """The place in a flist that a decoded path names; None for any other path."""
        try:
            found = self.location(path)
            return found.place if found is not None else None
        except (Invalid, Forbidden, NotFound):
            return None

    def href(self, place: Place, directory: bool) -> str:
        """The canonical path of a place."""
        flist_names = () if self.flist_name else place.flist_name
        return quote_path((*self.above, *flist_names, *place.path), directory)


SERVER_MOUNT = Mount((PREFIX,))
"""Everything, below /dav/."""


class Location(NamedTuple):
    """A URL path of this front end. names: its segments, decoded, all of them. directory: it ended with a slash."""

    names: tuple[str, ...]
    directory: bool
    mount: Mount = SERVER_MOUNT

    @property
    def level(self) -> Level:
        if self.mount.flist_name is not None:
            return Level.FLIST if len(self.names) == len(self.mount.above) else Level.ENTRY
        return Level(min(len(self.names), Level.ENTRY))

    @property
    def account(self) -> str:
        """The account; for Level.ACCOUNT and below. Raises NotFound for what cannot be one."""
        if self.mount.flist_name is not None:
            return self.mount.flist_name.account
        try:
            return check_account_name(self.names[1])
        except BadName as error:
            raise NotFound("there is no such account") from error

    @property
    def place(self) -> Place:
        """The place in a flist. Raises Forbidden above the flists: nothing can be written there; NotFound, BadName."""
        if self.mount.flist_name is not None:
            return Place(self.mount.flist_name, TreePath.of(self.names[len(self.mount.above) :]))
        if len(self.names) < Level.FLIST:
            raise Forbidden("only what is in a flist can be changed, at /dav/<account>/<flist>/...")
        return Place(FlistName(self.account, self.names[2]), TreePath.of(self.names[3:]))

    @property
    def href(self) -> str:
        """The canonical path, quoted; with a trailing slash if it came with one."""
        return quote_path(self.names, self.directory)
