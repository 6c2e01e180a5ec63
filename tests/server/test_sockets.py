"""Listening sockets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mylist_dav.errors import BadSettings
from mylist_dav.server.engines.peer_sockets import PeerSockets
from mylist_dav.server.engines.sockets import Address, listen

KIB = 1024


@contextmanager
def unread_connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the client's end of a connection whose client has room for little and takes none of it."""
    listening = listen(Address("127.0.0.1", 0), 8, 1)[0]
    with listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        client.connect(listening.getsockname())
        served = listening.accept()[0]
        with served:
            served.setblocking(False)
            yield served, client


def test_the_kernel_takes_little_for_a_client_that_takes_nothing() -> None:
    with unread_connection() as (served, _):
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += served.send(bytes(64 * KIB))
    assert 64 * KIB <= taken <= 1536 * KIB


def test_what_a_peer_has_not_taken_is_known_by_its_address() -> None:
    sockets = PeerSockets()
    with unread_connection() as (served, client):
        peer = served.getpeername()
        assert sockets.unsent_bytes(peer, 1.0) == 0
        sent = served.send(bytes(256 * KIB))
        unsent = sockets.unsent_bytes(peer, 1.0)
        assert sent - 64 * KIB < unsent < sent
        assert sockets.unsent_bytes(client.getpeername(), 1.0) == 0
        assert sockets.unsent_bytes(("127.0.0.1", 1), 2.0) == 0
    assert sockets.unsent_bytes(peer, 3.0) == 0


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_a_second_server_is_refused_an_address_that_another_serves(first: int, second: int) -> None:
    running = listen(Address("127.0.0.1", 0), 8, first)
    try:
        port = running[0].getsockname()[1]
        with pytest.raises(BadSettings, match=f"cannot listen on 127.0.0.1:{port}"):
            listen(Address("127.0.0.1", port), 8, second)
    finally:
        for each in running:
            each.close()


def test_the_workers_of_one_server_share_an_address() -> None:
    sockets = listen(Address("127.0.0.1", 0), 8, 3)
    try:
        assert len({each.getsockname() for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()
