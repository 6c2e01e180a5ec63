"""How often an address may guess. In the memory of one process, and no more of it than was allowed."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections.abc import Callable

from mylist_dav.errors import TooMany

BURST = 8
"""Wrong guesses that nobody has to wait for: people mistype."""

SECONDS_EACH = 30
"""After that, one guess in so many seconds."""

ADDRESSES_MAX = 4096
_SECOND_NS = 1_000_000_000


class Attempts:
    """A bucket for each address, which fills with wrong guesses and leaks. Thread-safe.

    An IPv6 address counts as its /64, all of which one customer has. When there are too many addresses, those that
    have been quiet for longest are forgotten.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        """clock: nanoseconds."""
        self._clock = clock
        self._levels: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Raises TooMany while the bucket is full."""
        with self._lock:
            self._level(_counted_as(address))

    def charge(self, address: str) -> None:
        """Count a guess before it is judged. Raises TooMany while the bucket is full."""
        key = _counted_as(address)
        with self._lock:
            level, now_ns = self._level(key)
            self._levels.pop(key, None)
            self._levels[key] = level + 1, now_ns
            while len(self._levels) > ADDRESSES_MAX:
                del self._levels[next(iter(self._levels))]

    def refund(self, address: str) -> None:
        """The guess that was counted was right, or was not judged."""
        key = _counted_as(address)
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


def _counted_as(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # of a local socket, perhaps: all that have none count together
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
