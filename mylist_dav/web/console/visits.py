"""One request of somebody who is logged in, and what pages say of things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from mylist_dav.model.actors import EVERYTHING, Actor, Role
from mylist_dav.model.names import FlistName, check_account_name
from mylist_dav.services.opening import Library
from mylist_dav.web.console.pages import console_page
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.sessions import own_origin
from mylist_dav.wire.targets import quote_path

CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Visit:
    """names: the segments of the path below /console/. query: its fields."""

    library: Library
    request: Request
    actor: Actor
    names: tuple[str, ...]
    query: dict[str, str]

    @property
    def may_administer(self) -> bool:
        """Whether pages offer what only admins may do. Whether they may is for the services to say."""
        return self.actor.role is Role.ADMIN and self.actor.scope == EVERYTHING

    @property
    def may_make(self) -> bool:
        """Whether pages offer to make flists under the own name, and to delete them."""
        return self.may_administer or (self.actor.self_service and self.actor.scope == EVERYTHING)

    @property
    def may_expose(self) -> bool:
        """Whether pages offer to show flists as websites."""
        return self.may_administer or bool(self.library.exposures.own_host(self.actor))

    @property
    def flist_name(self) -> FlistName | None:
        """The flist that the page is about, if it is about one."""
        if len(self.names) < 3 or self.names[0] not in ("flists", "rights"):
            return None
        return FlistName(self.names[1], self.names[2])

    @property
    def server_url(self) -> str:
        """How this server is reached: as it is told, else as it was reached now."""
        return self.library.settings.server.public_url or own_origin(self.request)

    def dav_url(self, *names: str) -> str:
        """The WebDAV address of a folder."""
        return self.server_url + quote_path(("dav", *names), directory=True)

    def page(
        self, name: str, *, here: str = "", problem: str = "", status: int = 200, **values: object
    ) -> Response:
        """A page with its frame. here: the entry of the menu it belongs to. problem: what went wrong just before."""
        return console_page(name).response(
            status,
            account=self.actor.account,
            is_admin=self.may_administer,
            may_expose=self.may_expose,
            may_audit=self.actor.scope == EVERYTHING,
            here=here,
            problem=problem,
            **values,
        )


class Moment(NamedTuple):
    """A time, for people and for machines."""

    text: str
    iso: str


def moment(time_ns: int) -> Moment | None:
    """Minutes in UTC; None for 0, which stands for never, and for what no calendar holds."""
    if time_ns <= 0:
        return None
    try:
        at = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return Moment(f"{at:%Y-%m-%d %H:%M}", f"{at:%Y-%m-%dT%H:%M:%SZ}")


def flist_href(name: FlistName, names: tuple[str, ...] = ()) -> str:
    """The page of a folder in a flist."""
    return quote_path((CONSOLE, "flists", *name, *names), directory=True)


def console_href(*names: str) -> str:
    """Another page of the console."""
    return quote_path((CONSOLE, *names), directory=False)


def account_of(visit: Visit) -> str:
    """The account that a page of tokens or keys is about: ?account=NAME, else one's own. Raises BadName."""
    asked = visit.query.get("account", "")
    return check_account_name(asked) if asked else visit.actor.account
