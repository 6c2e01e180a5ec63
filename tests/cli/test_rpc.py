"""mylist rpc, as one calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mylist_dav.cli.group import mylist
from mylist_dav.client.logins.known import Login, Tokens
from mylist_dav.client.rpc import LOCAL_SOCKET, RpcClient
from mylist_dav.errors import Invalid, NotFound
from mylist_dav.rpc.table import METHODS
from tests.serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("rpc")) as started:
        with RpcClient.local(started.data / LOCAL_SOCKET) as owner:
            owner.flist_create("admin/welcome")
        yield started


def run(served: Served, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(mylist, ["rpc", "--data", str(served.data), *arguments], input=said)


def test_without_a_method_all_are_listed(served: Served) -> None:
    found = run(served)
    assert [line.split()[0] for line in found.stdout.splitlines()] == list(METHODS)


def test_a_result_is_printed_as_json(served: Served) -> None:
    assert json.loads(run(served, "server.health").stdout) == {"status": "ok", "ready": True, "writes": True}


@pytest.mark.parametrize("params", ['{"flist": "admin/welcome", "limit": 1}', '["admin/welcome", null, 1]'])
def test_params_are_an_object_or_an_array(served: Served, params: str) -> None:
    (commit,) = json.loads(run(served, "flist.log", params).stdout)["commits"]
    assert commit["jid"] == 1


def test_params_are_read_from_standard_input(served: Served) -> None:
    found = run(served, "flist.get", "-", said='{"flist": "admin/welcome"}')
    assert json.loads(found.stdout)["name"] == "admin/welcome"


def test_about_tells_what_a_method_takes_and_gives(served: Served) -> None:
    shown = run(served, "exposure.set", "--about").stdout
    assert shown.startswith("exposure.set: Publish a flist on a host name")
    assert '  mode: "public", "secret", "keys" [default: "public"]' in shown
    assert "  visitors: list of string or null [default: null]" in shown
    assert shown.endswith("gives Exposure\n")


def test_a_server_is_asked_with_the_token_of_the_login(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    login = Login(served.token, "2099-01-01T00:00:00Z", "admin", "admin")
    Tokens(tmp_path / "mylist").keep(served.url, login)
    found = CliRunner().invoke(mylist, ["rpc", "token.list", "--server", served.url])
    assert {each["account"] for each in json.loads(found.stdout)["tokens"]} == {"admin"}


def test_a_socket_can_be_named(served: Served, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        mylist, ["rpc", "server.health", "--socket", str(served.data / "run" / "rpc.sock")]
    )
    assert json.loads(found.stdout)["status"] == "ok"


@pytest.mark.parametrize("params", ["{", "7", "null", '"x"', "[" * 100_000])
def test_params_that_are_no_json_object_or_array_are_refused(served: Served, params: str) -> None:
    assert isinstance(run(served, "server.health", params).exception, Invalid)


def test_what_goes_wrong_is_the_error_of_the_server(served: Served) -> None:
    assert isinstance(run(served, "flist.get", '["admin/nothing"]').exception, NotFound)
    assert isinstance(run(served, "nothing", "--about").exception, NotFound)


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    found = CliRunner().invoke(mylist, ["rpc", "--data", str(tmp_path), "server.health"])
    assert isinstance(found.exception, NotFound)
    assert "mylist serve" in str(found.exception)


def test_a_server_and_a_socket_are_not_asked_at_once() -> None:
    found = CliRunner().invoke(mylist, ["rpc", "--server", "http://x", "--socket", "y", "server.health"])
    assert found.exit_code == 2
