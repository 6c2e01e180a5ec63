"""HTTP/1.1 over an asyncio transport, with llhttp as the parser: the connections of the default engine.

An answer from memory costs no task and no coroutine: it is made and written inside the callback of the parser. A small
request is asked for in a thread, and its answer, if it is small too, is written when the thread is done. All else runs
as one task an exchange (exchange.py) over Http1Stream. Answers go out in the order of the requests; while
one is being made, what else the client has sent stays unparsed, and the connection is not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import cast

from mylist_dav.errors import MylistError, TooSlow
from mylist_dav.server.engines.connections import Connections
from mylist_dav.server.engines.http1_stream import Http1Stream
from mylist_dav.server.engines.parsing import FEED_BYTES, RequestParser
from mylist_dav.server.engines.sockets import reset_at_close
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import Asked
from mylist_dav.server.exchanges.heads import ONE_WRITE_BYTES, framing_of, head_bytes
from mylist_dav.server.exchanges.runtime import log, new_request_id
from mylist_dav.server.exchanges.stall import Stall, unsent_bytes
from mylist_dav.server.exchanges.streams import Gone, Pouring
from mylist_dav.wire.messages import Request, Response

_BODY_AHEAD_BYTES = 64 * 1024
"""How much of a body may lie parsed and not yet fetched by its exchange."""
_WRITE_HIGH_BYTES, _WRITE_LOW_BYTES = 64 * 1024, 16 * 1024
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Http1Connection(RequestParser, asyncio.Protocol):
    """One connection. Everything happens on the event loop.

    The slow path has one current exchange; requests that were parsed behind it wait in a queue, which one feed of the
    parser bounds. A deaf connection parses nothing more; it closes when what it has accepted is answered.
    """

    def __init__(self, shared: Connections, scheme: str = "http", stays: bool = False) -> None:
        """stays: it was passed to this worker by another, and is not passed on again."""
        super().__init__(shared.limits, scheme)
        self.shared = shared
        self._stays = stays
        self._transport: asyncio.Transport
        self._descriptor = -1
        self._current: Http1Stream | None = None
        self._receiving: Http1Stream | None = None
        self._queue: deque[Http1Stream] = deque()
        self._held: deque[memoryview] = deque()
        self._head_since = 0.0
        self._idle_since = 0.0
        self._idle_seconds = shared.limits.header_timeout_seconds
        self._linger_until = 0.0
        self._flush_waiter: asyncio.Future[None] | None = None
        self._stall = Stall(shared.limits.write_stall_seconds)
        self._parsing = False
        self._reading = True
        self._unread = False
        self._write_paused = False
        self._ended = False
        self._closing = False
        self._closed = False

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # that of uvloop is no subclass
        self._descriptor = transport.get_extra_info("socket").fileno()
        share = self.shared.share
        if share is not None and not self._stays and share.pass_on(self._descriptor):
            self._deaf = self._closing = True
            transport.abort()  # which closes it here, and tells the client nothing
            return
        if not self.shared.admit(self):
            self._deaf = self._closing = True
            if not self.shared.stopping:
                transport.write(_TOO_MANY)
            transport.close()
            return
        transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES, low=_WRITE_LOW_BYTES)
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if isinstance(peer, tuple) else ""
        self._idle_since = self.shared.now

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = self._closing = self._deaf = True
        self._held.clear()
        self._queue.clear()
        if self._current is not None:
            self._current.fail(Gone())
        self._wake_flush()
        self.shared.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return  # what is still sent to a closing connection is dropped
        if self._held or len(data) > FEED_BYTES or not self._takes_more():
            self._held.append(memoryview(data))
            self.pump()
        else:
            self._feed(data)
            if self._held:
                self.pump()

    def eof_received(self) -> bool:
        """The client sends no more; it may still wait for answers, so the transport stays open."""
        self._ended = True
        if self._closing:
            self._transport.close()
        else:
            self._advance()
        return True

    def pause_writing(self) -> None:
        self._write_paused = True
        self._stall.begin(self.shared.now)

    def resume_writing(self) -> None:
        self._write_paused = False
        self._wake_flush()
        if self._current is None and not self._closing:
            self._advance()

    # What comes in.

    def _takes_more(self) -> bool:
        """Whether the parser may go on: not past the end of a request that is being answered."""
        current = self._current
        if current is None:
            return not self._write_paused
        return current is self._receiving and current.buffered_bytes < _BODY_AHEAD_BYTES

    def pump(self) -> None:
        """Parse what was held back, as far as may be now; read from the client only while nothing is held."""
        if self._parsing:
            return
        while self._held and not self._deaf and self._takes_more():
            view = self._held.popleft()
            if len(view) > FEED_BYTES:
                self._held.appendleft(view[FEED_BYTES:])
                view = view[:FEED_BYTES]
            self._feed(view)
        if self._ended and not self._held and self._receiving is not None:
            broken, self._receiving = self._receiving, None
            broken.fail(Gone())
            if broken.discarding:  # answered before: nobody is left who would end the exchange
                self._current = None
                self._close_when_done()
        self._read_on(not self._held)

    def _read_on(self, wanted: bool) -> None:
        if wanted is self._reading or self._ended or self._closed or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _feed(self, data: bytes | memoryview) -> None:
        self._parsing = True
        rest = self.parse(data)
        self._parsing = False
        if rest:
            self._held.appendleft(memoryview(rest))
        if self._queue or self._deaf:
            self._start_queued()
            self._close_when_done()

    # What the parser tells.

    def head_begins(self) -> None:
        self._in_head = True
        self._head_since = self.shared.now

    def body_begins(self, request: Request, keep_alive: bool) -> None:
        self._receiving = Http1Stream(self, request, keep_alive)
        self._queue.append(self._receiving)

    def body_arrived(self, data: bytes) -> None:
        if self._receiving is not None:
            self._receiving.feed(data)

    def body_complete(self) -> None:
        stream, self._receiving = self._receiving, None
        if stream is None:
            return
        stream.completed()
        if stream.discarding:
            self._current = None
            self._idle_since = self.shared.now

    def body_broke(self, error: MylistError) -> None:
        if self._receiving is not None:
            self._receiving.fail(error)
            self._unread = True
            self._receiving = None

    def request_complete(self, request: Request, keep_alive: bool) -> None:
        """Answered here and now if the front end can."""
        if self._current is not None or self._queue or self._write_paused:
            self._queue.append(Http1Stream(self, request, keep_alive))
            return
        response = self._ask(request)
        if response is not None and isinstance(response.body, bytes):
            self._answer(request, response, keep_alive)
        else:
            self._run(Http1Stream(self, request, keep_alive), response)

    # What goes out.

    def _ask(self, request: Request) -> Response | None:
        try:
            return self.shared.front_end.answer_now(request)
        except Exception as error:  # noqa: BLE001 the border: whatever the front end raised becomes an answer
            return self.shared.runtime.render(request, error)

    def _answer(self, request: Request, response: Response, keep_alive: bool) -> None:
        """Write an answer from memory."""
        sent_bytes = self._write_whole(request, response, keep_alive)
        runtime = self.shared.runtime
        if runtime.access_log is not None:
            runtime.note(request, response, sent_bytes, runtime.monotonic())
            return
        runtime.measures.count_now(request, response.status, sent_bytes)
        if response.meter is not None:
            response.meter.sent(response.status, sent_bytes)

    def _write_whole(self, request: Request, response: Response, keep_alive: bool) -> int:
        """Write an answer that is all there; returns how many bytes its body has."""
        shared = self.shared
        close = response.close or not keep_alive or shared.stopping
        framing = framing_of(request, response)
        if response.status >= 400:
            request.request_id = request.request_id or new_request_id()
        body = response.body if framing.body and isinstance(response.body, bytes) else b""
        if framing.body and framing.length != len(body):
            log.error("%s %s: a body has another size than it says", request.method, request.target)
            self.cut()
            return 0
        head = head_bytes(request, response, framing, shared.date_lines, close, known=response.status < 400)
        if len(body) <= ONE_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        self._idle_since = shared.now
        self._idle_seconds = self._limits.idle_timeout_seconds
        if close:
            self._deaf = True
        return len(body)

    def _start_queued(self) -> None:
        while self._queue and self._current is None and not self._write_paused and not self._closed:
            stream = self._queue.popleft()
            response = self._ask(stream.request)
            if stream.complete and response is not None and isinstance(response.body, bytes):
                self._answer(stream.request, response, not stream.close)
            else:
                self._run(stream, response)

    def _run(self, stream: Http1Stream, response: Response | None) -> None:
        self._current = stream
        exchanges, request = self.shared.exchanges, stream.request
        if response is None and stream.complete and (not request.has_body or exchanges.is_small(request)):
            exchanges.ask(request, stream.take_body(), partial(self._asked, stream))
        else:
            stream.task = self.shared.loop.create_task(
                self._exchange(stream, exchanges.run(request, stream, response))
            )

    def _asked(self, stream: Http1Stream, asked: Asked) -> None:
        """A thread has answered."""
        exchanges, request, whole = self.shared.exchanges, stream.request, asked.whole
        if whole is None:
            stream.task = self.shared.loop.create_task(
                self._exchange(stream, exchanges.send(request, stream, asked))
            )
            return
        self._current = None
        sent_bytes = 0 if self._closed else self._write_asked(stream, whole)
        exchanges.over(request, asked, sent_bytes)
        if not self._closed:
            self._advance()

    def _write_asked(self, stream: Http1Stream, response: Response) -> int:
        """Write what a thread has answered; the answer of the error where its header section must not go out."""
        request = stream.request
        try:
            return self._write_whole(request, response, not stream.close)
        except ValueError as error:
            refusal = self.shared.runtime.render(request, error)
            body = refusal.body if isinstance(refusal.body, bytes) else b""
            whole = replace(refusal, body=body, content_length=None)
            return self._write_whole(request, whole, not stream.close)

    async def _exchange(self, stream: Http1Stream, answering: Coroutine[None, None, None]) -> None:
        await answering
        self._idle_since = self.shared.now
        self._idle_seconds = self._limits.idle_timeout_seconds
        if stream.close or self._closed:
            self._current = None
            self._queue.clear()
            self._close()
        elif stream.complete:
            self._current = None
            self._advance()
        else:
            stream.discard()
            self.pump()

    def discarded(self, size_bytes: int) -> None:
        """So much of a body nobody wants has been dropped."""
        if size_bytes > self._limits.drain_bytes:
            self._deaf = True
            self._current = None

    def _advance(self) -> None:
        """Go on with what waits, and close if that was all there will be."""
        self._start_queued()
        self.pump()
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self._current is not None or self._queue or self._closing:
            return
        if self._deaf or (self._ended and not self._held):
            if self._refusal is not None:
                self._answer(self.stand_in(), self._refusal, False)
            self._close()

    def _close(self) -> None:
        """Close after what is written. Where input is left, read on a while: a reset would eat the answer."""
        if self._closing:
            return
        left = self._unread or self._held or self._receiving is not None or self._refusal is not None
        self._deaf = self._closing = True
        self._held.clear()
        self._receiving = None
        self._stall.begin(self.shared.now)
        if left and not self._ended and self._transport.can_write_eof():
            self._linger_until = self.shared.now + self._limits.linger_seconds
            self._transport.write_eof()
            self._read_on(True)
        else:
            self._transport.close()

    def write(self, data: bytes) -> None:
        """Queue bytes, unless the connection has ended."""
        if not self._closed:
            self._transport.write(data)

    def write_large(self, head: bytes, piece: Slice) -> int:
        """Hand the kernel what it takes at once, without a copy, and queue a copy of a little more.

        Returns how much of the piece that was. So a quick client costs no copies, and a slow one no memory.
        """
        size = len(piece)
        if self._closed or self._transport.is_closing():
            return size  # its descriptor may be that of another connection by now
        sent = 0
        if not self._transport.get_write_buffer_size():
            with contextlib.suppress(OSError):  # it is full, or broken: the transport finds out
                sent = os.writev(self._descriptor, (head, piece))
        if sent < len(head):
            self._transport.write(head[sent:])
        at = max(sent - len(head), 0)
        if at < size:
            self._transport.write(bytes(piece[at : at + _WRITE_HIGH_BYTES]))
        return min(at + _WRITE_HIGH_BYTES, size)

    def pouring(self) -> Pouring | None:
        """See Stream.pouring."""
        if self._closed or self._transport.is_closing() or self._transport.get_write_buffer_size():
            return None
        try:
            return _Poured(os.dup(self._descriptor))
        except OSError:
            return None  # no descriptor is left

    async def flushed(self, within_seconds: float | None) -> bool:
        """See Stream.flushed."""
        if self._write_paused and not self._closed:
            await asyncio.sleep(0)  # the loop writes at the end of its turn: mostly that is enough
        if self._write_paused and not self._closed:
            await self._flush(within_seconds)
        if self._closed:
            raise Gone
        return not self._write_paused

    async def _flush(self, within_seconds: float | None) -> None:
        waiter = self._flush_waiter = self.shared.loop.create_future()
        timer = (
            None if within_seconds is None else self.shared.loop.call_later(within_seconds, self._wake_flush)
        )
        try:
            await waiter
        finally:
            self._flush_waiter = None
            if timer is not None:
                timer.cancel()

    def _wake_flush(self) -> None:
        if self._flush_waiter is not None and not self._flush_waiter.done():
            self._flush_waiter.set_result(None)

    # What Connections asks.

    def sweep(self, now: float) -> None:
        """See connections.Connection."""
        if self._linger_until:
            if now > self._linger_until:
                self._transport.abort()
        elif (self._write_paused or self._closing) and self._stall.lasts(self._unsent_bytes(), now):
            self.cut()
        elif self._current is not None:
            self._current.check_pace(now)
        elif self._in_head:
            if now - self._head_since > self._limits.header_timeout_seconds:
                self.refuse(TooSlow("the header section took too long"))
                self._close_when_done()
        elif not self._write_paused and now - self._idle_since > self._idle_seconds:
            self._transport.close()

    def _unsent_bytes(self) -> int:
        in_kernel = unsent_bytes(self._transport.get_extra_info("socket"))
        return self._transport.get_write_buffer_size() + in_kernel

    def stop(self) -> None:
        """See connections.Connection."""
        if self._current is None and not self._queue and not self._held:
            self._close()

    def cut(self) -> None:
        """See connections.Connection. The client gets a reset."""
        self._deaf = True
        if self._closed:
            return
        raw = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            reset_at_close(raw)
        self._transport.abort()


class _Poured:
    """See Pouring. By a descriptor of its own: that of the connection may be another's by the time of a call."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pour(self, piece: Slice) -> int:
        try:
            return os.write(self._descriptor, piece)
        except OSError:
            return 0  # it is full, or broken: the transport finds out

    def close(self) -> None:
        os.close(self._descriptor)
