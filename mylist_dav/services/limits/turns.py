"""Turns: heavy work of which a process does only so much at once, and for each account one thing at a time.

Nobody waits here. Whoever gets no turn asks again a little later, and holds no thread meanwhile; accounts come to their
turn in the order in which they have asked first, whatever they ask for and however often.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from mylist_dav.errors import LimitExceeded, Queued

PATIENCE_SECONDS = 3.0
"""An account that has not asked for so long is not waited for any more."""


class Turns:
    """room: how much may be under way, in any unit. What is larger than that goes alone. Thread-safe."""

    def __init__(self, room: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}  # accounts in their order, and when each has asked last
        self._running: dict[str, int] = {}

    def take(self, account: str, size: int) -> bool:
        """Whether the account may begin now; if so it gives the turn back at the end."""
        with self._lock:
            if not self._may_begin(account, size):
                return False
            del self._waiting[account]
            self._running[account] = size
            return True

    def must_wait(self, account: str, size: int) -> bool:
        """Whether the account has asked before, and would get no turn now; its place is kept."""
        with self._lock:
            known = account in self._running or account in self._waiting
            return known and not self._may_begin(account, size)

    def _may_begin(self, account: str, size: int) -> bool:
        now = self._monotonic()
        self._waiting = {
            one: at for one, at in self._waiting.items() if one == account or now - at < PATIENCE_SECONDS
        }
        if account in self._running:
            return False
        self._waiting[account] = now
        used = sum(self._running.values())
        return next(iter(self._waiting)) == account and not (used and used + size > self._room)

    def give_back(self, account: str) -> None:
        """The work is done. May be called twice."""
        with self._lock:
            self._running.pop(account, None)


HASHED_FREELY_BYTES = 16 * 1024 * 1024
"""So much is hashed without a turn: some hundredths of a second."""

HASHED_BYTES_MAX = 1024**4
"""Of one commit: some ten minutes, in which it holds a thread."""

HASHED_AT_ONCE = 2
"""In one process, which mostly has one core."""


class Hashing:
    """Whole contents that are hashed because a commit names them by their blocks."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns or Turns(HASHED_AT_ONCE)

    def require_no_wait(self, account: str, size_bytes_max: int) -> None:
        """Raises Queued for who waits already, if it is for as much: asking again is to cost next to nothing."""
        if size_bytes_max > HASHED_FREELY_BYTES and self._turns.must_wait(account, 1):
            raise _queued()

    @contextlib.contextmanager
    def turn(self, account: str, size_bytes: int) -> Iterator[None]:
        """For hashing so much. Raises Queued when it is the turn of others, LimitExceeded for what is too much."""
        if size_bytes > HASHED_BYTES_MAX:
            raise LimitExceeded(
                f"contents of {size_bytes} bytes would have to be hashed for one commit, and {HASHED_BYTES_MAX} are"
                " allowed: make several"
            )
        if size_bytes <= HASHED_FREELY_BYTES:
            yield
            return
        if not self._turns.take(account, 1):
            raise _queued()
        try:
            yield
        finally:
            self._turns.give_back(account)


def _queued() -> Queued:
    return Queued("contents of other commits are being hashed: ask again, your turn is kept for some seconds")
