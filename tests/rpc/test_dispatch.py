"""JSON-RPC 2.0 itself: what is a call, what is answered, and what one call may do to others."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from mylist_dav.errors import OutOfSpace
from mylist_dav.model.actors import OPERATOR, Actor
from mylist_dav.rpc import dispatch
from mylist_dav.rpc.dispatch import Dispatcher
from mylist_dav.rpc.methods import Method, table_of
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents import Asked, Told
from tests.rpc.conftest import CALLS_MAX, Desk


class Pair(Asked):
    left: int
    right: int = 10


class Sum(Told):
    total: int


class Recorder:
    """A table of methods that note what was asked."""

    def __init__(self, library: Library) -> None:
        self.totals: list[int] = []
        methods = [
            Method("sum", Pair, Sum, self.sum),
            Method("break", Pair, Sum, self.breaks),
            Method("full", Pair, Sum, self.full),
        ]
        self.now = self.sum_seconds = 0.0
        self.dispatcher = Dispatcher(library, table_of(methods), CALLS_MAX, monotonic=lambda: self.now)

    def sum(self, library: Library, actor: Actor, asked: Pair) -> Sum:
        """Add. Two numbers."""
        self.now += self.sum_seconds
        self.totals.append(asked.left + asked.right)
        return Sum(total=self.totals[-1])

    def breaks(self, library: Library, actor: Actor, asked: Pair) -> Sum:
        """Break."""
        raise KeyError("a secret")

    def full(self, library: Library, actor: Actor, asked: Pair) -> Sum:
        """Be full."""
        raise OutOfSpace("the disk is full")

    def send(self, body: str | bytes) -> Any:
        answer = self.dispatcher.answer(
            OPERATOR._replace(request_id="abc"), body.encode() if isinstance(body, str) else body
        )
        return None if answer is None else json.loads(answer)


@pytest.fixture
def recorder(desk: Desk) -> Recorder:
    return Recorder(desk.library)


def call(method: str = "sum", params: object = (1,), **more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": method, "params": params, **more}


def code(answer: Any) -> int:
    found: int = answer["error"]["code"]
    return found


@pytest.mark.parametrize("params", [[1, 2], {"left": 1, "right": 2}, {"right": 2, "left": 1}])
def test_params_come_by_position_and_by_name(recorder: Recorder, params: object) -> None:
    assert recorder.send(json.dumps(call(params=params, id=1))) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"total": 3},
    }


@pytest.mark.parametrize("call_id", [0, 1, -7, 2**70, 1.5, "", "a", "\ud800", "\u0000", None])
def test_an_id_comes_back_as_it_was_sent(recorder: Recorder, call_id: object) -> None:
    answer = recorder.send(json.dumps(call(id=call_id)))
    assert answer["id"] == call_id and type(answer["id"]) is type(call_id)
    assert answer["result"] == {"total": 11}


@pytest.mark.parametrize("call_id", ["true", "[]", "{}", "1e999", "-1e999"])
def test_what_cannot_be_an_id_is_refused_and_the_call_not_made(recorder: Recorder, call_id: str) -> None:
    answer = recorder.send(f'{{"jsonrpc": "2.0", "method": "sum", "params": [1], "id": {call_id}}}')
    assert (code(answer), answer["id"]) == (-32600, None)
    assert recorder.totals == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "nothing",
        "[" * 200_000,
        '{"a": 1, "a": 2}',
        '{"jsonrpc": "2.0", "method": "sum", "params": [NaN], "id": 1}',
        b"\xff",
        '"' + "9" * 100,
        "9" * 10_000,
    ],
)
def test_what_is_no_json_is_a_parse_error(recorder: Recorder, body: str | bytes) -> None:
    answer = recorder.send(body)
    assert (code(answer), answer["id"]) == (-32700, None)
    assert answer["error"]["data"] == {"problem": "parse-error"}


@pytest.mark.parametrize(
    ("message", "call_id"),
    [
        (1, None),
        ("sum", None),
        (None, None),
        ({}, None),
        ({"foo": "boo"}, None),
        ({"method": "sum", "params": [1], "id": 7}, 7),
        ({"jsonrpc": 2.0, "method": "sum", "params": [1], "id": 7}, 7),
        ({"jsonrpc": "1.0", "method": "sum", "params": [1], "id": 7}, 7),
        ({"jsonrpc": "2.0", "method": 1, "params": [1], "id": 7}, 7),
        ({"jsonrpc": "2.0", "params": [1], "id": 7}, 7),
        ({"jsonrpc": "2.0", "method": "sum", "params": "bar", "id": 7}, 7),
        ({"jsonrpc": "2.0", "method": "sum", "params": None, "id": 7}, 7),
        ({"jsonrpc": "2.0", "method": "sum", "parms": [1], "id": 7}, 7),
    ],
)
def test_what_is_no_call_is_an_invalid_request(recorder: Recorder, message: object, call_id: object) -> None:
    answer = recorder.send(json.dumps(message))
    assert (code(answer), answer["id"]) == (-32600, call_id)
    assert recorder.totals == []


def test_a_method_that_is_not_there_is_named_and_not_found(recorder: Recorder) -> None:
    answer = recorder.send(json.dumps(call("nothing", id=1)))
    assert code(answer) == -32601
    assert answer["error"]["data"] == {"problem": "method-not-found"}
    assert "'nothing'" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ([], "'left' is missing"),
        ({}, "'left' is missing"),
        ([1, 2, 3], "at most 2 params: left, right"),
        ({"left": 1, "middle": 2}, "'middle' is no field"),
        (["1"], "'left'"),
        ([True], "'left'"),
        ([1.0], "'left'"),
        ([None], "'left'"),
        ({"left": 1, "right": None}, "'right'"),
    ],
)
def test_params_that_do_not_fit_are_refused_and_named(recorder: Recorder, params: object, said: str) -> None:
    answer = recorder.send(json.dumps(call(params=params, id=1)))
    assert code(answer) == -32602
    assert said in answer["error"]["message"]
    assert recorder.totals == []


def test_params_may_be_left_out_where_none_are_needed(desk: Desk) -> None:
    assert desk.send({"jsonrpc": "2.0", "method": "server.health", "id": 1})["result"]["status"] == "ok"


def test_a_notification_is_made_and_never_answered(recorder: Recorder) -> None:
    assert recorder.send(json.dumps(call())) is None
    assert recorder.totals == [11]
    for message in (call("nothing"), call(params=["x"]), call("full")):
        assert recorder.send(json.dumps(message)) is None


def test_a_call_whose_id_is_null_is_no_notification(recorder: Recorder) -> None:
    assert recorder.send(json.dumps(call(id=None)))["result"] == {"total": 11}


def test_a_batch_is_answered_in_order_without_its_notifications(recorder: Recorder) -> None:
    batch = [call(id=1), call(params=[2]), 7, call("nothing", id="x"), call(params=[5, 5], id=2)]
    answers = recorder.send(json.dumps(batch))
    assert [each["id"] for each in answers] == [1, None, "x", 2]
    assert [each.get("result", {}).get("total") for each in answers] == [11, None, None, 10]
    assert recorder.totals == [11, 12, 10]


def test_a_batch_of_notifications_alone_is_not_answered_at_all(recorder: Recorder) -> None:
    assert recorder.send(json.dumps([call(), call()])) is None
    assert recorder.totals == [11, 11]


@pytest.mark.parametrize("batch", [[], [call(id=1)] * (CALLS_MAX + 1)])
def test_an_empty_batch_and_one_that_is_too_long_are_refused_as_a_whole(
    recorder: Recorder, batch: list[object]
) -> None:
    answer = recorder.send(json.dumps(batch))
    assert (code(answer), answer["id"]) == (-32600, None)
    assert recorder.totals == []


def test_a_call_that_fails_leaves_those_beside_it_alone(recorder: Recorder) -> None:
    answers = recorder.send(json.dumps([call(id=1), call("full", id=2), call(id=3)]))
    assert [code(each) if "error" in each else each["result"]["total"] for each in answers] == [
        11,
        -32014,
        11,
    ]


def test_past_a_bound_of_bytes_no_more_calls_of_a_batch_are_made(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "ANSWER_BYTES_MAX", 60)
    answers = recorder.send(json.dumps([call(id=1), call(id=2), call(id=3)]))
    assert [each.get("error", {}).get("code") for each in answers] == [None, None, -32013]
    assert len(recorder.totals) == 2


def test_past_a_bound_of_time_no_more_calls_of_a_batch_are_made(recorder: Recorder) -> None:
    recorder.sum_seconds = 100.0
    answers = recorder.send(json.dumps([call(id=1), call(id=2), call(id=3), call(id=4)]))
    assert [each.get("error", {}).get("code") for each in answers] == [None, None, -32013, -32013]
    assert len(recorder.totals) == 2
    assert "result" in recorder.send(json.dumps(call(id=5))), "the next request begins anew"


def test_an_unexpected_error_shows_nothing_and_is_in_the_log(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = recorder.send(json.dumps(call("break", id=1)))
    assert (code(answer), answer["error"]["data"]) == (-32000, {"problem": "mylist-error"})
    assert "secret" not in json.dumps(answer) and "abc" in answer["error"]["message"]
    assert "a secret" in caplog.text and "abc break failed" in caplog.text


def test_an_unexpected_error_of_a_notification_is_in_the_log_too(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    assert recorder.send(json.dumps(call("break"))) is None
    assert "a secret" in caplog.text
