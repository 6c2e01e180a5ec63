"""Collecting blocks now and then, in a process that stays. Whichever process is first does it for all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mylist_dav.errors import Busy, MylistError
from mylist_dav.model.actors import OPERATOR
from mylist_dav.services.upkeep.collecting import Collector
from mylist_dav.store.pacing import Pace

LOOK_SECONDS = 60.0
WHOLLY_EVERY_NS = 24 * 3600 * 1_000_000_000
JOIN_SECONDS = 5.0

_log = logging.getLogger(__name__)


class CollectingTurns:
    """The thread that collects, slowly: half of the time it rests. start() after any fork; close() ends it.

    Entries and files are gone through once a day, the rest every `every_ns`; 0 is never. Where work has kept it from
    that, it looks again soon.
    """

    def __init__(
        self,
        collector: Collector,
        clock: Callable[[], int],
        every_ns: int,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._collector = collector
        self._clock = clock
        self._every_ns = every_ns
        self._look_seconds = look_seconds
        self._closing = threading.Event()
        self._complaint = ""
        self._stopped_ns = (
            0  # when others came in between going through all; until it is tried again the rest is done
        )
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first look comes a little later, so that a start is not slowed down."""
        if self._thread is None and self._every_ns:
            self._thread = threading.Thread(target=self._work, name="collect-blocks", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the slice that is under way."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def _work(self) -> None:
        while not self._closing.wait(self._look_seconds):
            try:
                self._turn()
                self._complaint = ""
            except Busy:
                continue  # another process is at it, or the catalog is busy: later will do
            except MylistError as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - the thread must live on: without it the disk fills up
                self._complain(repr(error))

    def _turn(self) -> None:
        now_ns = self._clock()
        if not _is_past(self._collector.last_ns(wholly=False), self._every_ns, now_ns):
            return
        wholly = _is_past(self._collector.last_ns(wholly=True), WHOLLY_EVERY_NS, now_ns) and (
            not self._stopped_ns or _is_past(self._stopped_ns, self._every_ns, now_ns)
        )
        pace = Pace(wait=self._rest)
        done = self._collector.run(OPERATOR, wholly=wholly, stop=self._closing.is_set, pace=pace)
        if wholly:
            self._stopped_ns = now_ns if done.busy else 0

    def _rest(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def _complain(self, text: str) -> None:
        """Log a failure, once as long as it is the same."""
        if text != self._complaint:
            _log.error("blocks that nobody needs stay, for they could not be collected: %s", text)
        self._complaint = text


def _is_past(last_ns: int, every_ns: int, now_ns: int) -> bool:
    """Whether it is time again; also if the last time was in the future, because the clock was wrong."""
    return not 0 <= now_ns - last_ns < every_ns
