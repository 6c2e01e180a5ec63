"""Leases: work that stores contents long before it commits them has the collector wait for it.

A lease is a row in the catalog, and lasts an hour unless it is kept. If whoever has it stands still for longer, the
collector removes it and goes to work; then the commit at the end is refused, for its contents may be gone.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mylist_dav.errors import Busy, MylistError
from mylist_dav.model.actors import Actor
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.catalog.collecting import LEASE_NS

_KEEP_NS = LEASE_NS // 6

_log = logging.getLogger(__name__)


class Lease:
    """One piece of work; as a context manager it ends with it. For one thread at a time."""

    def __init__(self, catalog: Catalog, clock: Callable[[], int], kind: str, actor: Actor) -> None:
        """kind: what the work is. Raises what a change raises."""
        self._catalog = catalog
        self._clock = clock
        self._kept_ns = clock()
        self._lease_id = secrets.randbits(
            62
        )  # never that of an earlier one, which its owner may believe in still
        catalog.change(lambda draft: draft.reaper.begin_lease(self._lease_id, kind, actor.account))

    def keep(self) -> None:
        """To be called often: the work goes on. Raises Busy when it has stood still for too long."""
        if not 0 <= self._clock() - self._kept_ns < _KEEP_NS:  # also when the clock was put back
            self._catalog.change(self.require)

    def require(self, draft: Draft) -> None:
        """Inside of each change that refers to what was stored: the collector has not been at work since it began.

        Raises Busy.
        """
        if not draft.reaper.keep_lease(self._lease_id):
            raise Busy("this stood still for so long that its contents may have been deleted; begin again")
        self._kept_ns = draft.now_ns

    def end(self) -> None:
        """The work is done, or given up. If that cannot be noted, the lease expires."""
        try:
            self._catalog.change(lambda draft: draft.reaper.end_lease(self._lease_id))
        except MylistError as error:
            _log.warning("a lease could not be ended, and expires within the hour: %s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
