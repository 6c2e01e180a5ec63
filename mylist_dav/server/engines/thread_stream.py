"""A connection that a thread of its own reads and writes: what the cheroot engine works on."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from dataclasses import dataclass, field

from mylist_dav.errors import MylistError, TooSlow
from mylist_dav.server.engines.parsing import FEED_BYTES, RequestParser
from mylist_dav.server.engines.sockets import reset_at_close
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import expects_continue
from mylist_dav.server.exchanges.runtime import Runtime
from mylist_dav.server.exchanges.stall import Stall, unsent_bytes
from mylist_dav.server.exchanges.streams import Gone, Pace
from mylist_dav.wire.messages import Request, Response

_BODY_READ_BYTES = 256 * 1024


@dataclass
class Message:
    """A request as far as it has arrived. failure: why no more of its body will come."""

    request: Request
    keep_alive: bool
    complete: bool
    chunks: deque[bytes] = field(default_factory=deque)
    failure: MylistError | None = None


class ThreadStream(RequestParser):
    """Requests in, bytes out, all blocking, each wait bounded. One thread at a time."""

    def __init__(self, runtime: Runtime, connection: socket.socket, scheme: str) -> None:
        super().__init__(runtime.limits, scheme)
        self._monotonic = runtime.monotonic
        self._socket = connection
        self._pace = Pace(runtime.limits)
        self._stall = Stall(runtime.limits.write_stall_seconds)
        self._messages: deque[Message] = deque()
        self._continued = False

    # What the parser tells.

    def request_complete(self, request: Request, keep_alive: bool) -> None:
        self._messages.append(Message(request, keep_alive, complete=True))

    def body_begins(self, request: Request, keep_alive: bool) -> None:
        self._messages.append(Message(request, keep_alive, complete=False))

    def body_arrived(self, data: bytes) -> None:
        self._messages[-1].chunks.append(data)

    def body_complete(self) -> None:
        self._messages[-1].complete = True

    def body_broke(self, error: MylistError) -> None:
        self._messages[-1].failure = error

    # What the engine asks.

    @property
    def has_request(self) -> bool:
        """Whether another request, or a part of one, is here already."""
        return bool(self._messages) or self._in_head or self._refusal is not None

    def next_message(self, client: str) -> Message | None:
        """The next request, once its header section is here; None when none comes, or a refusal does (`refusal`)."""
        self._client = client
        self._continued = False
        self._pace = Pace(self._limits)
        end = self._monotonic() + self._limits.header_timeout_seconds
        while not self._messages and not self._deaf:
            data = self._receive(FEED_BYTES, end - self._monotonic())
            if data is None:
                self.refuse(TooSlow("the header section took too long"))
            elif not data:
                return None
            else:
                self._parse_all(data)
        return self._messages[0] if self._messages else None

    @property
    def refusal(self) -> Response | None:
        """What to answer to something that is no request, if that is what came."""
        return self._refusal

    def done(self) -> None:
        """The current message has been answered and read to its end."""
        self._messages.popleft()

    def read(self, message: Message) -> bytes:
        """The next bytes of the body of the current message; see Stream.read."""
        while not message.chunks:
            if message.complete:
                return b""
            if message.failure is not None:
                raise message.failure
            self._read_body(message.request)
        return message.chunks.popleft()

    def _read_body(self, request: Request) -> None:
        if expects_continue(request) and not self._continued:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._continued = True
        self._pace.wait(self._monotonic())
        data = self._receive(_BODY_READ_BYTES, self._limits.body_idle_seconds)
        if data is None:
            raise TooSlow("the body of the request stopped arriving")
        if not data:
            raise Gone
        self._pace.arrived(len(data), self._monotonic())
        self._pace.check(self._monotonic())
        self._parse_all(data)

    def _parse_all(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while rest and not self._deaf:
            rest = self.parse(rest)

    def _receive(self, size: int, seconds: float) -> bytes | None:
        """Bytes, b'' at the end, None when none came in time. A connection that broke has ended."""
        try:
            self._socket.settimeout(max(seconds, 0.001))
            return self._socket.recv(size)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def write(self, data: Slice) -> None:
        """Send all of it. Raises Gone when the client has left, or takes nothing for write_stall_seconds."""
        view = memoryview(data)
        self._stall.begin(self._monotonic())
        while view:
            try:
                self._socket.settimeout(self._limits.sweep_seconds)
                view = view[self._socket.send(view) :]
            except TimeoutError as error:
                if self._stall.lasts(len(view) + unsent_bytes(self._socket), self._monotonic()):
                    raise Gone from error
            except OSError as error:
                raise Gone from error

    def close(self, unread: bool) -> None:
        """Close after what was written. Where input is left, read on a while: a reset would eat the answer."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR if unread else socket.SHUT_RDWR)
            end = self._monotonic() + self._limits.linger_seconds
            while unread and (left := end - self._monotonic()) > 0 and self._receive(_BODY_READ_BYTES, left):
                continue
        self._socket.close()

    def cut(self) -> None:
        """Close with a reset."""
        with contextlib.suppress(OSError):
            reset_at_close(self._socket)
        self._socket.close()
