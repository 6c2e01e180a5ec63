"""The intake: small blocks that lie in the catalog until they are filed (store/blockstore/intake.py says why).

The row of a block in `block` says where in `intake` it lies, so that one index by digest is enough for both. Who looks
there compares the digests: a place may have been given to another block since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mylist_dav.model.digest import Digest
from mylist_dav.store.catalog.handed import Handed
from mylist_dav.store.catalog.rows import Statements, array

REGISTER = (
    "INSERT INTO block (digest, size_bytes, added_ns, verified_ns, state) VALUES (?1, ?2, ?3, ?3, 'stored')"
    " ON CONFLICT (digest) DO UPDATE SET state = 'stored', since_ns = NULL WHERE state <> 'stored'"
)
"""Note that a block is stored: (digest, size_bytes, now_ns)."""

_REGISTER_NEW = (
    "INSERT INTO block (digest, size_bytes, added_ns, verified_ns, state, intake_position)"
    " VALUES (?1, ?2, ?3, ?3, 'stored', ?4)"
)
_REGISTERED = "SELECT b.digest FROM carray(?) i CROSS JOIN block b ON b.digest = i.value"
_TAKE_IN = "INSERT INTO intake (position, digest, data, added_ns) VALUES (?, ?, ?, ?)"
_NEWEST = "SELECT max(position) FROM intake"
_LIES_AT = "UPDATE block SET intake_position = ? WHERE digest = ?"
_FOUND = (
    "FROM block b CROSS JOIN intake n ON n.position = b.intake_position AND n.digest = b.digest"
    " WHERE b.digest = ?"
)

INTAKE_ROW_BYTES = 256
"""What a block in the intake costs beside its bytes, about."""


class IntakeRow(NamedTuple):
    """A block in the intake; data is as it was found there."""

    position: int
    digest: Digest
    data: bytes
    added_ns: int


class IntakeReads:
    """The part of a View that is about the intake."""

    _sql: Statements

    def intake_get(self, digest: Digest) -> bytes | None:
        """The bytes of a block in the intake, as they are there; None when it is not."""
        rows = self._sql.execute(f"SELECT n.data {_FOUND}", (digest,)).fetchall()
        return rows[0][0] if rows else None

    def intake_has(self, digest: Digest) -> bool:
        """Whether a block is in the intake, and not set aside."""
        rows = self._sql.execute(f"SELECT 1 {_FOUND} AND n.position > 0", (digest,))
        return bool(rows.fetchall())

    def intake_digests(self) -> list[Digest]:
        """All blocks of the intake that are not set aside, in ascending order."""
        rows = self._sql.execute("SELECT digest FROM intake WHERE position > 0 ORDER BY digest")
        return [Digest(row[0]) for row in rows]

    def intake_span(self) -> tuple[int, int]:
        """(bytes, position): what the intake takes up, about and all costs counted; where its newest block is."""
        low, high = self._sql.execute(
            "SELECT (SELECT position FROM intake WHERE position > 0 ORDER BY position LIMIT 1),"
            " (SELECT max(position) FROM intake)"
        ).fetchall()[0]
        return (0, 0) if low is None else (high - low + INTAKE_ROW_BYTES, high)

    def intake_page(self, after: int, rows_max: int, bytes_max: int) -> list[IntakeRow]:
        """Blocks of the intake in the order they came in, past a position; not more than the two limits, but one."""
        found: list[IntakeRow] = []
        size_bytes = 0
        for row in self._sql.execute(
            "SELECT position, digest, data, added_ns FROM intake WHERE position > ? ORDER BY position LIMIT ?",
            (after, rows_max),
        ):
            size_bytes += len(row[2])
            if found and size_bytes > bytes_max:
                break
            found.append(IntakeRow(row[0], Digest(row[1]), row[2], row[3]))
        return found


class IntakeWrites(IntakeReads):
    """The part of a Draft that is about the intake."""

    now_ns: int
    _handed: Handed
    _taken_in: set[Digest]

    def take_in(self, blocks: Mapping[Digest, bytes]) -> int:
        """Store blocks right here, until they are filed, and register them.

        Returns the newest position, 0 when the intake has had all. What is there already is written anew only when its
        bytes are not these.
        """
        began = newest = self._newest_taken_in()
        now_ns, new, taken = self.now_ns, [], []
        registered = {row[0] for row in self._sql.execute(_REGISTERED, (array(blocks),))}
        for digest, data in sorted(blocks.items()):  # neighbours in the index are written one after the other
            position = newest + len(data) + INTAKE_ROW_BYTES
            if digest not in registered:
                new.append((digest, len(data), now_ns, position))
            elif not self._take_in_again(digest, data, position):
                continue
            taken.append((position, digest, data, now_ns))
            newest = position
        self._sql.executemany(_REGISTER_NEW, new)
        self._sql.executemany(_TAKE_IN, taken)
        self._taken_in.update(blocks)
        self._handed.newest = newest
        return newest if newest > began else 0

    def _newest_taken_in(self) -> int:
        if self._handed.newest is None:
            self._handed.newest = max(self._sql.execute(_NEWEST).fetchall()[0][0] or 0, 0)
        return self._handed.newest

    def _take_in_again(self, digest: Digest, data: bytes, position: int) -> bool:
        """Believe in a block that was registered before; False when it lies in the intake, and whole."""
        self._sql.execute(REGISTER, (digest, len(data), self.now_ns))
        there = self.intake_get(digest)
        if there == data:
            return False
        if there is not None:
            self.remove_intake(digest)
        self._sql.execute(_LIES_AT, (position, digest))
        return True

    def drop_intake(self, rows: Iterable[IntakeRow]) -> None:
        """Remove blocks that have been filed; one that was dropped and has come again since stays."""
        for row in rows:
            self._sql.execute(
                "DELETE FROM intake WHERE position = ? AND digest = ? AND added_ns = ?",
                (row.position, row.digest, row.added_ns),
            )
            if self._sql.changes():
                self._sql.execute(_LIES_AT, (None, row.digest))

    def shelve_intake(self, rows: Iterable[IntakeRow]) -> None:
        """Set aside blocks of the intake that are damaged: they stay there, and are not filed."""
        for row in rows:
            self._sql.execute(
                "UPDATE OR REPLACE intake SET position = -position WHERE position = ? AND data = ?",
                (row.position, row.data),
            )
            if self._sql.changes():
                self._sql.execute(_LIES_AT, (-row.position, row.digest))

    def remove_intake(self, digest: Digest) -> bool:
        """Remove a block from the intake; False when it was not there."""
        return remove_from_intake(self._sql, digest)


def remove_from_intake(connection: Statements, digest: Digest) -> bool:
    """False when the block was not there."""
    connection.execute(
        "DELETE FROM intake WHERE digest = ?1"
        " AND position = (SELECT intake_position FROM block WHERE digest = ?1)",
        (digest,),
    )
    if not connection.changes():
        return False
    connection.execute(_LIES_AT, (None, digest))
    return True
