"""Blocks in order of digest, each once, however many there are: a scratch table that is thrown away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import apsw

from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.store.catalog.connections import sql_errors
from mylist_dav.store.catalog.rows import Statements
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch, temporary_path

_PAGE = 1000
_CACHE_KIB = 8 * 1024


class SortedBlocks:
    """Takes blocks in any order and gives them back sorted. For one thread at a time; close() it."""

    def __init__(self, scratch: Scratch, disk: Disk) -> None:
        self._disk = disk
        self._path = temporary_path(scratch)
        with sql_errors():
            self._connection = apsw.Connection(self._path)
            self._sql: Statements = self._connection
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                self._sql.execute(f"PRAGMA {pragma}")
            self._sql.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._sql.execute(
                "CREATE TABLE block (digest BLOB PRIMARY KEY, size_bytes INTEGER) WITHOUT ROWID"
            )
            self._sql.execute("BEGIN")

    def add(self, refs: Iterable[BlockRef]) -> None:
        """Take in blocks; those that are there already are not taken twice."""
        with sql_errors():
            self._sql.executemany("INSERT OR IGNORE INTO block VALUES (?, ?)", refs)

    def __iter__(self) -> Iterator[BlockRef]:
        """All of them in ascending order of digest."""
        after = b""
        while page := self._page(after):
            yield from page
            after = page[-1].digest

    def _page(self, after: bytes) -> list[BlockRef]:
        with sql_errors():
            rows = self._sql.execute(
                "SELECT digest, size_bytes FROM block WHERE digest > ? ORDER BY digest LIMIT ?",
                (after, _PAGE),
            )
            return [BlockRef(Digest(digest), size_bytes) for digest, size_bytes in rows]

    def close(self) -> None:
        """Throw everything away."""
        self._connection.close(True)
        with contextlib.suppress(OSError):
            self._disk.unlink(self._path)
