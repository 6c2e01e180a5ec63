"""GET and HEAD."""

from __future__ import annotations

from tests.dav.driver import Driver


def test_what_was_put_comes_back_with_the_same_etag(dav: Driver) -> None:
    made = dav.put("a.txt", b"hello")
    assert made.status == 201
    got = dav.get("a.txt")
    assert (got.status, got.body, got.headers["etag"]) == (200, b"hello", made.headers["etag"])
    assert dav.mkcol("x").status == 201
    assert dav.names() == ["a.txt", "x/"]
