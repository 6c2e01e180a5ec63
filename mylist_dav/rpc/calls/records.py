"""audit.list, server.stats, server.traffic: what was done, and how much."""

from __future__ import annotations

import json

from mylist_dav.errors import Invalid
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action, Audited, Wanted
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.rpc.paging import number_after, page
from mylist_dav.services.opening import Library
from mylist_dav.wire.cursors import cursor
from mylist_dav.wire.documents.audits import AuditPage, AuditRow
from mylist_dav.wire.documents.calls import AuditList, Nothing, Paged
from mylist_dav.wire.documents.records import Stats, Traffic, TrafficTable

_KINDS = ("account", "flist", "exposure")


def list_audit(library: Library, actor: Actor, asked: AuditList) -> AuditPage:
    """What was done, newest first. Admins see all, users what they did themselves."""
    rows = library.audit.rows(actor, _wanted(asked))
    more = cursor(rows[asked.limit - 1].audit_id) if len(rows) > asked.limit else None
    return AuditPage(rows=[_row(one) for one in rows[: asked.limit]], next=more)


def stats(library: Library, actor: Actor, asked: Nothing) -> Stats:
    """Counts and sizes of everything that is stored. For admins."""
    return Stats.model_validate(library.upkeep.totals(actor))


def traffic(library: Library, actor: Actor, asked: Paged) -> TrafficTable:
    """What each account, flist and exposure has sent and received since counting began. For admins."""
    found, after = page(
        library.audit.totals(actor),
        lambda one: f"{_KINDS.index(one.kind.value)}{one.name}",
        asked.after,
        asked.limit,
    )
    shown = [Traffic.model_validate({**one._asdict(), "kind": one.kind.value}) for one in found]
    return TrafficTable(traffic=shown, next=after)


METHODS: list[AnyMethod] = [
    Method("audit.list", AuditList, AuditPage, list_audit),
    Method("server.stats", Nothing, Stats, stats),
    Method("server.traffic", Paged, TrafficTable, traffic),
]


def _wanted(asked: AuditList) -> Wanted:
    """Raises Invalid."""
    if asked.action is not None and asked.action not in set(Action):
        raise Invalid(f"there is no action {asked.action[:40]!r}; there are: {', '.join(Action)}")
    return Wanted(
        asked.account,
        asked.flist,
        None if asked.action is None else Action(asked.action),
        asked.since_ns,
        asked.until_ns,
        number_after(asked.after),
        asked.limit + 1,
    )


def _row(one: Audited) -> AuditRow:
    return AuditRow.model_validate({**one._asdict(), "detail": json.loads(one.detail)})
