"""What is shown where: exposures. For admins all of them, for users those of their own at their own host names."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName
from mylist_dav.web.console.overview import Link, exposure_link
from mylist_dav.web.console.visits import Visit, console_href, flist_href
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response


class ExposureLine(NamedTuple):
    """What the page says of an exposure. jid: None follows the head. visitors: of the mode keys."""

    link: Link
    flist: Link
    jid: int | None
    mode: str
    dav: str
    visitors: list[str]
    host: str
    prefix: str


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page."""
    lines = [
        ExposureLine(
            exposure_link(visit, one),
            Link(str(one.flist_name), flist_href(one.flist_name)),
            one.at_jid,
            one.mode.value,
            one.dav,
            visit.library.exposures.visitors(visit.actor, one) if one.mode is Mode.KEYS else [],
            one.host,
            one.prefix,
        )
        for one in visit.library.exposures.list(visit.actor)
    ]
    return visit.page(
        "exposures",
        here="exposures",
        problem=problem,
        status=status,
        lines=lines,
        flists=[str(flist.flist_name) for flist in visit.library.flists.list(visit.actor, _account(visit))],
        own_host=visit.library.exposures.own_host(visit.actor),
    )


def _account(visit: Visit) -> str | None:
    """Whose flists can be chosen; None for all."""
    return None if visit.may_administer else visit.actor.account


def act(visit: Visit, form: Form) -> str:
    """Attach a flist to a host name or prefix, or detach what is there."""
    exposures = visit.library.exposures
    if form.get("do") == "unexpose":
        exposures.unexpose(visit.actor, host=form.get("host", ""), prefix=form.get("prefix", ""))
        return console_href("exposures")
    where = form.get("where", "").strip()
    is_prefix = where.startswith("/")
    exposures.expose(
        visit.actor,
        FlistName.parse(form.get("flist", "")),
        host="" if is_prefix else where,
        prefix=where if is_prefix else "",
        at_jid=_jid(form.get("at", "").strip()),
        mode=_mode(form.get("mode", Mode.PUBLIC)),
        listing=bool(form.get("listing")),
        dav=form.get("dav", "off"),
        secret=form.get("secret") or None,
        visitors=[line for line in form.get("visitors", "").splitlines() if line.strip()],
    )
    return console_href("exposures")


def _mode(text: str) -> Mode:
    """Raises Invalid."""
    try:
        return Mode(text)
    except ValueError as error:
        raise Invalid("a mode is public, secret or keys") from error


def _jid(text: str) -> int | None:
    """Raises Invalid."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(f"{text[:20]!r} is no number of a revision")
    return int(text)
