"""Logging in and out at the console, and what its cookie is good for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mylist_dav.model.actors import EVERYTHING, OPERATOR, Scope
from mylist_dav.web.console.front import ConsoleFrontEnd
from tests.shelf import Clock
from tests.web.console.driver import ORIGIN, PHOTOS, Browser, House

FOLDER = "/console/flists/anna/photos/"


def test_a_pasted_token_begins_a_session_with_a_token_of_its_own(house: House) -> None:
    browser = house.browser()
    token = house.library.identity.new_token(OPERATOR, "anna", label="pasted")
    reply = browser.post("/login", token=f" {token}\n")
    assert (reply.status, reply.location) == (303, "/")
    assert token not in browser.cookies.values()
    assert sorted(house.labels("anna")) == ["browser", "pasted"]
    assert "anna" in browser.get("/").text
    cookie = reply.headers["set-cookie"]
    assert "; HttpOnly; SameSite=Strict" in cookie and "; Max-Age=43200" in cookie and "Secure" not in cookie


def test_under_tls_the_cookie_is_secure_and_of_this_host_alone(house: House) -> None:
    browser = house.browser("anna", scheme="https", origin=ORIGIN.replace("http:", "https:"))
    assert list(browser.cookies) == ["__Host-mylist-session"]
    browser.scheme = "http"
    assert browser.get("/").status == 303, "it does not count over plain HTTP"


def test_a_token_that_was_made_for_this_login_does_not_stay_behind(house: House) -> None:
    house.browser("anna")
    assert house.labels("anna") == ["browser"]


@pytest.mark.parametrize("token", ["", "mylist_wrong", "x" * 5000, "größe", "mylist_a\r\nSet-Cookie: a=b"])
def test_a_token_that_does_not_hold_begins_no_session(house: House, token: str) -> None:
    browser = house.browser()
    reply = browser.post("/login", token=token)
    assert reply.status == 401 and browser.cookies == {}
    assert "The token is unknown, expired, or of another account" in reply.text
    assert token == "" or token not in reply.text


def test_a_session_ends_with_the_token_it_was_begun_with(house: House, clock: Clock) -> None:
    browser = house.browser()
    browser.post("/login", token=house.library.identity.new_token(OPERATOR, "anna", days=1 / 24))
    clock.advance(3_599)
    assert browser.get("/").status == 200
    clock.advance(2)
    assert browser.get("/").location == "/login"


def test_a_token_taken_over_by_a_session_does_not_give_it_more_time(house: House, clock: Clock) -> None:
    browser = house.browser()
    browser.post("/login", token=house.library.identity.new_token(OPERATOR, "anna", days=1 / 24), fresh="1")
    clock.advance(3_601)
    assert browser.get("/").location == "/login"


def test_revoking_a_token_ends_the_sessions_begun_with_it_and_no_others(house: House) -> None:
    identity = house.library.identity
    token, other = (identity.new_token(OPERATOR, "anna") for _ in range(2))
    first, second, third = (house.browser() for _ in range(3))
    first.post("/login", token=token)
    second.post("/login", token=next(iter(first.cookies.values())))  # a session of a session
    third.post("/login", token=other)
    identity.revoke_this(token)
    assert first.get("/").location == "/login" and second.get("/").location == "/login"
    assert third.get("/").status == 200


def test_a_logout_leaves_the_token_that_was_pasted(house: House) -> None:
    browser = house.browser()
    browser.post("/login", token=house.library.identity.new_token(OPERATOR, "anna", label="pasted"))
    browser.post("/logout")
    assert house.labels("anna") == ["pasted"]


def test_a_disabled_account_has_no_session_any_more(house: House) -> None:
    browser = house.browser("anna")
    house.library.identity.set_disabled(OPERATOR, "anna", True)
    assert browser.get("/").location == "/login"


def test_a_session_ends_after_half_a_day(house: House, clock: Clock) -> None:
    browser = house.browser("anna")
    clock.advance(43_199)
    assert browser.get("/").status == 200
    clock.advance(2)
    assert browser.get("/").location == "/login"


def test_a_logout_ends_the_session_everywhere(house: House) -> None:
    browser, copy = house.browser("anna"), house.browser()
    copy.cookies = dict(browser.cookies)
    reply = browser.post("/logout")
    assert (reply.status, reply.location) == (303, "/login")
    assert browser.cookies == {} and house.labels("anna") == []
    assert copy.get("/").location == "/login"


def test_a_logout_without_a_session_is_one_too(house: House) -> None:
    assert house.browser().post("/logout").location == "/login"


def test_a_limited_token_is_the_session_itself_and_outlives_it(house: House) -> None:
    token = house.library.identity.new_token(OPERATOR, "admin", label="one", scope=Scope(PHOTOS, True))
    browser = house.browser()
    browser.post("/login", token=token)
    assert list(browser.cookies.values()) == [token]
    page = browser.get("/").text
    assert "photos" in page and "secret" not in page and "Accounts" not in page
    assert browser.post(FOLDER, do="folder", name="new").status == 403
    assert browser.get("/console/accounts").status == 403
    assert browser.get("/console/tokens").status == 403
    browser.post("/logout")
    assert browser.cookies == {} and house.labels("admin") == ["one"]


def test_where_plain_http_is_refused_the_console_asks_for_no_token_in_clear(house: House) -> None:
    tokens = replace(house.library.settings.tokens, over_plain_http="refuse")
    house.library.settings = replace(house.library.settings, tokens=tokens)
    browser = Browser(ConsoleFrontEnd(house.library))
    token = house.library.identity.new_token(OPERATOR, "anna")
    for reply in (browser.get("/"), browser.get("/login"), browser.post("/login", token=token)):
        assert reply.status == 403 and "no logins over plain HTTP" in reply.text
    browser.scheme, browser.origin = "https", ORIGIN.replace("http:", "https:")
    assert browser.post("/login", token=token).status == 303


# -- without a session ---------------------------------------------------------------------------------------------


def test_who_has_no_session_is_led_to_the_login_and_back(house: House) -> None:
    browser = house.browser()
    reply = browser.get("/console/flists/anna/a%20b%26c/?after=x")
    assert (reply.status, reply.location) == (303, "/login?after=/console/flists/anna/a%2520b%2526c/")
    page = browser.get(reply.location).text
    assert 'name="after" value="/console/flists/anna/a%20b&c/"' in page
    token = house.library.identity.new_token(OPERATOR, "anna")
    reply = browser.post("/login", token=token, after="/console/flists/anna/a%20b&c/")
    assert reply.location == "/console/flists/anna/a%20b&c/"


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/dav/x", "/console//evil/../..", "/consoles",
     "/console/%2e%2e/x", "javascript:alert(1)", "/welcome/", "\r\nX: y", "/console/" + "a" * 5000],
)  # fmt: skip
def test_a_login_leads_nowhere_else(house: House, after: str) -> None:
    browser = house.browser()
    token = house.library.identity.new_token(OPERATOR, "anna")
    assert browser.post("/login", token=token, after=after).location == "/"


@pytest.mark.parametrize("path", ["/", "/console/none", "/console/accounts", FOLDER, "/console/flists/x/y/"])
def test_without_a_session_every_page_answers_alike(house: House, path: str) -> None:
    reply = house.browser().get(path)
    assert reply.status == 303 and reply.location.startswith("/login")
    posted = house.browser().post(path, do="folder", name="x")
    assert posted.status == 401 and "Log in again" in posted.text


def test_the_script_is_told_in_plain_words_that_there_is_no_session(house: House) -> None:
    reply = house.browser().put(FOLDER + "x.txt", b"x")
    assert (reply.status, reply.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert reply.body == b"log in first\n"


def test_only_the_cookie_counts_at_the_console(house: House) -> None:
    token = house.library.identity.new_token(OPERATOR, "admin")
    browser = house.browser()
    assert browser.get("/", {"authorization": f"Bearer {token}"}).status == 303
    browser.origin = None
    reply = browser.post(FOLDER, {"authorization": f"Bearer {token}"}, do="folder", name="x")
    assert reply.status == 403, "whatever else comes with it"


# -- who asks for a change -----------------------------------------------------------------------------------------

FOREIGN = [
    pytest.param(None, {}, id="a browser that says nothing"),
    pytest.param("null", {}, id="a sandboxed page"),
    pytest.param("http://evil.example", {}, id="another site"),
    pytest.param("http://files.example", {}, id="another port"),
    pytest.param("https://files.example:8080", {}, id="another scheme"),
    pytest.param(ORIGIN, {"sec-fetch-site": "cross-site"}, id="across sites"),
    pytest.param(ORIGIN, {"sec-fetch-site": "same-site"}, id="from a sibling host"),
    pytest.param(ORIGIN, {"sec-fetch-site": "none"}, id="from nowhere"),
]


@pytest.mark.parametrize(("origin", "headers"), FOREIGN)
def test_a_change_that_another_site_asks_for_is_refused(
    house: House, origin: str | None, headers: dict[str, str]
) -> None:
    browser = house.browser("admin")
    browser.origin = origin
    before = house.paths()
    assert browser.post(FOLDER, headers, do="folder", name="forged").status == 403
    assert browser.put(FOLDER + "forged.txt", b"x", headers).status == 403
    assert browser.post("/console/tokens", headers, days="1").status == 403
    assert browser.post("/", headers, name="anna/forged").status == 403
    assert browser.post("/logout", headers).status == 403
    assert house.paths() == before and len(browser.cookies) == 1 and house.labels("admin") == ["browser"]


@pytest.mark.parametrize(("origin", "headers"), FOREIGN)
def test_another_site_cannot_log_somebody_in(
    house: House, origin: str | None, headers: dict[str, str]
) -> None:
    browser = house.browser()
    browser.origin = origin
    token = house.library.identity.new_token(OPERATOR, "anna")
    reply = browser.post("/login", headers, token=token)
    assert reply.status == 403 and browser.cookies == {}


def test_a_change_from_our_own_page_needs_no_origin_where_the_browser_tells_the_site(house: House) -> None:
    browser = house.browser("admin")
    browser.origin = None
    assert browser.post(FOLDER, {"sec-fetch-site": "same-origin"}, do="folder", name="new").status == 303


@pytest.mark.parametrize("path", ["/", "/login", "/logout", FOLDER, "/console/tokens", "/console/accounts"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_changes_nothing(house: House, method: str, path: str) -> None:
    browser = house.browser("admin")
    before = (house.paths(), house.labels("admin"))
    browser.get(path + "?do=delete&name=a.txt&days=1", method=method)
    assert (house.paths(), house.labels("admin")) == before
    assert len(browser.cookies) == 1


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE", "get"])
@pytest.mark.parametrize("path", ["/login", FOLDER])
def test_other_methods_are_refused(house: House, method: str, path: str) -> None:
    reply = house.browser("admin").send(method, path, {})
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST, PUT")


# -- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/login", FOLDER, "/console/tokens", "/console/none"])
def test_a_page_allows_its_own_script_only_and_no_frame_and_is_not_kept(house: House, path: str) -> None:
    headers = house.browser("admin").get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].startswith("'sha256-") and " " not in policy["script-src"]
    assert policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin", "with no-referrer the Origin of forms would be null"


def test_head_has_the_headers_of_get_and_no_body(house: House) -> None:
    browser = house.browser("admin")
    assert browser.get(FOLDER, method="HEAD").body == b""
    assert browser.get(FOLDER, method="HEAD").status == 200
    assert browser.get("/console/none", method="HEAD").status == 404


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(PHOTOS)], ids=["unlimited", "limited"])
def test_the_cookie_lives_no_longer_than_what_it_holds(house: House, clock: Clock, scope: Scope) -> None:
    token = house.library.identity.new_token(OPERATOR, "anna", days=0.125, scope=scope)
    clock.advance(60)
    browser = house.browser()
    cookie = browser.post("/login", token=token).headers["set-cookie"]
    assert f"; Max-Age={3 * 3600 - 60};" in cookie
