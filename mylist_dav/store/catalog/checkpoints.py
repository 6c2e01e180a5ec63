"""Copying the write-ahead log into the database, in a thread of its own, so that no commit does it.

Under continuous writes the log never comes to an end that SQLite could begin anew from: each copy leaves what was
written meanwhile. So past LOG_PAGES_MAX a second copy follows the first, which holds the writers for the few pages that
are left, and lets the log begin anew. It waits for readers of an old state for a moment only: they would hold every
writer with it. As long as somebody reads an old state, the log grows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import apsw

CHECKPOINT_PAGES = 2_000
"""4 KiB each: 8 MiB."""

LOG_PAGES_MAX = 16_000
"""64 MiB: one copy that holds the writers for each so many pages."""

RESTART_BUSY_SECONDS = 0.02
JOIN_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Checkpointer:
    """The thread that copies the log; started when there is something to copy.

    open_connection: a connection that may write and waits RESTART_BUSY_SECONDS at most. on_write_failure: called when
    the disk refuses a write or a sync, which is then not tried again.
    """

    def __init__(
        self, open_connection: Callable[[], apsw.Connection], on_write_failure: Callable[[str], None]
    ) -> None:
        self._open = open_connection
        self._on_write_failure = on_write_failure
        self._wake = threading.Event()
        self._pages = 0
        self._next_pages = CHECKPOINT_PAGES
        self._stop = False
        self._connection: apsw.Connection | None = None
        self._thread: threading.Thread | None = None

    def note(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """The log now has so many pages. Called by SQLite after each commit, by one thread at a time."""
        if pages < self._pages:
            self._next_pages = CHECKPOINT_PAGES  # it has begun anew
        self._pages = pages
        if pages >= self._next_pages and not self._stop:
            self._next_pages = pages + CHECKPOINT_PAGES
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)
                self._thread.start()
            self._wake.set()
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Stop, after the copy that is under way or by breaking it off: what is not copied stays in the log."""
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            connection = self._connection
            if connection is not None:
                connection.interrupt()
            self._thread.join(JOIN_SECONDS)

    def _work(self) -> None:
        connection: apsw.Connection | None = None
        try:
            connection = self._connection = self._open()
            while not self._stop:
                self._wake.wait()
                self._wake.clear()
                if not self._stop:
                    self._checkpoint(connection)
        except apsw.Error as error:
            _log.error("the write-ahead log could not be copied into the catalog: %s", error)
        finally:
            self._connection = None
            if connection is not None:
                connection.close(True)

    def _checkpoint(self, connection: apsw.Connection) -> None:
        long = self._pages >= LOG_PAGES_MAX
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if long and not self._stop:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except (apsw.BusyError, apsw.LockedError, apsw.InterruptError):
            return  # another process is at it, or somebody reads an old state, or this one is closing
        except apsw.FullError as error:
            _log.error("the disk is full: the write-ahead log stays as it is: %s", error)
        except apsw.IOError as error:
            self._stop = True
            self._on_write_failure("the catalog could not be brought to disk")
            _log.error("the write-ahead log could not be copied into the catalog: %s", error)
