"""Counts of what is stored and sent."""

from __future__ import annotations

from typing import Literal

from mylist_dav.wire.documents import Told


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
