"""ASGI over the exchanges: for granian, and for any other ASGI server.

What an ASGI server shows is less than a connection. It decides about keeping connections, drains or drops what is
unread of a body, sends 100 Continue, and reads ahead as it likes. A response that broke is told to it by raising,
after which granian ends the connection without a last chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from mylist_dav.errors import HeadersTooLarge, Incomplete, MylistError, TooSlow
from mylist_dav.server.body_out import Slice
from mylist_dav.server.exchange import Exchanges, expects_continue
from mylist_dav.server.heads import (
    SERVER_NAME,
    Framing,
    encode_headers,
    framing_of,
    lower_names,
    plain_refusal,
    request_of,
)
from mylist_dav.server.runtime import new_request_id
from mylist_dav.server.streams import Gone, Pace
from mylist_dav.wire.dates import DateHeader
from mylist_dav.wire.messages import Request, Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BrokenOff(Exception):
    """Raised to the ASGI server when a response cannot be completed: it must not look whole."""


class AsgiApplication:
    """The ASGI callable of one worker."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges
        self._runtime = exchanges.runtime
        self._date = DateHeader(exchanges.runtime.wall)
        self._streams: set[AsgiStream] = set()
        self.limits = exchanges.runtime.limits
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes than http are not known."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the ASGI scope {scope['type']!r} is not served")
        try:
            request = self._request(scope)
        except MylistError as error:
            await self._whole(send, _no_request(scope), plain_refusal(error))
            return
        response = self._ask(request)
        if response is not None and isinstance(response.body, bytes) and not request.has_body:
            await self._whole(send, request, response)
            return
        stream = AsgiStream(self, request, receive, send)
        self._streams.add(stream)
        try:
            await self._exchanges.run(request, stream, response)
        finally:
            self._streams.discard(stream)
        if stream.aborted and stream.begun:
            raise BrokenOff
        if stream.aborted:
            # The client has left, or its body is malformed: a server tells both alike. For the second there is this.
            await self._whole(
                send, _no_request(scope), plain_refusal(Incomplete("the body did not arrive as announced"))
            )

    def sweep(self) -> None:
        """End what takes too long; to be called about once a second."""
        now = self._runtime.monotonic()
        for stream in tuple(self._streams):
            stream.sweep(now)

    def head(self, response: Response, framing: Framing, request_id: str) -> Message:
        """The message that begins a response. Raises ValueError for a field that would break its line."""
        encode_headers(response.headers)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        headers += [(b"date", self._date.encoded()), (b"server", SERVER_NAME.encode())]
        if request_id:
            headers.append((b"x-request-id", request_id.encode()))
        if framing.length is not None:
            headers.append((b"content-length", b"%d" % framing.length))
        if response.close or self.stopping:
            headers.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": response.status, "headers": headers}

    def _request(self, scope: Scope) -> Request:
        query = scope["query_string"].decode("latin-1")
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        client = scope.get("client") or ("",)
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > self.limits.header_bytes:
            raise HeadersTooLarge(f"a header section may have {self.limits.header_bytes} bytes")
        return request_of(
            scope["method"],
            f"{path}?{query}" if query else path,
            scope["http_version"],
            lower_names(scope["headers"]),
            str(client[0]),
            scope["scheme"],
            self.limits,
        )

    def _ask(self, request: Request) -> Response | None:
        try:
            return self._runtime.front_end.answer_now(request)
        except Exception as error:  # noqa: BLE001 the border: whatever the front end raised becomes an answer
            return self._runtime.render(request, error)

    async def _whole(self, send: Send, request: Request, response: Response) -> None:
        """Send an answer from memory."""
        began = self._runtime.monotonic()
        framing = framing_of(request, response)
        if response.status >= 400:
            request.request_id = request.request_id or new_request_id()
        body = response.body if framing.body and isinstance(response.body, bytes) else b""
        if framing.body and framing.length != len(body):
            raise BrokenOff
        await send(self.head(response, framing, request.request_id if response.status >= 400 else ""))
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._runtime.note(request, response, len(body), began)

    def now(self) -> float:
        """The clock of the timeouts."""
        return self._runtime.monotonic()


def _no_request(scope: Scope) -> Request:
    """What stands for a request that could not be read: of it, only the client is known."""
    client = scope.get("client")
    return Request("GET", "/", "", [], "", "", client=str(client[0]) if client else "")


class AsgiStream:
    """The Stream of one ASGI request."""

    def __init__(self, application: AsgiApplication, request: Request, receive: Receive, send: Send) -> None:
        self._application = application
        self._request = request
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(application.limits)
        self._more = request.has_body
        self._slow: asyncio.Future[None] | None = None
        self._start: Message | None = None
        self._sending: asyncio.Future[None] | None = None
        self._sending_since = 0.0
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
        elif (
            self._sending is not None
            and now - self._sending_since > self._application.limits.write_stall_seconds
        ):
            self._sending.cancel()

    def begin(self, response: Response, framing: Framing, request_id: str) -> None:
        """See Stream.begin."""
        self._start = self._application.head(response, framing, request_id)
        self._failed = self._failed or response.close

    def send(self, piece: Slice) -> None:
        """See Stream.send."""
        self._sending_since = self._application.now()
        self._sending = asyncio.ensure_future(self._pass_on(bytes(piece)))

    async def _pass_on(self, piece: bytes) -> None:
        await self._send_start()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

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
        """See Stream.flushed. What the server has accepted counts as taken."""
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
