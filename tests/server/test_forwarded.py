"""What proxies say counts only from those that are trusted."""

from __future__ import annotations

import pytest

from mylist_dav.errors import Misdirected
from mylist_dav.server.forwarded import Forwarded
from mylist_dav.wire.messages import Request, Response

TRUSTED = ("10.0.0.0/8", "::1/128")


class Seen:
    """A front end that remembers what it was asked."""

    request: Request

    def answer_now(self, request: Request) -> Response | None:
        self.request = request
        return None

    def respond(self, request: Request) -> Response:
        self.request = request
        return Response(200)

    def render_error(self, request: Request, error: Exception) -> Response:
        raise error


def asked(client: str, **fields: str) -> Request:
    headers = [("host", "inner:8080"), *((f"x-forwarded-{name}", value) for name, value in fields.items())]
    request = Request("GET", "/", "", headers, "inner", "inner:8080", client=client)
    seen = Seen()
    front = Forwarded(seen, TRUSTED)
    front.answer_now(request)
    front.respond(request)
    return seen.request


@pytest.mark.parametrize(
    ("client", "forwarded_for", "expected"),
    [
        ("10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "203.0.113.1, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("", "203.0.113.9", ""),
        ("10.1.2.3", "[2001:db8::5]:443", "2001:db8::5"),
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", '1.2.3.4 - admin [] "GET / HTTP/1.1" 200 0, 10.9.9.9', "10.9.9.9"),
        ("10.1.2.3", 'fe80::1%" 200 0', "fe80::1"),
        ("10.1.2.3", " , ", "10.1.2.3"),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxy(
    client: str, forwarded_for: str, expected: str
) -> None:
    assert asked(client, **{"for": forwarded_for}).client == expected


def test_scheme_and_host_come_from_a_trusted_proxy() -> None:
    request = asked("10.1.2.3", proto="https", host="Files.Example:8443")
    assert (request.scheme, request.host, request.authority) == (
        "https",
        "files.example",
        "Files.Example:8443",
    )


def test_nobody_else_may_name_a_scheme_or_host() -> None:
    request = asked("198.51.100.1", proto="https", host="files.example")
    assert (request.scheme, request.host, request.authority) == ("http", "inner", "inner:8080")


def test_a_scheme_that_is_none_is_not_taken() -> None:
    assert asked("10.1.2.3", proto="javascript").scheme == "http"


def test_a_forwarded_host_that_is_none_is_refused() -> None:
    with pytest.raises(Misdirected):
        asked("10.1.2.3", host="a b")
