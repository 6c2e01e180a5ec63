"""ASGI over the exchanges: for granian, and for any other ASGI server.

What an ASGI server shows is less than a connection. It decides about keeping connections, drains or drops what is
unread of a body, sends 100 Continue, and reads ahead as it likes. A response that broke is told to it by raising,
after which granian ends the connection without a last chunk.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from mylist_dav.errors import HeadersTooLarge, Incomplete, MylistError
from mylist_dav.server.engines.asgi_stream import AHEAD_BYTES, AsgiStream, Message, Receive, Send
from mylist_dav.server.engines.peer_sockets import Peer, PeerSockets
from mylist_dav.server.exchanges.budget import HeldBytes
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.heads import (
    SERVER_NAME,
    Framing,
    encode_headers,
    framing_of,
    lower_names,
    plain_refusal,
    request_of,
)
from mylist_dav.server.exchanges.runtime import new_request_id
from mylist_dav.wire.dates import DateHeader
from mylist_dav.wire.messages import Request, Response

Scope = MutableMapping[str, Any]

_QUICK_CLIENTS = 16
"""So many may have AHEAD_BYTES on their way at once."""


class BrokenOff(Exception):
    """Raised to the ASGI server when a response cannot be completed: it must not look whole."""


class AsgiApplication:
    """The ASGI callable of one worker."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges
        self._runtime = exchanges.runtime
        self._date = DateHeader(exchanges.runtime.wall)
        self._streams: set[AsgiStream] = set()
        self._sockets = PeerSockets()
        self.ahead = HeldBytes(_QUICK_CLIENTS * AHEAD_BYTES)
        self.limits = exchanges.runtime.limits
        self.measures = exchanges.runtime.measures
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
        stream = AsgiStream(self, request, _peer(scope), receive, send)
        self._streams.add(stream)
        try:
            await self._exchanges.run(request, stream, response)
        finally:
            self._streams.discard(stream)
            stream.close()
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

    def unsent_bytes(self, peer: Peer, now: float) -> int:
        """What the kernel has not delivered yet to a client."""
        return self._sockets.unsent_bytes(peer, now)

    def now(self) -> float:
        """The clock of the timeouts."""
        return self._runtime.monotonic()


def _peer(scope: Scope) -> Peer:
    host, port = scope.get("client") or ("", 0)
    return str(host), int(port)


def _no_request(scope: Scope) -> Request:
    """What stands for a request that could not be read: of it, only the client is known."""
    client = scope.get("client")
    return Request("GET", "/", "", [], "", "", client=str(client[0]) if client else "")
