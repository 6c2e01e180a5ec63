"""Connections are spread evenly over the workers, and none is lost on its way from one to another."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from mylist_dav.server.balance import Balance, Share
from tests.server.raw_http import Server, Wire, running

PID = "tests.server.test_running:build_pid"


@pytest.fixture
def shares() -> Iterator[list[Share]]:
    """Those of three workers that have begun, with no connection."""
    with closing(Balance(3)) as balance:
        made = [balance.share_of(number) for number in range(3)]
        for share in made:
            share.has_open(0)
        yield made


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """One end of a connection, whose other end has sent something."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"from the client")
        yield here


@pytest.mark.parametrize(
    ("mine", "others", "passed"),
    [
        (0, 0, False),
        (1, 0, True),
        (1, 1, False),
        (2, 1, True),
        (4, 3, True),
        (4, 4, False),
        (5, 4, False),
        (6, 4, True),
        (100, 80, False),
        (101, 80, True),
        (3, 500, False),
    ],
)
def test_a_connection_is_passed_on_to_a_worker_that_has_clearly_fewer(
    shares: list[Share], connection: socket.socket, mine: int, others: int, passed: bool
) -> None:
    shares[0].has_open(mine)
    shares[1].has_open(others)
    shares[2].has_open(others + 1)
    assert shares[0].pass_on(connection.fileno()) is passed
    assert shares[2].take() is None
    taken = shares[1].take()
    assert (taken is not None) is passed
    if taken is not None:
        with taken:
            assert taken.recv(100) == b"from the client"
        assert shares[1].take() is None


def test_what_is_on_the_way_counts(shares: list[Share], connection: socket.socket) -> None:
    for share in shares:
        share.has_open(8)
    shares[1].has_open(2)
    assert [shares[turn % 2 * 2].pass_on(connection.fileno()) for turn in range(8)] == [True] * 5 + [
        False
    ] * 3
    for count in range(3, 8):
        taken = shares[1].take()
        assert taken is not None
        taken.close()
        shares[1].has_open(count)
    assert not shares[0].pass_on(connection.fileno())
    shares[0].has_open(9)
    assert shares[0].pass_on(connection.fileno())


def test_who_is_away_gets_nothing(connection: socket.socket) -> None:
    with closing(Balance(2)) as balance:
        mine, other = balance.share_of(0), balance.share_of(1)
        mine.has_open(8)
        assert not mine.pass_on(connection.fileno()), "the other has not begun"
        other.has_open(0)
        assert mine.pass_on(connection.fileno())
        balance.ended(1)
        assert not mine.pass_on(connection.fileno())
        other.has_open(0)  # its successor, which finds what was on the way
        with closing(other.take() or socket.socket()) as taken:
            assert taken.recv(100) == b"from the client"
        other.takes_no_more()
        other.has_open(0)  # its last connection has ended
        assert not mine.pass_on(connection.fileno())


def test_a_connection_stays_when_no_more_can_be_on_the_way(
    shares: list[Share], connection: socket.socket
) -> None:
    shares[0].has_open(1_000_000)
    shares[2].has_open(1_000_000)
    passed = 0
    while shares[0].pass_on(connection.fileno()):
        passed += 1
        assert passed < 100_000, "there is no end of it"
    for _ in range(passed):
        with closing(shares[1].take() or pytest.fail("one was lost")):
            pass
    assert shares[1].take() is None


@pytest.mark.parametrize("workers", [2, 3])
def test_connections_fall_evenly_on_the_workers_of_a_server(workers: int) -> None:
    with running(workers=workers, factory=PID) as server, ExitStack() as stack:
        pids = Counter(_asked(stack.enter_context(server.wire())) for _ in range(4 * workers))
    assert len(pids) == workers
    assert max(pids.values()) <= 5


def test_connections_that_come_all_at_once_are_all_answered() -> None:
    with running(workers=2, factory=PID) as server, ExitStack() as stack:
        wires = [stack.enter_context(server.wire()) for _ in range(60)]
        for wire in wires:
            wire.request("GET", "/")
        pids = Counter(wire.answer().body for wire in wires)
        assert sum(pids.values()) == 60
        assert min(pids.values()) >= 24
        for wire in wires:  # and they stay where they are
            pids[_asked(wire)] -= 1
        assert set(pids.values()) == {0}


def test_the_connections_of_a_worker_that_died_go_to_its_successor_too() -> None:
    with running(workers=2, factory=PID) as server, ExitStack() as stack:
        before = {_asked(stack.enter_context(server.wire())) for _ in range(8)}
        dead = before.pop()
        os.kill(int(dead), signal.SIGKILL)
        found = Counter(_asked(stack.enter_context(server.wire())) for _ in range(8))
        while len(found) == 1:  # the successor is being started
            found = Counter(_asked(stack.enter_context(server.wire())) for _ in range(8))
        assert dead not in found
        _stops_in_order(server)


def test_a_server_that_stops_leaves_no_connection_waiting() -> None:
    with running(workers=2, factory=PID) as server, ExitStack() as stack:
        wires = [stack.enter_context(server.wire()) for _ in range(40)]
        _stops_in_order(server)
        assert all(wire.closed() for wire in wires)


def test_cheroot_keeps_what_the_kernel_gives_it() -> None:
    with running(engine="cheroot", workers=2, factory=PID) as server, ExitStack() as stack:
        pids = Counter(_asked(stack.enter_context(server.wire())) for _ in range(8))
        assert sum(pids.values()) == 8
        _stops_in_order(server)


def _asked(wire: Wire) -> bytes:
    """The id of the process that answers."""
    wire.request("GET", "/")
    return wire.answer().body


def _stops_in_order(server: Server) -> None:
    server.signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
