"""What is exposed where, and at which revision: from memory, and never older than the last commit of anybody.

The map is asked for by every request, also by those for no exposure, and so it is believed as long as the generation of
the exposures is the same, which is a look at shared memory. Heads change with every commit: as long as there is none,
that is such a look too. Else the pulse of the thread says whether the catalog has moved (about 1.5 µs, no lock, no
waiting), and then each head is read again when it is next asked for. One's own commits are seen like foreign ones,
since the pulse has a connection of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mylist_dav.model.exposures import Exposure
from mylist_dav.store.catalog import Cached, Pulse


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
        self._generation = pulse.generations.watch(Cached.EXPOSURES)
        self._map = ExposureMap()
        self._of_map: int | None = None  # the generation of the map, as the catalog counts
        self._settled: int | None = None  # as the shared memory counts; None: what we have may be old
        self._commits = pulse.generations.watch(Cached.ALL)
        self._heads: dict[int, int | None] = {}
        self._of_heads: int | None = None

    def look(self) -> ExposureMap:
        """The exposures now; the same object as long as none has changed. Raises Busy: ask again, in another thread."""
        settled = self._generation()
        if settled is None or settled != self._settled:
            self._settled = None  # until all is read: after an error nothing old passes for fresh
            self._catch_up()
            self._settled = settled
        return self._map

    def jid(self, exposure: Exposure) -> int | None:
        """The revision an exposure shows: the pinned one, or the head; None when its flist is gone. Raises Busy."""
        if exposure.at_jid is not None:
            return exposure.at_jid
        flist_id = exposure.flist_id
        commits = self._commits()
        if commits is None or commits != self._of_heads:
            self._of_heads = None
            if self._pulse.moved():
                self._heads.clear()
            self._of_heads = commits
        if flist_id not in self._heads:
            with self._pulse.reading() as view:
                self._heads[flist_id] = view.head_jid(flist_id)
        return self._heads[flist_id]

    def _catch_up(self) -> None:
        with self._pulse.reading() as view:
            generation = view.generation(Cached.EXPOSURES)
            if generation != self._of_map:
                self._map = ExposureMap(view.exposures())
                self._of_map = generation
