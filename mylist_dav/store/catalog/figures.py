"""Counts over the whole catalog, for those who watch a server, and when upkeep was last done."""

from __future__ import annotations

import json
from typing import NamedTuple

from mylist_dav.store.catalog.rows import Statements


class Upkept(NamedTuple):
    """The last run of a kind of upkeep. found: what it counted."""

    at_ns: int
    found: dict[str, int]


class Figures:
    """Reads of counts that are quick: of rows that are few. View.totals reads the row of every block."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    def schema_version(self) -> int:
        """The version of the schema that the catalog has."""
        return self._number("SELECT max(version) FROM schema_version")

    def counts(self, now_ns: int) -> dict[str, int]:
        """locks, leases (work that the collector waits for), uploads not committed, condemned blocks."""
        return {
            "locks": self._number("SELECT count(*) FROM lock WHERE expires_ns > ?", now_ns),
            "leases": self._number("SELECT count(*) FROM session_ WHERE expires_ns > ?", now_ns),
            "uploads": self._number("SELECT count(*) FROM upload WHERE expires_ns > ?", now_ns),
            "blocks_condemned": self._number("SELECT count(*) FROM block WHERE state <> 'stored'"),
        }

    def jobs(self) -> dict[str, int]:
        """How many jobs there are of each state."""
        return dict(self._sql.execute("SELECT state, count(*) FROM job GROUP BY state ORDER BY state"))

    def upkept(self) -> dict[str, Upkept]:
        """The last run of each kind of upkeep that was done ever."""
        rows = self._sql.execute("SELECT kind, at_ns, found FROM upkeep ORDER BY kind")
        return {kind: Upkept(at_ns, json.loads(found)) for kind, at_ns, found in rows}

    def _number(self, statement: str, *bindings: int) -> int:
        return int(self._sql.execute(statement, bindings).fetchall()[0][0])


def note_upkept(connection: Statements, kind: str, upkept: Upkept) -> None:
    """Note that upkeep of a kind was done, in the place of the last time."""
    connection.execute(
        "INSERT INTO upkeep (kind, at_ns, found) VALUES (?, ?, ?)"
        " ON CONFLICT (kind) DO UPDATE SET at_ns = excluded.at_ns, found = excluded.found",
        (kind, upkept.at_ns, json.dumps(upkept.found)),
    )
