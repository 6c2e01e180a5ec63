"""ApiFrontEnd: /api/v1/, from a request to the function that answers it."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.api.bodies import BODY_BYTES_MAX
from mylist_dav.api.problems import problem
from mylist_dav.api.records import Records
from mylist_dav.api.sessions import Sessions
from mylist_dav.errors import NotAllowed, NotFound
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import BodySink, Request, Response, WholeBody

Call = Callable[[Request, bytes], Response]

ROOT = "/api/v1"
SERVER_KEY = f"{ROOT}/server-key"
"""No secret goes there or comes from there."""


class ApiFrontEnd:
    """The front end of /api/. Paths are taken as they are sent: no part of one needs percent-encoding."""

    def __init__(self, library: Library) -> None:
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)
        sessions = Sessions(library, self._in_clear)
        records = Records(library)
        self._calls: dict[str, dict[str, Call]] = {
            f"{ROOT}/login/challenge": {"POST": sessions.challenge},
            f"{ROOT}/login": {"POST": sessions.login},
            f"{ROOT}/logout": {"POST": sessions.logout},
            f"{ROOT}/whoami": {"GET": sessions.whoami},
            SERVER_KEY: {"GET": sessions.server_key},
            f"{ROOT}/audit": {"GET": records.audit},
        }

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> Response | BodySink:
        """Raises NotFound, NotAllowed, Forbidden (plain HTTP, where that is refused), and what the function raises.

        With a body, its sink does.
        """
        calls = self._calls.get(request.target)
        if calls is None:
            raise NotFound("there is nothing at this address of the API")
        call = calls.get("GET" if request.method == "HEAD" else request.method)
        if call is None:
            raise NotAllowed(f"this address of the API takes {', '.join(calls)}")
        if request.target != SERVER_KEY:
            self._in_clear.check(request)
        if not request.has_body:
            return call(request, b"")
        return WholeBody(BODY_BYTES_MAX, lambda body: call(request, body))

    def render_error(self, request: Request, error: Exception) -> Response:
        calls = self._calls.get(request.target, {})
        return problem(error, ", ".join([*calls, *(["HEAD"] if "GET" in calls else [])]))
