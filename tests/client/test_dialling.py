"""How long an exchange may take, and by which way a user's own server is reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpcore
import pytest

from mylist_dav.client.dialling import Stream, plain_client
from tests.server.small_peer import small_peer


class Clock:
    """Each look at it costs a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def ends() -> Iterator[tuple[Stream, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Stream(ours, 10, Clock()), theirs


def test_what_drips_in_ends_though_it_never_falls_silent(ends: tuple[Stream, socket.socket]) -> None:
    stream, other = ends
    other.sendall(b"drops" * 10)
    with pytest.raises(httpcore.ReadTimeout, match="less than 10 bytes a second"):
        for _ in range(10):
            stream.read(1, timeout=3.0)


def test_what_is_taken_in_drips_ends_too(ends: tuple[Stream, socket.socket]) -> None:
    stream, _ = ends
    with pytest.raises(httpcore.WriteTimeout, match="less than 10 bytes a second"):
        for _ in range(10):
            stream.write(b"x", timeout=3.0)


def test_a_long_body_that_flows_takes_as_long_as_it_needs(ends: tuple[Stream, socket.socket]) -> None:
    stream, other = ends
    for _ in range(50):
        other.sendall(b"x" * 20)
        assert stream.read(20, timeout=3.0)


def test_each_exchange_has_its_time(ends: tuple[Stream, socket.socket]) -> None:
    stream, other = ends
    other.sendall(b"x" * 20)
    for _ in range(10):
        stream.write(b"a", timeout=3.0)
        stream.read(1, timeout=3.0)


def test_a_silent_server_is_given_up(ends: tuple[Stream, socket.socket]) -> None:
    with pytest.raises(httpcore.ReadTimeout, match=r"nothing for 0\.01 seconds"):
        ends[0].read(1, timeout=0.01)


def test_a_user_behind_a_proxy_goes_by_way_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with small_peer() as proxy:
        proxy.misbehave = lambda method, path, body: (200, {}, b"{}")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with plain_client("http://far.test") as http:
            assert http.get("/a").status_code == 200
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with small_peer() as near, plain_client(near.url) as http:
            near.misbehave = proxy.misbehave
            assert http.get("/b").status_code == 200
    assert [path for _, path in proxy.seen] == ["/a"]
    assert [path for _, path in near.seen] == ["/b"]
