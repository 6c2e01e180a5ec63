"""From the bytes of a request to those of its answer: finds the methods, checks the params, makes the calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from mylist_dav.errors import Invalid, LimitExceeded
from mylist_dav.model.actors import Actor
from mylist_dav.rpc.faults import error_object, noted
from mylist_dav.rpc.messages import (
    METHOD_NOT_FOUND,
    Call,
    ErrorObject,
    Malformed,
    Params,
    error_bytes,
    read_message,
    result_bytes,
)
from mylist_dav.rpc.methods import AnyMethod, Table
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents import complaint

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Once the answers of a batch are longer than this together, no more of its calls are made."""

BATCH_SECONDS_MAX = 120.0
"""The same once they have taken longer than this together: each may wait, and they hold a thread."""


class Dispatcher:
    """Answers requests over one library.

    calls_max: of one batch; its calls are made one after the other. monotonic: seconds from any origin.
    """

    def __init__(
        self,
        library: Library,
        table: Table,
        calls_max: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._library = library
        self._table = table
        self._calls_max = calls_max

    def answer(self, actor: Actor, body: bytes) -> bytes | None:
        """The answer, or None when there is none to give: notifications alone were sent (JSON-RPC 2.0, 4.1 and 6)."""
        message = read_message(body, self._calls_max)
        answers: list[bytes] = []
        size_bytes = 0
        end = self._monotonic() + BATCH_SECONDS_MAX
        for each in message.calls:
            too_much = size_bytes > ANSWER_BYTES_MAX or self._monotonic() > end
            one = self._one(actor, each, too_much)
            if one is not None:
                answers.append(one)
                size_bytes += len(one)
        if not answers:
            return None
        return b"[" + b",".join(answers) + b"]" if message.is_batch else answers[0]

    def _one(self, actor: Actor, call: Call | Malformed, too_much: bool) -> bytes | None:
        """The answer of one call; None for a notification. too_much: those before it have used up what a batch may."""
        if isinstance(call, Malformed):
            return error_bytes(call.call_id, call.error)
        try:
            if too_much:
                raise LimitExceeded(
                    "this batch has taken too long, or its answers have: send this in another"
                )
            answer = self._made(actor, call)
        except Exception as error:  # noqa: BLE001 the border of a call: those beside it in a batch go on
            told = noted(error, call.method[:80], actor.request_id)
            answer = error_bytes(call.call_id, error_object(told))
        return None if call.is_notification else answer

    def _made(self, actor: Actor, call: Call) -> bytes:
        method = self._table.get(call.method)
        if method is None:
            text = f"there is no method {call.method[:80]!r}; rpc.discover tells of all"
            return error_bytes(call.call_id, ErrorObject(METHOD_NOT_FOUND, text, "method-not-found"))
        result = method.call(self._library, actor, checked_params(method, call.params))
        return result_bytes(call.call_id, result.model_dump_json(by_alias=True))


def checked_params(method: AnyMethod, params: Params) -> Any:
    """The params as the model of the method, given by name or by position. Raises Invalid, which names the field."""
    if isinstance(params, list):
        names = method.param_names
        if len(params) > len(names):
            raise Invalid(f"{method.name} takes at most {len(names)} params: {', '.join(names) or 'none'}")
        params = dict(zip(names, params, strict=False))
    try:
        return method.params.model_validate(params)
    except ValidationError as error:
        raise Invalid(f"{method.name}: {complaint(error)}") from error
