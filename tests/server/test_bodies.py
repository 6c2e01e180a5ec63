"""Bodies in and out, whole and broken, over real sockets."""

from __future__ import annotations

import hashlib
import socket
import time

import pytest

from mylist_dav.model.digest import Digest
from tests.server.fake_app import MIB, block_bytes
from tests.server.raw_http import Server, Wire

CHUNKED = "Transfer-Encoding: chunked"


def in_chunks(body: bytes, size: int) -> bytes:
    """A body in chunked coding."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def some_bytes(size: int, seed: str) -> bytes:
    """Bytes that no two seeds share."""
    return hashlib.shake_128(seed.encode()).digest(size)


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 3_000_000])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_body_arrives_in_pieces_of_the_size_the_sink_asks_for(
    server: Server, size: int, coding: str
) -> None:
    name, body = f"whole-{coding}-{size}", some_bytes(size, coding)
    with server.wire() as wire:
        if coding == "length":
            wire.request("PUT", f"/sink/{name}/4000000/300000", f"Content-Length: {size}", body=body)
        else:
            wire.request("PUT", f"/sink/{name}/4000000/300000", CHUNKED, body=in_chunks(body, 70_001))
        found = wire.answer()
        assert (found.status, found.headers["x-digest"]) == (201, str(Digest.of(body)))
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"
    events = server.seen(name, "finish")
    sizes = [int(event.split()[1]) for event in events if event.startswith("write")]
    assert events[0] == "open"
    assert events[-1] == f"finish {size}"
    assert sum(sizes) == size
    assert max(sizes, default=0) <= 300_000
    assert len(sizes) == -(-size // 300_000)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_an_answer_to_a_body_is_waited_for_where_that_holds_no_thread(server: Server, size: int) -> None:
    with server.wire() as wire:
        address = f"/queued-sink/queued-{size}/4000000/300000"
        wire.request("PUT", address, f"Content-Length: {size}", body=b"q" * size)
        found = wire.answer()
        assert found.status == (503 if server.engine == "cheroot" else 201)
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"


@pytest.mark.parametrize("size", [100, 1_000_000])
@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_body_that_is_cut_off_is_aborted_and_never_finished(
    server: Server, size: int, how: str, coding: str
) -> None:
    name = f"cut-{size}-{how}-{coding}"
    part = b"c" * (size // 2)
    with server.wire() as wire:
        if coding == "length":
            fields = ("Expect: 100-continue", f"Content-Length: {size}")
        else:
            fields, part = ("Expect: 100-continue", CHUNKED), b"%x\r\n%b" % (size, part)
        wire.request("PUT", f"/sink/{name}/2000000/2000000", *fields)
        assert wire.answer().status == 100
        wire.send(part)
        _leave(wire, how)
        events = server.seen(name, "abort")
    assert events == ["open", "abort"]


def _leave(wire: Wire, how: str) -> None:
    if how == "reset":
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if how == "half-close":
        wire.no_more()
    else:
        wire.socket.close()


def test_a_chunked_body_cut_between_chunks_is_aborted(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/sink/between/2000000/10", CHUNKED, body=b"14\r\n" + b"b" * 20 + b"\r\n")
        assert server.seen("between", "write")[:1] == ["open"]
        wire.no_more()
        assert server.seen("between", "abort")[-1] == "abort"


def test_a_malformed_chunk_is_400_and_aborts(server: Server) -> None:
    with server.wire() as wire:
        wire.request(
            "PUT", "/sink/garbage/2000000/10", CHUNKED, body=b"14\r\n" + b"b" * 20 + b"\r\nzz\r\n\r\n"
        )
        found = wire.answer()
        assert found.status == 400
        assert wire.closed()
    assert server.seen("garbage", "abort")[-1] == "abort"


def test_a_declared_length_over_the_limit_is_413_before_the_body_is_read(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/sink/declared/1000/1000", "Content-Length: 9000000", "Expect: 100-continue")
        found = wire.answer()
        assert (found.status, found.headers["connection"]) == (413, "close")
        assert wire.closed()
    assert server.seen("declared", "abort") == ["open", "abort"]


def test_a_chunked_body_over_the_limit_is_413(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/sink/toolong/100000/1000", CHUNKED, body=in_chunks(b"x" * 500_000, 5000))
        assert wire.answer().status == 413
        assert wire.closed()
    events = server.seen("toolong", "abort")
    assert events[-1] == "abort"
    assert not any(event.startswith("finish") for event in events)


def test_an_error_of_a_sink_is_answered_and_aborts_it(server: Server) -> None:
    for size in (20, 200_000):
        name = f"explode-{size}"
        with server.wire() as wire:
            wire.request(
                "PUT",
                f"/sink/{name}/1000000/10000",
                f"Content-Length: {size}",
                body=b"explode" + b"e" * (size - 7),
            )
            assert wire.answer().status == 413
        assert server.seen(name, "abort") == ["open", "abort"]


@pytest.mark.parametrize(("said", "status"), [(500, 201), (499, 400), (501, 400), (9_999_999, 413)])
def test_the_length_that_finder_expects_must_arrive(server: Server, said: int, status: int) -> None:
    name = f"finder-{said}"
    with server.wire() as wire:
        wire.request(
            "PUT",
            f"/sink/{name}/1000000/10000",
            CHUNKED,
            f"X-Expected-Entity-Length: {said}",
            body=in_chunks(b"f" * 500, 100),
        )
        assert wire.answer().status == status
    end = "finish" if status == 201 else "abort"
    assert server.seen(name, end)[-1].startswith(end)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_continue_is_sent_when_the_body_is_really_read(server: Server, size: int) -> None:
    with server.wire() as wire:
        wire.request(
            "PUT", f"/sink/expect-{size}/2000000/100000", f"Content-Length: {size}", "Expect: 100-Continue"
        )
        assert wire.answer().status == 100
        wire.send(b"e" * size)
        assert wire.answer().status == 201


def test_a_refusal_comes_without_continue(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/refuse/", "Content-Length: 10", "Expect: 100-continue")
        assert wire.answer().status == 401


@pytest.mark.parametrize("fields", [("Content-Length: 100000",), (CHUNKED,)], ids=["length", "chunked"])
def test_a_small_unread_body_is_dropped_and_the_connection_kept(
    server: Server, fields: tuple[str, ...]
) -> None:
    body = b"u" * 100_000 if "Length" in fields[0] else in_chunks(b"u" * 100_000, 1000)
    with server.wire() as wire:
        wire.request("PUT", "/refuse/", *fields, body=body)
        assert wire.answer().status == 401
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"


def test_an_unread_body_that_ends_early_ends_the_connection(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/refuse/", "Content-Length: 100000", body=b"u" * 1000)
        if server.engine == "uvloop":  # the others read the body before they answer
            assert wire.answer().status == 401
        wire.no_more()
        began = time.monotonic()
        wire.rest()
        assert time.monotonic() - began < 10


def test_a_large_unread_body_closes_the_connection_after_the_answer(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/refuse/", "Content-Length: 50000000", body=b"u" * 3_000_000)
        assert wire.answer().status == 401
        assert wire.closed()


def test_blocks_are_sent_slice_by_slice(server: Server) -> None:
    found = server.get("/block-list/3/2")
    expected = b"".join(block_bytes(number, 4 * MIB)[8:-8] for number in (3, 4))
    assert found.whole
    assert found.body == expected


def test_pieces_of_unknown_length_are_chunked(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/pieces/5/100000/-/-/chunked")
        found = wire.answer()
        assert (found.headers["transfer-encoding"], found.whole) == ("chunked", True)
        assert found.body == b"".join(b"%d" % number * 100_000 for number in range(5))
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"
    assert server.seen("chunked", "closed") == ["closed"]


def test_pieces_of_unknown_length_end_with_the_connection_on_http_10(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/pieces/5/100000/-/-/ten", version="1.0")
        found = wire.answer()
    assert "transfer-encoding" not in found.headers
    assert len(found.body) == 500_000


def test_pieces_of_known_length_carry_it(server: Server) -> None:
    found = server.get("/pieces/5/100000/500000/-/known")
    assert found.headers["content-length"] == "500000"
    assert len(found.body) == 500_000


def test_head_closes_a_body_it_does_not_send(server: Server) -> None:
    with server.wire() as wire:
        wire.request("HEAD", "/pieces/1/10/10/-/head")
        assert wire.answer("HEAD").headers["content-length"] == "10"
    # A generator that was never begun has nothing to run when it is closed.
    assert server.get("/now").status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/pieces/5/100000/-/3/breaks",
        "/pieces/5/100000/500000/3/breaks-sized",
        "/pieces/5/100000/600000/-/short",
    ],
)
def test_a_body_that_breaks_never_looks_whole(server: Server, target: str) -> None:
    with server.wire() as wire:
        wire.request("GET", target)
        found = wire.answer()
        assert found.status == 200
        assert not found.whole
    assert server.seen(target.rpartition("/")[2], "closed") == ["closed"]


def test_a_body_longer_than_announced_is_cut_off(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/pieces/5/100000/250000/-/long")
        found = wire.answer()
        assert len(found.body) <= 250_000
        assert wire.closed()
    assert server.seen("long", "closed") == ["closed"]


def test_a_body_that_fails_at_once_still_has_a_status(server: Server) -> None:
    assert server.get("/pieces/5/100000/-/0/at-once").status == 500


def test_a_client_that_leaves_closes_the_body(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/pieces/1000/1000000/-/-/left")
        assert wire.socket.recv(1000)
    assert server.seen("left", "closed") == ["closed"]


def test_a_large_answer_from_memory_waits_for_a_slow_reader(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"GET /now-large/3000000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        for _ in range(8):
            found = wire.answer()
            assert (len(found.body), found.whole) == (3_000_000, True)
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"


def test_trailers_are_dropped(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PUT", "/sink/trailers/100/100", CHUNKED, body=b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert wire.answer().status == 201
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"
