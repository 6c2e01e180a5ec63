"""What was done: the audit, and the signed manifest of a revision."""

from __future__ import annotations

import json
from typing import cast

from mylist_dav.api.operations import Call, Operation
from mylist_dav.api.queries import time_ns
from mylist_dav.errors import Invalid
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents.audits import AuditAsked, AuditPage, AuditRow
from mylist_dav.wire.documents.manifests import ManifestAsked, ManifestTold

_TAG = "Records"


def operations() -> list[Operation]:
    """Both only read."""
    return [
        Operation(
            "GET", "/api/v1/audit", "listAudit", _TAG,
            "What was done, newest first; admins see all, users what they did themselves",
            audit, query=AuditAsked, told=AuditPage,
        ),
        Operation(
            "GET", "/flist/{account}/{name}/manifest", "getManifest", _TAG,
            "The signed manifest of a revision", manifest, query=ManifestAsked, told=ManifestTold,
        ),
    ]  # fmt: skip


def audit(call: Call) -> AuditPage:
    """One page."""
    wanted = _wanted(call.query)
    rows = call.library.audit.rows(call.actor, wanted)
    shown = [AuditRow(**{**row._asdict(), "detail": json.loads(row.detail)}) for row in rows]
    return AuditPage(rows=shown, next=cursor(rows[-1].audit_id) if len(rows) == wanted.limit else None)


def manifest(call: Call) -> ManifestTold:
    """Of the head, or of a revision."""
    asked: ManifestAsked = call.query
    found = call.library.manifests.manifest(call.actor, call.flist_name, asked.at)
    return ManifestTold.model_validate(found.document())


def _wanted(asked: AuditAsked) -> Wanted:
    if asked.action is not None and asked.action not in set(Action):
        raise Invalid(f"there is no action {asked.action!r}; there are: {', '.join(Action)}")
    return Wanted(
        asked.account,
        asked.flist,
        Action(asked.action) if asked.action is not None else None,
        time_ns(asked.since, "since"),
        time_ns(asked.until, "until"),
        cast(int, read_cursor(asked.after, int)[0]) if asked.after is not None else None,
        asked.limit,
    )
