"""Connections of a client to one server: where they lead, and how long they may take.

There are two ways to dial. Plainly: wherever the system finds the name, for somebody who has typed it, and by way of
the proxy of the environment if there is one. Pinned: only to addresses that were looked at and allowed, found anew for
each connection, and never by way of a proxy; so a name cannot lead elsewhere between the look and the connection. TLS
is verified against the name in both, and no redirect is followed.

Neither lasts for ever: a request and its answer may take the timeout, and beyond it the time that their bytes need at a
slowest rate. What drips in, or is taken in drips, ends; a long but flowing body does not.
"""

from __future__ import annotations

import select
import socket
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ssl import SSLContext, create_default_context
from typing import Any, NamedTuple

import httpcore
import httpx

from mylist_dav.errors import Forbidden, MylistError

CONNECTIONS = 4
"""To one server at most. Eight carry more at first over a long way, but cost both sides more than that gains."""

CONNECT_SECONDS = 15.0
TIMEOUT_SECONDS = 60.0
RATE_BYTES_MIN = 256
"""Slowest rate of an exchange, in bytes a second: what a server by default takes from us."""

PINNED_RATE_BYTES_MIN = 8 * 1024
"""The same between servers, whose lines are better, and where nobody watches."""

_ADDRESSES_MAX = 8
_KEPT_SECONDS = 5.0
_DEFAULT_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], list[str]]
"""Gives the addresses of a host name; may raise OSError."""

Dial = Callable[[str, int, float | None], socket.socket]
"""Connects to a host and port, within some seconds for each address; may raise OSError and errors of ours."""


class Patience(NamedTuple):
    """How long things may take. timeout_seconds: until something comes, and at first in all."""

    timeout_seconds: float = TIMEOUT_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    rate_bytes_min: int = RATE_BYTES_MIN


def plain_client(
    url: str, *, connections: int = CONNECTIONS, patience: Patience | None = None
) -> httpx.Client:
    """A client for the server at url, wherever the system finds it.

    Behind a proxy of the environment each wait is bounded, but not their sum: that proxy is the user's own.
    """
    patience = patience or Patience()
    timeout = httpx.Timeout(patience.timeout_seconds, connect=patience.connect_seconds)
    if _has_proxy(url):
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.Client(base_url=url, timeout=timeout, limits=limits, follow_redirects=False)
    context = httpx.create_ssl_context() if url.startswith("https:") else None
    return Client(url, _Transport(url, dial_plainly, context, connections, patience.rate_bytes_min), timeout)


def pinned_client(
    url: str, dial: Pinned, *, patience: Patience | None = None, context: SSLContext | None = None
) -> httpx.Client:
    """A client for the server at url alone, at addresses that dial allows. context: instead of the system's."""
    patience = patience or Patience(rate_bytes_min=PINNED_RATE_BYTES_MIN)
    if context is None and url.startswith("https:"):
        context = create_default_context()
    transport = _Transport(url, dial, context, CONNECTIONS, patience.rate_bytes_min)
    return Client(url, transport, httpx.Timeout(patience.timeout_seconds, connect=patience.connect_seconds))


def dial_plainly(host: str, port: int, timeout_seconds: float | None) -> socket.socket:
    """Connect to any address of a host."""
    return socket.create_connection((host, port), timeout_seconds)


def resolve_by_system(host: str, port: int) -> list[str]:
    """All addresses of a host name, as the system has them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Pinned:
    """Dials a name only where all its addresses are allowed, at one that was looked at.

    allow: gets the name and its addresses, and raises for what may not be. Each connection begins with another address,
    so one that connects and then fails is not the only one that is tried.
    """

    def __init__(self, allow: Callable[[str, list[str]], None], resolve: Resolve = resolve_by_system) -> None:
        self._allow = allow
        self._resolve = resolve
        self._turn = 0

    def __call__(self, host: str, port: int, timeout_seconds: float | None) -> socket.socket:
        """Raises OSError (no such host, none that connects), and what allow raises."""
        addresses = self._resolve(host, port)
        self._allow(host, addresses)
        first, self._turn = self._turn % max(1, len(addresses)), self._turn + 1
        refused = OSError(f"{host} has no address")
        for address in (addresses[first:] + addresses[:first])[:_ADDRESSES_MAX]:
            try:
                return socket.create_connection((address, port), timeout_seconds)
            except OSError as error:
                refused = error
        raise refused


class Client(httpx.Client):
    """A client of one server, which can be dialled before there is anything to ask."""

    def __init__(self, url: str, transport: _Transport, timeout: httpx.Timeout) -> None:
        super().__init__(
            base_url=url, transport=transport, timeout=timeout, follow_redirects=False, trust_env=False
        )
        self._dial_ahead = transport.dial_ahead

    def dial_ahead(self, connections: int) -> None:
        """Begin to open so many connections, which the next requests take that need new ones."""
        assert self.timeout.connect is not None
        self._dial_ahead(connections, self.timeout.connect)


def _has_proxy(url: str) -> bool:
    """Whether the environment names a proxy for a server."""
    parts = httpx.URL(url)
    proxies = urllib.request.getproxies()
    named = parts.scheme in proxies or "all" in proxies
    return named and not urllib.request.proxy_bypass(parts.host)


class _Transport(httpx.BaseTransport):
    """Requests to one server over connections of ours, and to no other."""

    def __init__(
        self, url: str, dial: Dial, context: SSLContext | None, connections: int, rate_bytes_min: int
    ) -> None:
        self._origin = _origin(httpx.URL(url))
        self._network = _Network(dial, rate_bytes_min)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=self._network,
        )

    def dial_ahead(self, connections: int, timeout_seconds: float) -> None:
        _, host, port = self._origin
        if port is not None:
            self._network.dial_ahead(host.decode("ascii"), port, timeout_seconds, connections)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if _origin(request.url) != self._origin:
            raise Forbidden("nothing is sent to any other server")
        assert isinstance(request.stream, httpx.SyncByteStream), "clients that are no async ones send such"
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_of_httpx():
            answer = self._pool.handle_request(asked)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()
        self._network.close()


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or _DEFAULT_PORTS.get(url.scheme)


class _Body(httpx.SyncByteStream):
    """The body of an answer, while it comes."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_of_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_of_httpx() -> Iterator[None]:
    """Errors of httpcore as those that httpx has under the same names."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind: type[httpx.HTTPError] = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error


class _Network(httpcore.NetworkBackend):
    """Where connections of a pool come from."""

    def __init__(self, dial: Dial, rate_bytes_min: int) -> None:
        self._dial = dial
        self._rate_bytes_min = rate_bytes_min
        self._ahead = deque[_Ahead]()

    def dial_ahead(self, host: str, port: int, timeout_seconds: float, connections: int) -> None:
        """Begin to open connections. They are taken in this order, each within seconds or not at all."""
        for _ in range(connections):
            self._ahead.append(_Ahead(partial(self._dial, host, port, timeout_seconds)))

    def close(self) -> None:
        """Close what was opened and never needed."""
        while self._ahead:
            self._ahead.popleft().close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _foreign(httpcore.ConnectTimeout, httpcore.ConnectError):
            connection = self._dialled_ahead() or self._dial(host, port, timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Stream(connection, self._rate_bytes_min)

    def _dialled_ahead(self) -> socket.socket | None:
        with suppress(IndexError):
            while True:
                connection = self._ahead.popleft().take()
                if connection is not None:
                    return connection
        return None


class _Ahead:
    """A connection that a thread of its own opens. Then exactly one of take and close is called."""

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self._opened: socket.socket | None = None
        self._opened_at = 0.0
        self._thread = threading.Thread(target=self._open, name="dial-ahead", daemon=True)
        self._thread.start()

    def take(self) -> socket.socket | None:
        """None when it could not be opened, or is too old: then it is dialled anew, and an error said."""
        self._thread.join()
        if self._opened is not None and time.monotonic() - self._opened_at > _KEPT_SECONDS:
            self._opened.close()
            return None
        return self._opened

    def close(self) -> None:
        self._thread.join()
        if self._opened is not None:
            self._opened.close()

    def _open(self) -> None:
        with suppress(OSError, MylistError):
            self._opened = self._dial()
        self._opened_at = time.monotonic()


class Stream(httpcore.NetworkStream):
    """One connection, and how long the exchange on it has taken: a write after a read begins another exchange."""

    def __init__(
        self,
        connection: socket.socket,
        rate_bytes_min: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket = connection
        self._rate_bytes_min = rate_bytes_min
        self._monotonic = monotonic
        self._was_read = False
        self._moved_bytes = 0
        self._spent_seconds = 0.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._was_read = True
        with _foreign(httpcore.ReadTimeout, httpcore.ReadError), self._in_time(timeout):
            data = self._socket.recv(max_bytes)
        self._moved_bytes += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._was_read:
            self._was_read, self._moved_bytes, self._spent_seconds = False, 0, 0.0
        left = memoryview(buffer)
        while left:
            with _foreign(httpcore.WriteTimeout, httpcore.WriteError), self._in_time(timeout):
                sent = self._socket.send(left)
            self._moved_bytes += sent
            left = left[sent:]

    @contextmanager
    def _in_time(self, timeout_seconds: float | None) -> Iterator[None]:
        """Let one call of the socket take what is left, and count what it took."""
        began = self._monotonic()
        left_seconds = self._left_seconds(timeout_seconds)
        self._socket.settimeout(left_seconds)
        try:
            yield
        except TimeoutError as error:
            if left_seconds == timeout_seconds:
                raise TimeoutError(f"nothing for {timeout_seconds:g} seconds") from error
            raise self._too_slow() from error
        finally:
            self._spent_seconds += self._monotonic() - began

    def _left_seconds(self, timeout_seconds: float | None) -> float | None:
        if timeout_seconds is None:
            return None
        earned_seconds = timeout_seconds + self._moved_bytes / self._rate_bytes_min
        if (left_seconds := earned_seconds - self._spent_seconds) <= 0:
            raise self._too_slow()
        return min(timeout_seconds, left_seconds)

    def _too_slow(self) -> TimeoutError:
        return TimeoutError(f"less than {self._rate_bytes_min} bytes a second")

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _foreign(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._socket.settimeout(timeout)
                inside = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return Stream(inside, self._rate_bytes_min, self._monotonic)

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """What the pool wants to know: whether a kept connection has something to read, so was ended."""
        return _is_readable(self._socket) if info == "is_readable" else None


def _is_readable(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _foreign(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Errors of sockets as those of httpcore."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error) or "timed out") from error
    except OSError as error:
        raise failure(str(error)) from error
