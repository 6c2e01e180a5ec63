"""HTTP with one server: a question, its answer, and what to do when there is none. Pushes, pulls, logins and copies to
peers all speak through this.

Who carries it is given (client/http.py); who proves to be somebody is decided by whoever sets `token`. Answers are read
with suspicion: bounded, no redirect followed, and every error is one of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from mylist_dav.client.answers import (
    Fields,
    bounded,
    json_object,
    not_of_mylist,
    refusal,
    retry_after_seconds,
)
from mylist_dav.client.dialling import CONNECTIONS, Patience, dial_plainly
from mylist_dav.client.direct import DirectHttp
from mylist_dav.client.http import Http, Reply, Unanswered, Undialled
from mylist_dav.client.packing import Pieces, packed_body
from mylist_dav.client.proxied import ProxiedHttp, has_proxy
from mylist_dav.errors import Busy, Conflict, MylistError
from mylist_dav.model.server_address import is_loopback

TRIES = 5
REFUSAL_BYTES_MAX = 1024 * 1024
ANSWER_BYTES_MAX = 256 * 1024 * 1024
"""Of one answer that is no stream. Recipes of a thousand long contents are the longest."""

_CONNECT_SECONDS = 30.0
_AGAIN = frozenset((408, 429, 502, 503, 504))
_UNKNOWN = frozenset((502, 504))
"""What a proxy says that has no answer either: what was asked may have been done."""

_WAIT_SECONDS_MAX = 30

T = TypeVar("T")
Sleep = Callable[[float], None]


class Unreachable(Busy):
    """The server did not answer: asking again later may help."""


class AnswerLost(Unreachable):
    """Something was sent that must not be sent twice, and nobody knows whether it was done."""


class Asked(NamedTuple):
    """A question. document: sent as JSON; content: a body instead. again: asking twice does no harm.

    content_bytes: how long the content is, where that is known. A document, and such a content, travel packed.
    """

    method: str
    path: str
    document: object = None
    query: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    content: Pieces | None = None
    content_bytes: int | None = None
    timeout_seconds: float | None = None
    again: bool = True


class Answer(NamedTuple):
    """What came back, whatever its status. found: its JSON object, {} for an empty body, None for none."""

    status: int
    headers: Mapping[str, str]
    found: dict[str, Any] | None

    @property
    def is_good(self) -> bool:
        """2xx"""
        return 200 <= self.status < 300


class Link:
    """Speaks with one server. For many threads; close() it.

    server: its address. where: what it is called for people. speaker: stands before its words in errors. tries: how
    often is asked what may be asked twice; whoever begins anew by himself takes one.
    """

    def __init__(
        self,
        http: Http,
        server: str,
        *,
        where: str = "",
        speaker: str = "",
        tries: int = 1,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.server = server
        self.where = where or server
        self.token = ""
        self.round_trips = 0
        self._http = http
        self._near = is_loopback(server)
        self._speaker = speaker
        self._tries = tries
        self._answer_bytes_max = answer_bytes_max
        self._sleep = sleep
        self._answered = False

    @classmethod
    def plain(
        cls,
        server: str,
        token: str = "",
        *,
        connections: int = CONNECTIONS,
        tries: int = TRIES,
        sleep: Sleep = time.sleep,
    ) -> Link:
        """To a server that a user has named, wherever the system finds it. token: in whose name."""
        link = cls(plain_http(server, connections), server, tries=tries, sleep=sleep)
        link.token = token
        return link

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def dial_ahead(self, connections: int) -> None:
        """Many questions will come soon: begin to open so many connections for them."""
        self._http.dial_ahead(connections)

    def json(self, method: str, path: str, document: object = None, **more: Any) -> Fields:
        """The JSON object of an answer. more: of Asked. Raises what the status says, Unreachable, AnswerLost."""
        answer = self.ask(Asked(method, path, document, **more))
        if not answer.is_good:
            raise self.refusal(answer)
        if answer.found is None:
            raise not_of_mylist(self.where)
        return Fields(answer.found, self.where)

    def ask(self, asked: Asked) -> Answer:
        """An answer of any status but those that mean not now. Raises Unreachable, AnswerLost, MylistError."""

        def read(reply: Reply) -> Answer:
            return _answer(reply, self._answer_bytes_max)

        return self._repeat(asked, read)

    def stream(self, asked: Asked, read: Callable[[Iterator[bytes]], T]) -> T:
        """Hand the body of an answer to `read`, as it comes; from its beginning again when a connection breaks."""

        def pour(reply: Reply) -> T:
            if not reply.is_good:
                raise self.refusal(_answer(reply))
            return read(reply.pieces)

        return self._repeat(asked, pour)

    def refusal(self, answer: Answer) -> MylistError:
        """The error that an answer stands for."""
        return refusal(answer.status, answer.headers, answer.found, self._speaker)

    # -- sending -----------------------------------------------------------------------------------------------

    def _repeat(self, asked: Asked, read: Callable[[Reply], T]) -> T:
        """Try until it is answered, and longer waits between."""
        for count in range(self._tries):
            last = count == self._tries - 1
            wait_seconds: float = 0.5 * 2**count
            try:
                return self._send(asked, read)
            except _NotNow as error:
                if not asked.again and error.answer.status in _UNKNOWN:
                    raise self._lost() from error
                if last:
                    raise self.refusal(error.answer) from error
                wait_seconds = retry_after_seconds(error.answer.headers) or wait_seconds
            except Undialled as error:
                if last or not self._answered:  # a wrong address is said at once, a restart is waited for
                    raise self._unreachable(error) from error
            except Unanswered as error:
                if not asked.again:
                    raise self._lost() from error
                if last:
                    raise self._unreachable(error) from error
            self._sleep(min(wait_seconds, _WAIT_SECONDS_MAX))
        raise AssertionError("the last try returns or raises")

    def _send(self, asked: Asked, read: Callable[[Reply], T]) -> T:
        self.round_trips += 1
        proof = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body, headers = packed_body(asked.document, asked.content, asked.content_bytes, near=self._near)
        target = f"{asked.path}?{urlencode(asked.query)}" if asked.query else asked.path
        headers = proof | headers | (asked.headers or {})
        with self._http.send(asked.method, target, headers, body, asked.timeout_seconds) as reply:
            self._answered = True
            if reply.leads_elsewhere:
                raise Conflict(f"{self.where} sends elsewhere: use the address that it has")
            if reply.status in _AGAIN:
                raise _NotNow(_answer(reply))
            return read(reply)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"{self.where} cannot be reached: {error}")

    def _lost(self) -> AnswerLost:
        return AnswerLost(f"{self.where} did not answer; it is not known whether it did what was asked")


class _NotNow(Exception):
    """An answer that says: not now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def plain_http(server: str, connections: int = CONNECTIONS) -> Http:
    """To a server wherever the system finds it, by way of the proxy of the environment if there is one."""
    patience = Patience(connect_seconds=_CONNECT_SECONDS)
    if has_proxy(server):
        return ProxiedHttp(server, patience, connections=connections)
    return DirectHttp(server, dial_plainly, patience, connections=connections)


def _answer(reply: Reply, bytes_max: int = REFUSAL_BYTES_MAX) -> Answer:
    return Answer(reply.status, reply.headers, json_object(bounded(reply, bytes_max)))
