"""Whatever bytes come on a connection, every engine answers with HTTP or closes, and goes on serving."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.bounds import some
from tests.fuzz.likely import damaged
from tests.serving import ENGINES, Served, serving

_GOOD = (
    b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"PUT /files/a HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT /dav/a/b/c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"PROPFIND /dav/ HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nContent-Length: 0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture(scope="module", params=ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "data", engine=request.param) as running:
        yield running
        with running.client() as client:
            assert client.get("/healthz").json()["status"] in ("ok", "short-of-room")
        assert "Traceback" not in running.log.read_text()


@some(60)
@given(
    data=st.one_of(
        st.lists(st.sampled_from(_GOOD), min_size=1, max_size=3).map(b"".join).flatmap(damaged),
        st.binary(min_size=1, max_size=300),
    )
)
def test_no_bytes_make_an_engine_fail(served: Served, data: bytes) -> None:
    for status in statuses(served, data):
        assert status < 500 or status in (501, 505), data


def test_a_server_goes_on_after_them(served: Served) -> None:
    with httpx.Client(base_url=served.url) as client:
        assert client.get("/healthz").status_code == 200


def statuses(served: Served, data: bytes) -> list[int]:
    """The statuses of all answers to these bytes, after which the client sends no more."""
    received = b""
    with served.connect() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while (piece := connection.recv(65536)) and len(received) < 1_000_000:
                received += piece
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError), data
    return [int(found) for found in _STATUS.findall(received)]
