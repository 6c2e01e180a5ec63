"""One exchange, from a checked header section to the last byte of the answer, on an event loop.

The order of things: the front end is asked in a thread; a short declared body is there by then, so that one hop does
all of a small request; a longer one is gathered on the loop and goes to the sink piece by piece. A long body out is
pulled slice by slice, in threads of its own: when many large downloads begin at once, others do not wait behind them.
No thread ever waits for a client.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from mylist_dav.errors import Busy, Incomplete, Invalid, MylistError, TooLarge, TooSlow
from mylist_dav.server.exchanges.body_in import BodyCollector, check_declared, check_received, write_whole
from mylist_dav.server.exchanges.body_out import BodyReader, Slice
from mylist_dav.server.exchanges.budget import BodyBudget, HeldBytes
from mylist_dav.server.exchanges.heads import Framing, framing_of
from mylist_dav.server.exchanges.runtime import Runtime, log, new_request_id
from mylist_dav.server.exchanges.streams import Gone, Pouring, Stream
from mylist_dav.server.exchanges.threads import CallThreads
from mylist_dav.server.watching.measures import Notes
from mylist_dav.wire.messages import BodySink, Piece, Request, Response

_POURED_BYTES_MAX = 8 * 1024 * 1024
"""What a thread sends of one body before others have their turn."""

_QUICK_SECONDS = 0.05
"""A client that has not taken a slice after so long is slow: its block is let go, and the next slice is not kept."""
_SHORT_BYTES = 64 * 1024
"""A body out of at most this is read by the thread that was asked."""

BREAK_OFF = (TooSlow, TooLarge, Incomplete, Invalid)
"""After these a body is not worth reading to its end."""


class _Answer(NamedTuple):
    """A response, its reader with the first slice at hand, or a sink that waits for the body.

    No slice itself: an answer is kept until it has been sent, and a slice may keep a block.
    """

    response: Response | None
    reader: BodyReader | None = None
    sink: BodySink | None = None


class Asked(NamedTuple):
    """A request that has been asked for without a task, and what came of it. whole: the response, if it is all there.

    began: on the monotonic clock, in seconds.
    """

    answer: _Answer
    began: float

    @property
    def whole(self) -> Response | None:
        response = self.answer.response
        if response is None or response.again is not None or not isinstance(response.body, bytes):
            return None
        return response


class _Unsendable(Exception):
    """A response that broke after its header section had gone out."""


class Exchanges:
    """Runs exchanges of one worker on its event loop."""

    def __init__(self, runtime: Runtime) -> None:
        limits = runtime.limits
        self.runtime = runtime
        self._threads = CallThreads(limits.threads, limits.queued_calls)
        self._reading = CallThreads(max(limits.threads // 4, 2), limits.queued_calls)
        self._bodies = BodyBudget(limits.body_budget_bytes)
        self._held = HeldBytes(limits.held_blocks_bytes)
        runtime.measures.sources.append(self._note)
        self._running = 0
        self._in_hurry = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def wait_idle(self, within_seconds: float) -> None:
        """Wait until no exchange runs, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within_seconds)

    def stop_waiting(self) -> None:
        """Whatever waits for a better answer is to send the one it has."""
        self._in_hurry = True

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()
        self._reading.close()

    def _note(self, notes: Notes) -> None:
        """In a thread: how busy the threads are. A process may have several of these, one for each kind of socket."""
        process = str(os.getpid())
        running = self._threads.calls + self._reading.calls
        for name, level in (("calls_running", running), ("call_threads", self.runtime.limits.threads)):
            notes.levels[name, process] = notes.levels.get((name, process), 0) + level

    async def run(self, request: Request, stream: Stream, given: Response | None = None) -> None:
        """Answer one request (with `given`, if the front end has answered already). Never raises.

        A client that left, and an answer that cannot be completed, end in stream.abort().
        """
        began = self._enter(request)
        await self._complete(request, stream, self._answer(request, stream, given), began)

    def ask(self, request: Request, body: bytes, done: Callable[[Asked], None]) -> None:
        """Ask for a request that is here with all of its body, and call done on the loop: no task, no stream.

        Whoever is called must call `over` when the answer has been written, or go on with `send`.
        """
        began = self._enter(request)
        self._bodies.take(len(body))

        def settle(answer: _Answer | None, error: BaseException | None) -> None:
            self._bodies.give_back(len(body))
            if answer is None:
                answer = _Answer(self._refused(request, error))
            done(Asked(answer, began))

        try:
            self._threads.admit_for(settle, self._respond, request, body)
        except Busy as error:
            asyncio.get_running_loop().call_soon(settle, None, error)

    def over(self, request: Request, asked: Asked, sent_bytes: int) -> None:
        """The answer to a request that was asked for has been written."""
        self._leave()
        assert asked.answer.response is not None
        self.runtime.note(request, asked.answer.response, sent_bytes, asked.began)

    async def send(self, request: Request, stream: Stream, asked: Asked) -> None:
        """Send what came of `ask` through a stream. Never raises; see run."""
        await self._complete(request, stream, self._ready(request, asked.answer), asked.began)

    async def _ready(self, request: Request, answer: _Answer) -> _Answer:
        """The answer with its body opened, or that of the error that this ended in."""
        if answer.reader is not None or answer.response is None:
            return answer
        try:
            return await self._opened(await self._awaited(answer.response), request)
        except Exception as error:  # noqa: BLE001 whatever a body raises at once becomes an answer
            return await self._opened(self._refused(request, error), request)

    async def _awaited(self, response: Response) -> Response:
        """The answer that is worth waiting for, or the last one there was. No thread is held between two of them."""
        first = response
        while (again := response.again) is not None and not self._in_hurry:
            await asyncio.sleep(again.after_seconds)
            response = await self._threads.start(again.ask)
        return response if response is first else replace(response, account=first.account, meter=first.meter)

    def _enter(self, request: Request) -> float:
        request.request_id = request.request_id or new_request_id()
        self._running += 1
        self._idle.clear()
        return self.runtime.monotonic()

    def _leave(self) -> None:
        self._running -= 1
        if not self._running:
            self._idle.set()

    async def _complete(
        self, request: Request, stream: Stream, answering: Awaitable[_Answer], began: float
    ) -> None:
        try:
            await self._send(request, stream, await answering, began)
        except (Gone, _Unsendable):
            stream.abort()
        except Exception as error:  # noqa: BLE001 the border of a connection: a fault here must end only this one
            log.error("%s the exchange failed", request.request_id, exc_info=error)
            stream.abort()
        finally:
            self._leave()

    async def _answer(self, request: Request, stream: Stream, given: Response | None) -> _Answer:
        """The answer, or that of the error that came instead. Raises Gone only."""
        try:
            if given is not None:
                return await self._opened(given, request)
            answer = await self._ask(request, stream)
            if answer.sink is None:
                return await self._ready(request, answer)
            collector = BodyCollector(stream, answer.sink, request, self._bodies, self._threads)
            return await self._ready(request, _Answer(await collector.run()))
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 whatever the front end or a sink raised becomes an answer
            return await self._opened(self._refused(request, error), request)

    def _refused(self, request: Request, error: BaseException | None) -> Response:
        """The answer for an error."""
        if not isinstance(error, Exception):
            error = RuntimeError(f"a thread was ended by {error!r}")
        response = self.runtime.render(request, error)
        return (
            replace(response, close=True) if request.has_body and isinstance(error, BREAK_OFF) else response
        )

    async def _ask(self, request: Request, stream: Stream) -> _Answer:
        if not self.is_small(request):
            return await self._threads.admit(self._respond, request, None)
        length = request.content_length or 0
        self._bodies.take(length)
        try:
            chunks: list[bytes] = []
            while data := await stream.read():
                chunks.append(data)
            return await self._threads.admit(self._respond, request, b"".join(chunks))
        finally:
            self._bodies.give_back(length)

    def is_small(self, request: Request) -> bool:
        """Whether the body is read before the front end is asked: not where the client waits for a word first.

        Nor where such bodies fill half of the budget: nobody knows yet who sends them, and nothing can hurry them.
        """
        if not request.has_body:
            return False
        length = request.content_length
        return (
            length is not None
            and length <= self.runtime.limits.small_body_bytes
            and not expects_continue(request)
            and self._bodies.has_room_for_small(length)
        )

    def _respond(self, request: Request, body: bytes | None) -> _Answer:
        """In a thread: ask; with a whole body at hand, or none to come, go on to the answer and a short body of it."""
        found = self.runtime.front_end.respond(request)
        if not isinstance(found, Response):
            if body is None and request.has_body:
                return _Answer(None, sink=found)
            found = _finished(found, request, body or b"")
        length = found.content_length
        is_short = length is not None and length <= _SHORT_BYTES
        return self._open(found, request) if is_short else _Answer(found)

    async def _opened(self, response: Response, request: Request) -> _Answer:
        if isinstance(response.body, bytes):
            return _Answer(response)
        return await self._reading.start(self._open, response, request)

    def _open(self, response: Response, request: Request) -> _Answer:
        """In a thread: a reader of the body with its first slice, so that what fails at once still has a status."""
        if isinstance(response.body, bytes):
            return _Answer(response)
        blocks, slice_bytes = self.runtime.app.blocks, self.runtime.limits.slice_bytes
        reader = BodyReader(response.body, blocks, self._held, slice_bytes)
        try:
            if framing_of(request, response).body:
                reader.begin()
        except BaseException:
            reader.close()
            raise
        return _Answer(response, reader)

    async def _send(self, request: Request, stream: Stream, answer: _Answer, began: float) -> None:
        answer, response, framing = await self._begin(request, stream, answer)
        sender = _Sender(self._reading, stream, framing)
        try:
            await sender.send_all(response.body, answer.reader)
            await stream.end()
        except (Gone, _Unsendable):
            raise
        except Exception as error:
            log.error("%s %s broke off", request.request_id, request.target, exc_info=error)
            raise _Unsendable from error
        finally:
            if answer.reader is not None:
                await self._reading.start(_close_quietly, answer.reader)
            self.runtime.note(request, response, sender.sent_bytes, began)

    async def _begin(
        self, request: Request, stream: Stream, answer: _Answer
    ) -> tuple[_Answer, Response, Framing]:
        """Queue the header section; that of an error where the one of the answer must not go out."""
        assert answer.response is not None
        framing = framing_of(request, answer.response)
        try:
            stream.begin(answer.response, framing)
            return answer, answer.response, framing
        except ValueError as error:
            if answer.reader is not None:
                await self._reading.start(_close_quietly, answer.reader)
            response = self.runtime.render(request, error)
            body = response.body if isinstance(response.body, bytes) else b""
            response = replace(response, body=body, content_length=None)
            framing = framing_of(request, response)
            stream.begin(response, framing)
            return _Answer(response), response, framing


class _Sender:
    """Sends one body and counts it."""

    def __init__(self, threads: CallThreads, stream: Stream, framing: Framing) -> None:
        self._threads = threads
        self._stream = stream
        self._framing = framing
        self.sent_bytes = 0

    async def send_all(self, body: bytes | Iterable[Piece], reader: BodyReader | None) -> None:
        """Send the body. Raises Gone, and _Unsendable or the error of the body when it is not what was announced."""
        if self._framing.body and reader is not None:
            await self._send_slices(reader)
        elif self._framing.body and isinstance(body, bytes) and body:
            left: Slice = body
            while left:
                left = self._send(left)
                await self._stream.flushed(None)
        else:
            return
        if self._framing.length is not None and self._framing.length != self.sent_bytes:
            raise _short_of(self._framing.length, self.sent_bytes)

    async def _send_slices(self, reader: BodyReader) -> None:
        quick, piece = True, reader.at_hand()
        while piece:
            piece = self._send(piece)
            ahead = None
            if quick and not piece and not (piece := reader.at_hand()):
                ahead = self._threads.start(self._go_on, reader, self._stream.pouring())
            try:
                quick = await self._stream.flushed(_QUICK_SECONDS)
                if not quick:
                    if unsent := piece or await _settled(ahead):
                        reader.put_back(unsent)
                        piece = unsent = b""
                        ahead = None
                    reader.let_go()
                    await self._stream.flushed(None)
            finally:
                await _settled(ahead)
            if not piece:
                piece = await (ahead or self._threads.start(reader.next_slice))

    def _go_on(self, reader: BodyReader, pouring: Pouring | None) -> Slice:
        """In a thread: read and send as long as the kernel takes it; returns the first slice that is to be sent.

        A quick client takes it as fast as it is read. So it costs few changes of thread.
        """
        if pouring is None:
            return reader.next_slice()
        try:
            poured_bytes = 0
            while (piece := reader.next_slice()) and poured_bytes < _POURED_BYTES_MAX:
                if not self._fits(piece):
                    break
                taken = pouring.pour(piece)
                poured_bytes += taken
                self.sent_bytes += taken
                if taken < len(piece):
                    return memoryview(piece)[taken:]
            return piece
        finally:
            pouring.close()

    def _fits(self, piece: Slice) -> bool:
        length = self._framing.length
        return length is None or self.sent_bytes + len(piece) <= length

    def _send(self, piece: Slice) -> Slice:
        """Send of a piece what can be sent; returns the rest."""
        size, length = len(piece), self._framing.length
        if length is not None and not self._fits(piece):
            raise _short_of(length, self.sent_bytes + size)
        taken = self._stream.send(piece)
        self.sent_bytes += taken
        return memoryview(piece)[taken:] if taken < size else b""


async def _settled(future: asyncio.Future[Slice] | None) -> Slice:
    """Wait until a call has ended, whatever came of it: its reader must not be touched meanwhile.

    Returns the slice that came of it; b'' for none, and for an error, which is for whoever awaits the future.
    """
    if future is None:
        return b""
    if not future.done():
        await asyncio.wait([future])
    return b"" if future.cancelled() or future.exception() is not None else future.result()


def _short_of(declared: int, found: int) -> MylistError:
    return Incomplete(f"a body of {declared} bytes was announced, and it has {found} or more")


def _finished(sink: BodySink, request: Request, body: bytes) -> Response:
    try:
        check_declared(sink, request)
        check_received(len(body), sink, request, complete=True)
    except BaseException:
        sink.abort()
        raise
    return write_whole(sink, body)


def _close_quietly(reader: BodyReader) -> None:
    try:
        reader.close()
    except Exception as error:  # noqa: BLE001 the answer has gone out: there is only the log left
        log.error("closing a response body failed", exc_info=error)


def expects_continue(request: Request) -> bool:
    """Whether the client waits for 100 Continue before it sends its body (RFC 9110, 10.1.1)."""
    return (
        request.http_version != "1.0" and (request.header("expect") or "").strip().lower() == "100-continue"
    )
