"""The session cookie, and what shows that a request comes from our own pages."""

from __future__ import annotations

import pytest

from mylist_dav.wire.messages import Request
from mylist_dav.wire.sessions import comes_from_own_page, end_session, session_token, start_session


def request(
    *headers: tuple[str, str], scheme: str = "http", authority: str = "files.example:8080"
) -> Request:
    return Request("POST", "/", "", list(headers), authority.partition(":")[0], authority, scheme)


def test_a_session_over_plain_http_is_for_our_own_pages_alone() -> None:
    assert start_session(request(), "mylist_abc", 60) == (
        "Set-Cookie",
        "mylist-session=mylist_abc; Max-Age=60; Path=/; HttpOnly; SameSite=Strict",
    )


def test_a_session_under_tls_is_bound_to_the_host_and_never_sent_in_the_clear() -> None:
    assert start_session(request(scheme="https"), "mylist_abc", 60) == (
        "Set-Cookie",
        "__Host-mylist-session=mylist_abc; Max-Age=60; Path=/; HttpOnly; SameSite=Strict; Secure",
    )


def test_the_end_of_a_session_has_the_browser_forget_it() -> None:
    assert end_session(request())[1].startswith("mylist-session=; Max-Age=0; Path=/;")
    assert end_session(request(scheme="https"))[1].startswith("__Host-mylist-session=; Max-Age=0; Path=/;")


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("mylist-session=mylist_a-b_c", "mylist_a-b_c"),
        ("a=b; mylist-session=mylist_a; c=d", "mylist_a"),
        ("a=b;mylist-session=mylist_a", "mylist_a"),
        ("a=b", None),
        ("", None),
        ("mylist-session", None),
        ("mylist-session=", None),
        ("mylist-session=a b", None),
        ('mylist-session="mylist_a"', None),
        ("Mylist-Session=mylist_a", None),
        ("xmylist-session=mylist_a", None),
        ("__Host-mylist-session=mylist_a", None),
        ("mylist-session=" + "a" * 201, None),
        ("mylist-session=mylist_a; mylist-session=mylist_b", None),
    ],
)
def test_the_token_of_a_session_is_read(cookie: str, token: str | None) -> None:
    assert session_token(request(("cookie", cookie))) == token


def test_two_cookie_headers_with_a_session_each_are_none() -> None:
    assert session_token(request(("cookie", "mylist-session=a"), ("cookie", "mylist-session=b"))) is None


def test_under_tls_a_cookie_that_other_hosts_could_set_does_not_count() -> None:
    assert session_token(request(("cookie", "mylist-session=a"), scheme="https")) is None
    assert session_token(request(("cookie", "__Host-mylist-session=a"), scheme="https")) == "a"


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        pytest.param([("sec-fetch-site", "same-origin")], True, id="same origin"),
        pytest.param([("sec-fetch-site", "same-site")], False, id="same site"),
        pytest.param([("sec-fetch-site", "cross-site")], False, id="cross site"),
        pytest.param([("sec-fetch-site", "none")], False, id="typed"),
        pytest.param([("sec-fetch-site", "Same-Origin")], False, id="another spelling"),
        pytest.param([("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], False, id="two"),
        pytest.param(
            [("sec-fetch-site", "cross-site"), ("origin", "http://files.example:8080")],
            False,
            id="both, and not",
        ),
        pytest.param([("origin", "http://files.example:8080")], True, id="own origin"),
        pytest.param([("origin", "http://FILES.example:8080")], True, id="own origin in capitals"),
        pytest.param([("origin", "https://files.example:8080")], False, id="another scheme"),
        pytest.param([("origin", "http://files.example")], False, id="another port"),
        pytest.param([("origin", "http://files.example:80800")], False, id="a longer port"),
        pytest.param([("origin", "http://evil.example")], False, id="another host"),
        pytest.param([("origin", "http://files.example:8080.evil.example")], False, id="a longer host"),
        pytest.param([("origin", "null")], False, id="a sandboxed page"),
        pytest.param([("origin", "")], False, id="an empty origin"),
        pytest.param([("origin", "http://files.example:8080"), ("origin", "null")], False, id="two origins"),
        pytest.param([("referer", "http://files.example:8080/")], False, id="a referer alone"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_change_comes_from_our_own_page(headers: list[tuple[str, str]], own: bool) -> None:
    assert comes_from_own_page(request(*headers)) is own


@pytest.mark.parametrize(
    ("scheme", "authority", "origin"),
    [
        ("https", "files.example", "https://files.example"),
        ("https", "files.example:443", "https://files.example"),
        ("http", "files.example:80", "http://files.example"),
        ("http", "[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_usual_port_may_be_left_out(scheme: str, authority: str, origin: str) -> None:
    assert comes_from_own_page(request(("origin", origin), scheme=scheme, authority=authority))


def test_a_server_that_knows_its_address_takes_it_for_its_own() -> None:
    asked = request(("origin", "https://public.example"), authority="inner:8080")
    assert not comes_from_own_page(asked)
    assert comes_from_own_page(asked, "https://public.example")
