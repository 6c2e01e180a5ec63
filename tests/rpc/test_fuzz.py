"""Whatever is sent: an answer of the right form comes, and nothing unexpected happens inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.rpc.discover import document
from mylist_dav.rpc.table import METHODS
from tests.rpc.conftest import Desk

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
ODD_TEXTS = [
        "alice", "alice/site", "alice/../x", "/", "a/b/c", "\ud800", "a/\ud800", "\x00", "a/\x00", "x" * 399,
        "a/" + "x" * 300, "%2e%2e", "/docs", "/\ud800", "www.example", "ssh-ed25519 AAAA", "0" * 64, "ab" * 32,
        "é", "ALICE", "login", "WyJhIl0", "WzFd", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwXQ", "", " ", "\u202e", "public",
    "bob/new", "bob", "new.example", "/new", "alice/new",
]  # fmt: skip
ODD_NUMBERS = [0, 1, -1, 2, 999, 1000, 2**31, 2**53, 2**63 - 1, 2**63, 10**40, -(2**63)]
POOL: list[Any] = [
    *ODD_TEXTS,
    *ODD_NUMBERS,
    0.5,
    1e300,
    1e-300,
    True,
    False,
    None,
    [],
    ["alice"],
    ODD_TEXTS[:5],
]
DOCUMENT = document(METHODS)

CAREFULLY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def full_desk(desk: Desk) -> Iterator[Desk]:
    desk.call("account.add", "alice")
    desk.call("flist.create", "alice/site")
    yield desk


def is_answer(found: Any) -> bool:
    """Whether it is a response object of JSON-RPC 2.0 (5)."""
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0" or "id" not in found:
        return False
    if "result" in found:
        return found.keys() == {"jsonrpc", "id", "result"}
    error = found.get("error")
    return (
        found.keys() == {"jsonrpc", "id", "error"}
        and isinstance(error["code"], int)
        and isinstance(error["message"], str)
        and isinstance(error["data"]["problem"], str)
    )


@CAREFULLY
@given(body=st.binary(max_size=60))
def test_any_bytes_are_answered(desk: Desk, body: bytes) -> None:
    assert is_answer(desk.send(body))


@CAREFULLY
@given(message=VALUES)
def test_any_json_is_answered(desk: Desk, message: Any) -> None:
    answer = desk.send(message)
    assert is_answer(answer) or (isinstance(message, list) and all(map(is_answer, answer)))


@CAREFULLY
@given(
    members=st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.just("2.0") | VALUES,
            "method": st.sampled_from(["server.health", "rpc.nothing"]) | VALUES,
            "params": st.just({}) | VALUES,
            "id": VALUES,
            "more": VALUES,
        },
    )
)
def test_any_object_is_answered_unless_it_is_a_notification(desk: Desk, members: dict[str, Any]) -> None:
    answer = desk.send(members)
    is_good = (
        members.get("jsonrpc") == "2.0"
        and isinstance(members.get("method"), str)
        and isinstance(members.get("params", {}), list | dict)
        and "more" not in members
    )
    assert is_answer(answer) or (answer is None and is_good and "id" not in members)


def arguments(schema: dict[str, Any], components: object) -> st.SearchStrategy[Any]:
    """Odd values of the right type, and now and then any other."""
    validator = Draft202012Validator({"allOf": [schema], "components": components})
    fitting = [value for value in POOL if validator.is_valid(value)]
    return st.sampled_from(fitting + schema.get("enum", []))


@pytest.mark.parametrize("method", DOCUMENT["methods"], ids=lambda method: str(method["name"]))
def test_no_params_lead_to_an_unexpected_error(full_desk: Desk, method: dict[str, Any]) -> None:
    params = method["params"]
    fitting = {param["name"]: arguments(param["schema"], DOCUMENT["components"]) for param in params}
    needed = {param["name"]: fitting.pop(param["name"]) for param in params if param["required"]}
    by_name = st.fixed_dictionaries(needed, optional=fitting)
    actors = st.sampled_from([OPERATOR, Actor("alice", Role.USER)])

    @settings(CAREFULLY, max_examples=100, database=None)
    @given(params=by_name | by_name | st.lists(VALUES, max_size=len(params)), actor=actors)
    def check(params: Any, actor: Actor) -> None:
        message = {"jsonrpc": "2.0", "method": method["name"], "params": params, "id": 1}
        answer = full_desk.send(json.dumps(message).encode(), actor)
        assert is_answer(answer)
        problem = answer.get("error", {}).get("data", {}).get("problem")
        assert problem not in ("mylist-error", "corrupt", "method-not-found"), answer

    check()
