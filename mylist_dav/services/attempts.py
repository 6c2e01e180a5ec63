"""How often an address may guess wrong. In the memory of one process, and no more of it than was allowed.

Unlike a rate this counts failures alone: whoever knows the phrase may ask as often as there is something to ask for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from mylist_dav.errors import TooMany
from mylist_dav.services.rates import origin

BURST = 8
"""Wrong guesses that nobody has to wait for: people mistype."""

SECONDS_EACH = 30
"""After that, one guess in so many seconds."""

ADDRESSES_MAX = 4096
_SECOND_NS = 1_000_000_000


class Attempts:
    """A bucket for each address, which fills with wrong guesses and leaks. Thread-safe.

    When there are too many addresses, those that have been quiet for longest are forgotten.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        """clock: nanoseconds."""
        self._clock = clock
        self._levels: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Raises TooMany while the bucket is full."""
        with self._lock:
            self._level(origin(address))

    def charge(self, address: str) -> None:
        """Count a guess before it is judged. Raises TooMany while the bucket is full."""
        key = origin(address)
        with self._lock:
            level, now_ns = self._level(key)
            self._levels.pop(key, None)
            self._levels[key] = level + 1, now_ns
            while len(self._levels) > ADDRESSES_MAX:
                del self._levels[next(iter(self._levels))]

    def refund(self, address: str) -> None:
        """The guess that was counted was right, or was not judged."""
        key = origin(address)
        with self._lock:
            if key in self._levels:
                level, since_ns = self._levels[key]
                self._levels[key] = max(level - 1, 0), since_ns

    def _level(self, key: str) -> tuple[float, int]:
        now_ns = self._clock()
        level, since_ns = self._levels.get(key, (0.0, now_ns))
        level = max(level - max(now_ns - since_ns, 0) / (SECONDS_EACH * _SECOND_NS), 0)
        if level > BURST - 1:
            seconds = math.ceil((level - (BURST - 1)) * SECONDS_EACH)
            raise TooMany("there were too many wrong attempts from your address; wait a little", seconds)
        return level, now_ns
