"""What was done, by whom and from where: all of it for admins, what they did themselves for users; sums of traffic."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import urlencode

from mylist_dav.errors import BadName, Invalid, NotAllowed
from mylist_dav.model.audit import Action, Audited, Wanted
from mylist_dav.model.names import FlistName
from mylist_dav.services.audit import Total
from mylist_dav.web.console.overview import Link
from mylist_dav.web.console.visits import Moment, Visit, console_href, flist_href, moment
from mylist_dav.web.listing import readable_size
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response

PAGE_ROWS = 100
_VALUE_CHARS_MAX = 200


class AuditLine(NamedTuple):
    """What the page says of a row."""

    at: Moment | None
    account: str
    action: str
    flist: Link | None
    what: str
    address: str
    repeats: int
    size: str


class TotalLine(NamedTuple):
    """Sums of an account, a flist or an exposure."""

    kind: str
    name: str
    requests: int
    up: str
    down: str
    stored: str


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page. Its query holds the filters, and before= for older rows. Raises Invalid."""
    query = visit.query
    account, flist, action = (query.get(name, "").strip() for name in ("account", "flist", "action"))
    before = query.get("before", "")
    wanted = Wanted(
        account or None, flist or None, _action(action), before_id=_row(before), limit=PAGE_ROWS + 1
    )
    rows = visit.library.audit.rows(visit.actor, wanted)
    more = len(rows) > PAGE_ROWS
    del rows[PAGE_ROWS:]
    filters = {"account": account, "flist": flist, "action": action}
    is_start = not before and not any(filters.values())
    totals = visit.library.audit.totals(visit.actor) if visit.may_administer and is_start else []
    return visit.page(
        "audit",
        here="audit",
        problem=problem,
        status=status,
        filters=filters,
        actions=[action.value for action in Action],
        lines=[_line(one) for one in rows],
        totals=[_total(one) for one in totals],
        older=f"?{urlencode({**filters, 'before': rows[-1].audit_id})}" if more else "",
        beginning=console_href("audit") if not is_start else "",
    )


def act(visit: Visit, form: Form) -> str:
    """Nothing can be changed here. Raises NotAllowed."""
    raise NotAllowed("what was recorded stays as it is")


def _line(row: Audited) -> AuditLine:
    return AuditLine(
        at=moment(row.at_ns),
        account=row.account,
        action=row.action,
        flist=_flist(row.flist),
        what=_what(row.detail),
        address=row.address,
        repeats=row.repeats,
        size=readable_size(row.size_bytes) if row.size_bytes else "",
    )


def _flist(name: str) -> Link | None:
    """Names of flists that are gone lead nowhere, but say what it was."""
    try:
        return Link(name, flist_href(FlistName.parse(name))) if name else None
    except BadName:
        return None


def _what(detail: str) -> str:
    """The fields of a detail as words, without those that say no."""
    fields = json.loads(detail or "{}")
    words = (
        key.replace("_", " ") + ("" if value is True else f" {value}")
        for key, value in fields.items()
        if value
    )
    return ", ".join(word[:_VALUE_CHARS_MAX] for word in words)


def _total(one: Total) -> TotalLine:
    return TotalLine(
        one.kind.value,
        one.name,
        one.requests,
        readable_size(one.up_bytes),
        readable_size(one.down_bytes),
        readable_size(one.stored_bytes) if one.stored_bytes else "",
    )


def _action(text: str) -> Action | None:
    try:
        return Action(text) if text else None
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is nothing that is recorded") from error


def _row(text: str) -> int | None:
    if text and (not text.isascii() or not text.isdigit() or len(text) > 18):
        raise Invalid("the page does not say before which row")
    return int(text) if text else None
