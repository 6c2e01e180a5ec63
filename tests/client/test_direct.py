"""HTTP over connections of our own: what is sent, which answers are taken, and when a connection is used again."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.client.dialling import Patience, dial_plainly
from mylist_dav.client.direct import DirectHttp, trusting_as_the_system
from mylist_dav.client.http import Unanswered, Undialled
from mylist_dav.errors import Invalid

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
IMPATIENT = Patience(timeout_seconds=5.0, connect_seconds=5.0)


class Teller:
    """A server that reads requests and answers each with what it is told to. connections, asked: what it has seen."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.connections = 0
        self.asked: list[bytes] = []
        self.ended = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while self._answers:
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection:
                    self._talk(connection)
                self.ended.release()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        while self._answers and (asked := self._request(connection)):
            self.asked.append(asked)
            answer = self._answers.pop(0)
            connection.sendall(answer.removesuffix(b"<end>"))
            if answer.endswith(b"<end>"):
                return
        if not self._answers:
            connection.recv(1)  # until the client has read the last one

    def _request(self, connection: socket.socket) -> bytes:
        """A whole request; nothing at the end of the connection."""
        data = b""
        while not _is_whole(data):
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        return data


def _is_whole(data: bytes) -> bool:
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    if b"Transfer-Encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return len(body) >= (int(length[1]) if length else 0)


@contextmanager
def talking(*answers: bytes) -> Iterator[tuple[DirectHttp, Teller]]:
    teller = Teller(*answers)
    try:
        with DirectHttp(teller.url, dial_plainly, IMPATIENT) as http:
            yield http, teller
    finally:
        teller.close()


def ask(
    http: DirectHttp, method: str = "GET", target: str = "/", body: bytes | Iterator[bytes] | None = None
) -> tuple[int, bytes]:
    with http.send(method, target, {}, body) as reply:
        return reply.status, b"".join(reply.pieces)


# -- answers -----------------------------------------------------------------------------------------------------

_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK, (200, b"ok")),
        (_CHUNKED, (200, b"abcde")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", (404, b"")),
        (b"HTTP/1.1 102 Wait\r\nX: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK, (200, b"ok")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end<end>", (200, b"until the end")),
        (b"HTTP/1.0 200 OK\r\n\r\n<end>", (200, b"")),
    ],
)
def test_an_answer_is_read_to_its_end(answer: bytes, expected: tuple[int, bytes]) -> None:
    with talking(answer) as (http, _):
        assert ask(http) == expected


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<end>", "ended"),
        (b"HTTP/1.1 200 OK\r\nContent-Le<end>", "ended"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab<end>", "ended"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n<end>", "ended"),
        (b"HTTP/1.1 100 Continue\r\n\r\n<end>", "ended"),
        (b"SSH-2.0-OpenSSH\r\n<end>", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab<end>", "no HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<end>",
            "no HTTP",
        ),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n<end>", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000 + b"<end>", "far too long|ended"),
        (b"HTTP/1.1 103 Hints\r\n\r\n" * 50_000 + b"<end>", "far too long|ended"),
        (_CHUNKED[:-4] + b"X: y\r\n" * 200_000 + b"<end>", "far too long"),
        (_CHUNKED[:-4] + b"X: " + b"y" * 2_000_000 + b"<end>", "far too long"),
        (_CHUNKED.partition(b"2;x")[0] + b"2;" + b"x" * 2_000_000 + b"<end>", "far too long"),
    ],
)
def test_what_is_no_whole_answer_is_none(answer: bytes, why: str) -> None:
    with talking(answer) as (http, _), pytest.raises(Unanswered, match=why):
        ask(http)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, len(_CHUNKED) - 1), max_size=6))
def test_where_it_is_cut_by_the_network_makes_no_difference(cuts: list[int]) -> None:
    from mylist_dav.client.direct import _Answer  # what the socket gives it is up to the kernel

    answer, at, seen = _Answer(), 0, b""
    for cut in (*sorted(set(cuts)), len(_CHUNKED)):
        answer.feed(_CHUNKED[at:cut])
        seen += b"".join(answer.body)
        answer.body.clear()
        at = cut
    assert (answer.is_whole, answer.status, seen) == (True, 200, b"abcde")


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        http = DirectHttp(url, dial_plainly, Patience(timeout_seconds=0.05))
        with http, pytest.raises(Unanswered, match=r"nothing for 0\.05 seconds"):
            ask(http)


# -- requests ----------------------------------------------------------------------------------------------------


def test_bodies_arrive_as_they_were_given() -> None:
    large = bytes(range(256)) * 4096
    with talking(OK, OK, OK, OK) as (http, teller):
        ask(http, "POST", "/a?b=c", b"body")
        ask(http, "PUT", "/large", large)
        ask(http, "PUT", "/pieces", iter([b"one", b"", b"three"]))
        ask(http, "POST", "/none")
    first, second, third, last = teller.asked
    assert first.startswith(b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")
    assert first.endswith(b"Content-Length: 4\r\n\r\nbody")
    assert second.endswith(b"\r\n\r\n" + large)
    assert third.endswith(b"\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")
    assert last.endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/a b", {}),
        ("GET", "/a\r\nX: y", {}),
        ("GET", "elsewhere", {}),
        ("GET", "/ä", {}),
        ("G ET", "/", {}),
        ("GET", "/", {"x": "a\r\nb: c"}),
        ("GET", "/", {"x": "a\nb"}),
        ("GET", "/", {"x y": "a"}),
        ("GET", "/", {"x": "ä"}),
    ],
)
def test_what_would_be_read_as_something_else_is_not_sent(
    method: str, target: str, headers: dict[str, str]
) -> None:
    http = DirectHttp("http://127.0.0.1:1", dial_plainly, IMPATIENT)
    with http, pytest.raises(Invalid), http.send(method, target, headers, None):
        pass


def test_an_answer_that_comes_while_a_body_is_sent_is_heard() -> None:
    """A server that refuses a body need not take it: it says so and closes the connection."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(refusal)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with DirectHttp(url, dial_plainly, IMPATIENT) as http:
            assert ask(http, "PUT", "/", (b"x" * 65536 for _ in range(100))) == (413, b"big")
        thread.join()


# -- connections -------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again_after_a_whole_answer() -> None:
    with talking(OK, _CHUNKED, OK) as (http, teller):
        assert [ask(http)[0] for _ in range(3)] == [200, 200, 200]
    assert teller.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse",
        OK + b"<end>",
    ],
    ids=["said so", "HTTP/1.0", "more than was asked for", "ended"],
)
def test_a_connection_is_not_used_again_when_it_is_not_good_for_it(first: bytes) -> None:
    with talking(first if first.endswith(b"<end>") else first + b"<end>", OK) as (http, teller):
        assert ask(http) == (200, b"ok")
        assert teller.ended.acquire(timeout=20)
        assert ask(http) == (200, b"ok")
    assert teller.connections == 2


def test_an_answer_that_nobody_reads_to_its_end_costs_its_connection() -> None:
    with talking(OK + b"<end>", OK) as (http, teller):
        with http.send("GET", "/", {}, None) as reply:
            assert reply.status == 200
        assert ask(http) == (200, b"ok")
    assert teller.connections == 2


def test_no_more_connections_than_are_allowed() -> None:
    with talking(OK) as (_, teller):
        patience = Patience(timeout_seconds=0.05)
        http = DirectHttp(teller.url, dial_plainly, patience, connections=1)
        with http, http.send("GET", "/", {}, None), pytest.raises(Undialled, match="no connection was free"):
            ask(http)


def test_nobody_waits_for_connections_that_are_not_needed_any_more() -> None:
    going, dialled = threading.Event(), []

    def slow(host: str, port: int, timeout_seconds: float | None) -> socket.socket:
        assert going.wait(20)
        dialled.append(socket.create_connection((host, port)))
        return dialled[-1]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        http = DirectHttp(f"http://127.0.0.1:{listener.getsockname()[1]}", slow, IMPATIENT)
        http.dial_ahead(1)
        (ahead,) = http._ahead
        http.close()
        going.set()
        ahead._thread.join(20)
    assert dialled[0].fileno() == -1, "it is closed once it is open"


def test_a_system_without_certificates_trusts_whom_mozilla_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    for folder in (tmp_path / "nothing", tmp_path):
        monkeypatch.setenv("SSL_CERT_DIR", str(folder))
        assert trusting_as_the_system().cert_store_stats()["x509_ca"] > 50


def test_a_name_that_can_be_none_leads_nowhere() -> None:
    with DirectHttp(f"http://{'a' * 70}.test", dial_plainly, IMPATIENT) as http, pytest.raises(Undialled):
        ask(http)
