"""Exposures, as programs are told of them."""

from __future__ import annotations

from typing import Literal

from mylist_dav.wire.documents import Told


class Exposure(Told):
    """Where a flist is shown. Either host or prefix is set, the other null. at_jid: null follows the newest revision.

    visitors: who is on the list of mode keys (accounts, and keys as 64 hex digits); null in other modes.
    """

    host: str | None
    prefix: str | None
    flist: str
    at_jid: int | None
    mode: Literal["public", "secret", "keys"]
    listing: bool
    dav: Literal["off", "ro", "rw"]
    visitors: list[str] | None
    changed_ns: int


class Exposures(Told):
    """Hosts first."""

    exposures: list[Exposure]
    next: str | None
