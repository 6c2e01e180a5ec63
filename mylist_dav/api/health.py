"""/healthz and /metrics: whether this server can do its work, for load balancers, supervisors and those who watch."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.api.bodies import json_response
from mylist_dav.api.credentials import authenticate
from mylist_dav.api.problems import problem
from mylist_dav.api.queries import query_of
from mylist_dav.errors import Invalid, NotAllowed
from mylist_dav.services.opening import Library
from mylist_dav.services.upkeep.health import Figures, Health
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Request, Response

PROBES = ("live", "ready", "write")
_READS = ("GET", "HEAD")
_OF_PROXIES = ("x-forwarded-for", "forwarded", "via", "x-real-ip")


class HealthFrontEnd:
    """The front end of /healthz. A stranger learns one word; an admin, with a token, all that was looked at.

    ?probe=live: 200 while the process answers at all. ready: 503 when nothing can be read. write, and without a probe:
    503 when no write is taken either.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)

    def answer_now(self, request: Request) -> Response | None:
        _refuse_others(request)
        return json_response({"status": "ok"}) if request.query == "probe=live" else None

    def respond(self, request: Request) -> Response:
        """Raises Invalid, NotAllowed; Unauthenticated, Forbidden for credentials that do not hold or are no admin's."""
        _refuse_others(request)
        probe = query_of(request.query, ("probe",)).get("probe", "write")
        if probe not in PROBES:
            raise Invalid(f"{probe[:40]!r} is no probe; there are: {', '.join(PROBES)}")
        watch = self._library.watch
        if request.header("authorization") is None:
            found = watch.health()
            document: dict[str, object] = {"status": found.status}
        else:
            self._in_clear.check(request)
            found = watch.details(authenticate(self._library.identity, request))
            document = _details(found)
        passes = {"live": True, "ready": found.is_ready, "write": found.takes_writes}[probe]
        return json_response(document, 200 if passes else 503)

    def render_error(self, request: Request, error: Exception) -> Response:
        return problem(error, ", ".join(_READS))


class MetricsFrontEnd:
    """The front end of /metrics. For admins with a token, and for addresses that the settings name."""

    def __init__(self, library: Library, text: Callable[[Figures], tuple[str, bytes]]) -> None:
        """text: the content type and the bytes, with the figures of all workers."""
        self._library = library
        self._text = text
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> Response:
        """Raises Unauthenticated, Forbidden, NotAllowed, Busy."""
        _refuse_others(request)
        watch = self._library.watch
        actor = None
        if request.header("authorization") is not None:
            self._in_clear.check(request)
            actor = authenticate(self._library.identity, request)
        hops = any(request.header(name) is not None for name in _OF_PROXIES)
        watch.require_reader(actor, request.client, hops=hops)
        content_type, body = self._text(watch.figures())
        headers = [
            ("content-type", content_type),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ]
        return Response(200, headers, body, account=actor.account if actor is not None else "")

    def render_error(self, request: Request, error: Exception) -> Response:
        return problem(error, ", ".join(_READS))


def _refuse_others(request: Request) -> None:
    if request.method not in _READS:
        raise NotAllowed("ask for this with GET")


def _details(found: Health) -> dict[str, object]:
    room = found.room
    return {
        "status": found.status,
        "ready": found.is_ready,
        "writes": found.takes_writes,
        "problem": found.problem or None,
        "stopped": found.stopped or None,
        "disk": None if room is None else {**room._asdict(), "short": found.short},
        "doors_lost": found.doors_lost,
        "catalog": {"schema_version": found.schema_version},
        "upkeep": {kind: {"at_ns": one.at_ns, **one.found} for kind, one in found.upkept.items()},
    }
