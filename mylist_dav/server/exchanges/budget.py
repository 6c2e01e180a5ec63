"""Byte budgets of a process: for bodies that are being collected, and for blocks that are held for readers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Protocol


class HeldBytes:
    """A count of bytes that never passes its limit. Safe to use from many threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._free_bytes = limit_bytes
        self._lock = threading.Lock()

    def try_take(self, size_bytes: int) -> bool:
        """Take so many bytes if there is room."""
        with self._lock:
            if size_bytes > self._free_bytes:
                return False
            self._free_bytes -= size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Return what try_take took."""
        with self._lock:
            self._free_bytes += size_bytes


class Holder(Protocol):
    """Somebody who holds bytes of a BodyBudget and can pass them on before they make a whole piece."""

    held_bytes: int

    def hurry(self) -> None:
        """Pass on what is held, if that is possible now."""
        ...


class BodyBudget:
    """Bytes of request bodies that wait for a thread, all connections together. Used on the event loop only.

    Bytes are counted when they have arrived, so the limit can be passed by what the reads under way bring in. Whoever
    finds it full waits; meanwhile the largest holder passes its bytes on, so that slow clients keep nobody waiting.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._holders: dict[Holder, None] = {}
        self.used_bytes = 0

    @property
    def full(self) -> bool:
        """Whether nothing more should be read now."""
        return self.used_bytes >= self._limit_bytes

    def has_room_for_small(self, size_bytes: int) -> bool:
        """Whether so much more leaves half of the budget to those who can pass their bytes on."""
        return self.used_bytes + size_bytes <= self._limit_bytes // 2

    def enter(self, holder: Holder) -> None:
        """Begin to count for a holder."""
        self._holders[holder] = None

    def leave(self, holder: Holder) -> None:
        """The holder has gone; what it took it has given back."""
        self._holders.pop(holder, None)

    def take(self, size_bytes: int) -> None:
        """Count bytes that have arrived."""
        self.used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Bytes were passed on or dropped; wakes those who wait."""
        self.used_bytes -= size_bytes
        while self._waiting and not self.full:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return

    async def room(self) -> None:
        """Wait until there is room. Who waits longest comes first."""
        while self.full:
            largest = max(self._holders, key=lambda holder: holder.held_bytes, default=None)
            if largest is not None:
                largest.hurry()
            if not self.full:
                break
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._wake_next()

    def _wake_next(self) -> None:
        """There may be room for one more: each who is let in lets in the next."""
        while self._waiting and not self.full:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return
