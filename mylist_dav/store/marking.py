"""Which contents each flist really holds, however many: scratch tables that are thrown away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import apsw

from mylist_dav.store.catalog.connections import sql_errors
from mylist_dav.store.catalog.rows import Statements
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch, temporary_path

_CACHE_KIB = 32 * 1024

Pair = tuple[bytes, int]
"""A digest and the id of a flist."""


class Marks:
    """Takes what was seen, then what is believed, and keeps what is believed and was not seen.

    For one thread; close() it.
    """

    def __init__(self, scratch: Scratch, disk: Disk) -> None:
        self._disk = disk
        self._path = temporary_path(scratch)
        with sql_errors():
            self._connection = apsw.Connection(self._path)
            self._sql: Statements = self._connection
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                self._sql.execute(f"PRAGMA {pragma}")
            self._sql.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            for table, key in (("seen", "digest, flist_id"), ("loose", "flist_id, digest")):
                self._sql.execute(
                    f"CREATE TABLE {table} (digest BLOB, flist_id INTEGER, PRIMARY KEY ({key})) WITHOUT ROWID"
                )
            self._sql.execute("BEGIN")

    def see(self, flist_id: int, digests: Iterable[bytes]) -> None:
        """A flist holds these."""
        with sql_errors():
            self._sql.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?, ?)", [(digest, flist_id) for digest in digests]
            )

    def believe(self, pairs: Iterable[Pair]) -> None:
        """Keep those of these pairs that were not seen."""
        with sql_errors():
            self._sql.executemany(
                "INSERT INTO loose SELECT ?1, ?2 WHERE NOT EXISTS"
                " (SELECT 1 FROM seen WHERE digest = ?1 AND flist_id = ?2)",
                pairs,
            )

    def flists(self) -> list[int]:
        """The flists of which anything is kept."""
        with sql_errors():
            return [row[0] for row in self._sql.execute("SELECT DISTINCT flist_id FROM loose")]

    def count(self) -> int:
        """How many pairs are kept."""
        with sql_errors():
            return int(self._sql.execute("SELECT count(*) FROM loose").fetchall()[0][0])

    def page(self, flist_id: int, limit: int) -> list[bytes]:
        """The first digests that are kept of a flist."""
        with sql_errors():
            rows = self._sql.execute(
                "SELECT digest FROM loose WHERE flist_id = ? ORDER BY digest LIMIT ?", (flist_id, limit)
            )
            return [row[0] for row in rows]

    def drop(self, flist_id: int, digests: Iterable[bytes]) -> None:
        """Keep these no longer."""
        with sql_errors():
            self._sql.executemany(
                "DELETE FROM loose WHERE flist_id = ? AND digest = ?",
                [(flist_id, digest) for digest in digests],
            )

    def close(self) -> None:
        """Throw everything away."""
        self._connection.close(True)
        with contextlib.suppress(OSError):
            self._disk.unlink(self._path)
