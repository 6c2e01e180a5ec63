"""HTTP around JSON-RPC: which requests are heard, as whom, and what is said to the others."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.rpc.frontend import RpcFrontEnd, as_owner, by_token
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import Request, Response
from tests.shelf import Clock

HEALTH = b'{"jsonrpc": "2.0", "method": "server.health", "id": 1}'
WHO = b'{"jsonrpc": "2.0", "method": "token.list", "id": 1}'
JSON = ("content-type", "application/json")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    settings = load(given={"store.data": str(tmp_path / "data"), "tokens.over_plain_http": "refuse"})
    library = Library(settings, Clock())
    library.identity.add_account(OPERATOR, "alice", Role.USER)
    yield library
    library.close()


@pytest.fixture
def token(library: Library) -> str:
    return library.identity.new_token(OPERATOR, "alice")


def ask(front_end: RpcFrontEnd, body: bytes = HEALTH, *headers: tuple[str, str], **more: Any) -> Response:
    """The answer to a request, of an error too."""
    request = replace(
        Request("POST", "/rpc", "", [JSON, *headers], "localhost", "localhost", has_body=True), **more
    )
    try:
        sink = front_end.respond(request)
        assert len(body) <= sink.limit_bytes
        sink.write(body)
        return sink.finish()
    except MylistError as error:
        return front_end.render_error(request, error)


def told(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def basic(account: str, token: str) -> tuple[str, str]:
    return "authorization", "Basic " + b64encode(f"{account}:{token}".encode()).decode()


def test_a_token_says_who_calls_as_bearer_and_as_password(library: Library, token: str) -> None:
    front_end = RpcFrontEnd(library, by_token(library))
    for header in (bearer(token), basic("alice", token)):
        response = ask(front_end, WHO, header)
        assert (response.status, response.account) == (200, "alice")
        assert [each["account"] for each in told(response)["result"]["tokens"]] == ["alice"]
        assert ("content-type", "application/json") in response.headers
        assert ("cache-control", "no-store") in response.headers


@pytest.mark.parametrize("kind", ["nothing", "unknown", "another account", "cookie", "two"])
def test_without_a_token_that_holds_nothing_is_heard(library: Library, token: str, kind: str) -> None:
    headers = {
        "nothing": [],
        "unknown": [bearer("mylist_unknown")],
        "another account": [basic("anna", token)],
        "cookie": [("cookie", f"mylist-session={token}"), ("sec-fetch-site", "same-origin")],
        "two": [bearer(token), bearer(token)],
    }[kind]
    response = ask(RpcFrontEnd(library, by_token(library)), HEALTH, *headers)
    assert response.status == 401
    assert "www-authenticate" in dict(response.headers)
    assert told(response)["error"]["data"] == {"problem": "unauthenticated"}
    assert told(response)["id"] is None


def test_a_token_over_plain_http_is_refused_where_the_setting_says_so(library: Library, token: str) -> None:
    front_end = RpcFrontEnd(library, by_token(library))
    assert ask(front_end, HEALTH, bearer(token), client="192.0.2.7").status == 403
    assert ask(front_end, HEALTH, bearer(token), client="192.0.2.7", scheme="https").status == 200
    assert ask(front_end, HEALTH, bearer(token), client="::1").status == 200


def test_who_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    limits = {"rates.guest_requests": 2, "rates.account_requests": 3}
    library = Library(load(given={"store.data": str(tmp_path / "data"), **limits}), Clock())
    library.identity.add_account(OPERATOR, "alice", Role.USER)
    token = library.identity.new_token(OPERATOR, "alice")
    front_end = RpcFrontEnd(library, by_token(library))
    assert [ask(front_end, client="192.0.2.7").status for _ in range(3)] == [401, 401, 429]
    answers = [ask(front_end, HEALTH, bearer(token), client="192.0.2.7") for _ in range(4)]
    assert [each.status for each in answers] == [200, 200, 200, 429]
    assert "retry-after" in dict(answers[-1].headers)
    library.close()


def test_on_the_socket_of_the_owner_no_token_is_asked_for(library: Library) -> None:
    front_end = RpcFrontEnd(library, as_owner)
    response = ask(front_end, WHO)
    assert (response.status, told(response)["result"]["tokens"]) == (200, [])
    ask(front_end, b'{"jsonrpc": "2.0", "method": "account.disable", "params": ["alice"]}', request_id="abc")
    rows = told(ask(front_end, b'{"jsonrpc": "2.0", "method": "audit.list", "id": 1}'))["result"]["rows"]
    assert (rows[0]["action"], rows[0]["account"], rows[0]["request_id"]) == ("account-change", "", "abc")


def test_where_nothing_is_to_be_said_the_answer_is_empty(library: Library) -> None:
    response = ask(RpcFrontEnd(library, as_owner), b'{"jsonrpc": "2.0", "method": "server.health"}')
    assert (response.status, response.body) == (204, b"")


def test_an_error_of_a_call_is_an_answer_like_any_other(library: Library) -> None:
    for body in (b"{", b"[]", b'{"jsonrpc": "2.0", "method": "nothing", "id": 1}'):
        response = ask(RpcFrontEnd(library, as_owner), body)
        assert (response.status, "error" in told(response)) == (200, True)


@pytest.mark.parametrize(
    ("more", "status", "problem"),
    [
        ({"method": "GET", "has_body": False}, 405, "not-allowed"),
        ({"method": "PUT"}, 405, "not-allowed"),
        ({"target": "/rpc/"}, 404, "not-found"),
        ({"target": "/"}, 404, "not-found"),
        ({"query": "id=1"}, 400, "invalid"),
        ({"headers": [("content-type", "text/plain")]}, 415, "unsupported-media"),
        ({"headers": []}, 415, "unsupported-media"),
    ],
)
def test_a_request_of_another_form_is_refused(
    library: Library, more: dict[str, Any], status: int, problem: str
) -> None:
    response = ask(RpcFrontEnd(library, as_owner), **more)
    assert (response.status, told(response)["error"]["data"]["problem"]) == (status, problem)
    assert dict(response.headers).get("allow") == ("POST" if status == 405 else None)


def test_the_body_has_the_bound_of_the_setting(library: Library) -> None:
    request = Request("POST", "/rpc", "", [JSON], "localhost", "localhost", has_body=True)
    sink = RpcFrontEnd(library, as_owner).respond(request)
    assert sink.limit_bytes == library.settings.limits.xml_bytes_max


def test_a_type_with_parameters_is_still_json(library: Library) -> None:
    headers = [("content-type", "Application/JSON; charset=utf-8")]
    assert ask(RpcFrontEnd(library, as_owner), headers=headers).status == 200
