"""The RPC client against a real server, over both transports, and against ones that are no servers of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mylist_dav import errors
from mylist_dav.client.rpc import RpcClient, Wanted
from mylist_dav.errors import Conflict, Forbidden, Invalid, MylistError, NotFound, TooMany, Unauthenticated
from mylist_dav.outcomes import OUTCOMES
from mylist_dav.rpc.faults import error_object
from mylist_dav.rpc.messages import error_bytes
from mylist_dav.wire.documents.changes import DeleteAsked, MkdirAsked
from tests.serving import Served, serving

SOCKET = "run/rpc.sock"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("rpc")) as started:
        with RpcClient.local(started.data / SOCKET) as owner:
            owner.flist_create("admin/welcome")
        yield started


@pytest.fixture(params=["local", "remote"])
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[RpcClient]:
    made = (
        RpcClient.local(served.data / SOCKET)
        if request.param == "local"
        else RpcClient.remote(served.url, served.token)
    )
    with made as opened:
        yield opened


def test_a_typed_function_gives_a_checked_result(client: RpcClient) -> None:
    told = client.server_info()
    assert len(told.key) == 64
    assert client.rpc_discover().openrpc == "1.3.2"
    assert [each.name for one in client.flist_list().accounts for each in one.flists] == ["admin/welcome"]
    assert client.flist_log("admin/welcome", limit=1).commits[0].jid == 1


def test_an_error_of_the_server_is_the_same_error_here(client: RpcClient) -> None:
    with pytest.raises(NotFound, match="there is no flist admin/nothing"):
        client.flist_get("admin/nothing")
    with pytest.raises(NotFound, match="no method"):
        client.call("nothing.there")
    with pytest.raises(Invalid, match="'left' is no field"):
        client.call("server.health", {"left": 1})


def test_params_that_the_server_would_refuse_are_refused_here(client: RpcClient) -> None:
    with pytest.raises(Invalid, match=r"flist\.list: the field 'limit'"):
        client.flist_list(limit=0)
    with pytest.raises(Invalid, match="not JSON"):
        client.call("flist.list", [float("nan")])


def test_a_batch_gives_results_and_errors_in_order(client: RpcClient) -> None:
    health, missing, log = client.batch(
        [
            Wanted("server.health"),
            Wanted("flist.get", ["admin/nothing"]),
            Wanted("flist.log", {"flist": "admin/welcome"}),
        ]
    )
    assert health["status"] == "ok"
    assert isinstance(missing, NotFound)
    assert len(log["commits"]) == 1
    assert client.batch([]) == []
    with pytest.raises(Invalid, match="at most 100 calls"):
        client.batch([Wanted("server.health")] * 101)


def test_a_notification_is_made(client: RpcClient) -> None:
    name = f"noted-{client.where.startswith('http')}".lower()
    client.notify("account.add", [name])
    assert name in [each.account for each in client.account_list().accounts]


def test_one_is_whom_the_token_stands_for(served: Served) -> None:
    with RpcClient.local(served.data / SOCKET) as owner:
        owner.account_add("reader")
        token = owner.token_create("reader").token
    with RpcClient.remote(served.url, token) as reader:
        assert [each.account for each in reader.token_list().tokens] == ["reader"]
        with pytest.raises(Forbidden):
            reader.account_list()
    with RpcClient.remote(served.url, "mylist_nothing") as nobody, pytest.raises(Unauthenticated):
        nobody.server_health()


def test_where_nobody_serves_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mylist serve"):
        RpcClient.local(tmp_path / "rpc.sock")
    nobody = RpcClient.remote("http://127.0.0.1:9", "token")
    with nobody, pytest.raises(MylistError, match="cannot be reached"):
        nobody.server_health()
    with pytest.raises(Invalid):
        RpcClient.remote("ftp://example.org", "token")


def strange(answer: Callable[[httpx.Request], httpx.Response]) -> RpcClient:
    """A client whose server answers as told."""
    http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False)
    return RpcClient("there", "http://there/rpc", http, http.close)


def told(**members: object) -> httpx.Response:
    return httpx.Response(200, json={"jsonrpc": "2.0", **members})


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text="[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=7),
        httpx.Response(204),
        told(id=1),
        told(id=2, result={"status": "ok", "ready": True, "writes": True}),
        told(id=1, result={"status": "ok"}),
        told(id=1, result={"status": "perhaps", "ready": True, "writes": True}),
        told(id=1, error=7),
        told(id=1, error={"code": 1}),
    ],
)
def test_an_answer_that_is_not_of_mylist_is_refused(answer: httpx.Response) -> None:
    with strange(lambda request: answer) as client, pytest.raises(MylistError, match="not of mylist"):
        client.server_health()


def test_a_redirect_is_not_followed() -> None:
    answer = httpx.Response(307, headers={"location": "http://elsewhere/rpc"})
    with strange(lambda request: answer) as client, pytest.raises(Conflict, match="sends elsewhere"):
        client.server_health()


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.client.rpc.ANSWER_BYTES_MAX", 1000)
    answer = told(id=1, result="x" * 2000)
    with strange(lambda request: answer) as client, pytest.raises(MylistError, match="far too long"):
        client.call("server.health")


def test_words_of_a_server_are_made_printable_and_bounded() -> None:
    error = {"code": -32005, "message": "gone\x1b[2J" + "x" * 5000, "data": {"problem": "not-found"}}
    with strange(lambda request: told(id=1, error=error)) as client, pytest.raises(NotFound) as raised:
        client.call("server.health")
    assert "\x1b" not in str(raised.value) and len(str(raised.value)) < 3000


MADE_OTHERWISE: dict[type[MylistError], MylistError] = {
    errors.RangeNotSatisfiable: errors.RangeNotSatisfiable(7),
    errors.Refused: errors.Refused("what happened", 3),
    errors.Outdated: errors.Outdated("what happened", 3),
    errors.BlocksMissing: errors.BlocksMissing([bytes(32)]),
    errors.BlocksGone: errors.BlocksGone([bytes(32)]),
}
NOT_MADE_AGAIN: dict[type[MylistError], type[MylistError]] = {
    errors.RangeNotSatisfiable: MylistError,
    errors.BlocksMissing: NotFound,
    errors.BlocksGone: errors.Busy,
}
"""Errors that need more than words come back as what they are a kind of."""


@pytest.mark.parametrize("cls", OUTCOMES, ids=lambda cls: str(cls.__name__))
def test_each_error_comes_back_as_the_class_it_was(cls: type[MylistError]) -> None:
    error = MADE_OTHERWISE.get(cls) or cls("what happened")
    sent: Any = json.loads(error_bytes(1, error_object(error)))
    with (
        strange(lambda request: httpx.Response(200, json=sent)) as client,
        pytest.raises(MylistError) as raised,
    ):
        client.call("server.health")
    assert (type(raised.value), str(raised.value)) == (NOT_MADE_AGAIN.get(cls, cls), str(error))


def test_what_is_in_the_way_of_a_commit_comes_along(client: RpcClient) -> None:
    with pytest.raises(errors.Refused) as raised:
        client.flist_commit("admin/welcome", [DeleteAsked(op="delete", path="nothing")])
    assert raised.value.head_jid == 1
    (conflict,) = raised.value.conflicts
    assert isinstance(conflict, dict) and (conflict["index"], conflict["path"]) == (0, "nothing")
    with pytest.raises(errors.Outdated) as outdated:
        client.flist_commit("admin/welcome", [MkdirAsked(op="mkdir", path="a")], base_jid=0)
    assert outdated.value.head_jid == 1


def test_how_long_to_wait_comes_along() -> None:
    sent = json.loads(error_bytes(1, error_object(TooMany("slowly", 17))))
    with strange(lambda request: httpx.Response(200, json=sent)) as client, pytest.raises(TooMany) as raised:
        client.call("server.health")
    assert raised.value.retry_after_seconds == 17
