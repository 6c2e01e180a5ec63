"""What only a real connection shows, on every engine: framing, aborted bodies, races between clients."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import ENGINES, Served, serving

MIB = 1024 * 1024
BEFORE = b"before" * 1000


@pytest.fixture(scope="module", params=ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp(f"dav-{request.param}"), engine=request.param) as running:
        with running.client() as client:
            assert client.request("MKCOL", "/dav/admin/t").status_code == 201
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as opened:
        yield opened


def credentials(served: Served) -> str:
    return "Basic " + b64encode(f"admin:{served.token}".encode()).decode()


def head(served: Served, line: str, *fields: str) -> bytes:
    lines = [line, f"Host: 127.0.0.1:{served.port}", f"Authorization: {credentials(served)}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def cut_off(served: Served, sent: bytes) -> bytes:
    """Send this, then no more; what came back until the connection was closed."""
    with served.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (("Content-Length: 100000",), b"x" * 500),
        (("Content-Length: 8000000",), b"x" * 5_000_000),
        (("Transfer-Encoding: chunked",), b"1f4\r\n" + b"x" * 500 + b"\r\n"),
        (("Transfer-Encoding: chunked",), b"3e8\r\n" + b"x" * 500),
        (("Transfer-Encoding: chunked",), b"200000\r\n" + b"x" * 2 * MIB + b"\r\n200000\r\n" + b"x" * MIB),
    ],
    ids=["length", "length-long", "chunked-between", "chunked-within", "chunked-long"],
)
@pytest.mark.parametrize("name", ["new", "old"])
def test_a_truncated_put_changes_nothing(
    name: str, fields: tuple[str, ...], body: bytes, served: Served, client: httpx.Client
) -> None:
    client.request("DELETE", "/dav/admin/t/new")
    client.put("/dav/admin/t/old", content=BEFORE)
    answer = cut_off(served, head(served, f"PUT /dav/admin/t/{name} HTTP/1.1", *fields) + body)
    assert not answer or status_of(answer) >= 400
    got = client.get(f"/dav/admin/t/{name}")
    assert got.status_code == 404 if name == "new" else got.content == BEFORE


def test_finder_is_held_to_the_length_it_expects(served: Served, client: httpx.Client) -> None:
    def put(expected: int) -> int:
        fields = ("Transfer-Encoding: chunked", f"X-Expected-Entity-Length: {expected}", "Connection: close")
        line = head(served, "PUT /dav/admin/t/finder HTTP/1.1", *fields)
        return status_of(served.raw(line + b"5\r\nhello\r\n0\r\n\r\n"))

    assert put(6) == 400
    assert client.get("/dav/admin/t/finder").status_code == 404
    assert put(5) == 201
    assert client.get("/dav/admin/t/finder").content == b"hello"


def test_a_large_file_goes_in_and_out_chunked_and_with_a_length(client: httpx.Client) -> None:
    body = bytes(range(256)) * 4096 * 9
    assert client.put("/dav/admin/t/length", content=body).status_code == 201
    pieces = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    assert client.put("/dav/admin/t/chunked", content=pieces).status_code == 201
    one, other = client.get("/dav/admin/t/length"), client.get("/dav/admin/t/chunked")
    assert one.content == other.content == body
    assert one.headers["etag"] == other.headers["etag"]
    assert one.headers["content-length"] == str(len(body))


def test_a_chunked_propfind_body_is_read(served: Served) -> None:
    body = b'<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    fields = ("Depth: 0", "Transfer-Encoding: chunked", "Connection: close")
    sent = head(served, "PROPFIND /dav/admin/t/ HTTP/1.1", *fields)
    answer = served.raw(sent + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
    assert status_of(answer) == 207
    assert b"getlastmodified" not in answer


@pytest.mark.parametrize(
    ("quoted", "decoded"), [("a%3Fb", "a?b"), ("p%3Bq", "p;q"), ("h%23i", "h#i"), ("c%25d", "c%d")]
)
def test_a_destination_keeps_what_is_quoted_in_it(
    quoted: str, decoded: str, served: Served, client: httpx.Client
) -> None:
    client.put("/dav/admin/t/source", content=b"moved")
    destination = {"Destination": served.dav(f"admin/t/{quoted}")}
    assert client.request("MOVE", "/dav/admin/t/source", headers=destination).status_code == 201
    assert client.get(f"/dav/admin/t/{quoted}").content == b"moved"
    assert decoded in served.mylist("ls", "admin/t")


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("http://elsewhere.test/dav/admin/t/x", 502),
        ("http://127.0.0.1.evil.test/dav/admin/t/x", 502),
        ("/dav/admin/t/a%2Fb", 400),
        ("/dav/admin/t/%2e%2e/x", 400),
        ("/dav/admin/t/x", 201),
        ("https://127.0.0.1/dav/admin/t/x", 204),
    ],
)
def test_destinations(destination: str, status: int, client: httpx.Client) -> None:
    client.put("/dav/admin/t/source", content=b"1")
    headers = {"Destination": destination}
    assert client.request("COPY", "/dav/admin/t/source", headers=headers).status_code == status


def test_an_encoded_slash_never_separates_names(client: httpx.Client) -> None:
    assert client.put("/dav/admin/t%2Fx", content=b"1").status_code in (400, 404)
    assert client.put("/dav/admin/t/a%2Fb", content=b"1").status_code == 400


def test_an_absolute_request_line_is_answered(served: Served) -> None:
    line = f"PROPFIND {served.dav('admin/t/')} HTTP/1.1"
    assert status_of(served.raw(head(served, line, "Depth: 0", "Connection: close"))) == 207


def test_an_xml_body_past_the_limit_is_413(client: httpx.Client) -> None:
    body = b"<a>" + b" " * 2 * MIB + b"</a>"
    assert client.request("PROPFIND", "/dav/admin/t/", content=body).status_code == 413


def test_a_long_listing_is_whole(served: Served, client: httpx.Client, tmp_path: Path) -> None:
    for number in range(1100):
        (tmp_path / f"{number:04}").write_bytes(b"x")
    served.mylist("import", str(tmp_path), "admin/many")
    got = client.request("PROPFIND", "/dav/admin/many", headers={"Depth": "1"})
    assert got.text.count("<D:response>") == 1101
    assert got.text.endswith("</D:multistatus>")


def test_of_several_clients_that_make_one_folder_one_succeeds(served: Served) -> None:
    count = 8
    for round_ in range(5):
        statuses: list[int] = []
        barrier = threading.Barrier(count)

        def make(path: str, statuses: list[int] = statuses, barrier: threading.Barrier = barrier) -> None:
            with served.client() as client:
                client.options("/dav/")
                barrier.wait(timeout=30)
                statuses.append(client.request("MKCOL", path).status_code)

        threads = [threading.Thread(target=make, args=(f"/dav/admin/t/race{round_}",)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [201] + [405] * (count - 1)


def test_a_stranger_is_refused_before_the_body_is_kept(served: Served) -> None:
    with httpx.Client(base_url=served.url) as stranger:
        refused = stranger.put("/dav/admin/t/stranger", content=b"x" * MIB)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")


def test_an_options_request_needs_no_credentials(served: Served) -> None:
    with httpx.Client(base_url=served.url) as stranger:
        answer = stranger.options("/dav/admin/none")
    assert (answer.status_code, answer.headers["dav"][:4]) == (200, "1, 2")
