"""The engine on cheroot: its selector and its threads, a thread for each connection that is being served.

Of cheroot the parts are used that hold up: it accepts, keeps idle connections in a selector, and runs a pool of
threads. Its parser and its WSGI gateway are not: they let two readings of a request through, hold a whole chunk, answer
Expect at once, and cannot cut a connection. A fresh connection goes to the selector first, so that silent ones cost no
thread. A slow reader, uploader or header section does cost one: for many of these there is uvloop.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cheroot.server import HTTPConnection, HTTPServer
from cheroot.workers.threadpool import ThreadPool

from mylist_dav.server.engines.thread_exchange import ThreadExchanges
from mylist_dav.server.engines.thread_stream import ThreadStream
from mylist_dav.server.exchanges.runtime import Runtime, log

_LAST_SECONDS = 2.0
THREADS_MIN = 32


class _Input:
    """What cheroot asks of the reading side of a connection."""

    def __init__(self, stream: ThreadStream) -> None:
        self._stream = stream
        self.closed = False
        self.bytes_read = 0

    def has_data(self) -> bool:
        """Whether a request is here that the selector cannot see."""
        return self._stream.has_request

    def close(self) -> None:
        """Nothing is held."""
        self.closed = True


class _Connection(HTTPConnection):  # cheroot has no usable types
    """A connection whose requests we read ourselves."""

    def __init__(self, server: _Server, sock: socket.socket, makefile: object = None) -> None:
        self.server = server
        self.socket = sock
        self.stream = ThreadStream(server.exchanges.runtime, sock, "http")
        self.rfile = _Input(self.stream)
        self.wfile = None
        self.requests_seen = 0
        self.fresh = True

    def communicate(self) -> bool:
        """Serve one request; whether the connection goes on."""
        message = self.stream.next_message(str(self.remote_addr or ""))
        if message is not None:
            exchanges: ThreadExchanges = self.server.exchanges
            return exchanges.run(self.stream, message)
        if self.stream.refusal is not None:
            self.server.exchanges.refuse(self.stream, self.stream.refusal)
        return False

    def close(self) -> None:
        """Close, if the exchange has not done so already."""
        self.rfile.close()
        self.server.serving.discard(self)
        if self.socket.fileno() >= 0:
            self.stream.close(unread=False)


class _Server(HTTPServer):
    """cheroot on a socket that listens already."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = 1 << 30
    _connections: Any

    def __init__(self, exchanges: ThreadExchanges, listening: socket.socket) -> None:
        limits = exchanges.runtime.limits
        super().__init__(listening.getsockname()[:2], gateway=None)
        self.exchanges = exchanges
        self.serving: set[_Connection] = set()
        self.timeout: float = limits.idle_timeout_seconds  # type: ignore[assignment]
        self.expiration_interval = min(limits.sweep_seconds, 0.5)
        self.request_queue_size = limits.backlog
        self.shutdown_timeout: float = limits.stop_seconds  # type: ignore[assignment]
        self.requests = ThreadPool(
            self, min=max(limits.threads, THREADS_MIN), accepted_queue_size=limits.connections
        )
        self._limits = limits
        self._listening = listening

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Take the socket that is bound already."""
        self.socket: socket.socket | None = self._listening.dup()
        return self.socket

    def process_conn(self, conn: _Connection) -> None:
        """A fresh connection waits in the selector until it says something; then it gets a thread."""
        if not conn.fresh:
            self.serving.add(conn)
            super().process_conn(conn)
            return
        conn.fresh = False
        if len(self.serving) + self._connections._num_connections >= self._limits.connections:
            conn.close()
            return
        self._connections.put(conn)
        conn.last_used -= self._limits.idle_timeout_seconds - self._limits.header_timeout_seconds

    def put_conn(self, conn: _Connection) -> None:
        """A request has been answered."""
        self.serving.discard(conn)
        super().put_conn(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """To our log."""
        log.log(level, "cheroot: %s", msg, exc_info=traceback)

    def cut(self) -> None:
        """End the connections that are being served; their threads notice."""
        for conn in tuple(self.serving):
            with contextlib.suppress(OSError):
                conn.socket.shutdown(socket.SHUT_RDWR)


def run(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve the listening sockets until SIGTERM or SIGINT; see uvloop_engine.run."""
    sys.setswitchinterval(runtime.limits.switch_interval_seconds)
    stops = _StopSignals()
    exchanges = ThreadExchanges(runtime)
    servers = [_Server(exchanges, each) for each in sockets]
    for server in servers:
        _in_daemon(_prepare, server).join()
    serving = [_in_daemon(server.serve) for server in servers]
    ready()
    stops.wait(1, None)
    exchanges.stopping = True
    stopping = [_in_daemon(server.stop) for server in servers]
    stops.wait(2, runtime.limits.stop_seconds, stopping + serving)
    for server in servers:
        server.cut()
    for thread in stopping:
        thread.join(_LAST_SECONDS)


def _prepare(server: _Server) -> None:
    """In a daemon thread, so that the threads of the pool are daemons too: one that hangs must not keep the process."""
    server.prepare()


def _in_daemon(call: Callable[..., Any], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=call, args=arguments, daemon=True)
    thread.start()
    return thread


class _StopSignals:
    """Counts SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self._count = 0
        self._arrived = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self._count += 1
        self._arrived.set()

    def wait(self, count: int, seconds: float | None, threads: Sequence[threading.Thread] = ()) -> None:
        """Wait for so many signals in all, at most so long; less when all threads have ended."""
        waited = 0.0
        while self._count < count and (seconds is None or waited < seconds):
            if threads and not any(thread.is_alive() for thread in threads):
                return
            self._arrived.clear()
            step = 3600.0 if seconds is None else min(0.05, seconds - waited)
            if self._count < count:
                self._arrived.wait(step)
            waited += step
