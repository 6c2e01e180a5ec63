"""When tokens were last used: noted in memory by requests, written together by a thread of its own, and rarely."""

from __future__ import annotations

import logging
import threading

from mylist_dav.errors import MylistError
from mylist_dav.store.catalog import Catalog

SPACING_NS = 600 * 1_000_000_000
"""A use is written when the one before it, of the same token, is older than that."""

GATHER_SECONDS = 15.0
"""How long uses wait for others, to be written together."""

WAITING_MAX = 10_000
"""Uses that wait at most; one more is forgotten, and noted the next time."""

_log = logging.getLogger(__name__)


class TokenUses:
    """The uses of one process. Safe to use from many threads. No request waits for a write, or fails with one.

    The thread is there only while there is something to write: nothing of it is lost in a fork.
    """

    def __init__(self, catalog: Catalog, gather_seconds: float = GATHER_SECONDS) -> None:
        self._catalog = catalog
        self._gather_seconds = gather_seconds
        self._lock = threading.Lock()
        self._waiting: dict[bytes, int] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def note(self, token_hash: bytes, noted_ns: int, now_ns: int) -> bool:
        """A token is used now; noted_ns: the use of it that the catalog knows of. Whether that will be another one."""
        if now_ns - noted_ns < SPACING_NS or token_hash in self._waiting:
            return False
        with self._lock:
            if self._stop.is_set() or len(self._waiting) >= WAITING_MAX:
                return False
            self._waiting[token_hash] = now_ns
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="token-uses", daemon=True)
                self._thread.start()
        return True

    def close(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            self._stop.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            self._stop.wait(self._gather_seconds)
            with self._lock:
                uses, self._waiting = self._waiting, {}
                if not uses:
                    self._thread = None
                    return
            self._write(uses)

    def _write(self, uses: dict[bytes, int]) -> None:
        try:
            self._catalog.change(lambda draft: draft.note_token_uses(uses, SPACING_NS))
        except MylistError as error:  # nobody waits for this: the next use of each is noted again
            _log.info("the last uses of %d tokens could not be noted: %s", len(uses), error)
