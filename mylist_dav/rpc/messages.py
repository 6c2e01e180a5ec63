"""JSON-RPC 2.0 as bytes: a call or a batch of them comes in, answers go out. Knows no methods."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.wire.documents import read_json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601

CallId = str | int | float | None
Params = list[Any] | dict[str, Any]

_MEMBERS = {"jsonrpc", "method", "params", "id"}


class ErrorObject(NamedTuple):
    """What went wrong (JSON-RPC 2.0, 5.1). problem: its name, which never changes its meaning. more: further data."""

    code: int
    message: str
    problem: str
    more: dict[str, Any] = {}  # noqa: RUF012 never changed


class Call(NamedTuple):
    """One call. A notification is to be made and not answered."""

    method: str
    params: Params
    call_id: CallId
    is_notification: bool


class Malformed(NamedTuple):
    """What stands in the place of a call and is none. call_id: None where it cannot be told."""

    error: ErrorObject
    call_id: CallId


class Message(NamedTuple):
    """What was sent. A batch is answered with an array, and anything else with one object."""

    calls: list[Call | Malformed]
    is_batch: bool


def read_message(body: bytes, calls_max: int) -> Message:
    """The calls of a body. What is wrong as a whole is one Malformed, and no batch (JSON-RPC 2.0, 6)."""
    try:
        found = read_json(body)
    except Invalid as error:
        return _refused(PARSE_ERROR, str(error), "parse-error")
    if not isinstance(found, list):
        return Message([_call(found)], is_batch=False)
    if not found:
        return _refused(INVALID_REQUEST, "a batch holds at least one call", "invalid-request")
    if len(found) > calls_max:
        return _refused(INVALID_REQUEST, f"a batch holds at most {calls_max} calls", "invalid-request")
    return Message([_call(each) for each in found], is_batch=True)


def result_bytes(call_id: CallId, result_json: str) -> bytes:
    """The answer of a call that was made."""
    return f'{{"jsonrpc":"2.0","id":{json.dumps(call_id)},"result":{result_json}}}'.encode()


def error_bytes(call_id: CallId, error: ErrorObject) -> bytes:
    """The answer of a call that was not made, or came to no good end."""
    shown = {
        "code": error.code,
        "message": error.message,
        "data": {"problem": error.problem, **error.more},
    }
    return json.dumps({"jsonrpc": "2.0", "id": call_id, "error": shown}, separators=(",", ":")).encode()


def _refused(code: int, message: str, problem: str) -> Message:
    return Message([Malformed(ErrorObject(code, message, problem), None)], is_batch=False)


def _call(found: object) -> Call | Malformed:
    if not isinstance(found, dict):
        return _malformed("a call is an object", None)
    call_id = found.get("id")
    if not _is_id(call_id):
        return _malformed("an id is a string, a number, or null", None)
    if found.get("jsonrpc") != "2.0":
        return _malformed('a call has "jsonrpc": "2.0"', call_id)
    unknown = found.keys() - _MEMBERS
    if unknown:
        return _malformed(f"{min(unknown)[:40]!r} is no member of a call", call_id)
    method, params = found.get("method"), found.get("params", {})
    if not isinstance(method, str):
        return _malformed("the method of a call is a string", call_id)
    if not isinstance(params, list | dict):
        return _malformed("params are an array or an object", call_id)
    return Call(method, params, call_id, "id" not in found)


def _malformed(message: str, call_id: CallId) -> Malformed:
    return Malformed(ErrorObject(INVALID_REQUEST, message, "invalid-request"), call_id)


def _is_id(found: object) -> bool:
    if isinstance(found, float):
        return math.isfinite(found)  # 1e999 is JSON, and nothing that could be sent back
    return found is None or (isinstance(found, str | int) and not isinstance(found, bool))
