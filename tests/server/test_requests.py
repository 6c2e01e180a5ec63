"""What every engine makes of requests, over real sockets."""

from __future__ import annotations

import json

import pytest

from tests.server.raw_http import Server

H = b"Host: localhost\r\n"


def test_an_answer_from_memory_arrives(server: Server) -> None:
    found = server.get("/now")
    assert (found.status, found.body, found.whole) == (200, b"now\n", True)
    assert found.headers["etag"] == '"1"'
    assert found.headers["content-length"] == "4"


def test_an_answer_made_in_a_thread_arrives_and_names_its_request(server: Server) -> None:
    found = server.get("/hello")
    assert (found.status, found.body) == (200, b"hello\n")
    assert len(found.headers["x-request-id"]) == 12


def test_answers_carry_one_date_and_the_name_of_the_server(server: Server) -> None:
    found = server.get("/hello")
    assert found.headers["date"].endswith(" GMT")
    assert found.headers["server"] == "mylist-dav"


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with server.wire() as wire:
        for target in ("/now", "/hello", "/now", "/nothing/", "/hello"):
            wire.request("GET", target)
            assert wire.answer().status in (200, 204)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with server.wire() as wire:
        one = b"GET /hello HTTP/1.1\r\n" + H + b"\r\n"
        two = b"GET /now HTTP/1.1\r\n" + H + b"\r\n"
        put = b"PUT /sink/pipelined/100/10 HTTP/1.1\r\n" + H + b"Content-Length: 20\r\n\r\n" + b"p" * 20
        wire.send((one + two + put) * 20)
        answers = [wire.answer().body for _ in range(60)]
    assert answers == [b"hello\n", b"now\n", b"stored\n"] * 20


def test_requests_before_a_half_close_are_answered(server: Server) -> None:
    with server.wire() as wire:
        wire.send((b"GET /hello HTTP/1.1\r\n" + H + b"\r\n") * 3)
        wire.no_more()
        assert [wire.answer().body for _ in range(3)] == [b"hello\n"] * 3
        assert wire.closed()


def test_http_10_is_closed_unless_it_asks_to_be_kept(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/hello", version="1.0")
        assert wire.answer().body == b"hello\n"
        assert wire.closed()
    with server.wire() as wire:
        for target in ("/hello", "/now"):
            wire.request("GET", target, "Connection: keep-alive", version="1.0")
            found = wire.answer()
            assert found.status == 200
            assert found.headers["connection"].lower() == "keep-alive"


@pytest.mark.parametrize("target", ["/hello", "/now"])
def test_connection_close_is_obeyed(server: Server, target: str) -> None:
    with server.wire() as wire:
        wire.request("GET", target, "Connection: close")
        found = wire.answer()
        assert found.headers["connection"] == "close"
        assert wire.closed()


def test_a_response_may_close_the_connection(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/close/")
        assert wire.answer().body == b"bye\n"
        assert wire.closed()


@pytest.mark.parametrize("target", ["/now", "/hello", "/block-list/1/2"])
def test_head_tells_the_length_and_sends_nothing(server: Server, target: str) -> None:
    length = len(server.get(target).body)
    with server.wire() as wire:
        wire.request("HEAD", target)
        found = wire.answer("HEAD")
        assert (found.status, found.headers["content-length"]) == (200, str(length))
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"


@pytest.mark.parametrize(("target", "status"), [("/now-unchanged", 304), ("/nothing/", 204)])
def test_statuses_without_a_body_have_none(server: Server, target: str, status: int) -> None:
    with server.wire() as wire:
        wire.request("GET", target)
        found = wire.answer()
        assert found.status == status
        assert "content-length" not in found.headers
        wire.request("GET", "/now")
        assert wire.answer().body == b"now\n"


def test_a_request_arrives_as_it_was_sent(server: Server) -> None:
    with server.wire() as wire:
        wire.request("PROPFIND", "/echo/a%2Fb%20%C3%A4?x=%20&y", "X-One: 1", "x-one:   2", "Depth: 0")
        found = json.loads(wire.answer().body)
    assert found["method"] == "PROPFIND"
    assert found["target"] == "/echo/a%2Fb%20%C3%A4"
    assert found["query"] == "x=%20&y"
    assert (found["host"], found["authority"], found["scheme"]) == ("localhost", "localhost", "http")
    assert found["client"] == "127.0.0.1"
    assert found["http_version"] == "1.1"
    assert found["has_body"] is False
    assert found["content_length"] is None
    assert [value for name, value in found["headers"] if name == "x-one"] == ["1", "2"]


def test_an_absolute_target_is_reduced_and_its_host_counts(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "http://Example.org:81/echo/x?q")
        found = json.loads(wire.answer().body)
    assert (found["target"], found["query"], found["host"]) == ("/echo/x", "q", "example.org")
    assert found["authority"] == "Example.org:81"


def test_a_host_with_port_is_split(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"GET /echo/ HTTP/1.1\r\nHost: Site.example:8080\r\n\r\n")
        found = json.loads(wire.answer().body)
    assert (found["host"], found["authority"]) == ("site.example", "Site.example:8080")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /now HTTP/1.1\r\n",
        b"GET /now HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
        b"GET /now HTTP/1.1\r\nHost: a b\r\n",
        b"GET /now HTTP/1.1\r\nHost: a/b\r\n",
        b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
        b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n",
        b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n",
        b"PUT /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n",
        b"GET /now HTTP/1.1\r\nHost : a\r\n",
        b"GET /now HTTP/1.1\r\nHost: a\r\n folded\r\n",
        b"GET /now\x01 HTTP/1.1\r\nHost: a\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n",
    ],
    ids=[
        *(
            "no-host",
            "two-hosts",
            "space-in-host",
            "slash-in-host",
            "length-and-coding",
            "two-lengths",
            "plus-length",
        ),
        *(
            "length-list",
            "identity-coding",
            "space-after-name",
            "folded",
            "control-in-target",
            "space-in-target",
        ),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(server: Server, head: bytes) -> None:
    with server.wire() as wire:
        wire.send(head + b"\r\n")
        assert wire.answer().status == (501 if b"identity" in head else 400)
        assert wire.closed()


def test_garbage_is_refused(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert wire.answer().status == 501


def test_connect_is_refused(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
        assert wire.answer().status == 501


def test_an_upgrade_is_ignored(server: Server) -> None:
    with server.wire() as wire:
        fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        wire.request("GET", "/hello", *fields)
        wire.request("GET", "/hello")
        assert [wire.answer().body for _ in range(2)] == [b"hello\n"] * 2
    with server.wire() as wire:
        wire.request("PUT", "/sink/upgrade/100/100", *fields, "Content-Length: 5", body=b"12345")
        assert wire.answer().status == 201
    assert server.seen("upgrade", "finish") == ["open", "write 5", "finish 5"]


def test_a_long_target_is_refused(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/" + "a" * 9000)
        assert wire.answer().status == 414


def test_a_long_header_section_is_refused(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/now", "X-Long: " + "a" * 40_000)
        assert wire.answer().status == 431
    with server.wire() as wire:
        wire.request("GET", "/now", *[f"X-{number}: 1" for number in range(120)])
        assert wire.answer().status == 431


def test_an_endless_header_field_is_refused(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"GET /now HTTP/1.1\r\nX-Long: " + b"a" * 600_000)
        assert wire.answer().status == 431


def test_errors_are_rendered_by_the_front_end(server: Server) -> None:
    found = server.get("/no-such-word/")
    assert (found.status, found.body) == (404, b"NotFound: there is nothing of that name\n")
    assert "x-request-id" in found.headers


@pytest.mark.parametrize("target", ["/boom/", "/now-boom"])
def test_a_foreign_error_is_a_500_without_detail(server: Server, target: str) -> None:
    found = server.get(target)
    assert found.status == 500
    assert b"secret" not in found.body
    assert found.headers["x-request-id"].encode() in found.body


def test_a_header_field_with_a_line_break_never_goes_out(server: Server) -> None:
    with server.wire() as wire:
        wire.request("GET", "/split/")
        found = wire.answer()
    assert found.status == 500
    assert "set-cookie" not in found.headers
