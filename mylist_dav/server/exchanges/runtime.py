"""What all exchanges of one worker process share: the app, its threads, its budgets, its log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from random import SystemRandom

from mylist_dav.errors import MylistError
from mylist_dav.outcomes import outcome
from mylist_dav.server.app import App
from mylist_dav.server.balance import Share
from mylist_dav.server.exchanges.heads import plain_refusal
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.watching.access_log import AccessLog, Visit, without_secrets
from mylist_dav.wire.messages import Request, Response

log = logging.getLogger("mylist_dav.server")
_random = SystemRandom()


def new_request_id() -> str:
    """Twelve hex digits, to find a request again in the logs. No secret and no promise that it is the only one."""
    return f"{_random.getrandbits(48):012x}"


class Runtime:
    """The app, the limits and the access log of a worker, and how errors become answers.

    monotonic: seconds from any origin; wall: seconds since the epoch.
    share: of the balance among several workers.
    """

    def __init__(
        self,
        app: App,
        limits: EngineLimits,
        access_log: AccessLog | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        share: Share | None = None,
    ) -> None:
        self.app = app
        self.front_end = app.front_end
        self.measures = app.measures
        self.limits = limits
        self.access_log = access_log
        self.monotonic = monotonic
        self.wall = wall
        self.share = share

    def render(self, request: Request, error: Exception) -> Response:
        """The answer for an error: of the front end for ours, without any detail for a foreign one, which is logged."""
        request.request_id = request.request_id or new_request_id()
        shown, target = error, without_secrets(request.target)
        if not isinstance(error, MylistError):
            log.error("%s %s %s failed", request.request_id, request.method, target, exc_info=error)
            shown = MylistError(f"an unexpected error; it is in the log as {request.request_id}")
        elif outcome(error).http >= 500:
            log.warning("%s %s %s: %s", request.request_id, request.method, target, error)
        try:
            response = self.front_end.render_error(request, shown)
        except Exception as broken:  # the last border: even a broken page must not end the connection
            log.error("%s rendering an error failed", request.request_id, exc_info=broken)
            response = plain_refusal(MylistError("an unexpected error"), outcome(shown).http)
        return response

    def note(self, request: Request, response: Response, size_bytes: int, began: float) -> None:
        """Tell who counts, the meter and the access log of an answer that was sent, as far as it was."""
        seconds = self.monotonic() - began
        self.measures.count(request, response.status, size_bytes, seconds)
        if response.meter is not None:
            response.meter.sent(response.status, size_bytes)
        if self.access_log is None:
            return
        visit = Visit(
            client=request.client,
            account=response.account,
            method=request.method,
            target=request.target,
            host=request.host,
            http_version=request.http_version,
            status=response.status,
            size_bytes=size_bytes,
            duration_ms=seconds * 1000,
            request_id=request.request_id,
            referer=(request.header("referer") or "").partition("?")[0],
            agent=request.header("user-agent") or "",
        )
        self.access_log.add(visit)
