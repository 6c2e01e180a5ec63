"""The figures of all workers, and of the data directory, as the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from mylist_dav import __version__
from mylist_dav.model.spreads import SECONDS, SIZES
from mylist_dav.server.watching.measures import LAG_BOUNDS, Measures, Notes, add_spread
from mylist_dav.services.opening import Library
from mylist_dav.services.upkeep.health import Figures

PREFIX = "mylist_"

_SUMS = {
    "requests": ("Requests that were answered.", ("front_end", "status")),
    "received_bytes": ("Bytes of request bodies.", ("front_end",)),
    "sent_bytes": ("Bytes of bodies of answers, as far as they were sent.", ("front_end",)),
    "block_cache": ("Blocks that were asked for, by whether they were in memory.", ("result",)),
    "cpu_seconds": ("Time of the processor that the workers used.", ()),
}
_LEVELS = {
    "resident_bytes": ("Memory of a worker.", ("process",)),
    "threads": ("Threads of a worker.", ("process",)),
    "block_cache_bytes": ("Memory that a worker holds blocks in.", ("process",)),
    "calls_running": ("Calls that a worker has handed to its threads and that have not ended.", ("process",)),
    "call_threads": ("Threads of a worker for such calls; more calls than these wait.", ("process",)),
    "doors": (
        "Sockets for JSON-RPC: answered, and lost: those that should be answered and are not.",
        ("process", "state"),
    ),
}
_SPREADS = {
    "request_seconds": (
        "From the end of a header section to the end of the answer.",
        ("front_end",),
        SECONDS,
    ),
    "commit_changes": ("Changes of the catalog that shared one sync.", (), SIZES),
    "commit_seconds": ("Time of a transaction with its sync.", (), SECONDS),
    "write_wait_seconds": ("Time that transactions waited for other processes.", (), SECONDS),
    "loop_lag": ("By how much the event loop was late, looked at once a second.", (), LAG_BOUNDS),
}
_COUNTS = {
    "locks": "WebDAV locks.",
    "leases": "Work that the collector waits for.",
    "uploads": "Blocks that accounts have brought and not committed yet.",
    "blocks_condemned": "Blocks that nothing refers to, and that wait to be deleted.",
    "accounts": "Accounts.",
    "flists": "Flists.",
    "entries": "Entries of the heads of all flists.",
    "size_bytes": "Size of the heads of all flists.",
    "blocks": "Blocks that are stored.",
    "block_bytes": "Their size.",
}


def note_library(library: Library, notes: Notes) -> None:
    """What the stores of a worker have counted."""
    blocks, writes = library.blocks, library.catalog.writes
    notes.sums["block_cache", "hit"] = blocks.hits
    notes.sums["block_cache", "miss"] = blocks.misses
    add_spread(notes, ("commit_changes",), writes.group_changes)
    add_spread(notes, ("commit_seconds",), writes.seconds)
    add_spread(notes, ("write_wait_seconds",), writes.waited_seconds)
    process = next(key[1] for key in notes.levels if key[0] == "resident_bytes")
    notes.levels["block_cache_bytes", process] = blocks.kept_bytes


def lost_doors(measures: Measures) -> int:
    """How many sockets for JSON-RPC no worker answers, though one should."""
    notes, _ = measures.of_all()
    return int(sum(count for key, count in notes.levels.items() if (key[0], key[-1]) == ("doors", "lost")))


def metrics_text(measures: Measures, figures: Figures) -> tuple[str, bytes]:
    """The content type and the text (Prometheus text format, version as the type says)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(measures, figures))
    return CONTENT_TYPE_LATEST, generate_latest(registry)


class _Found(Collector):
    """What was found, for one answer."""

    def __init__(self, measures: Measures, figures: Figures) -> None:
        self._notes, self._workers = measures.of_all()
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        yield from _of_workers(self._notes)
        yield from _of_directory(self._figures)
        yield _gauge("workers", "Worker processes that are there.", self._workers)
        build = GaugeMetricFamily(f"{PREFIX}build", "The version that runs.", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build


def _of_workers(notes: Notes) -> Iterator[Metric]:
    for name, (about, labels) in _SUMS.items():
        counter = CounterMetricFamily(PREFIX + name, about, labels=labels)
        for key, value in sorted(notes.sums.items()):
            if key[0] == name:
                counter.add_metric(key[1:], value)
        yield counter
    for name, (about, labels) in _LEVELS.items():
        level = GaugeMetricFamily(PREFIX + name, about, labels=labels)
        for key, value in sorted(notes.levels.items()):
            if key[0] == name:
                level.add_metric(key[1:], value)
        yield level
    for name, (about, labels, bounds) in _SPREADS.items():
        full_name = f"{PREFIX}{name}" if name != "loop_lag" else f"{PREFIX}event_loop_lag_seconds"
        spread = HistogramMetricFamily(full_name, about, labels=labels)
        for key, counts in sorted(notes.spreads.items()):
            if key[0] == name and len(counts) == len(bounds) + 2:
                spread.add_metric(key[1:], buckets(bounds, counts[:-1]), counts[-1])
        yield spread


def buckets(bounds: tuple[float, ...], counts: list[float]) -> list[tuple[str, float]]:
    """Counts of ranges as counts of all that is at most each bound."""
    names = [*map(str, bounds), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))


def _of_directory(figures: Figures) -> Iterator[Metric]:
    health = figures.health
    found = {**figures.counts, **figures.totals}
    yield from (_gauge(name, about, found[name]) for name, about in _COUNTS.items())
    jobs = GaugeMetricFamily(f"{PREFIX}jobs", "Jobs that are remembered, by their state.", labels=("state",))
    for state, number in figures.jobs.items():
        jobs.add_metric((state,), number)
    yield jobs
    yield _gauge("intake_bytes", "Small blocks in the catalog that wait to be filed.", figures.intake_bytes)
    yield _gauge("ready", "1 while what is stored can be read.", health.is_ready)
    yield _gauge("takes_writes", "0 when writes are stopped.", health.takes_writes)
    if health.room is not None:
        yield _gauge("disk_free_bytes", "Room on the disk of the data directory.", health.room.free_bytes)
        yield _gauge("disk_free_inodes", "Files that may still be made there.", health.room.free_inodes)
    ended = GaugeMetricFamily(
        f"{PREFIX}upkeep_timestamp_seconds", "When upkeep was last done to its end.", labels=("kind",)
    )
    found_last = GaugeMetricFamily(f"{PREFIX}upkeep_found", "What it counted.", labels=("kind", "what"))
    for kind, one in health.upkept.items():
        ended.add_metric((kind,), one.at_ns / 1e9)
        for what, number in one.found.items():
            found_last.add_metric((kind, what), number)
    yield from (ended, found_last)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, about, value=float(value))
