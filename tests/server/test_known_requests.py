"""A request that was seen before is known by its bytes; nobody can tell, but by the time it takes."""

from __future__ import annotations

from typing import Any

import pytest

from mylist_dav.server.engines import parsing
from mylist_dav.server.engines.parsing import RequestParser
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.wire.messages import Request

GET = b"GET /a?b HTTP/1.1\r\nHost: x.example\r\nIf-None-Match: *\r\n\r\n"


class Parser(RequestParser):
    """Gathers what comes in, and counts what llhttp was given."""

    def __init__(self, limits: EngineLimits, client: str = "192.0.2.1") -> None:
        super().__init__(limits, "http")
        self._client = client
        self._parser = Counting(self._parser)
        self.requests: list[Request] = []
        self.bodies = b""

    @property
    def parsed(self) -> int:
        return self._parser.fed

    @property
    def refused(self) -> int | None:
        return self._refusal.status if self._refusal else None

    def request_complete(self, request: Request, keep_alive: bool) -> None:
        self.requests.append(request)

    def body_begins(self, request: Request, keep_alive: bool) -> None:
        self.requests.append(request)

    def body_arrived(self, data: bytes) -> None:
        self.bodies += data

    def body_complete(self) -> None:
        pass


class Counting:
    """llhttp, with the number of its feeds."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self.fed = 0

    def feed_data(self, data: bytes) -> None:
        self.fed += 1
        self._parser.feed_data(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


@pytest.fixture
def limits() -> EngineLimits:
    parsing._known_requests.cache_clear()
    return EngineLimits()


def test_the_same_bytes_are_parsed_once_and_make_equal_requests(limits: EngineLimits) -> None:
    parser = Parser(limits)
    for _ in range(3):
        parser.parse(GET)
    assert parser.parsed == 1
    assert parser.requests[0] == parser.requests[1] == parser.requests[2]


def test_what_is_written_into_a_request_stays_out_of_the_next(limits: EngineLimits) -> None:
    parser = Parser(limits)
    for _ in range(3):
        parser.parse(GET)
        request = parser.requests[-1]
        assert (request.client, request.scheme, len(request.headers)) == ("192.0.2.1", "http", 2)
        request.client, request.scheme = "198.51.100.9", "https"
        request.headers.append(("x", "y"))


def test_a_request_known_from_one_client_is_that_of_another_who_sends_it(limits: EngineLimits) -> None:
    Parser(limits).parse(GET)
    other = Parser(limits, "192.0.2.2")
    other.parse(GET)
    assert other.parsed == 0
    assert other.requests[0].client == "192.0.2.2"


def test_bytes_inside_of_a_header_section_are_no_request(limits: EngineLimits) -> None:
    parser = Parser(limits)
    parser.parse(GET)
    parser.parse(b"GET /begun HTTP/1.1\r\n")
    parser.parse(GET)
    assert len(parser.requests) == 1
    assert parser.refused == 400


@pytest.mark.parametrize("begun", [b"G", b"GET", b"GET "])
def test_bytes_behind_half_a_method_are_no_request(limits: EngineLimits, begun: bytes) -> None:
    parser = Parser(limits)
    parser.parse(GET)
    parser.parse(begun)
    parser.parse(GET)
    assert len(parser.requests) == 1


def test_bytes_inside_of_a_body_are_no_request(limits: EngineLimits) -> None:
    parser = Parser(limits)
    parser.parse(GET)
    parser.parse(b"PUT /b HTTP/1.1\r\nHost: x.example\r\nContent-Length: %d\r\n\r\n" % len(GET))
    parser.parse(GET)
    assert [request.method for request in parser.requests] == ["GET", "PUT"]
    assert parser.bodies == GET
    parser.parse(GET)
    assert parser.requests[-1].method == "GET"


def test_a_parser_that_has_refused_knows_nothing_more(limits: EngineLimits) -> None:
    parser = Parser(limits)
    parser.parse(GET)
    parser.parse(b"GET /c HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n")
    parser.parse(GET)
    assert len(parser.requests) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x.example\r\nAuthorization: Bearer secret\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x.example\r\nCookie: secret\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x.example\r\nX-Long: " + b"x" * parsing._REMEMBERED_BYTES + b"\r\n\r\n",
        GET + GET,
    ],
    ids=["authorization", "cookie", "long", "two requests"],
)
def test_what_holds_secrets_or_is_long_or_several_requests_is_not_remembered(
    limits: EngineLimits, sent: bytes
) -> None:
    parser = Parser(limits)
    parser.parse(sent)
    parser.parse(sent)
    assert parser.parsed == 2


def test_a_request_known_under_wide_limits_is_refused_under_narrow_ones(limits: EngineLimits) -> None:
    Parser(limits).parse(GET)
    narrow = Parser(EngineLimits(header_fields=1))
    narrow.parse(GET)
    assert narrow.refused == 431


def test_what_is_remembered_has_a_bound(limits: EngineLimits) -> None:
    parser = Parser(limits)
    for number in range(parsing._REMEMBERED + 10):
        parser.parse(b"GET /%d HTTP/1.1\r\nHost: x.example\r\n\r\n" % number)
    assert 0 < len(parsing._known_requests(limits, "http")) <= parsing._REMEMBERED
