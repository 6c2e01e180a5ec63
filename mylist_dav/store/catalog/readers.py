"""One connection for reading in each thread, and the transactions on them."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable

import apsw

from mylist_dav.errors import Busy
from mylist_dav.store.catalog.connections import CLOSED, sql_errors, turn_error
from mylist_dav.store.catalog.views import Snapshot, View


class _Patience:
    """The busy handler of a reader: waits only for a view that may wait."""

    def __init__(self, busy: Callable[[int], bool], waits: bool) -> None:
        self._busy = busy
        self.waits = waits

    def __call__(self, earlier_calls: int) -> bool:
        return self.waits and self._busy(earlier_calls)


class Reader:
    """The connection of one thread. The views of it that are open all see what the first of them sees."""

    def __init__(
        self,
        connect: Callable[[Callable[[int], bool]], apsw.Connection],
        busy: Callable[[int], bool],
        wait: bool,
    ) -> None:
        """busy: the busy handler of a view that may wait. wait: opening the connection may wait too."""
        # The handler does not know the reader: they would hold each other, and outlive the thread.
        self._patience = _Patience(busy, wait)
        self._depth = 0
        self._snapshot: Snapshot | None = None
        self.connection = connect(self._patience)

    def view(self, wait: bool) -> Viewing:
        """A transaction, or a share of the one that is open."""
        return Viewing(self, wait)

    def begin(self, wait: bool) -> Snapshot:
        """Begin a transaction, or join the one that is open."""
        snapshot = self._snapshot
        if snapshot is None:
            self._patience.waits = wait
            self.connection.execute("BEGIN")
            snapshot = self._snapshot = Snapshot(self.connection)
        self._depth += 1
        return snapshot

    def end(self) -> None:
        """Leave the transaction; who leaves last ends it."""
        self._depth -= 1
        if self._depth == 0:
            self._snapshot = None
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")

    def glance(self) -> View:
        """Reads that each see the newest state, or that of the view that is open."""
        self._patience.waits = True
        return View(self.connection)


class Viewing:
    """The context of one view. A class, because each request enters some, and one made of a generator is dear."""

    __slots__ = ("_reader", "_wait")

    def __init__(self, reader: Reader, wait: bool) -> None:
        self._reader = reader
        self._wait = wait

    def __enter__(self) -> View:
        with sql_errors():
            return self._reader.begin(self._wait)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with sql_errors():
            self._reader.end()
        if error is not None:
            turn_error(error)


class Readers:
    """The readers of all threads. A reader goes with its thread."""

    def __init__(
        self,
        connect: Callable[[Callable[[int], bool] | None], apsw.Connection],
        new_patience: Callable[[], Callable[[int], bool]],
    ) -> None:
        """connect: opens a connection with a busy handler. new_patience: the busy handler of one reader."""
        self._connect = connect
        self._new_patience = new_patience
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._closed = False

    def of_this_thread(self, wait: bool = True) -> Reader:
        """Raises Busy when the catalog is closed."""
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            with sql_errors():
                reader = Reader(self._connect, self._new_patience(), wait)
            self._keep(reader.connection)
            self._local.reader = reader
        return reader

    def connection(self) -> apsw.Connection:
        """A further connection, which never waits. Raises Busy when the catalog is closed."""
        with sql_errors():
            connection = self._connect(None)
        self._keep(connection)
        return connection

    def close(self) -> None:
        """Close what nobody is reading from; who reads just now is interrupted."""
        with self._lock:
            self._closed = True
            for connection in list(self._open):
                with contextlib.suppress(apsw.ConnectionClosedError):
                    connection.interrupt()
                    _close(connection)

    def _keep(self, connection: apsw.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._open.add(connection)
                return
        connection.close(True)
        raise Busy(CLOSED)


def _close(connection: apsw.Connection) -> None:
    """Close it, unless a thread is inside of it right now: then it goes with that thread."""
    with contextlib.suppress(apsw.ThreadingViolationError):
        connection.close(True)
