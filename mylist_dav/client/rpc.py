"""A client of JSON-RPC, for both transports: the local socket of a data directory, and a server's /rpc with a token.

Every method of the OpenRPC document has a typed function (rpc_methods.py); `call` takes any method by its name. What a
server answers is checked, and its errors are raised as the classes of errors.py that they were.
"""

from __future__ import annotations

import inspect
import itertools
import json
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from mylist_dav import errors
from mylist_dav.client.rpc_methods import RpcMethods
from mylist_dav.errors import (
    Conflict,
    Invalid,
    MylistError,
    NotFound,
    Outdated,
    Refused,
    TooMany,
    problem_name,
)
from mylist_dav.model.server_address import canonical_server
from mylist_dav.wire.documents import Asked, complaint

ANSWER_BYTES_MAX = 64 * 1024 * 1024
TIMEOUT_SECONDS = 600.0
"""Some methods read all of the catalog, or a thousand blocks."""

LOCAL_SOCKET = "run/rpc.sock"
"""In a data directory."""

_CONNECT_SECONDS = 10.0
_SOCKET_PATH_BYTES_MAX = 107
_WAIT_SECONDS_MAX = 86_400

R = TypeVar("R", bound=BaseModel)
Params = dict[str, Any] | list[Any]


class Wanted(NamedTuple):
    """One call of a batch."""

    method: str
    params: Params = {}  # noqa: RUF012 never changed


class RpcClient(RpcMethods):
    """Calls the methods of one server. Use `local` or `remote` to make one, and close it."""

    def __init__(self, where: str, url: str, http: httpx.Client, release: Callable[[], None]) -> None:
        """where: for people. url: of the endpoint. release: called by close."""
        self.where = where
        self._url = url
        self._http = http
        self._release = release
        self._ids = itertools.count(1)

    @classmethod
    def local(cls, path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> RpcClient:
        """As the owner of a data directory, on its socket. Raises NotFound: nobody serves one there."""
        if not path.is_socket():
            raise NotFound(f"no server answers on {path}: start one (mylist serve), or give --server URL")
        with ExitStack() as stack:
            address = _address(path, stack)
            http = stack.enter_context(_http(timeout_seconds, httpx.HTTPTransport(uds=address)))
            return cls(str(path), "http://localhost/rpc", http, stack.pop_all().close)

    @classmethod
    def remote(cls, server: str, token: str, timeout_seconds: float = TIMEOUT_SECONDS) -> RpcClient:
        """As whom the token stands for, at the /rpc of a server. Raises Invalid for a URL that is no server's."""
        url = canonical_server(server)
        http = _http(timeout_seconds, headers={"authorization": f"Bearer {token}"})
        return cls(url, f"{url}/rpc", http, http.close)

    def __enter__(self) -> RpcClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._release()

    def call(self, method: str, params: Params | None = None) -> Any:
        """The result of a method, as JSON. Raises what the server says, NotFound for a method that it has not."""
        (answer,) = self._results([Wanted(method, params or {})], as_batch=False)
        if isinstance(answer, MylistError):
            raise answer
        return answer

    def batch(self, wanted: Iterable[Wanted]) -> list[Any]:
        """The results of several calls in one request, in their order; a MylistError where one came instead."""
        calls = list(wanted)
        return self._results(calls, as_batch=True) if calls else []

    def notify(self, method: str, params: Params | None = None) -> None:
        """Have a call made whose result is not wanted; nobody learns of an error in it."""
        self._post({"jsonrpc": "2.0", "method": method, "params": params or {}})

    def result_of(self, method: str, asked: type[Asked], result: type[R], **params: Any) -> R:
        """The checked result of a method. Raises Invalid for params that the server would refuse."""
        try:
            document = asked.model_validate(params).model_dump(
                mode="json", by_alias=True, exclude_defaults=True
            )
        except ValidationError as error:
            raise Invalid(f"{method}: {complaint(error)}") from error
        try:
            return result.model_validate(self.call(method, document))
        except ValidationError as error:
            raise _foreign(self.where) from error

    def _results(self, calls: list[Wanted], *, as_batch: bool) -> list[Any]:
        ids = [next(self._ids) for _ in calls]
        sent = [
            {"jsonrpc": "2.0", "method": call.method, "params": call.params, "id": call_id}
            for call, call_id in zip(calls, ids, strict=True)
        ]
        found = self._post(sent if as_batch else sent[0])
        if isinstance(found, dict) and found.get("id") is None and "error" in found:
            raise _error_of(found["error"], self.where)  # of the request as a whole
        answers = found if as_batch and isinstance(found, list) else [found]
        by_id = {each.get("id"): each for each in answers if isinstance(each, dict)}
        return [self._result(by_id.get(call_id)) for call_id in ids]

    def _result(self, answer: dict[str, Any] | None) -> Any:
        if answer is not None and "error" in answer:
            return _error_of(answer["error"], self.where)
        if answer is None or "result" not in answer:
            raise _foreign(self.where)
        return answer["result"]

    def _post(self, document: object) -> Any:
        """The JSON of the answer; None where there is none."""
        try:
            with self._http.stream("POST", self._url, json=document) as response:
                if response.is_redirect:
                    raise Conflict(f"{self.where} sends elsewhere: use the address that it has")
                data = _bounded(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MylistError(f"{self.where} cannot be reached: {error}") from error
        except (ValueError, TypeError) as error:
            raise Invalid(f"these params are not JSON: {error}") from error
        if response.status_code == 204:
            return None
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _foreign(self.where) from error


def _http(
    timeout_seconds: float,
    transport: httpx.BaseTransport | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Client:
    timeout = httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS)
    return httpx.Client(transport=transport, timeout=timeout, headers=headers, follow_redirects=False)


def _address(path: Path, stack: ExitStack) -> str:
    """An address of a socket that the kernel takes; a long one by way of its folder, which is kept open."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES_MAX:
        return str(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, folder)
    return f"/proc/self/fd/{folder}/{path.name}"


def _bounded(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > ANSWER_BYTES_MAX:
            raise MylistError("the server gave an answer that is far too long")
    return b"".join(pieces)


def _foreign(where: str) -> MylistError:
    return MylistError(f"{where} gave an answer that is not of mylist")


def _error_of(found: object, where: str) -> MylistError:
    """The error that an error object stands for, in the words of the server, bounded and printable."""
    if not isinstance(found, dict) or not isinstance(found.get("message"), str):
        return _foreign(where)
    said = "".join(character for character in found["message"][:2000] if character.isprintable())
    data = found.get("data")
    more = data if isinstance(data, dict) else {}
    problem = more.get("problem")
    if problem == "too-many":
        wait = more.get("retry_after_seconds")
        return TooMany(said, wait if isinstance(wait, int) and 0 <= wait <= _WAIT_SECONDS_MAX else 60)
    head_jid = more.get("head_jid")
    if problem == "refused" and isinstance(head_jid, int):
        return Refused(said, head_jid, _list(more, "conflicts"), _list(more, "missing"))
    if problem == "outdated" and isinstance(head_jid, int):
        return Outdated(said, head_jid, _list(more, "conflicts"), _list(more, "changes"))
    return _CLASSES.get(problem, MylistError)(said) if isinstance(problem, str) else MylistError(said)


def _list(more: dict[str, Any], name: str) -> list[Any]:
    found = more.get(name)
    return found if isinstance(found, list) else []


def _from_words(cls: type[MylistError]) -> Callable[[str], MylistError]:
    """The class, or if it is made of more than a message the next above that is not."""
    made_by = next(vars(each)["__init__"] for each in cls.__mro__ if "__init__" in vars(each))
    if made_by is vars(Exception)["__init__"] or _needs(made_by) == ["self", "message"]:
        return cls
    return _from_words(cls.__bases__[0])


def _needs(function: Callable[..., object]) -> list[str]:
    """The parameters that it does not do without."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty]


_OF_THE_PROTOCOL: dict[str, Callable[[str], MylistError]] = {
    "parse-error": Invalid,
    "invalid-request": Invalid,
    "method-not-found": NotFound,
}
_CLASSES: dict[str, Callable[[str], MylistError]] = {
    problem_name(cls): _from_words(cls)
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, MylistError)
} | _OF_THE_PROTOCOL
