"""The JSON API of logging in, in process: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from mylist_dav.api import table
from mylist_dav.api.operations import BODY_BYTES_MAX
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.login_text import one_shot_text
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import Request, Response

NOW_NS = 1_800_000_000 * 1_000_000_000
SERVER = "https://files.example.org"
ALICE = SigningKey(b"\1" * 32)
KEY = PublicKey(bytes(ALICE.verify_key))


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Api:
    """The front end over a new library, where alice has a key."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.front_end = table.api(library)
        self.scheme = "http"
        library.identity.add_account(OPERATOR, "alice", Role.USER)
        library.identity.add_key(OPERATOR, "alice", KEY)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """A request; a body that is not bytes goes as JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(
            method, f"/api/v1{path}", "", list(sent.items()), "files.example.org", "files.example.org",
            scheme=self.scheme, client="192.0.2.7", has_body=body is not None,
        )  # fmt: skip
        try:
            answer = self.front_end.respond(request)
            if not isinstance(answer, Response):
                assert answer.limit_bytes == BODY_BYTES_MAX
                answer.write(data)
                answer = answer.finish()
        except Exception as error:
            answer = self.front_end.render_error(request, error)
        assert isinstance(answer.body, bytes)
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers}, answer.body)

    def login(self) -> dict[str, Any]:
        text = self.ask("POST", "/login/challenge", {"key": str(KEY)}).json["challenge"]
        return self.ask("POST", "/login", proof(text)).json


def proof(text: str, pair: SigningKey = ALICE) -> dict[str, Any]:
    signature = pair.sign(text.encode()).signature.hex()
    return {"key": bytes(pair.verify_key).hex(), "challenge": text, "signature": signature}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    given = {"store.data": str(tmp_path), "store.durability": "os", "server.public_url": SERVER}
    library = Library(load(given=given), lambda: NOW_NS)  # type: ignore[arg-type]
    yield Api(library)
    library.close()


def test_a_login_by_challenge(api: Api) -> None:
    offer = api.ask(
        "POST", "/login/challenge", {"key": KEY.openssh_line("alice@laptop"), "server": SERVER + "/"}
    )
    assert (offer.status, sorted(offer.json)) == (200, ["challenge", "expires", "signature"])
    assert offer.json["expires"] == "2027-01-15T08:02:00Z"
    done = api.ask("POST", "/login", proof(offer.json["challenge"]))
    assert done.headers["cache-control"] == "no-store"
    assert {**done.json, "token": ""} == {
        "token": "",
        "expires": "2027-01-16T08:00:00Z",
        "account": "alice",
        "role": "user",
    }
    again = api.ask("POST", "/login", proof(offer.json["challenge"]))
    assert (again.status, again.json["type"]) == (401, "urn:mylist:problem:unauthenticated")


def test_a_login_by_time(api: Api) -> None:
    text = one_shot_text(SERVER, api.library.server_key.public, KEY, b"\5" * 32, NOW_NS // 10**9)
    body = {
        "key": str(KEY),
        "server": SERVER,
        "time": NOW_NS // 10**9,
        "nonce": "05" * 32,
        "signature": ALICE.sign(text.encode()).signature.hex(),
    }
    assert [api.ask("POST", "/login", body).status for _ in range(2)] == [200, 401]


def test_who_one_is_and_out_again(api: Api) -> None:
    bearer = f"Bearer {api.login()['token']}"
    me = api.ask("GET", "/whoami", authorization=bearer)
    assert me.json == {"account": "alice", "role": "user", "flist": None, "read_only": False}
    assert api.ask("POST", "/logout", authorization=bearer).status == 204
    for method, path in (("GET", "/whoami"), ("POST", "/logout")):
        gone = api.ask(method, path, authorization=bearer)
        assert (gone.status, gone.headers["www-authenticate"]) == (401, 'Bearer realm="mylist"')


def test_over_plain_http_from_another_machine_no_token_is_given_where_that_is_refused(tmp_path: Path) -> None:
    given = {"store.data": str(tmp_path), "server.public_url": SERVER, "tokens.over_plain_http": "refuse"}
    library = Library(load(given=given), lambda: NOW_NS)  # type: ignore[arg-type]
    api = Api(library)
    asked = [("POST", "/login/challenge"), ("POST", "/login"), ("GET", "/whoami"), ("POST", "/logout")]
    replies = [api.ask(method, path, {} if method == "POST" else None) for method, path in asked]
    assert {reply.status for reply in replies} == {403}
    assert api.ask("GET", "/server-key").status == 200
    api.scheme = "https"
    assert api.login()["account"] == "alice"
    library.close()


def test_a_login_over_plain_http_from_another_machine_is_warned_of(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    token = api.login()["token"]
    assert "alice logs in from 192.0.2.7 over plain HTTP" in caplog.text
    assert token not in caplog.text


def test_a_cookie_is_no_credential_here(api: Api) -> None:
    assert api.ask("GET", "/whoami", cookie=f"mylist={api.login()['token']}").status == 401


def test_the_server_key_is_for_everybody(api: Api) -> None:
    old = api.library.server_key.public
    new = api.library.server_key.rotate(OPERATOR)
    shown = api.ask("GET", "/server-key").json
    assert (shown["key"], shown["openssh"], shown["server"]) == (str(new), new.openssh_line(), SERVER)
    assert [(each["old"], each["new"]) for each in shown["changes"]] == [(str(old), str(new))]


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"", {}, 400, "not JSON"),
        (b"{", {}, 400, "not JSON"),
        (b"[]", {}, 400, "not a JSON object"),
        (b'"x"', {}, 400, "not a JSON object"),
        (b"[" * BODY_BYTES_MAX, {}, 400, ""),
        (b'{"key": "\xff"}', {}, 400, "not JSON"),
        (b'{"key": NaN}', {}, 400, "not JSON"),
        (b'{"key": "a", "key": "b"}', {}, 400, "'key' stands there twice"),
        (b"{}", {}, 400, "'key' is missing"),
        ({"key": 1}, {}, 400, "'key' is wrong"),
        ({"key": None}, {}, 400, "'key' is wrong"),
        ({"key": "zz"}, {}, 400, "64 hex digits"),
        ({"key": "ssh-rsa AAAA"}, {}, 400, "ssh-rsa"),
        ({"key": str(KEY), "extra": 1}, {}, 400, "'extra' is no field"),
        ({"key": str(KEY), "server": "nonsense"}, {}, 400, "not the address"),
        ({"key": str(KEY)}, {"content_type": "text/plain"}, 415, "application/json"),
        ({"key": str(KEY)}, {"content_type": "application/x-www-form-urlencoded"}, 415, "application/json"),
        ({"key": str(KEY)}, {"content_type": "application/json; charset=utf-8"}, 200, ""),
    ],
)
def test_what_a_challenge_is_asked_with(
    api: Api, body: object, headers: dict[str, str], status: int, said: str
) -> None:
    reply = api.ask("POST", "/login/challenge", body, **headers)
    assert reply.status == status
    assert said in str(reply.json.get("detail", ""))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"signature": "zz" * 64}, 400),
        ({"signature": "00" * 63}, 400),
        ({"signature": "²" * 128}, 400),
        ({"signature": "00" * 64}, 401),
        ({"challenge": "log me in"}, 400),
        ({"challenge": 7}, 400),
        ({"time": 7}, 400),
        ({"key": "00" * 32}, 400),
    ],
)
def test_a_login_that_is_not_whole_is_refused(api: Api, change: dict[str, object], status: int) -> None:
    text = api.ask("POST", "/login/challenge", {"key": str(KEY)}).json["challenge"]
    assert api.ask("POST", "/login", {**proof(text), **change}).status == status


@pytest.mark.parametrize("time", [True, "7", 7.0, None, 10**40, -1])
def test_a_time_is_a_whole_number(api: Api, time: object) -> None:
    body = {"key": str(KEY), "server": SERVER, "time": time, "nonce": "05" * 32, "signature": "00" * 64}
    assert api.ask("POST", "/login", body).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/login/", 404, None),
        ("GET", "/%6cogin", 405, "POST, OPTIONS"),
        ("GET", "/login", 405, "POST, OPTIONS"),
        ("DELETE", "/whoami", 405, "GET, HEAD, OPTIONS"),
        ("HEAD", "/server-key", 200, None),
    ],
)
def test_an_address_and_its_methods(
    api: Api, method: str, path: str, status: int, allowed: str | None
) -> None:
    reply = api.ask(method, path)
    assert (reply.status, reply.headers.get("allow")) == (status, allowed)
    if status != 200:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["status"] == status


def test_too_many_say_when_to_come_back(api: Api) -> None:
    replies = [api.ask("POST", "/login/challenge", {"key": str(KEY)}) for _ in range(200)]
    assert {reply.status for reply in replies} == {200, 429}
    assert replies[-1].headers["retry-after"] == "1"
    assert replies[-1].json["type"] == "urn:mylist:problem:too-many"


def test_an_error_that_is_not_ours_shows_nothing_of_itself(api: Api) -> None:
    request = Request("GET", "/api/v1/whoami", "", [], "h", "h")
    shown = api.front_end.render_error(request, ValueError("secret"))
    assert (shown.status, b"secret" in bytes(shown.body)) == (500, False)  # type: ignore[arg-type]


def test_a_session_of_the_browser_reads_and_changes_only_for_our_own_pages(api: Api) -> None:
    cookie = f"mylist-session={api.login()['token']}"
    assert api.ask("GET", "/whoami", cookie=cookie).json["account"] == "alice"
    for foreign in (
        {},
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "null"},
    ):
        assert api.ask("POST", "/logout", cookie=cookie, **foreign).status == 403
    assert api.ask("GET", "/whoami", cookie=cookie).status == 200
    assert api.ask("POST", "/logout", cookie=cookie, sec_fetch_site="same-origin").status == 204
    assert api.ask("GET", "/whoami", cookie=cookie).status == 401


def test_an_authorization_counts_before_a_session(api: Api) -> None:
    cookie = f"mylist-session={api.login()['token']}"
    assert api.ask("GET", "/whoami", cookie=cookie, authorization="Bearer wrong").status == 401
