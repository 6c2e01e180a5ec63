"""Listening sockets, bound by the parent, so that a worker that dies loses no address and no waiting connection.

And how a connection is broken off.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from mylist_dav.errors import BadSettings

_PORT_MAX = 65535
_NO_LINGER = struct.pack("ii", 1, 0)
_UNSENT_BYTES_MAX = 1024 * 1024
"""What the kernel takes of an answer beyond what is on its way to the client. By default it is up to 4 MiB of each
connection, read and verified for a client that may never want it; with less than this, one that is quick waits."""


class Address(NamedTuple):
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read HOST:PORT; an IPv6 address stands in brackets. Raises BadSettings."""
        host, colon, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not colon or not bare or (":" in bare) is not (bare != host):
            raise BadSettings(f"{text!r} is no address: HOST:PORT or [IPV6]:PORT is expected")
        if not (port.isascii() and port.isdigit() and int(port) <= _PORT_MAX):
            raise BadSettings(f"{text!r} has no port between 0 and {_PORT_MAX}")
        return cls(bare, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(address: Address, backlog: int, copies: int) -> list[socket.socket]:
    """Listening sockets for an address, one for each of `copies` workers; the kernel spreads connections over them.

    Raises BadSettings when the address is not to be had. With port 0 all copies have the one port that was found.
    """
    bound: list[socket.socket] = []
    try:
        if address.port:
            # Alone at first: sockets that share would join another server there, and take half of its connections.
            _bind(address, shared=False).close()
        for _ in range(copies):
            bound.append(_bind(address, copies > 1))
            address = Address(address.host, bound[0].getsockname()[1])
        for each in bound:
            each.listen(backlog)
    except OSError as error:
        for each in bound:
            each.close()
        raise BadSettings(f"cannot listen on {address}: {error.strerror or error}") from error
    return bound


def _bind(address: Address, shared: bool) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address.host == "::" else 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # connections have it from the socket that accepted them
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES_MAX)
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def reset_at_close(connection: socket.socket) -> None:
    """The peer is to get a reset when this is closed, which no client takes for the end of a body. Raises OSError."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
