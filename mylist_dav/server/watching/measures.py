"""What one worker counts of its requests, and how all workers of a server put their figures together.

Counting is on the way of every request, so it takes no lock and no system call: each thread counts in a cell of its
own. Once a second a thread of the worker leaves what was counted on a board (store/processes/boards.py); whoever is
asked for the figures of the server adds up the notes of all. A worker that is started in the place of one that died
goes on from the note of that one, so that no sum ever falls.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import get_ident
from typing import NamedTuple

from mylist_dav.errors import MylistError
from mylist_dav.model.spreads import SECONDS, Spread
from mylist_dav.store.processes.boards import Board, is_alive
from mylist_dav.wire.messages import Request

POST_SECONDS = 1.0
LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_log = logging.getLogger(__name__)

Key = tuple[str, ...]
"""The name of a figure and the values of its labels."""


class Notes(NamedTuple):
    """The figures of a worker. sums only grow; levels are of this moment; spreads are histograms.

    A spread is a list: the count of each range and then the sum of the values.
    """

    sums: dict[Key, float]
    levels: dict[Key, float]
    spreads: dict[Key, list[float]]

    def packed(self) -> bytes:
        """As JSON."""
        return json.dumps([[[list(key), value] for key, value in part.items()] for part in self]).encode()

    @classmethod
    def unpacked(cls, note: bytes) -> Notes:
        """The opposite of packed. What cannot be read is empty."""
        try:
            return cls(*({tuple(key): value for key, value in part} for part in json.loads(note)))
        except (ValueError, TypeError):
            return cls({}, {}, {})


def added(all_notes: Iterable[Notes]) -> Notes:
    """The sums and spreads of several workers together, and the levels of all: their keys differ."""
    whole = Notes({}, {}, {})
    for notes in all_notes:
        for key, value in notes.sums.items():
            whole.sums[key] = whole.sums.get(key, 0) + value
        whole.levels.update(notes.levels)
        for key, counts in notes.spreads.items():
            before = whole.spreads.get(key)
            whole.spreads[key] = (
                [a + b for a, b in zip(before, counts, strict=False)] if before is not None else list(counts)
            )
    return whole


class _Row:
    """The requests of one front end that ended in one status. ranges: how many took how long; see SECONDS."""

    __slots__ = ("in_bytes", "out_bytes", "ranges", "seconds")

    def __init__(self) -> None:
        self.ranges = [0] * (len(SECONDS) + 1)
        self.seconds = 0.0
        self.in_bytes = 0
        self.out_bytes = 0


_Cell = dict[type, dict[int, _Row]]


class Measures:
    """The counts of one worker.

    sources: what else is to be noted, each called once a second in a thread, adding to the notes it is given.
    """

    def __init__(self, sources: Iterable[Callable[[Notes], None]] = ()) -> None:
        self.sources = list(sources)
        self.lag = Spread(LAG_BOUNDS)
        self._now: _Cell = {}
        self._cells: dict[int, _Cell] = {}
        self._before = Notes({}, {}, {})
        self._board: Board | None = None
        self._failed = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    # -- counting ----------------------------------------------------------------------------------------------

    def count_now(self, request: Request, status: int, out_bytes: int) -> None:
        """One request was answered from memory: on the event loop alone, where it must cost next to nothing."""
        try:
            row = self._now[type(request.chosen)][status]
        except KeyError:
            row = self._now.setdefault(type(request.chosen), {}).setdefault(status, _Row())
        row.ranges[0] += 1
        row.out_bytes += out_bytes

    def count(self, request: Request, status: int, out_bytes: int, seconds: float) -> None:
        """One request was answered, in any thread. seconds: from the end of its header section."""
        cell = self._cells.get(get_ident())
        if cell is None:
            cell = self._cells.setdefault(get_ident(), {})
        rows = cell.get(type(request.chosen))
        if rows is None:
            rows = cell[type(request.chosen)] = {}
        row = rows.get(status)
        if row is None:
            row = rows[status] = _Row()
        row.out_bytes += out_bytes
        row.ranges[bisect_left(SECONDS, seconds)] += 1
        row.seconds += seconds
        if request.has_body:
            row.in_bytes += request.received_bytes or request.content_length or 0

    def notes(self) -> Notes:
        """What this worker has counted by now, with what one that died in its place had."""
        found = added([self._before._replace(levels={}), self._requests()])
        own = Notes({}, found.levels, {})
        own.spreads["loop_lag",] = [*self.lag.counts, self.lag.total]
        _note_process(own)
        for source in self.sources:
            source(own)
        return added([found, own])

    def _requests(self) -> Notes:
        notes = Notes({}, {}, {})
        for cell in [self._now, *self._cells.values()]:
            for kind, rows in list(cell.items()):
                for status, row in list(rows.items()):
                    _add_row(notes, front_end_name(kind), str(status), row)
        return notes

    # -- the board ---------------------------------------------------------------------------------------------

    def begin(self, board: Board) -> None:
        """Leave notes on a board from now on. To be called after any fork."""
        self._board = board
        taken = board.take_over()
        if taken is not None:
            self._before = Notes.unpacked(taken)
        board.clear()
        self._try_to_post()
        self._thread = threading.Thread(target=self._post_on, name="measures", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop leaving notes."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._board is not None:
            self._board.leave()

    def of_all(self) -> tuple[Notes, int]:
        """The figures of all workers of this server, those of others up to a second old; how many workers there are."""
        mine = self.notes()
        if self._board is None:
            return mine, 1
        found = self._board.notes()
        found.pop(os.getpid(), None)
        others = [
            Notes.unpacked(note) if is_alive(process) else Notes.unpacked(note)._replace(levels={})
            for process, note in found.items()
        ]
        return added([mine, *others]), 1 + sum(map(is_alive, found))

    def _post_on(self) -> None:
        while not self._ended.wait(POST_SECONDS):
            self._try_to_post()

    def _try_to_post(self) -> None:
        """A full disk is no reason to serve nothing; the log says once that the figures are old."""
        assert self._board is not None
        try:
            self._board.post(self.notes().packed())
            self._failed = False
        except MylistError as error:
            if not self._failed:
                _log.warning("figures for /metrics are not up to date: %s", error)
            self._failed = True


def front_end_name(kind: type) -> str:
    """DavFrontEnd is dav; what was refused before anybody was chosen is none."""
    if kind is type(None):
        return "none"
    return kind.__name__.removeprefix("Exposed").removesuffix("FrontEnd").lower()


def _add_row(notes: Notes, front_end: str, status: str, row: _Row) -> None:
    for key, value in (
        (("requests", front_end, status), sum(row.ranges)),
        (("received_bytes", front_end), row.in_bytes),
        (("sent_bytes", front_end), row.out_bytes),
    ):
        notes.sums[key] = notes.sums.get(key, 0) + value
    key = ("request_seconds", front_end)
    before = notes.spreads.get(key) or [0.0] * (len(row.ranges) + 1)
    notes.spreads[key] = [a + b for a, b in zip(before, [*row.ranges, row.seconds], strict=True)]


def _note_process(notes: Notes) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    process = str(os.getpid())
    notes.sums["cpu_seconds",] = used.ru_utime + used.ru_stime
    notes.levels["resident_bytes", process] = _resident_bytes()
    notes.levels["threads", process] = threading.active_count()


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):  # no Linux: the most there was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def add_spread(notes: Notes, key: Key, spread: Spread) -> None:
    """Note a spread."""
    notes.spreads[key] = [*spread.counts, spread.total]
