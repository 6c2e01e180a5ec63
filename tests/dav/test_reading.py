"""GET and HEAD: file content, conditions, ranges, listings."""

from __future__ import annotations

import pytest

from tests.dav.driver import ROOT, Driver

FIVE_MIB = bytes(range(256)) * 4096 * 5


def test_what_was_put_comes_back_with_the_same_etag_everywhere(dav: Driver) -> None:
    etag = dav.put("a.txt", b"hello").headers["etag"]
    got, head = dav.get("a.txt"), dav.send("HEAD", "a.txt")
    listed = dav.ask("a.txt", "{DAV:}getetag").properties(f"{ROOT}/a.txt")["{DAV:}getetag"].text
    assert got.body == b"hello"
    assert {got.headers["etag"], head.headers["etag"], listed} == {etag}
    assert etag.startswith('"')
    assert etag.endswith('"')


def test_a_file_of_many_blocks_comes_back_whole_and_in_part(dav: Driver) -> None:
    assert dav.put("big.bin", FIVE_MIB).status == 201
    assert dav.get("big.bin").body == FIVE_MIB
    part = dav.get("big.bin", {"Range": "bytes=1048570-1048580"})
    assert (part.status, part.body) == (206, FIVE_MIB[1048570:1048581])


def test_file_content_is_sandboxed_and_its_type_not_guessed(dav: Driver) -> None:
    dav.put("page.html", b"<script>alert(1)</script>")
    headers = dav.get("page.html").headers
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_stored_files_do_not_become_service_workers(dav: Driver) -> None:
    dav.put("worker.js", b"self")
    assert dav.get("worker.js", {"Service-Worker": "script"}).status == 403


def test_not_modified_since_exactly_that_second_is_304_with_the_etag(dav: Driver) -> None:
    dav.put("a", b"1")
    first = dav.get("a")
    again = dav.get("a", {"If-Modified-Since": first.headers["last-modified"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_if_none_match_wins_over_if_modified_since(dav: Driver) -> None:
    etag = dav.put("a", b"1").headers["etag"]
    earlier = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert dav.get("a", {"If-None-Match": etag, "If-Modified-Since": earlier}).status == 304


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("bytes=0-1", 206, b"01"),
        ("bytes=-2", 206, b"89"),
        ("bytes=20-", 416, None),
        ("foo=0-1", 200, b"0123456789"),
        ("bytes=nonsense", 200, b"0123456789"),
    ],
)
def test_ranges(value: str, status: int, body: bytes | None, dav: Driver) -> None:
    dav.put("a", b"0123456789")
    got = dav.get("a", {"Range": value})
    assert got.status == status
    assert body is None or got.body == body


def test_several_ranges_come_as_several_parts(dav: Driver) -> None:
    dav.put("a.txt", b"0123456789")
    got = dav.get("a.txt", {"Range": "bytes=0-1,8-9"})
    assert got.status == 206
    assert got.headers["content-type"].startswith("multipart/byteranges")
    assert b"\r\n\r\n01\r\n" in got.body
    assert b"\r\n\r\n89\r\n" in got.body


def test_head_of_a_collection_is_200(dav: Driver) -> None:
    dav.mkcol("folder")
    assert dav.send("HEAD", "folder").status == 200
    assert dav.send("HEAD", target="/dav/").status == 200


def test_a_listing_escapes_names_and_holds_no_script(dav: Driver) -> None:
    dav.put("%3Cscript%3Ealert(1)%3C%2Fscript%3E".replace("%2F", "-"), b"x")
    dav.mkcol("a%22b%23")
    got = dav.get("")
    assert got.status == 200
    assert "<script" not in got.text
    assert f'href="{ROOT}/a%22b%23/"' in got.text
    assert "default-src 'none'" in got.headers["content-security-policy"]


@pytest.mark.parametrize("target", ["/dav", "/dav/", "/dav/alice", "/dav/alice/", ROOT, f"{ROOT}/"])
def test_collections_are_listed_with_or_without_the_slash(target: str, dav: Driver) -> None:
    assert dav.send("GET", target=target).status == 200


@pytest.mark.parametrize(
    "target", [f"{ROOT}/none", "/dav/alice/none/", "/dav/bob/", "/dav/NoAccount/", "/dav/bob/x/y"]
)
def test_what_is_not_there_is_404(target: str, dav: Driver) -> None:
    for method in ("GET", "HEAD", "PROPFIND"):
        assert dav.send(method, target=target, headers={"Depth": "0"}).status == 404
