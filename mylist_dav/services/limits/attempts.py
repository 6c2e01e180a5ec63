"""How often an address may guess wrong.

Unlike a rate this counts failures alone: whoever knows the phrase may ask as often as there is something to ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from mylist_dav.errors import TooMany
from mylist_dav.services.limits.rates import origin
from mylist_dav.store.processes.tries import MemoryTries, Tries

BURST = 8
"""Wrong guesses that nobody has to wait for: people mistype."""

SECONDS_EACH = 30
"""After that, one guess in so many seconds."""

_EACH_NS = SECONDS_EACH * 1_000_000_000


class Attempts:
    """A bucket for each address, which fills with wrong guesses and leaks. Thread-safe.

    What is kept for an address is the time at which its bucket will be empty.
    """

    def __init__(self, clock: Callable[[], int], counted: Tries | None = None) -> None:
        """clock: nanoseconds. counted: shared by all processes or not."""
        self._clock = clock
        self._counted = counted or MemoryTries()

    def check(self, address: str) -> None:
        """Raises TooMany while the bucket is full."""
        self._step(address, lambda empty_at_ns: self._with_room(empty_at_ns) and empty_at_ns)

    def charge(self, address: str) -> None:
        """Count a guess before it is judged. Raises TooMany while the bucket is full."""
        self._step(address, lambda empty_at_ns: self._with_room(empty_at_ns) + _EACH_NS)

    def refund(self, address: str) -> None:
        """The guess that was counted was right, or was not judged."""
        self._step(address, lambda empty_at_ns: max(empty_at_ns - _EACH_NS, 0))

    def _step(self, address: str, step: Callable[[int], int]) -> None:
        self._counted.step(b"guess\0" + origin(address).encode(errors="replace"), step)

    def _with_room(self, empty_at_ns: int) -> int:
        """When the bucket will be empty, now at the earliest. Raises TooMany when nothing more goes in."""
        now_ns = self._clock()
        filled_ns = min(max(empty_at_ns - now_ns, 0), BURST * _EACH_NS)  # more only if the clock was set back
        over_ns = filled_ns - (BURST - 1) * _EACH_NS
        if over_ns > 0:
            seconds = math.ceil(over_ns / 1e9)
            raise TooMany("there were too many wrong attempts from your address; wait a little", seconds)
        return now_ns + filled_ns
