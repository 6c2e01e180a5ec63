"""The first page: the flists one may see, by account, with what is known of each and where it is mounted and shown."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from mylist_dav.model.entries import Flist
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.names import FlistName
from mylist_dav.web.console.visits import Moment, Visit, flist_href, moment
from mylist_dav.web.listing import readable_size
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response
from mylist_dav.wire.targets import quote_path


class Link(NamedTuple):
    text: str
    href: str


class FlistLine(NamedTuple):
    """What the page says of a flist."""

    name: str
    href: str
    private: bool
    entries: int
    size: str
    jid: int
    changed: Moment | None
    exposures: list[Link]
    dav_url: str


class AccountGroup(NamedTuple):
    account: str
    flists: list[FlistLine]


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page."""
    flists = visit.library.flists.list(visit.actor)
    shown_at: dict[int, list[Link]] = {}
    for exposure in visit.library.exposures.shown_to(visit.actor):
        shown_at.setdefault(exposure.flist_id, []).append(exposure_link(visit, exposure))
    groups = [
        AccountGroup(account, [_line(visit, flist, shown_at.get(flist.flist_id, [])) for flist in members])
        for account, members in groupby(flists, key=lambda flist: flist.flist_name.account)
    ]
    return visit.page(
        "overview",
        here="flists",
        problem=problem,
        status=status,
        groups=groups,
        count=len(flists),
        may_create=visit.may_make,
        mount_url=visit.dav_url(),
        mount_place="all",
    )


def act(visit: Visit, form: Form) -> str:
    """Make a flist, under the own name unless another is given; leads to it."""
    text = form.get("name", "").strip()
    name = FlistName.parse(text if "/" in text else f"{visit.actor.account}/{text}")
    visit.library.flists.create(visit.actor, name)
    return flist_href(name)


def exposure_link(visit: Visit, exposure: Exposure) -> Link:
    """Where an exposure is seen. One on a host name is assumed to be reached by the scheme and port of this visit."""
    if exposure.prefix:
        return Link(exposure.where, quote_path(exposure.prefix.strip("/").split("/"), directory=True))
    scheme, _, authority = visit.server_url.partition("://")
    _, colon, port = authority.rpartition(":")
    with_port = f":{port}" if colon and port.isdigit() else ""
    return Link(exposure.where, f"{scheme}://{exposure.host}{with_port}/")


def _line(visit: Visit, flist: Flist, exposures: list[Link]) -> FlistLine:
    return FlistLine(
        name=flist.flist_name.name,
        href=flist_href(flist.flist_name),
        private=flist.private,
        entries=flist.entries,
        size=readable_size(flist.size_bytes),
        jid=flist.head_jid,
        changed=moment(flist.changed_ns),
        exposures=exposures,
        dav_url=visit.dav_url(*flist.flist_name),
    )
