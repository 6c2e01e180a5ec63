"""What requests and responses say of themselves."""

from __future__ import annotations

from mylist_dav.wire.messages import Request, Response


def test_a_request_does_not_show_its_credentials_in_a_repr() -> None:
    headers = [("authorization", "Bearer hush"), ("cookie", "mylist-session=hush")]
    request = Request("GET", "/a", "token=hush", headers, "example.org", "example.org")
    assert "hush" not in repr(request) and "'/a'" in repr(request)


def test_a_response_does_not_show_what_it_sets_or_says_in_a_repr() -> None:
    assert "hush" not in repr(Response(303, [("Set-Cookie", "mylist-session=hush")], b"hush"))
