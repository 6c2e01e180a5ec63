"""Whether this server can do its work, and the figures of those who watch it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from mylist_dav.errors import MylistError, Unauthenticated
from mylist_dav.model.actors import Actor
from mylist_dav.services.rights import require_admin
from mylist_dav.services.upkeep.checks import VERIFY
from mylist_dav.settings import HealthSettings
from mylist_dav.store.catalog import Catalog, Upkept
from mylist_dav.store.processes.stopping import StopSign
from mylist_dav.store.room import Room, room_at

KEPT_SECONDS = 1.0
"""A look at the disk and the catalog serves all who ask within so long."""

TOTALS_SECONDS = 60.0
"""The same for what reads the row of every block."""

_SECOND_NS = 1_000_000_000


class Health(NamedTuple):
    """What was found. problem: why the catalog cannot be read, '' if it can. stopped: why no write is acknowledged.

    short: the disk has less room than the settings ask for. upkept: the last run of each kind of upkeep, to its end.
    doors_lost: how many sockets for JSON-RPC nobody answers, though somebody should.
    """

    problem: str
    stopped: str
    short: bool
    room: Room | None
    schema_version: int
    upkept: dict[str, Upkept]
    doors_lost: int = 0

    @property
    def verified(self) -> Upkept | None:
        """The last whole re-reading of all blocks."""
        return self.upkept.get(VERIFY)

    @property
    def is_ready(self) -> bool:
        """Whether what is stored can be read."""
        return not self.problem

    @property
    def takes_writes(self) -> bool:
        return self.is_ready and not self.stopped

    @property
    def status(self) -> str:
        """One word: unavailable, read-only, short-of-room, doors-lost, damaged (a block was found bad), ok."""
        if not self.is_ready:
            return "unavailable"
        if self.stopped:
            return "read-only"
        if self.short:
            return "short-of-room"
        if self.doors_lost:
            return "doors-lost"
        return "damaged" if self.verified is not None and self.verified.found.get("bad") else "ok"


class Figures(NamedTuple):
    """Counts over the whole data directory. totals: of flists and blocks, up to a minute old."""

    health: Health
    counts: dict[str, int]
    jobs: dict[str, int]
    totals: dict[str, int]
    intake_bytes: int


class Watch:
    """Looks at the data directory for who watches. Thread-safe.

    doors_lost: set by a server that has doors, which are nothing of the data directory.
    """

    def __init__(
        self,
        catalog: Catalog,
        stop_sign: StopSign,
        root: Path,
        settings: HealthSettings,
        clock: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._stop_sign = stop_sign
        self._root = root
        self._settings = settings
        self._networks = [ip_network(text) for text in settings.metrics_from]
        self._clock = clock
        self.doors_lost: Callable[[], int] = lambda: 0
        self._lock = threading.Lock()
        self._totals_lock = threading.Lock()
        self._health: Health | None = None
        self._looked_ns = 0
        self._totals: dict[str, int] | None = None
        self._totalled_ns = 0

    def health(self) -> Health:
        """How it is, or was within the last second. For everybody: what a stranger may know of it is its status."""
        with self._lock:
            now_ns = self._clock()
            age_ns = now_ns - self._looked_ns
            if self._health is None or not 0 <= age_ns < KEPT_SECONDS * _SECOND_NS:
                self._health, self._looked_ns = self._look(), now_ns
            return self._health._replace(stopped=self._stopped())

    def details(self, actor: Actor) -> Health:
        """All that was found. Raises Unauthenticated, Forbidden."""
        require_admin(actor)
        return self.health()

    def figures(self) -> Figures:
        """The figures; who may read them is asked before, by require_reader. Raises Busy, ..."""
        now_ns = self._clock()
        with self._catalog.view() as view:
            counts, jobs = view.figures.counts(now_ns), view.figures.jobs()
            intake_bytes = view.intake_span()[0]
        return Figures(self.health(), counts, jobs, self._totals_by(now_ns), intake_bytes)

    def require_reader(self, actor: Actor | None, address: str, *, hops: bool) -> None:
        """Refuse whoever may not read figures: not an admin, and not from a network of the settings.

        hops: the request came through a proxy that is not trusted, so that its address says nothing.
        Raises Unauthenticated, Forbidden.
        """
        if actor is not None:
            require_admin(actor)
        elif hops or not self._is_near(address):
            raise Unauthenticated("the figures of this server are for admins: send a token")

    def _totals_by(self, now_ns: int) -> dict[str, int]:
        with self._totals_lock:
            age_ns = now_ns - self._totalled_ns
            if self._totals is None or not 0 <= age_ns < TOTALS_SECONDS * _SECOND_NS:
                self._totals, self._totalled_ns = self._total(), now_ns
            return self._totals

    def _total(self) -> dict[str, int]:
        with self._catalog.view() as view:
            return view.totals()

    def _look(self) -> Health:
        try:
            with self._catalog.view(wait=False) as view:
                version, upkept = view.figures.schema_version(), view.figures.upkept()
            problem = ""
        except MylistError as error:
            version, upkept, problem = 0, {}, str(error)
        try:
            room = room_at(self._root)
        except MylistError as error:
            return Health(problem or str(error), self._stopped(), False, None, version, upkept)
        is_short = self._is_short(room)
        return Health(problem, self._stopped(), is_short, room, version, upkept, self.doors_lost())

    def _stopped(self) -> str:
        return (self._stop_sign.reason or "no reason is recorded") if self._stop_sign.is_set else ""

    def _is_short(self, room: Room) -> bool:
        settings = self._settings
        few_inodes = room.total_inodes > 0 and room.free_inodes < settings.free_inodes_min
        return few_inodes or room.free_bytes < settings.free_bytes_min

    def _is_near(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return any((mapped or parsed) in network for network in self._networks)
