"""How long an exchange may take, and by which way a user's own server is reached."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from mylist_dav.client.direct import DirectHttp
from mylist_dav.client.http import Http, Undialled
from mylist_dav.client.link import plain_http
from mylist_dav.client.proxied import ProxiedHttp
from mylist_dav.client.stream import Stream
from mylist_dav.errors import Invalid
from tests.server.small_peer import small_peer


def get(http: Http, path: str) -> bytes:
    with http.send("GET", path, {}, None) as reply:
        assert reply.status == 200
        return b"".join(reply.pieces)


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
    with pytest.raises(TimeoutError, match="less than 10 bytes a second"):
        for _ in range(10):
            stream.read(1, 3.0)


def test_what_is_taken_in_drips_ends_too(ends: tuple[Stream, socket.socket]) -> None:
    stream, _ = ends
    with pytest.raises(TimeoutError, match="less than 10 bytes a second"):
        for _ in range(10):
            stream.write(b"x", 3.0)


def test_a_long_body_that_flows_takes_as_long_as_it_needs(ends: tuple[Stream, socket.socket]) -> None:
    stream, other = ends
    for _ in range(50):
        other.sendall(b"x" * 20)
        assert stream.read(20, 3.0)


def test_each_exchange_has_its_time(ends: tuple[Stream, socket.socket]) -> None:
    stream, other = ends
    other.sendall(b"x" * 20)
    for _ in range(10):
        stream.write(b"a", 3.0)
        stream.read(1, 3.0)


def test_a_silent_server_is_given_up(ends: tuple[Stream, socket.socket]) -> None:
    with pytest.raises(TimeoutError, match=r"nothing for 0\.01 seconds"):
        ends[0].read(1, 0.01)


def test_a_user_behind_a_proxy_goes_by_way_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with small_peer() as proxy:
        proxy.misbehave = lambda method, path, body: (200, {}, b"{}")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with closing(plain_http("http://far.test")) as http:
            assert isinstance(http, ProxiedHttp)
            assert get(http, "/a") == b"{}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with small_peer() as near, closing(plain_http(near.url)) as http:
            near.misbehave = proxy.misbehave
            assert get(http, "/b") == b"{}"
    assert [path for _, path in proxy.seen] == ["/a"]
    assert [path for _, path in near.seen] == ["/b"]


@pytest.mark.parametrize("proxy", ["foo://127.0.0.1", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(Invalid, match="proxy"):
        plain_http("http://far.test")


# -- ahead of the first question -----------------------------------------------------------------------------------


class Door:
    """Accepts connections, and answers each request on them with the number of its connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.ended = threading.Semaphore(0)
        self._opened = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def await_opened(self, connections: int) -> None:
        for _ in range(connections):
            assert self._opened.acquire(timeout=20)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        talks = []
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                talks.append(threading.Thread(target=self._talk, args=(connection, len(talks))))
                talks[-1].start()
                self._opened.release()
        for talk in talks:
            talk.join()

    def _talk(self, connection: socket.socket, number: int) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        self.ended.release()


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.close()


def dialling(url: str) -> DirectHttp:
    http = plain_http(url)
    assert isinstance(http, DirectHttp)
    return http


def test_connections_that_were_dialled_ahead_are_the_first_that_are_used(door: Door) -> None:
    with dialling(door.url) as http:
        http.dial_ahead(2)
        door.await_opened(2)
        found = [get(http, "/") for _ in range(2)]
        assert found in ([b"0", b"0"], [b"1", b"1"])
    for _ in range(2):  # the one that nobody needed is closed, too
        assert door.ended.acquire(timeout=20)


def test_connections_that_were_opened_long_ago_are_not_used(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.client.dialling.KEPT_SECONDS", -1.0)
    with dialling(door.url) as http:
        http.dial_ahead(2)
        door.await_opened(2)
        assert get(http, "/") == b"2"


def test_what_cannot_be_dialled_ahead_is_said_when_it_is_needed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with dialling(url) as http:
        http.dial_ahead(2)
        with pytest.raises(Undialled):
            get(http, "/")
