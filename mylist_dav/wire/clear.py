"""Tokens that come over plain HTTP from another machine: whoever is on the way can read them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mylist_dav.errors import Forbidden
from mylist_dav.wire.auth import sent_in_clear
from mylist_dav.wire.messages import Request

WARN_AGAIN_NS = 3600 * 1_000_000_000

_log = logging.getLogger(__name__)


class InClear:
    """What is done about it: the setting tokens.over_plain_http."""

    def __init__(self, policy: str, clock: Callable[[], int]) -> None:
        self._refuses = policy == "refuse"
        self._warns = policy == "warn"
        self._clock = clock
        self._warned_ns = 0

    def check(self, request: Request) -> None:
        """Raises Forbidden. Not Unauthenticated: that would ask for a token, in clear."""
        if request.scheme == "http" and self._refuses and sent_in_clear(request):
            raise Forbidden("this server takes no logins over plain HTTP: use https://")

    def note(self, request: Request, account: str) -> None:
        """A token has been used; the log says so at most once an hour."""
        if request.scheme != "http" or not self._warns or not sent_in_clear(request):
            return
        now_ns = self._clock()
        if now_ns - self._warned_ns >= WARN_AGAIN_NS:
            self._warned_ns = now_ns
            _log.warning(
                "%s logs in from %s over plain HTTP, where its token can be read on the way: put TLS in front",
                account,
                request.client,
            )
