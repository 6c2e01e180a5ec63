"""The audit, and counts of what is stored and sent."""

from __future__ import annotations

from typing import Any, Literal

from mylist_dav.wire.documents import Told


class AuditRow(Told):
    """What was done, by whom, from where. account: '' for the owner of the data directory and for guests.

    address: '' for local calls. repeats, size_bytes: of what is counted together.
    """

    audit_id: int
    at_ns: int
    account: str
    address: str
    request_id: str
    action: str
    flist: str
    detail: dict[str, Any]
    repeats: int
    size_bytes: int


class AuditRows(Told):
    """Newest first."""

    rows: list[AuditRow]
    next: str | None


class Traffic(Told):
    """Sums since counting began, of an account, a flist, or an exposure (its host name or prefix)."""

    kind: Literal["account", "flist", "exposure"]
    name: str
    requests: int
    up_bytes: int
    down_bytes: int
    stored_bytes: int


class TrafficTable(Told):
    """Accounts, flists, then exposures, each by name."""

    traffic: list[Traffic]
    next: str | None


class Stats(Told):
    """size_bytes: of all newest revisions; block_bytes: of all blocks, each counted once."""

    accounts: int
    flists: int
    entries: int
    size_bytes: int
    blocks: int
    block_bytes: int
