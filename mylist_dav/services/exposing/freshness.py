"""What is exposed where, and at which revision: from memory, and never older than the last commit of anybody.

Each thread asks a pulse of its own whether the catalog has moved (about 1.5 µs, no lock, no waiting). Only then one row
of generations is read, and only what moved is dropped: the map when an exposure changed, else the heads, each of which
is read again when it is next asked for. One's own commits are seen like foreign ones, since the pulse has a connection
of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mylist_dav.model.exposures import Exposure
from mylist_dav.store.catalog import Pulse

_KIND = "exposures"


class Located(NamedTuple):
    """An exposure, and the names of the path below it."""

    exposure: Exposure
    names: tuple[str, ...]


class ExposureMap:
    """All exposures at one time. Immutable."""

    def __init__(self, exposures: Iterable[Exposure] = ()) -> None:
        self._hosts: dict[str, Exposure] = {}
        self._prefixes: dict[tuple[str, ...], Exposure] = {}
        for exposure in exposures:
            if exposure.host:
                self._hosts[exposure.host] = exposure
            else:
                self._prefixes[tuple(exposure.prefix.strip("/").split("/"))] = exposure
        self._longest = max(map(len, self._prefixes), default=0)

    def all(self) -> list[Exposure]:
        """Every exposure, hosts first."""
        return [*self._hosts.values(), *self._prefixes.values()]

    @property
    def any_host(self) -> bool:
        """Whether any host name has an exposure."""
        return bool(self._hosts)

    def at_host(self, host: str) -> Exposure | None:
        """The exposure of a host name (lower case, without port)."""
        return self._hosts.get(host)

    def locate(self, host: str, names: tuple[str, ...]) -> Located | None:
        """The exposure of the host, else that of the longest prefix of the path."""
        exposure = self._hosts.get(host)
        if exposure is not None:
            return Located(exposure, names)
        for length in range(min(len(names), self._longest), 0, -1):
            exposure = self._prefixes.get(names[:length])
            if exposure is not None:
                return Located(exposure, names[length:])
        return None


class Freshness:
    """The view of one thread. look() first, for each request; what it returned then goes with the jids."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._map = ExposureMap()
        self._generation = -1
        self._heads: dict[int, int | None] = {}
        self._behind = True

    def look(self) -> ExposureMap:
        """The exposures now; the same object as long as none has changed. Raises Busy: ask again, in another thread."""
        if self._pulse.moved() or self._behind:
            self._catch_up()
        return self._map

    def jid(self, exposure: Exposure) -> int | None:
        """The revision an exposure shows: the pinned one, or the head; None when its flist is gone."""
        if exposure.at_jid is not None:
            return exposure.at_jid
        flist_id = exposure.flist_id
        if flist_id not in self._heads:
            with self._pulse.reading() as view:
                self._heads[flist_id] = view.head_jid(flist_id)
        return self._heads[flist_id]

    def _catch_up(self) -> None:
        self._behind = True  # until all is read: an error on the way must not let old things pass for fresh
        self._heads.clear()
        with self._pulse.reading() as view:
            generation = view.generation(_KIND)
            if generation != self._generation:
                self._map = ExposureMap(view.exposures())
                self._generation = generation
        self._behind = False
