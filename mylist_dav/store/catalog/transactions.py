"""Reading and changing the catalog.

Readers have a connection a thread and see one consistent state for as long as their view is open. Changes are
gathered: whoever finds nobody writing becomes the leader, runs its own change and all that wait, each in a SAVEPOINT of
its own with its own result or error, and makes them durable with one COMMIT. So eight clients share one sync, and a
single client waits for no other thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar, cast

import apsw

from mylist_dav.store.catalog.connections import connect, migrate, sql_errors
from mylist_dav.store.catalog.drafts import Draft
from mylist_dav.store.catalog.rows import Statements
from mylist_dav.store.catalog.views import View

T = TypeVar("T")

GROUP_CHANGES_MAX = 64
GROUP_SECONDS_MAX = 0.05
CHECKPOINT_PAGES = 2_000
WAL_PAGES_MAX = 65_536

_log = logging.getLogger(__name__)


class _Waiting(Generic[T]):
    """A change that waits for its turn, and then its outcome."""

    __slots__ = ("done", "error", "make", "result")

    def __init__(self, make: Callable[[Draft], T]) -> None:
        self.make = make
        self.done = False
        self.result: T
        self.error: BaseException | None = None


class Pulse:
    """Tells whether the catalog may have changed since it was last asked. For one thread; costs about 1.5 µs.

    It never waits: in the rare moments when the catalog cannot be read at once, it raises Busy.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        connection.setbusyhandler(None)
        self._connection = connection
        self._version = connection.cursor()
        self._seen = -1

    def moved(self) -> bool:
        """True if any connection, of this or another process, has committed since the last call. Raises Busy, ..."""
        try:
            version: int = self._version.execute("PRAGMA data_version").get
        except apsw.Error as error:
            with sql_errors():
                raise error
        if version == self._seen:
            return False
        self._seen = version
        return True

    @contextmanager
    def reading(self) -> Iterator[View]:
        """Reads on this pulse's own connection, each one of the state at its own time. Raises Busy, ..."""
        with sql_errors():
            yield View(self._connection)


class Catalog:
    """The catalog of one data directory. Safe to use from many threads and several processes at once.

    path: the database file; made, or migrated, when needed. clock: nanoseconds since the epoch.
    may_write: called before anything is acknowledged; raises WritesStopped.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        durability: str = "full",
        busy_seconds: float = 10.0,
        may_write: Callable[[], None] = lambda: None,
        on_write_failure: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._durability = durability
        self._busy_seconds = busy_seconds
        self._may_write = may_write
        self._on_write_failure = on_write_failure
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._leading = threading.Lock()
        self._queue: deque[_Waiting[object]] = deque()
        self._closed = False
        with sql_errors():
            self._writer = connect(path, durability=durability, busy_seconds=busy_seconds)
            migrate(self._writer, clock)
        self._checkpointer = _Checkpointer(self._connect)
        self._writer.set_wal_hook(self._checkpointer.note)

    @contextmanager
    def view(self) -> Iterator[View]:
        """One consistent state of the catalog, for reading, in this thread. Views do not nest."""
        connection = self._reader()
        with sql_errors():
            connection.execute("BEGIN")
            try:
                yield View(cast(Statements, connection))
            finally:
                connection.execute("COMMIT")

    def pulse(self) -> Pulse:
        """A new Pulse with a connection of its own."""
        with sql_errors():
            connection = self._connect()
        with self._readers_lock:
            self._readers.append(connection)
        return Pulse(connection)

    def change(self, make: Callable[[Draft], T]) -> T:
        """Run make in a transaction; when this returns, what it wrote is durable and visible to all.

        An error of make undoes just its own writes and is raised here. make may run in another thread and must not
        wait for anything. Raises Busy when other processes keep the catalog for too long, OutOfSpace, WritesStopped.
        """
        waiting = _Waiting(make)
        self._queue.append(waiting)  # type: ignore[arg-type]
        with self._leading:
            while not waiting.done:
                self._lead()
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    def close(self) -> None:
        """Close every connection. Views that are open in other threads end with an error."""
        if self._closed:
            return
        self._closed = True
        self._checkpointer.close()
        with self._leading, self._readers_lock:
            for connection in self._readers:
                connection.close(True)
            self._writer.close(True)

    def _connect(self) -> apsw.Connection:
        return connect(
            self._path, durability=self._durability, busy_seconds=self._busy_seconds, readonly=True
        )

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with sql_errors():
                connection = self._connect()
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def _lead(self) -> None:
        """Run what waits, as one transaction. Every change of it gets a result or an error."""
        group: list[_Waiting[object]] = []
        try:
            with sql_errors():
                self._may_write()
                self._writer.execute("BEGIN IMMEDIATE")
                self._gather(group)
                self._commit()
        except BaseException as error:
            # Nothing of the group was kept. If it could not even begin, nobody who waits could.
            group = group or self._take_all()
            for waiting in group:
                waiting.error = waiting.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for waiting in group:
                waiting.done = True

    def _take_all(self) -> list[_Waiting[object]]:
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        return taken

    def _gather(self, group: list[_Waiting[object]]) -> None:
        deadline = time.monotonic() + GROUP_SECONDS_MAX
        while self._queue and len(group) < GROUP_CHANGES_MAX and time.monotonic() < deadline:
            waiting = self._queue.popleft()
            group.append(waiting)
            self._run(waiting)

    def _run(self, waiting: _Waiting[object]) -> None:
        self._writer.execute("SAVEPOINT one")
        try:
            draft = Draft(cast(Statements, self._writer), self._clock())
            waiting.result = waiting.make(draft)
            draft.finish()
        except Exception as error:
            if not self._writer.in_transaction:
                raise  # a full disk has undone the whole group
            self._writer.execute("ROLLBACK TO one")
            waiting.error = error
        self._writer.execute("RELEASE one")

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except apsw.IOError as error:
            self._on_write_failure("the catalog could not be synced to disk")
            _log.error("the catalog could not be synced to disk: %s", error)
            raise
        self._may_write()


class _Checkpointer:
    """Copies the write-ahead log into the database in a thread of its own, so that no commit has to wait for it."""

    def __init__(self, open_connection: Callable[[], apsw.Connection]) -> None:
        self._open = open_connection
        self._wake = threading.Event()
        self._pages = 0
        self._stop = False
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)
        self._started = False

    def note(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """The log now has so many pages. Called by SQLite after each commit."""
        if pages >= CHECKPOINT_PAGES:
            self._pages = pages
            if not self._started:
                self._started = True
                self._thread.start()
            self._wake.set()
        return apsw.SQLITE_OK

    def close(self) -> None:
        self._stop = True
        self._wake.set()
        if self._started:
            self._thread.join()

    def _work(self) -> None:
        connection = self._open()
        connection.execute("PRAGMA query_only = 0")
        try:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._stop:
                    return
                self._checkpoint(connection)
        finally:
            connection.close()

    def _checkpoint(self, connection: apsw.Connection) -> None:
        mode = (
            apsw.SQLITE_CHECKPOINT_PASSIVE if self._pages < WAL_PAGES_MAX else apsw.SQLITE_CHECKPOINT_RESTART
        )
        try:
            connection.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            return
        except apsw.Error as error:
            _log.error("the write-ahead log could not be copied into the catalog: %s", error)
