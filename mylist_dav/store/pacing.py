"""Slices of long work, cut by time: each holds the one writer of the catalog briefly, and leaves room after it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SLICE_SECONDS = 0.04
REST_SHARE = 0.5
REST_SECONDS_MIN = 0.002
_FIRST_ROWS = 200
_ROWS_MAX = 20_000


class Pace:
    """Cuts work into slices of about SLICE_SECONDS. For one thread."""

    def __init__(
        self, timer: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep
    ) -> None:
        """timer: seconds, ascending. wait: lets so many seconds pass."""
        self._timer = timer
        self._wait = wait
        self._rows = _FIRST_ROWS

    @property
    def rows(self) -> int:
        """How many rows a slice should have now."""
        return self._rows

    def slices(self, rows: Iterable[T]) -> Iterator[list[T]]:
        """The rows in lists that the caller works off one by one; between them it rests, so that others come in."""
        source = iter(rows)
        while piece := list(itertools.islice(source, self._rows)):
            began = self._timer()
            yield piece
            self.rest(self._timer() - began, len(piece))

    def rest(self, seconds: float, rows: int) -> None:
        """So many rows took so long: wait a share of it, and cut the next slice to fit."""
        wanted = self._rows * 2 if rows >= self._rows else self._rows
        fitting = int(rows * SLICE_SECONDS / seconds) if seconds > 0 else wanted
        self._rows = max(1, min(wanted, fitting, _ROWS_MAX))
        self._wait(max(seconds * REST_SHARE, REST_SECONDS_MIN))
