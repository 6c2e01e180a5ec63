"""Connections of a client to one server: where they lead, and how long they may take.

There are two ways to dial. Plainly: wherever the system finds the name, for somebody who has typed it (who may also go
by way of a proxy: proxied.py). Pinned: only to addresses that were looked at and allowed, found anew for each
connection; so a name cannot lead elsewhere between the look and the connection. TLS is verified against the name in
both.

Neither lasts for ever: a request and its answer may take the timeout, and beyond it the time that their bytes need at a
slowest rate. What drips in, or is taken in drips, ends; a long but flowing body does not.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from mylist_dav.errors import MylistError

CONNECTIONS = 4
"""To one server at most. Eight carry more at first over a long way, but cost both sides more than that gains."""

CONNECT_SECONDS = 15.0
TIMEOUT_SECONDS = 60.0
RATE_BYTES_MIN = 256
"""Slowest rate of an exchange, in bytes a second: what a server by default takes from us."""

PINNED_RATE_BYTES_MIN = 8 * 1024
"""The same between servers, whose lines are better, and where nobody watches."""

_ADDRESSES_MAX = 8
KEPT_SECONDS = 5.0
"""How long a connection without a question is good for."""

Resolve = Callable[[str, int], list[str]]
"""Gives the addresses of a host name; may raise OSError."""

Dial = Callable[[str, int, float | None], socket.socket]
"""Connects to a host and port, within some seconds for each address; may raise OSError and errors of ours."""


class Patience(NamedTuple):
    """How long things may take. timeout_seconds: until something comes, and at first in all."""

    timeout_seconds: float = TIMEOUT_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    rate_bytes_min: int = RATE_BYTES_MIN


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


class Ahead:
    """A connection that a thread of its own opens. Then exactly one of take and close is called."""

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self._opened: socket.socket | None = None
        self._opened_at = 0.0
        self._lock = threading.Lock()
        self._is_wanted = True
        self._thread = threading.Thread(target=self._open, name="dial-ahead", daemon=True)
        self._thread.start()

    def take(self) -> socket.socket | None:
        """None when it could not be opened, or is too old: then it is dialled anew, and an error said."""
        self._thread.join()
        if self._opened is not None and time.monotonic() - self._opened_at > KEPT_SECONDS:
            self._opened.close()
            return None
        return self._opened

    def close(self) -> None:
        """Also when it is not open yet: nobody waits for that."""
        with self._lock:
            self._is_wanted = False
            if self._opened is not None:
                self._opened.close()

    def _open(self) -> None:
        with suppress(OSError, MylistError):
            opened = self._dial()
            with self._lock:
                self._opened, self._opened_at = opened, time.monotonic()
                if not self._is_wanted:
                    opened.close()
