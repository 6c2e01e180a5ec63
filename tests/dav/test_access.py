"""Who gets in, what strangers learn, and which methods there are."""

from __future__ import annotations

import dataclasses
from base64 import b64encode

import pytest

from mylist_dav.services.opening import Library
from tests.dav.driver import ROOT, Driver

METHODS = (
    "GET HEAD PUT DELETE MKCOL COPY MOVE PROPFIND PROPPATCH LOCK UNLOCK POST PATCH REPORT ACL SEARCH BOGUS".split()  # noqa: SIM905
)
TARGETS = [
    "/dav/",
    "/dav/alice/",
    ROOT,
    f"{ROOT}/there",
    f"{ROOT}/none",
    "/dav/none/none/",
    f"{ROOT}/..",
    "/dav/%zz",
]


@pytest.mark.parametrize("method", METHODS)
def test_who_says_nothing_gets_the_same_401_for_every_path(method: str, dav: Driver) -> None:
    dav.put("there", b"1")
    replies = [dav.send(method, target=target, anonymous=True) for target in TARGETS]
    assert {reply.status for reply in replies} == {401}
    assert len({(reply.body, *sorted(reply.headers.items())) for reply in replies}) == 1
    assert replies[0].headers["www-authenticate"] == 'Basic realm="mylist", charset="UTF-8"'


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic",
        "Basic !!!",
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b"alice:wrong").decode(),
        "Digest username=alice",
        "NTLM abc",
        "Negotiate abc",
        "",
    ],
)
def test_credentials_that_do_not_hold_are_401(value: str, dav: Driver) -> None:
    reply = dav.send("PROPFIND", headers={"Authorization": value, "Depth": "0"})
    assert reply.status == 401
    assert "basic" in reply.headers["www-authenticate"].lower()


def test_a_token_counts_as_bearer_and_as_the_password_of_its_own_account_only(dav: Driver) -> None:
    def status(value: str) -> int:
        return dav.send("GET", headers={"Authorization": value}).status

    assert status(f"Bearer {dav.token}") == 200
    assert status("Basic " + b64encode(f"alice:{dav.token}".encode()).decode()) == 200
    assert status("Basic " + b64encode(f"bob:{dav.token}".encode()).decode()) == 401


def test_cookies_and_queries_say_nothing(dav: Driver) -> None:
    assert dav.send("GET", headers={"Cookie": f"token={dav.token}"}, anonymous=True).status == 401
    assert dav.send("OPTIONS", query="logout").status == 200
    assert dav.send("GET", query="logout").status == 200


@pytest.mark.parametrize("target", [*TARGETS[:6], "/"])
def test_strangers_may_ask_for_the_options(target: str, dav: Driver) -> None:
    reply = dav.send("OPTIONS", target=target, anonymous=True)
    assert (reply.status, reply.headers["dav"], reply.headers["ms-author-via"]) == (200, "1, 2", "DAV")
    assert "LOCK" in reply.headers["allow"]


def test_options_tell_what_is_allowed_there(dav: Driver) -> None:
    dav.put("a", b"1")
    file, folder, new = (dav.send("OPTIONS", path).headers["allow"] for path in ("a", "", "new"))
    assert {"PUT", "GET", "LOCK", "PROPFIND"} <= set(file.split(", "))
    assert "PUT" not in folder.split(", ")
    assert set(new.split(", ")) == {"OPTIONS", "PUT", "MKCOL", "LOCK"}
    assert dav.send("OPTIONS", "none/new").status == 404
    assert dav.send("OPTIONS", "a").headers["dav"] == "1, 2"


@pytest.mark.parametrize("method", ["POST", "PATCH", "REPORT", "ACL", "SEARCH", "BOGUS", "MKCALENDAR"])
def test_other_methods_are_405_and_told_what_there_is(method: str, dav: Driver) -> None:
    reply = dav.send(method)
    assert reply.status == 405
    assert "PROPFIND" in reply.headers["allow"]


def test_an_unexpected_error_shows_nothing_of_itself(dav: Driver) -> None:
    dav.library.close()
    reply = dav.send("GET")
    assert reply.status >= 500
    assert "Traceback" not in reply.text
    assert str(dav.library.settings.store.data) not in reply.text


def with_policy(library: Library, policy: str) -> Driver:
    tokens = dataclasses.replace(library.settings.tokens, over_plain_http=policy)
    library.settings = dataclasses.replace(library.settings, tokens=tokens)
    return Driver(library)


def test_plain_http_from_another_machine_can_be_refused_without_asking_for_a_token(library: Library) -> None:
    dav = with_policy(library, "refuse")
    for target in TARGETS:
        for anonymous in (True, False):
            reply = dav.send("GET", target=target, client="192.0.2.1", anonymous=anonymous)
            assert reply.status == 403
            assert "www-authenticate" not in reply.headers
    assert dav.send("OPTIONS", client="192.0.2.1", anonymous=True).status == 200
    for client, scheme in (("127.0.0.1", "http"), ("::1", "http"), ("", "http"), ("192.0.2.1", "https")):
        assert dav.send("GET", client=client, scheme=scheme).status == 200
        assert dav.send("GET", client=client, scheme=scheme, anonymous=True).status == 401


@pytest.mark.parametrize("policy", ["warn", "allow"])
def test_plain_http_from_another_machine_is_warned_of_once_in_a_while(
    library: Library, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    dav = with_policy(library, policy)
    for client in ("192.0.2.1", "192.0.2.2", "127.0.0.1"):
        assert dav.send("GET", client=client).status == 200
    assert caplog.text.count("over plain HTTP") == (1 if policy == "warn" else 0)
    assert dav.token not in caplog.text
