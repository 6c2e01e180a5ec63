"""One exchange on an HTTP/1.1 connection: the body that comes in, and the answer that goes out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from mylist_dav.errors import TooSlow
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import expects_continue
from mylist_dav.server.exchanges.heads import ONE_WRITE_BYTES, Framing, head_bytes
from mylist_dav.server.exchanges.streams import Pace, Pouring
from mylist_dav.wire.messages import Request, Response

if TYPE_CHECKING:
    from mylist_dav.server.engines.http1 import Http1Connection


class Http1Stream:
    """The Stream of exchange.py. `complete`: the whole request is here. `close`: the connection ends after it."""

    __slots__ = (
        "_chunked",
        "_chunks",
        "_connection",
        "_discarded_bytes",
        "_expects",
        "_failure",
        "_head",
        "_received_bytes",
        "_waiter",
        "buffered_bytes",
        "close",
        "complete",
        "discarding",
        "pace",
        "request",
        "task",
    )

    def __init__(self, connection: Http1Connection, request: Request, keep_alive: bool) -> None:
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._received_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._expects = request.has_body and expects_continue(request)
        self._head = b""
        self._chunked = False
        self.request = request
        self.close = not keep_alive
        self.complete = not request.has_body
        self.buffered_bytes = 0
        self.discarding = False
        self._discarded_bytes = 0
        self.pace = Pace(connection.shared.limits)
        self.task: asyncio.Task[None] | None = None

    # What the connection tells.

    def feed(self, data: bytes) -> None:
        """Bytes of the body have arrived."""
        size = len(data)
        self._received_bytes += size
        self.pace.arrived(size, self._connection.shared.now)
        if self.discarding:
            self._discarded_bytes += size
            self.pace.wait(self._connection.shared.now)
            self._connection.discarded(self._discarded_bytes)
            return
        self._chunks.append(data)
        self.buffered_bytes += size
        self._wake()

    def completed(self) -> None:
        """The body is whole."""
        self.complete = True
        self.pace.arrived(0, self._connection.shared.now)
        self._wake()

    def fail(self, error: Exception) -> None:
        """Nothing more will come: Gone, TooSlow, or the body is malformed. The first failure counts."""
        if self._failure is None:
            self._failure = error
            self.close = True
        self._wake()

    def discard(self) -> None:
        """The answer has gone out, and nobody wants the rest of the body."""
        self.discarding = True
        self._discarded_bytes = self.buffered_bytes
        self._chunks.clear()
        self.buffered_bytes = 0
        self.pace.wait(self._connection.shared.now)

    def check_pace(self, now: float) -> None:
        """Fail when the client sends the body too slowly."""
        try:
            self.pace.check(now)
        except TooSlow as error:
            self.fail(error)
            if self.discarding:
                self._connection.cut()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_body(self) -> bytes:
        """All of the body that has arrived."""
        if not self._chunks:
            return b""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.buffered_bytes = 0
        return body

    # What the exchange asks.

    async def read(self) -> bytes:
        """See Stream.read."""
        while not self._chunks:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._wait()
        data = self._chunks.popleft()
        self.buffered_bytes -= len(data)
        if not self._chunks:
            self._connection.pump()
        return data

    async def _wait(self) -> None:
        if self._expects:
            self._expects = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waiter = self._connection.shared.loop.create_future()
        self.pace.wait(self._connection.shared.runtime.monotonic())
        try:
            await self._waiter
        finally:
            self._waiter = None

    def begin(self, response: Response, framing: Framing) -> None:
        """See Stream.begin. Decides whether the connection goes on."""
        http_10 = self.request.http_version == "1.0"
        self._chunked = framing.body and framing.length is None and not http_10
        endless = framing.body and framing.length is None and http_10
        shared = self._connection.shared
        self.close = self.close or response.close or endless or shared.stopping or self._too_much_unread()
        self._head = head_bytes(self.request, response, framing, shared.date_lines, self.close)

    def _too_much_unread(self) -> bool:
        if self.complete:
            return False
        length = self.request.content_length
        unread = 0 if length is None else length - self._received_bytes
        return self._expects or unread > self._connection.shared.limits.drain_bytes

    def send(self, piece: Slice) -> int:
        """See Stream.send."""
        head, self._head = self._head, b""
        size = len(piece)
        if self._chunked:
            self._connection.write(b"".join((head, b"%x\r\n" % size, piece, b"\r\n")))
        elif size <= ONE_WRITE_BYTES:
            self._connection.write(b"".join((head, piece)))
        else:
            return self._connection.write_large(head, piece)
        return size

    def pouring(self) -> Pouring | None:
        """See Stream.pouring."""
        return None if self._chunked or self._head else self._connection.pouring()

    async def flushed(self, within_seconds: float | None) -> bool:
        """See Stream.flushed."""
        return await self._connection.flushed(within_seconds)

    async def end(self) -> None:
        """See Stream.end."""
        if self._chunked:
            self._connection.write(self._head + b"0\r\n\r\n")
        elif self._head:
            self._connection.write(self._head)
        self._head = b""
        await self._connection.flushed(None)

    def abort(self) -> None:
        """See Stream.abort."""
        self._connection.cut()
