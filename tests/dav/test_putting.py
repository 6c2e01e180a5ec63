"""PUT: what is kept, when, and under which conditions."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from mylist_dav.errors import Incomplete
from mylist_dav.wire.messages import Request, Response
from tests.dav.driver import HOST, ROOT, Driver

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"


def modified(dav: Driver, path: str) -> str:
    return dav.get(path).headers["last-modified"]


def test_a_new_file_is_201_and_one_commit_and_a_changed_one_204(dav: Driver) -> None:
    before = dav.jid()
    assert dav.put("a", b"1").status == 201
    assert dav.jid() == before + 1
    assert dav.put("a", b"2").status == 204
    assert dav.jid() == before + 2


def test_an_empty_file_needs_no_content_length(dav: Driver) -> None:
    assert dav.put("empty").status == 201
    assert dav.get("empty").body == b""


def test_a_body_shorter_than_declared_leaves_the_file_as_it_was(dav: Driver) -> None:
    dav.put("a", b"before")
    fields = [("authorization", dav.credentials)]
    request = Request("PUT", f"{ROOT}/a", "", fields, HOST, HOST, content_length=100_000, has_body=True)
    sink = dav.front_end.respond(request)
    assert not isinstance(sink, Response)
    sink.write(b"x" * 500)
    with pytest.raises(Incomplete):
        sink.finish()
    assert dav.get("a").body == b"before"


def test_an_aborted_body_leaves_nothing(dav: Driver) -> None:
    fields = [("authorization", dav.credentials)]
    sink = dav.front_end.respond(Request("PUT", f"{ROOT}/a", "", fields, HOST, HOST, has_body=True))
    assert not isinstance(sink, Response)
    sink.write(b"x" * 500)
    sink.abort()
    assert dav.get("a").status == 404


def test_if_match_any_refuses_a_new_file(dav: Driver) -> None:
    assert dav.put("a", b"1", {"If-Match": "*"}).status == 412
    assert dav.get("a").status == 404


def test_if_none_match_any_refuses_to_overwrite(dav: Driver) -> None:
    assert dav.put("a", b"1", {"If-None-Match": "*"}).status == 201
    assert dav.put("a", b"2", {"If-None-Match": "*"}).status == 412
    assert dav.get("a").body == b"1"


def test_if_match_lets_only_the_known_state_be_replaced(dav: Driver) -> None:
    etag = dav.put("a", b"1").headers["etag"]
    assert dav.put("a", b"2", {"If-Match": etag}).status == 204
    assert dav.put("a", b"3", {"If-Match": etag}).status == 412
    assert dav.put("a", b"3", {"If-Unmodified-Since": LONG_AGO}).status == 412
    assert dav.get("a").body == b"2"


def test_a_condition_that_cannot_be_read_stops_the_write(dav: Driver) -> None:
    assert dav.put("a", b"1", {"If-Match": "unquoted"}).status == 400
    assert dav.put("a", b"1", {"If": "(<unclosed"}).status == 400
    assert dav.get("a").status == 404


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("784111777", LONG_AGO),
        ("784111777.5", LONG_AGO),
        ("-86400", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("0", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ],
)
def test_x_oc_mtime_is_kept_and_never_shown_before_the_epoch(sent: str, shown: str, dav: Driver) -> None:
    made = dav.put("a", b"1", {"X-OC-Mtime": sent})
    assert (made.status, made.headers["x-oc-mtime"]) == (201, "accepted")
    assert modified(dav, "a") == shown


@pytest.mark.parametrize("sent", ["now", "1e400", "nan", "99999999999", ""])
def test_a_malformed_x_oc_mtime_is_refused(sent: str, dav: Driver) -> None:
    assert dav.put("a", b"1", {"X-OC-Mtime": sent}).status == 400
    assert dav.get("a").status == 404


def test_declared_checksums_that_hold_are_accepted(dav: Driver) -> None:
    body = b"checked" * 1000
    sha1, md5 = hashlib.sha1(body).hexdigest(), hashlib.md5(body)
    headers = {"OC-Checksum": f"SHA1:{sha1}", "Content-MD5": b64encode(md5.digest()).decode()}
    assert dav.put("a", body, headers).status == 201
    assert dav.put("b", body, {"OC-Checksum": f"MD5:{md5.hexdigest()} SHA1:{sha1.upper()}"}).status == 201
    assert dav.put("c", body, {"OC-Checksum": "ADLER32:00000000"}).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"OC-Checksum": "SHA1:" + "0" * 40},
        {"OC-Checksum": "MD5:" + "0" * 32},
        {"OC-Checksum": "SHA1:short"},
        {"Content-MD5": b64encode(bytes(16)).decode()},
        {"Content-MD5": "not base64!"},
        {"Content-MD5": b64encode(b"short").decode()},
    ],
)
def test_a_checksum_that_does_not_hold_keeps_nothing(headers: dict[str, str], dav: Driver) -> None:
    dav.put("a", b"before")
    jid = dav.jid()
    assert dav.put("a", b"after", headers).status == 400
    assert dav.get("a").body == b"before"
    assert dav.jid() == jid


def test_a_part_of_a_file_is_refused(dav: Driver) -> None:
    assert dav.put("a", b"1", {"Content-Range": "bytes 0-0/10"}).status == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{ROOT}/none/a", 409),
        ("/dav/alice/none/a", 409),
        (f"{ROOT}/folder", 405),
        (f"{ROOT}/new/", 405),
        (ROOT, 405),
        ("/dav/alice", 403),
        ("/dav/", 403),
        (f"{ROOT}/a%2Fb", 400),
        (f"{ROOT}/" + "x" * 256, 400),
        (f"{ROOT}/..", 400),
    ],
)
def test_where_a_file_cannot_be(target: str, status: int, dav: Driver) -> None:
    dav.mkcol("folder")
    assert dav.send("PUT", target=target, body=b"1").status == status


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        (None, "text/plain; charset=utf-8"),
        ("application/octet-stream", "text/plain; charset=utf-8"),
        ("application/x-www-form-urlencoded", "text/plain; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/x-special", "application/x-special"),
        ("text/x-a; charset=latin1", "text/x-a; charset=latin1"),
        ("no type\r\nSet-Cookie: a", "text/plain; charset=utf-8"),
    ],
)
def test_a_content_type_is_kept_when_it_says_more_than_the_name(
    sent: str | None, served: str, dav: Driver
) -> None:
    dav.put("a.txt", b"1", {"Content-Type": sent} if sent else {})
    assert dav.get("a.txt").headers["content-type"] == served
