"""All connections of one worker: counted, and looked at once a second for those that have run out of time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.heads import date_lines
from mylist_dav.wire.dates import DateHeader


class Connection(Protocol):
    """What Connections needs to know of a connection."""

    def sweep(self, now: float) -> None:
        """End what has taken too long. now is of the clock `Connections.now` shows."""
        ...

    def stop(self) -> None:
        """Close as soon as no exchange runs."""
        ...

    def cut(self) -> None:
        """Close at once."""
        ...


class Connections:
    """The connections of a worker and what they share.

    One timer for all of them: a timer for each request would cost more than the rest of a small answer. `now` and
    `date_lines` are as fresh as the last sweep.
    """

    def __init__(self, exchanges: Exchanges) -> None:
        self.exchanges = exchanges
        self.runtime = exchanges.runtime
        self.front_end = exchanges.runtime.front_end
        self.limits = exchanges.runtime.limits
        self.share = exchanges.runtime.share
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        self.open: set[Connection] = set()
        self.now = 0.0
        self.date_lines = b""
        self._date = DateHeader(self.runtime.wall)
        self._emptied: asyncio.Future[None] = self.loop.create_future()
        self._timer: asyncio.TimerHandle
        self.look()

    def look(self) -> None:
        """One sweep; the next is a second later."""
        before, self.now = self.now, self.runtime.monotonic()
        if before:
            self.runtime.measures.lag.add(max(0.0, self.now - before - self.limits.sweep_seconds))
        self.date_lines = date_lines(self._date.encoded())
        for connection in tuple(self.open):
            connection.sweep(self.now)
        self._timer = self.loop.call_later(self.limits.sweep_seconds, self.look)

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False when there are too many, or the worker stops: then it is not counted."""
        if len(self.open) >= self.limits.connections or self.stopping:
            return False
        self.open.add(connection)
        self._count()
        return True

    def leave(self, connection: Connection) -> None:
        """A connection has ended."""
        self.open.discard(connection)
        self._count()
        if self.stopping and not self.open and not self._emptied.done():
            self._emptied.set_result(None)

    def _count(self) -> None:
        """Tell the other workers how many there are."""
        if self.share is not None:
            self.share.has_open(len(self.open))

    async def stop(self) -> None:
        """Close idle connections, and let running exchanges end within stop_seconds."""
        self.stopping = True
        for connection in tuple(self.open):
            connection.stop()
        if self.open:
            await asyncio.wait([self._emptied], timeout=self.limits.stop_seconds)

    def cut(self) -> None:
        """Cut what is left."""
        for connection in tuple(self.open):
            connection.cut()
        self._timer.cancel()
