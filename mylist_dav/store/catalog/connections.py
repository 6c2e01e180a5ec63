"""Opening SQLite: pragmas, migrations, and what its errors mean to the rest of the program."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from mylist_dav import errors

READ_CACHE_KIB, WRITE_CACHE_KIB = 4 * 1024, 16 * 1024
"""Pages kept by one connection. Each thread reads on one of its own; what they miss the system has in memory."""

LOG_BYTES_KEPT = 64 * 1024 * 1024
"""The write-ahead log may grow past this while somebody reads an old state for long; then it is cut back to it."""

WAIT_SECONDS_MIN = 0.0002
WAIT_SECONDS_MAX = 0.001

CLOSED = "the catalog is being closed; try again"
_STEP = re.compile(r"(\d{4})\.sql")


class SqlErrors:
    """A context that turns the errors of SQLite, and of values that it cannot hold, into ours. It has no state.

    A class, because one made of a generator costs three times as much, and each request enters several.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            turn_error(error)


_SQL_ERRORS = SqlErrors()


def sql_errors() -> SqlErrors:
    """Turn the errors of SQLite, and of values that it cannot hold, into ours."""
    return _SQL_ERRORS


def turn_error(error: BaseException) -> None:
    """Raise the error of ours that an error means, if there is one."""
    if isinstance(error, apsw.Error):
        raise turned(error) from error
    if isinstance(error, UnicodeEncodeError):
        raise errors.Invalid("text that is not valid Unicode cannot be kept") from error
    if isinstance(error, OverflowError):
        raise errors.Invalid("a number of more than 64 bits cannot be kept") from error


def turned(error: apsw.Error) -> errors.MylistError:
    """The error of ours that an error of SQLite means."""
    for kinds, kind, message in _MEANINGS:
        if isinstance(error, kinds):
            return kind(message)
    return errors.MylistError("the catalog refused a statement; see the error log")


_MEANINGS: list[tuple[tuple[type[apsw.Error], ...], type[errors.MylistError], str]] = [
    (
        (apsw.BusyError, apsw.LockedError, apsw.ProtocolError),
        errors.Busy,
        "the catalog is busy with other writers; try again",
    ),
    ((apsw.ConnectionClosedError, apsw.CursorClosedError, apsw.InterruptError), errors.Busy, CLOSED),
    ((apsw.NoMemError,), errors.Busy, "there is not enough memory for the catalog; try again"),
    ((apsw.FullError,), errors.OutOfSpace, "the disk that holds the catalog is full"),
    (
        (apsw.IOError,),
        errors.WritesStopped,
        "the disk that holds the catalog reports an error; see the error log",
    ),
    (
        (apsw.CorruptError, apsw.NotADBError),
        errors.Corrupt,
        "the catalog is damaged; restore it from a backup or run: mylist check",
    ),
    (
        (apsw.ReadOnlyError,),
        errors.WritesStopped,
        "the catalog cannot be written: the disk or file is read-only",
    ),
    (
        (apsw.CantOpenError, apsw.PermissionsError),
        errors.BadSettings,
        "the catalog cannot be opened: does its folder exist, and who owns it?",
    ),
    ((apsw.ConstraintError,), errors.Corrupt, "a rule of the catalog would be broken; see the error log"),
    ((apsw.TooBigError,), errors.TooLarge, "a value is too large to be kept"),
]


def connect(
    path: Path, *, durability: str, busy: Callable[[int], bool] | None = None, readonly: bool = False
) -> apsw.Connection:
    """A connection to a catalog in WAL mode. durability 'full' syncs each commit before it returns; 'os' does not.

    busy: called when a lock is taken, with the number of earlier calls; False gives up. None never waits.
    A reader (readonly) reads while others write, and waits for nobody but in the moment when a log is recovered.
    """
    connection = apsw.Connection(str(path), statementcachesize=200)
    # One plan for each statement, whatever is bound to it: else a join is parsed and planned anew each time it is run.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.setbusyhandler(busy)
    if not readonly:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'OFF'}")
    connection.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB if readonly else WRITE_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA query_only = {int(readonly)}")
    return connection


def patience(busy_seconds: float) -> Callable[[int], bool]:
    """A busy handler with short, random waits, up to 1 ms. SQLite's own grow to 100 ms."""
    began = 0.0

    def wait(earlier_calls: int) -> bool:
        nonlocal began
        now = time.monotonic()
        if earlier_calls == 0:
            began = now
        if now - began >= busy_seconds:
            return False
        longest = min(WAIT_SECONDS_MAX, WAIT_SECONDS_MIN * (2 + earlier_calls / 8))
        time.sleep(random.uniform(longest / 2, longest))
        return True

    return wait


def open_migrated(
    path: Path, *, durability: str, busy_seconds: float, clock: Callable[[], int]
) -> apsw.Connection:
    """A connection for writing, to a catalog of the newest schema; made when it is new. Raises what migrate raises.

    Several processes may do this at once: for some of the locks of that SQLite does not call a busy handler.
    """
    began = time.monotonic()
    busy = patience(busy_seconds)
    while True:
        connection: apsw.Connection | None = None
        try:
            connection = connect(path, durability=durability, busy=busy)
            migrate(connection, clock)
            return connection
        except BaseException as error:
            if connection is not None:
                connection.close(True)
            if not isinstance(error, apsw.BusyError) or time.monotonic() - began >= busy_seconds:
                raise
        time.sleep(random.uniform(0.001, 0.01))


def migrate(connection: apsw.Connection, clock: Callable[[], int]) -> None:
    """Bring the schema to the newest version, step by step, each step one transaction.

    Raises BadSettings when the catalog was written by a newer version of this program.
    """
    steps = _steps()
    if _version(connection) == max(steps):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = _version(connection)
        if version > max(steps):
            raise errors.BadSettings(
                f"the catalog has schema version {version}, and this program knows versions up to {max(steps)}: "
                "use the newer mylist that wrote it"
            )
        for number in range(version + 1, max(steps) + 1):
            connection.execute(steps[number])
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, clock()))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: apsw.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").fetchall():
        return 0
    found: Any = connection.execute("SELECT max(version) FROM schema_version").fetchall()
    return int(found[0][0])


def _steps() -> dict[int, str]:
    folder = resources.files(__package__) / "schema"
    found = {}
    for file in folder.iterdir():
        match = _STEP.fullmatch(file.name)
        if match:
            found[int(match.group(1))] = file.read_text("utf-8")
    return found
