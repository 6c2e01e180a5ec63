"""A listening socket served by cheroot: its selector and its threads, with our own reading of requests.

Of cheroot the parts are used that hold up: it accepts, keeps idle connections in a selector, and runs a pool of
threads. Its parser and its WSGI gateway are not: they let two readings of a request through, hold a whole chunk, answer
Expect at once, and cannot cut a connection. A fresh connection goes to the selector first, so that silent ones cost no
thread.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from cheroot.server import HTTPConnection, HTTPServer
from cheroot.workers.threadpool import ThreadPool

from mylist_dav.errors import Forbidden
from mylist_dav.server.heads import plain_refusal
from mylist_dav.server.runtime import log
from mylist_dav.server.thread_exchange import ThreadExchanges
from mylist_dav.server.thread_stream import ThreadStream

Admits = Callable[[socket.socket], bool]
"""Whether whoever is at the other end of a connection may say anything."""


def everybody(connection: socket.socket) -> bool:
    return True


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

    def __init__(self, server: ThreadServer, sock: socket.socket, makefile: object = None) -> None:
        self.server = server
        self.socket = sock
        self.stream = ThreadStream(server.exchanges.runtime, sock, "http")
        self.rfile = _Input(self.stream)
        self.wfile = None
        self.requests_seen = 0
        self.fresh = True

    def communicate(self) -> bool:
        """Serve one request; whether the connection goes on."""
        if not self.server.admits(self.socket):
            refusal = Forbidden("this socket is for the owner of the data directory alone")
            self.server.exchanges.refuse(self.stream, plain_refusal(refusal))
            return False
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


class ThreadServer(HTTPServer):
    """cheroot on a socket that listens already, be it of TCP or in the file system."""

    ConnectionClass = _Connection
    keep_alive_conn_limit = 1 << 30
    _connections: Any

    def __init__(
        self,
        exchanges: ThreadExchanges,
        listening: socket.socket,
        threads: int,
        admits: Admits = everybody,
    ) -> None:
        limits = exchanges.runtime.limits
        place = listening.getsockname()
        super().__init__(place if isinstance(place, str) else place[:2], gateway=None)
        self.exchanges = exchanges
        self.admits = admits
        self.serving: set[_Connection] = set()
        self.timeout: float = limits.idle_timeout_seconds  # type: ignore[assignment]
        self.expiration_interval = min(limits.sweep_seconds, 0.5)
        self.request_queue_size = limits.backlog
        self.shutdown_timeout: float = limits.stop_seconds  # type: ignore[assignment]
        self.requests = ThreadPool(self, min=threads, accepted_queue_size=limits.connections)
        self._limits = limits
        self._listening = listening

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Take the socket that is bound already."""
        self.socket: socket.socket | None = self._listening.dup()
        return self.socket

    def bind_unix_socket(self, bind_addr: str) -> socket.socket:
        """The same for one in the file system."""
        return self.bind(socket.AF_UNIX, socket.SOCK_STREAM)

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
