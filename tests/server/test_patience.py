"""Slow and silent clients: they are cut off in time, and keep nobody else waiting."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from tests.server.conftest import ENGINES
from tests.server.fake_app import MIB
from tests.server.raw_http import SECONDS, Server, Wire, running


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with two threads for the front end. Not cheroot: that has a thread for each slow client."""
    with running(limits={"threads": 2}) as started:
        yield started


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_body_that_stops_arriving_is_408(tight: Server, size: int) -> None:
    name = f"stalled-{size}"
    with tight.wire() as wire:
        wire.request("PUT", f"/sink/{name}/2000000/1000", "Expect: 100-continue", f"Content-Length: {size}")
        assert wire.answer().status == 100
        wire.send(b"s" * 10)
        assert wire.answer().status == 408
        assert wire.closed()
    assert tight.seen(name, "abort")[-1] == "abort"


def test_a_body_that_trickles_is_408(tight: Server) -> None:
    with tight.wire() as wire:
        wire.request("PUT", "/sink/trickle/2000000/1000", "Transfer-Encoding: chunked")
        wire.socket.settimeout(0.1)
        status = 0
        for _ in range(200):
            wire.send(b"1\r\nx\r\n")
            try:
                status = wire.answer().status
                break
            except TimeoutError:
                continue
    assert status == 408
    assert tight.seen("trickle", "abort")[-1] == "abort"


def test_a_silent_connection_is_closed(tight: Server) -> None:
    with tight.wire() as wire:
        assert wire.closed()


def test_a_header_section_that_does_not_end_is_cut_off(tight: Server) -> None:
    with tight.wire() as wire:
        wire.send(b"GET /now HTTP/1.1\r\nHost: loc")
        assert wire.answer().status == 408
        assert wire.closed()


def test_an_idle_connection_is_closed(tight: Server) -> None:
    with tight.wire() as wire:
        wire.request("GET", "/hello")
        assert wire.answer().status == 200
        assert wire.closed()


def test_a_client_that_takes_nothing_is_cut_off(tight: Server) -> None:
    with tight.wire(receive_buffer_bytes=4096) as wire:
        wire.request("GET", "/pieces/1000/1000000/-/-/taken")
        assert tight.seen("taken", "closed") == ["closed"]
        assert not wire.answer().whole


def test_a_slow_reader_that_reads_is_not_cut_off(tight: Server) -> None:
    with tight.wire(receive_buffer_bytes=65536) as wire:
        wire.request("GET", "/pieces/20/100000/2000000/-/slow")
        wire.socket.settimeout(5)
        got = 0
        head = wire.socket.recv(4096)
        got = len(head) - head.index(b"\r\n\r\n") - 4
        while got < 2_000_000:
            tight.get("/now")  # the pace: a request of somebody else between two reads
            got += len(wire.socket.recv(20_000))
    assert got == 2_000_000


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reader_is_not_cut_off_while_it_takes_anything_at_all(engine: str) -> None:
    limits = {"write_stall_seconds": 1.5, "header_timeout_seconds": 0.4, "sweep_seconds": 0.1}
    with running(engine=engine, limits=limits) as server, server.wire(receive_buffer_bytes=4096) as wire:
        wire.request("GET", "/pieces/20/200000/4000000/-/trickle")
        body = wire.socket.recv(2000).partition(b"\r\n\r\n")[2]
        for _ in range(8):  # in all this time it takes less than what makes a kernel tell the server
            with server.wire() as silent:
                assert silent.closed()
            body += wire.socket.recv(8000)
        while len(body) < 4_000_000 and (more := wire.socket.recv(1 << 20)):
            body += more
    assert len(body) == 4_000_000


def test_a_reader_that_takes_nothing_costs_no_more_than_a_few_slices(tight: Server) -> None:
    with tight.wire(receive_buffer_bytes=4096) as wire:
        wire.request("GET", "/slices/100/262144/unread")
        events = tight.seen("unread", "closed")
    assert events[-1] == "closed"
    assert len(events) <= 8


def test_the_body_of_a_reader_that_left_is_given_up(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/pieces/1000000/1000000/-/-/left")
        assert wire.socket.recv(1000)
    assert server.seen("left", "closed") == ["closed"]


def test_more_slow_readers_than_threads_keep_nobody_waiting(narrow: Server) -> None:
    readers = [narrow.wire(receive_buffer_bytes=4096 if number else 0) for number in range(12)]
    try:
        for number, reader in enumerate(readers):
            reader.request("GET", f"/block-list/{number}/3", "Connection: close")
            assert reader.socket.recv(100)
        assert narrow.get("/hello").body == b"hello\n"
        found = readers[0].rest()[0]
        assert len(found) > 12 * MIB - 200
    finally:
        for reader in readers:
            reader.socket.close()


def test_more_slow_uploaders_than_threads_keep_nobody_waiting(narrow: Server) -> None:
    uploaders = [narrow.wire() for _ in range(12)]
    try:
        for number, uploader in enumerate(uploaders):
            uploader.request(
                "PUT", f"/sink/slow-{number}/2000000/50000", "Content-Length: 1000000", body=b"s" * 90_000
            )
        for number in range(12):
            assert "write 50000" in narrow.seen(f"slow-{number}", "write")
        assert narrow.get("/hello").body == b"hello\n"
        uploaders[3].send(b"s" * 910_000)
        assert uploaders[3].answer().status == 201
    finally:
        for uploader in uploaders:
            uploader.socket.close()
    assert narrow.seen("slow-5", "abort")[-1] == "abort"


def test_silent_connections_keep_nobody_waiting(server: Server) -> None:
    silent = [server.wire() for _ in range(50)]
    try:
        assert server.get("/hello").body == b"hello\n"
    finally:
        for each in silent:
            each.socket.close()


def test_uploads_past_the_byte_budget_all_arrive() -> None:
    with running(limits={"body_budget_bytes": 300_000}) as server:
        wires = [server.wire() for _ in range(8)]
        for number, wire in enumerate(wires):
            wire.request(
                "PUT", f"/sink/b-{number}/2000000/2000000", "Content-Length: 1000000", body=b"a" * 500_000
            )
        for wire in reversed(wires):
            wire.send(b"b" * 500_000)
        for number, wire in enumerate(wires):
            assert wire.answer().status == 201
            assert server.seen(f"b-{number}", "finish")[-1] == "finish 1000000"
            wire.socket.close()


def test_connections_past_the_limit_are_turned_away() -> None:
    with running(limits={"connections": 3}) as server:
        held = [server.wire() for _ in range(3)]
        for wire in held:
            wire.request("GET", "/now")
            assert wire.answer().status == 200
        with server.wire() as late:
            assert late.answer().status == 503
        held[0].request("GET", "/now", "Connection: close")
        assert held[0].answer().status == 200
        assert held[0].closed()
        assert server.get("/now").status == 200
        for wire in held:
            wire.socket.close()


def test_calls_past_the_queue_are_503() -> None:
    with running(limits={"threads": 2, "queued_calls": 1}) as server:
        waiting = [server.wire() for _ in range(6)]
        for number, wire in enumerate(waiting):
            wire.request("GET", f"/gate/queue-{number}")
        refused = _first_answered(waiting, 3)
        assert [wire.answer().status for wire in refused] == [503] * 3
        for number in range(6):
            server.get(f"/open/queue-{number}")
        assert [wire.answer().status for wire in waiting if wire not in refused] == [200] * 3
        for wire in waiting:
            wire.socket.close()


def _first_answered(wires: list[Wire], count: int) -> list[Wire]:
    """So many of these connections, as soon as there is something to read on them."""
    found: list[Wire] = []
    while len(found) < count:
        left = [wire.socket for wire in wires if wire not in found]
        readable, _, _ = select.select(left, [], [], SECONDS)
        assert readable
        found += [wire for wire in wires if wire.socket in readable]
    return found


def test_small_bodies_that_never_come_leave_room_for_others() -> None:
    with running(limits={"body_budget_bytes": 100_000}) as server:
        silent = [server.wire() for _ in range(10)]
        for number, wire in enumerate(silent):
            wire.request("PUT", f"/sink/silent-{number}/2000000/50000", "Content-Length: 20000", body=b"s")
        assert "open" in server.seen("silent-9", "open")
        with server.wire() as late:
            late.request("PUT", "/sink/late/2000000/50000", "Content-Length: 500000", body=b"s" * 500_000)
            assert late.answer().status == 201
        for wire in silent:
            wire.socket.close()
