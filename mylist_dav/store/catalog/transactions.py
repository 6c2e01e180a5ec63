"""Reading and changing the catalog.

Readers have a connection a thread and see one consistent state for as long as their view is open (readers.py). Changes
of several threads share a transaction and its sync (commits.py), processes take turns (turns.py), and the log is copied
into the database by a thread of its own (checkpoints.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from mylist_dav.model.digest import Digest
from mylist_dav.model.spreads import SECONDS, SIZES, Spread
from mylist_dav.store.catalog.checkpoints import RESTART_BUSY_SECONDS, Checkpointer
from mylist_dav.store.catalog.commits import Group, GroupCommits, Waiting
from mylist_dav.store.catalog.connections import connect, open_migrated, patience, sql_errors
from mylist_dav.store.catalog.drafts import Draft
from mylist_dav.store.catalog.generations import Cached, Generations
from mylist_dav.store.catalog.handed import Handed
from mylist_dav.store.catalog.readers import Readers
from mylist_dav.store.catalog.turns import Turn
from mylist_dav.store.catalog.views import View

T = TypeVar("T")

READ_BUSY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Writes:
    """How the transactions of one process went. Written by whoever leads a group, so by one thread at a time.

    group_changes: how many changes shared a transaction that was made durable. seconds: from the turn to the end of the
    sync. waited_seconds: for the turn among the processes.
    """

    def __init__(self) -> None:
        self.group_changes = Spread(SIZES)
        self.seconds = Spread(SECONDS)
        self.waited_seconds = Spread(SECONDS)

    def add(self, changes: int, waited_seconds: float, seconds: float) -> None:
        """Count one transaction."""
        self.group_changes.add(changes)
        self.waited_seconds.add(waited_seconds)
        self.seconds.add(seconds)


class Pulse:
    """Tells whether the catalog may have changed since it was last asked. For one thread; costs about 1.5 µs.

    It never waits: in the rare moments when the catalog cannot be read at once, it raises Busy. generations: tells the
    same of things of one kind, for next to nothing.
    """

    def __init__(self, connection: apsw.Connection, generations: Generations) -> None:
        self.generations = generations
        connection.setbusyhandler(None)
        self._version = connection.cursor()
        self._view = View(connection)
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
            yield self._view


class Catalog:
    """The catalog of one data directory. Safe to use from many threads and several processes at once.

    path: the database file; made, or migrated, when needed. clock: nanoseconds since the epoch.
    busy_seconds: how long a change waits for other processes at most.
    may_write: called before anything is acknowledged; raises WritesStopped.
    on_write_failure: called with a reason when the disk refuses a write or a sync.
    writes: how they went. generations: whether what a cache has read still holds.
    has_file: whether a block has a file; asked inside of transactions, so it must be quick.
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
        has_file: Callable[[Digest], bool] = lambda digest: True,
    ) -> None:
        self._has_file = has_file
        self._path = path
        self._clock = clock
        self._durability = durability
        self._may_write = may_write
        self._on_write_failure = on_write_failure
        self._closed = False
        self.writes = Writes()
        with sql_errors():
            self._writer = open_migrated(path, durability=durability, busy_seconds=busy_seconds, clock=clock)
        with ExitStack() as opened:
            self._turn = opened.enter_context(
                closing(Turn(path.with_name(path.name + "-next"), busy_seconds))
            )
            self._pen = opened.enter_context(closing(Turn(path.with_name(path.name + "-pen"), busy_seconds)))
            self.generations = Generations(path.with_name(path.name + "-generations"))
            opened.pop_all()
        self._writer.setbusyhandler(patience(busy_seconds))
        self._checkpointer = Checkpointer(self._connect_for_checkpoints, on_write_failure)
        self._writer.set_wal_hook(self._checkpointer.note)
        self._commits = GroupCommits(self._run)
        self._readers = Readers(self._connect, lambda: patience(READ_BUSY_SECONDS))

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether there is a catalog, or what may be one."""
        return path.is_file()

    def view(self, *, wait: bool = True) -> AbstractContextManager[View]:
        """One consistent state of the catalog, for reading, in this thread.

        A view inside of another one of the same thread sees what the outer one sees, also if there were changes since:
        close a view before you make a change whose result you want to read. A view waits for no writer. wait=False: nor
        for a log that another process is just recovering; then it raises Busy.
        """
        return self._readers.of_this_thread(wait).view(wait)

    @contextmanager
    def glance(self) -> Iterator[View]:
        """For a single read in this thread: it sees the newest state, and costs no transaction."""
        with sql_errors():
            yield self._readers.of_this_thread().glance()

    def sees_newest(self) -> bool:
        """Whether a glance in this thread sees the newest state: no view is open that has read something before."""
        with sql_errors():
            return self._readers.of_this_thread().connection.txn_state("main") == apsw.SQLITE_TXN_NONE

    def pulse(self) -> Pulse:
        """A new Pulse with a connection of its own."""
        return Pulse(self._readers.connection(), self.generations)

    def change(self, make: Callable[[Draft], T]) -> T:
        """Run make in a transaction; when this returns, what it wrote is durable and visible to all.

        An error of make undoes just its own writes and is raised here. make may run in another thread and must not
        wait for anything, nor make another change. Raises Busy when other processes keep the catalog for too long,
        OutOfSpace, WritesStopped.
        """
        waiting = Waiting(make)
        self._commits.submit(waiting)
        if waiting.error is not None:
            try:
                raise waiting.error
            finally:
                del waiting  # else the error, its traceback and this frame would hold each other
        return waiting.result

    def close(self) -> None:
        """Close every connection, after the changes that are under way. Views in other threads end with Busy."""
        if self._closed:
            return
        self._closed = True
        self._commits.close()
        self._checkpointer.close()
        self._readers.close()
        self._writer.close(True)
        self._turn.close()
        self._pen.close()
        self.generations.close()

    def _connect(self, busy: Callable[[int], bool] | None) -> apsw.Connection:
        return connect(self._path, durability=self._durability, busy=busy, readonly=True)

    def _connect_for_checkpoints(self) -> apsw.Connection:
        return connect(self._path, durability=self._durability, busy=patience(RESTART_BUSY_SECONDS))

    def _run(self, group: Group) -> None:
        """Run a group as one transaction."""
        with sql_errors():
            self._may_write()
            raised = {Cached.ALL}
            asked = time.monotonic()
            self._take_pen()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                begun = time.monotonic()
                handed = Handed()
                while (waiting := group.take()) is not None:
                    if not self._make(waiting, handed, raised, alone=len(group.members) == 1):
                        return
                try:
                    self.generations.begin(raised)
                    self._commit()
                finally:
                    self.generations.end(raised)
            finally:
                try:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                finally:
                    self._pen.give()
            self._may_write()
            self.writes.add(len(group.members), begun - asked, time.monotonic() - begun)

    def _take_pen(self) -> None:
        """Be the next to write of all processes. Raises Busy."""
        self._turn.take()
        try:
            self._pen.take()
        finally:
            self._turn.give()

    def _make(self, waiting: Waiting[object], handed: Handed, raised: set[Cached], alone: bool) -> bool:
        """Run one change. The first of a group needs no savepoint: if it fails, it was the whole group (False)."""
        if not alone:
            self._writer.execute("SAVEPOINT one")
        try:
            with sql_errors():
                draft = Draft(self._writer, self._clock(), self._has_file, handed)
                waiting.result = waiting.make(draft)
                draft.finish()
                raised |= draft.raised
        except Exception as error:  # whatever it is, it belongs to whoever asked for the change
            waiting.error = error
            if alone:
                return False
            if not self._writer.in_transaction:
                raise  # a full disk has undone the whole group
            self._writer.execute("ROLLBACK TO one")
        if not alone:
            self._writer.execute("RELEASE one")
        return True

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except apsw.IOError as error:
            self._on_write_failure("the catalog could not be synced to disk")
            _log.error("the catalog could not be synced to disk: %s", error)
            raise
