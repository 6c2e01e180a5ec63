"""Listening sockets."""

from __future__ import annotations

import contextlib
import socket

import pytest

from mylist_dav.errors import BadSettings
from mylist_dav.server.engines.sockets import Address, listen

KIB = 1024


def test_the_kernel_takes_little_for_a_client_that_takes_nothing() -> None:
    listening = listen(Address("127.0.0.1", 0), 8, 1)[0]
    with listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        client.connect(listening.getsockname())
        taken = 0
        with listening.accept()[0] as served, contextlib.suppress(BlockingIOError):
            served.setblocking(False)
            while True:
                taken += served.send(bytes(64 * KIB))
    assert 64 * KIB <= taken <= 1536 * KIB


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
