"""Opening SQLite: pragmas, migrations, and what its errors mean to the rest of the program."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from mylist_dav import errors

READ_CACHE_KIB = 16 * 1024
_STEP = re.compile(r"(\d{4})\.sql")


@contextmanager
def sql_errors() -> Iterator[None]:
    """Turn the errors of SQLite into ours."""
    try:
        yield
    except apsw.BusyError as error:
        raise errors.Busy("the catalog is busy with other writers; try again") from error
    except apsw.FullError as error:
        raise errors.OutOfSpace("the disk that holds the catalog is full") from error
    except apsw.IOError as error:
        raise errors.WritesStopped(
            "the disk that holds the catalog reports an error; see the error log"
        ) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise errors.Corrupt(
            "the catalog is damaged; restore it from a backup or run: mylist check"
        ) from error
    except apsw.ReadOnlyError as error:
        raise errors.WritesStopped("the catalog cannot be written: the disk or file is read-only") from error


def connect(path: Path, *, durability: str, busy_seconds: float, readonly: bool = False) -> apsw.Connection:
    """A connection in WAL mode. durability 'full' syncs each commit to disk before it returns; 'os' does not.

    A reader (readonly) may read while others write. Waiting for another writer is bounded by busy_seconds.
    """
    connection = apsw.Connection(str(path), statementcachesize=200)
    connection.setbusyhandler(_patience(busy_seconds))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'OFF'}")
    connection.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA query_only = {int(readonly)}")
    return connection


def _patience(busy_seconds: float) -> Callable[[int], bool]:
    """A busy handler with short, random waits: SQLite's own grow to 100 ms, and then one writer starves the other."""
    began = 0.0

    def wait(earlier_calls: int) -> bool:
        nonlocal began
        now = time.monotonic()
        if earlier_calls == 0:
            began = now
        if now - began > busy_seconds:
            return False
        time.sleep(random.uniform(0.0002, 0.001))
        return True

    return wait


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
