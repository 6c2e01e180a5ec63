"""/api/v1/audit: what was done, newest first."""

from __future__ import annotations

import json

from mylist_dav.api.bodies import json_response
from mylist_dav.api.credentials import authenticate
from mylist_dav.api.queries import number, query_of, time_ns
from mylist_dav.errors import Invalid
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.services.opening import Library
from mylist_dav.wire.messages import Request, Response

ROWS_MAX = 1_000
_KNOWN = ("account", "flist", "action", "since", "until", "before", "limit")


class Records:
    """The functions behind the routes of records."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def audit(self, request: Request, body: bytes) -> Response:
        """{"rows": [...], "before": id for the next page, or null}. Admins see all, users what they did themselves."""
        actor = authenticate(self._library.identity, request)
        wanted = _wanted(query_of(request.query, _KNOWN))
        rows = self._library.audit.rows(actor, wanted)
        shown = [{**row._asdict(), "detail": json.loads(row.detail)} for row in rows]
        before = rows[-1].audit_id if len(rows) == wanted.limit else None
        return json_response({"rows": shown, "before": before})


def _wanted(fields: dict[str, str]) -> Wanted:
    action = fields.get("action")
    if action is not None and action not in set(Action):
        raise Invalid(f"there is no action {action[:40]!r}; there are: {', '.join(Action)}")
    limit = number(fields, "limit")
    if limit is not None and not 1 <= limit <= ROWS_MAX:
        raise Invalid(f"1 to {ROWS_MAX} rows can be asked for at once")
    return Wanted(
        fields.get("account"),
        fields.get("flist"),
        Action(action) if action is not None else None,
        time_ns(fields, "since"),
        time_ns(fields, "until"),
        number(fields, "before"),
        limit or 100,
    )
