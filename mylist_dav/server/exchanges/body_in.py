"""Request bodies: gathered on the loop into pieces, handed whole to a sink in a thread."""

from __future__ import annotations

import asyncio

from mylist_dav.errors import Incomplete, Invalid, TooLarge
from mylist_dav.server.exchanges.budget import BodyBudget
from mylist_dav.server.exchanges.streams import Stream
from mylist_dav.server.exchanges.threads import CallThreads
from mylist_dav.wire.messages import BodySink, Request, Response

_LENGTH_DIGITS_MAX = 18


def declared_bytes(request: Request) -> int | None:
    """How long the client says its body is: Content-Length, or what Finder sends beside a chunked body.

    Raises Invalid when X-Expected-Entity-Length is no number.
    """
    if request.content_length is not None or not request.has_body:
        return request.content_length
    expected = request.header("x-expected-entity-length")
    if expected is None:
        return None
    if not (expected.isascii() and expected.isdigit() and len(expected) <= _LENGTH_DIGITS_MAX):
        raise Invalid("X-Expected-Entity-Length is not a number of bytes")
    return int(expected)


def check_declared(sink: BodySink, request: Request) -> None:
    """Raises TooLarge for a body that says itself that it is too long."""
    declared = declared_bytes(request)
    if declared is not None and declared > sink.limit_bytes:
        raise TooLarge(f"a body of {declared} bytes is more than the {sink.limit_bytes} that are allowed")


def check_received(received_bytes: int, sink: BodySink, request: Request, complete: bool) -> None:
    """Raises TooLarge past the limit of the sink, Incomplete for a complete body of another length than declared."""
    if received_bytes > sink.limit_bytes:
        raise TooLarge(f"the body is longer than the {sink.limit_bytes} bytes that are allowed")
    declared = declared_bytes(request) if complete else None
    if declared is not None and declared != received_bytes:
        raise Incomplete(f"{declared} bytes were declared, and {received_bytes} arrived")


def write_whole(sink: BodySink, body: bytes) -> Response:
    """Give a sink a whole body and finish it; in a thread. Aborts the sink when a write fails."""
    try:
        size = max(sink.piece_bytes, 1)
        for start in range(0, len(body), size):
            sink.write(body[start : start + size])
    except BaseException:
        sink.abort()
        raise
    return sink.finish()


def _write_chunks(sink: BodySink, chunks: list[bytes]) -> None:
    sink.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))


class BodyCollector:
    """Moves one body from a stream to a sink. While a thread writes one piece, the next is gathered."""

    def __init__(
        self, stream: Stream, sink: BodySink, request: Request, budget: BodyBudget, threads: CallThreads
    ) -> None:
        self._stream = stream
        self._sink = sink
        self._request = request
        self._budget = budget
        self._threads = threads
        self._chunks: list[bytes] = []
        self._writing: asyncio.Future[None] | None = None
        self._received_bytes = 0
        self.held_bytes = 0

    async def run(self) -> Response:
        """Receive the whole body and finish the sink; its answer. On any error the sink is aborted and it is raised."""
        self._budget.enter(self)
        try:
            check_declared(self._sink, self._request)
            await self._receive()
        except BaseException:
            await self._give_up()
            raise
        finally:
            self._budget.leave(self)
        return await self._threads.start(self._sink.finish)

    def hurry(self) -> None:
        """Others wait for room: pass on what there is, unless a thread still writes the last piece."""
        if self._writing is None and self._chunks:
            self._hand_over()

    async def _receive(self) -> None:
        while True:
            if self._budget.full:
                await self._make_room()
            data = await self._stream.read()
            if not data:
                break
            self._received_bytes += len(data)
            self._request.received_bytes = self._received_bytes
            check_received(self._received_bytes, self._sink, self._request, complete=False)
            await self._gather(data)
        check_received(self._received_bytes, self._sink, self._request, complete=True)
        await self._written()
        if self._chunks:
            self._hand_over()
            await self._written()

    async def _make_room(self) -> None:
        if self._chunks or self._writing is not None:
            await self._written()
            if self._chunks:
                self._hand_over()
                await self._written()
        await self._budget.room()

    async def _gather(self, data: bytes) -> None:
        """Add data to the piece; hand the piece over each time it is full."""
        while data:
            room = max(self._sink.piece_bytes, 1) - self.held_bytes
            part, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            self._chunks.append(part)
            self.held_bytes += len(part)
            self._budget.take(len(part))
            if len(part) == room:
                await self._written()
                if self._chunks:
                    self._hand_over()

    def _hand_over(self) -> None:
        chunks, self._chunks = self._chunks, []
        size, self.held_bytes = self.held_bytes, 0
        writing = self._threads.start(_write_chunks, self._sink, chunks)
        writing.add_done_callback(lambda _: self._budget.give_back(size))
        self._writing = writing

    async def _written(self) -> None:
        """Wait for the piece that a thread writes; raises what the sink raised."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    async def _give_up(self) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])
            if not self._writing.cancelled():
                self._writing.exception()  # seen: it is the error being raised, or comes second to it
        self._chunks.clear()
        self._budget.give_back(self.held_bytes)
        self.held_bytes = 0
        await self._threads.start(self._sink.abort)
