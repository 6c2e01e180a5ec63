"""/healthz: whether this server can do its work, for load balancers and supervisors."""

from __future__ import annotations

import json
from collections.abc import Callable

from mylist_dav.errors import NotAllowed
from mylist_dav.outcomes import outcome
from mylist_dav.wire.messages import Request, Response


class HealthFrontEnd:
    """Answers 200 {"status": "ok"}, or 503 with what is wrong. stopped() tells why writes are stopped, '' if not."""

    def __init__(self, stopped: Callable[[], str]) -> None:
        self._stopped = stopped

    def answer_now(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed("ask for the health with GET")
        reason = self._stopped()
        state = {"status": "ok"} if not reason else {"status": "read-only", "reason": reason}
        body = json.dumps(state).encode() + b"\n"
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        return Response(503 if reason else 200, headers, body)

    def respond(self, request: Request) -> Response:
        response = self.answer_now(request)
        assert response is not None
        return response

    def render_error(self, request: Request, error: Exception) -> Response:
        status = outcome(error).http
        headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
        if status == 405:
            headers.append(("allow", "GET, HEAD"))
        return Response(status, headers, f"{error}\n".encode())
