"""Whether what a cache has read of the catalog still holds: asked of memory that all processes share.

For each kind of thing that is cached there is a number. It is odd while a change of such things is being committed, and
another even one afterwards (a seqlock, with the pen of turns.py as its lock). So whoever reads the number first, then
the catalog, and later finds the same even number, has what is there now. A process that dies in the middle leaves an
odd number behind: until the next change of this kind everybody reads the catalog each time, which is slow and right.

For single kinds the same is counted in the table `generation`, in the transaction of the change itself: those who must
read the catalog anyway see there whether they have to read all of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

from mylist_dav.store.disk import turned
from mylist_dav.store.processes.shared_pages import SharedPage

_NUMBER = struct.Struct("=q")


class Cached(IntEnum):
    """What is cached."""

    EXPOSURES = 0
    RIGHTS = 1
    """Who holds a token, and what accounts and tokens may."""

    ALL = 2
    """Anything: what every commit changes."""


class Generations:
    """The numbers of one catalog. Any thread may read them; they are written by whoever has the pen."""

    def __init__(self, path: Path) -> None:
        """path: of the file; made when needed. Raises MylistError."""
        self._page = SharedPage(path)
        self._numbers = memoryview(self._page.memory).cast("q")

    def watch(self, kind: Cached) -> Callable[[], int | None]:
        """What gives the number of a kind, to be compared later. It costs 0.2 µs, for every request asks.

        It gives None while things of this kind are being changed, and after close: what is read now may not be kept.
        """
        numbers, place = self._numbers, int(kind)

        def settled() -> int | None:
            try:
                number = numbers[place]
            except ValueError:  # closed
                return None
            return None if number & 1 else number

        return settled

    def begin(self, kinds: Collection[Cached]) -> None:
        """Things of these kinds are about to be changed. Raises MylistError: then they must not be."""
        try:
            for kind in kinds:
                self._write(kind, self._numbers[kind] | 1)
        except OSError as error:
            raise turned(error, "write to the data directory") from error

    def end(self, kinds: Collection[Cached]) -> None:
        """They have been, or not: others see it from here on."""
        with suppress(OSError):  # then nobody trusts what he has
            for kind in kinds:
                self._write(kind, (self._numbers[kind] | 1) + 1)

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._page.close()

    def _write(self, kind: Cached, number: int) -> None:
        self._page.write(_NUMBER.pack(number), kind * _NUMBER.size)
