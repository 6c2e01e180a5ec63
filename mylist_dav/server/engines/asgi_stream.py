"""One request and its response over ASGI, as a Stream of exchange.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mylist_dav.errors import TooSlow
from mylist_dav.server.engines.peer_sockets import Peer
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import expects_continue
from mylist_dav.server.exchanges.heads import Framing
from mylist_dav.server.exchanges.stall import Stall
from mylist_dav.server.exchanges.streams import Gone, Pace
from mylist_dav.wire.messages import Request, Response

if TYPE_CHECKING:
    from mylist_dav.server.engines.asgi import AsgiApplication

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SERVER_QUEUES = 4
"""How many messages of a body granian takes before one of them has been written."""
_UNSEEN_BYTES = 64 * 1024
"""With so much of a body in that queue it is waited for, because a client that takes none keeps all of it."""
AHEAD_BYTES = 1024 * 1024
"""The same for a client that has shown itself quick: it costs less to wait for four slices at once."""
_QUICK_TURNS = 8
"""So many waits in a row must have been short: more than a kernel takes for a client that reads nothing."""
_QUICK_SECONDS = 0.05
_NOTHING: Message = {"type": "http.response.body", "body": b"", "more_body": True}


class AsgiStream:
    """The Stream of one ASGI request."""

    def __init__(
        self, application: AsgiApplication, request: Request, peer: Peer, receive: Receive, send: Send
    ) -> None:
        self._application = application
        self._request = request
        self._peer = peer
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(application.limits)
        self._more = request.has_body
        self._slow: asyncio.Future[None] | None = None
        self._start: Message | None = None
        self._sending: asyncio.Future[None] | None = None
        self._stall = Stall(application.limits.write_stall_seconds)
        self._watch: asyncio.Future[None] | None = None
        self._left: int | None = None
        self._unseen_bytes = 0
        self._ahead_bytes = 0
        self._quick_turns = 0
        self._failed = False
        self.begun = False
        self.aborted = False

    async def read(self) -> bytes:
        """See Stream.read."""
        while self._more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise Gone
            self._more = message.get("more_body", False)
            body: bytes = message.get("body", b"")
            self._pace.arrived(len(body), self._application.now())
            if body:
                return body
        return b""

    async def _next(self) -> Message:
        self._pace.wait(self._application.now())
        self._slow = self._loop.create_future()
        receiving = asyncio.ensure_future(self._receive())
        both: list[asyncio.Future[Any]] = [receiving, self._slow]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            receiving.cancel()
            self._slow.result()  # raises
        self._slow.cancel()
        return receiving.result()

    def sweep(self, now: float) -> None:
        """Look whether the client is too slow, in either direction."""
        if self._slow is not None and not self._slow.done():
            try:
                self._pace.check(now)
            except TooSlow as error:
                self._slow.set_exception(error)
        elif self._sending is not None and not self._sending.done() and self._stalls(now):
            self._sending.cancel()

    def _stalls(self, now: float) -> bool:
        return self._stall.lasts_at(self._application.unsent_bytes(self._peer, now), now)

    def begin(self, response: Response, framing: Framing, request_id: str) -> None:
        """See Stream.begin."""
        self._start = self._application.head(response, framing, request_id)
        self._left = framing.length
        self._failed = self._failed or response.close

    def send(self, piece: Slice) -> int:
        """See Stream.send. The server takes all of it, as bytes of its own."""
        self._stall.begin(self._application.now())
        self._sending = asyncio.ensure_future(self._pass_on(bytes(piece)))
        return len(piece)

    async def _pass_on(self, piece: bytes) -> None:
        await self._send_start()
        size = len(piece)
        message: Message = {"type": "http.response.body", "body": piece, "more_body": True}
        del piece
        await self._send(message)
        del message
        await self._taken(size)

    async def _taken(self, size_bytes: int) -> None:
        """Wait until the server has written what it was given, but for a little, or for the end of a body.

        Granian says that it has sent what it has queued: six slices for a client that takes none. Empty messages fill
        its queue. It drops them, in their turn: when the last of them is in the queue, what was before the first is
        with the kernel. For another server they are nothing.
        """
        self._unseen_bytes += size_bytes
        if self._left is not None:
            self._left -= size_bytes
        if self._unseen_bytes < max(_UNSEEN_BYTES, self._ahead_bytes) or self._left == 0:
            return
        self._unseen_bytes = 0
        began = self._application.now()
        if self._watch is None and not self._more:
            self._watch = asyncio.ensure_future(self._left_early())
        for _ in range(_SERVER_QUEUES + 1):
            await self._send(_NOTHING)
        if self._watch is not None and self._watch.done():
            raise Gone
        self._judge(self._application.now() - began < _QUICK_SECONDS)

    def _judge(self, quick: bool) -> None:
        """Let a client that is quick have more on its way, while there is room for that."""
        self._quick_turns = self._quick_turns + 1 if quick else 0
        if not quick:
            self._fall_back()
        elif self._quick_turns >= _QUICK_TURNS and not self._ahead_bytes:
            self._ahead_bytes = AHEAD_BYTES if self._application.ahead.try_take(AHEAD_BYTES) else 0

    def _fall_back(self) -> None:
        taken_bytes, self._ahead_bytes = self._ahead_bytes, 0
        self._application.ahead.give_back(taken_bytes)

    async def _left_early(self) -> None:
        """Return when the client has left: what is sent after that, the server drops without a word."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._sending is not None:
            self._sending.cancel()

    def close(self) -> None:
        """The exchange is over."""
        self._fall_back()
        if self._watch is not None:
            self._watch.cancel()

    async def _send_start(self) -> None:
        """Send the header section, once. What is unread of a small body is read before: later it cannot be."""
        start, self._start = self._start, None
        if start is None:
            return
        if not await self._drained() and (b"connection", b"close") not in start["headers"]:
            start["headers"].append((b"connection", b"close"))
        self.begun = True
        await self._send(start)

    async def _drained(self) -> bool:
        """Whether nothing of the body is left, after reading up to drain_bytes of it."""
        left = self._application.limits.drain_bytes
        if self._failed or expects_continue(self._request) or (self._request.content_length or 0) > left:
            return not self._more
        with suppress(Gone, TooSlow):
            while left >= 0 and (dropped := await self.read()):
                left -= len(dropped)
        return not self._more

    async def flushed(self, within_seconds: float | None) -> bool:
        """See Stream.flushed. See _taken() for how far that is known."""
        sending = self._sending
        if sending is None:
            return True
        if not sending.done():
            await asyncio.wait([sending], timeout=within_seconds)
        if not sending.done():
            return False
        self._sending = None
        if sending.cancelled() or sending.exception() is not None:
            raise Gone
        return True

    async def end(self) -> None:
        """See Stream.end."""
        await self._send_start()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def abort(self) -> None:
        """See Stream.abort."""
        self.aborted = True
        if self._sending is not None:
            self._sending.cancel()
