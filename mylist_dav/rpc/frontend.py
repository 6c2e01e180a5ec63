"""HTTP around JSON-RPC: POST of application/json to /rpc, be it on the server's own hosts or on a socket of its own.

Whatever came to be answered as JSON-RPC has the status 200, or 204 where nothing is to be said; a request that is
refused before has the status of its error, and an error object all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.errors import Invalid, NotAllowed, NotFound, Unauthenticated, UnsupportedMedia
from mylist_dav.model.actors import OPERATOR, Actor
from mylist_dav.outcomes import outcome
from mylist_dav.rpc.dispatch import Dispatcher
from mylist_dav.rpc.faults import error_object
from mylist_dav.rpc.messages import error_bytes
from mylist_dav.rpc.table import METHODS
from mylist_dav.services.opening import Library
from mylist_dav.wire.auth import Basic, Bearer, parse_authorization
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Headers, Request, Response, WholeBody
from mylist_dav.wire.refusals import refusal_headers

TARGET = "/rpc"
_HEADERS: Headers = [
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
]


class RpcFrontEnd:
    """Answers POST /rpc. who: says who sends a request, or raises; it is asked before the body is read."""

    def __init__(self, library: Library, who: Callable[[Request], Actor]) -> None:
        self._who = who
        self._dispatcher = Dispatcher(library, METHODS, library.settings.rpc.batch_calls_max)
        self._body_bytes_max = library.settings.limits.xml_bytes_max

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> WholeBody:
        """Raises NotFound, NotAllowed, UnsupportedMedia, Invalid, and what `who` raises."""
        request.chosen = (
            request.chosen or self
        )  # where no router has chosen, requests are counted as ours too
        if request.target != TARGET:
            raise NotFound(f"JSON-RPC is at {TARGET}")
        if request.method != "POST":
            raise NotAllowed("JSON-RPC is asked with POST")
        actor = self._who(request)
        kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise UnsupportedMedia("send JSON, as Content-Type: application/json")
        if request.query:
            raise Invalid("the address of JSON-RPC has no query: params stand in the body")
        return WholeBody(self._body_bytes_max, lambda body: self._answered(actor, body))

    def _answered(self, actor: Actor, body: bytes) -> Response:
        answer = self._dispatcher.answer(actor, body)
        if answer is None:
            return Response(204, [("cache-control", "no-store")], account=actor.account)
        return Response(200, list(_HEADERS), answer + b"\n", account=actor.account)

    def render_error(self, request: Request, error: Exception) -> Response:
        headers = [*_HEADERS, *refusal_headers(error, "POST")]
        return Response(outcome(error).http, headers, error_bytes(None, error_object(error)) + b"\n")


def by_token(library: Library) -> Callable[[Request], Actor]:
    """The account whose token came as Bearer, or as the password of Basic. Cookies do not count.

    Raises Unauthenticated, TooMany; over plain HTTP from other machines Forbidden, where that is refused.
    """
    in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)

    def who(request: Request) -> Actor:
        guest = request.header("authorization") is None
        library.throttle.come(request.client, guest=guest)
        in_clear.check(request)
        actor = _holder(library, request)
        library.throttle.known(actor.account)
        in_clear.note(request, actor.account)
        return actor

    return who


def as_owner(request: Request) -> Actor:
    """The owner of the data directory. Only for a socket that lets in nobody else."""
    return OPERATOR._replace(request_id=request.request_id)


def _holder(library: Library, request: Request) -> Actor:
    found = parse_authorization(request.header("authorization"))
    token, account = "", None
    if isinstance(found, Bearer):
        token = found.token
    elif isinstance(found, Basic):
        account, token = found
    else:
        raise Unauthenticated("log in with a token, as Authorization: Bearer")
    return library.identity.actor_for(token, account, address=request.client, request_id=request.request_id)
