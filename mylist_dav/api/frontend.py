"""ApiFrontEnd: from a request to the operation that answers it.

In this order: the address, who asks, the method, the query, the body. Below /api/ an address that is not there is 404
for everybody; elsewhere nobody learns anything before they have said who they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pydantic import BaseModel

from mylist_dav.api.bodies import model_response, require_json
from mylist_dav.api.credentials import authenticate, says_who
from mylist_dav.api.operations import Answer, Call, Found, Media, Operation, Table, query_names
from mylist_dav.api.problems import in_words_of_the_api, problem
from mylist_dav.api.queries import query_of
from mylist_dav.api.waiting import HELD_BYTES_MAX, LargeBodies, Waiters
from mylist_dav.errors import Invalid, MylistError, NotAllowed, NotFound, UnsupportedMedia, UriTooLong
from mylist_dav.model.actors import GUEST, Actor
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.documents import read_document, read_query
from mylist_dav.wire.documents.changes import refusal_members
from mylist_dav.wire.messages import BodySink, FinishedSink, Request, Response, WholeBody
from mylist_dav.wire.packed import coding_of, require_coding, unpacked
from mylist_dav.wire.targets import decode_path


class ApiFrontEnd:
    """The front end of every route that is in the table of operations."""

    def __init__(self, library: Library, table: Table, in_clear: InClear) -> None:
        self._library = library
        self._table = table
        self._in_clear = in_clear
        self._large = LargeBodies(library.imports.spool)
        self._waiters = Waiters()

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> Response | BodySink:
        """Raises TooMany, NotFound, NotAllowed, Unauthenticated, Forbidden (plain HTTP, where refused), Invalid, ..."""
        self._library.throttle.come(request.client, guest=not says_who(request))
        found = self._found(request)
        asks_methods = request.method == "OPTIONS" and isinstance(found, Found)
        operation = found.operations.get(_method(request)) if isinstance(found, Found) else None
        if operation is None and request.target.startswith("/api/"):
            return _told_methods(found, asks_methods)
        actor = self._actor(request, operation)
        if operation is None:
            return _told_methods(found, asks_methods)
        assert isinstance(found, Found)
        query = read_query(operation.query, query_of(request.query, query_names(operation.query)))
        call = Call(self._library, request, actor, found.names, found.rest, query)
        return self._run(operation, call)

    def render_error(self, request: Request, error: Exception) -> Response:
        found = self._found(request) if isinstance(error, NotAllowed) else None
        allowed = ", ".join(_methods(found)) if isinstance(found, Found) else ""
        return problem(error, allowed, refusal_members(error))

    def _found(self, request: Request) -> Found | MylistError:
        """What is at the address of a request, or why nothing is."""
        try:
            path = decode_path(request.target)
        except (Invalid, UriTooLong) as error:
            return error
        found = self._table.find(path.names)
        if found is None or path.empty_segments or (path.directory and not found.rest):
            return NotFound("there is nothing at this address of the API")
        return found

    def _actor(self, request: Request, operation: Operation | None) -> Actor:
        """Who asks; where anybody may, a guest if nobody says who. A session is not for contents of files."""
        is_open = operation is not None and operation.open
        by_session = operation is None or not isinstance(operation.told, Media)
        nobody = is_open and not says_who(request, by_session=by_session)
        if nobody and _method(request) == "GET":
            return GUEST  # no secret goes there or comes from there
        self._in_clear.check(request)
        if nobody:
            return GUEST
        actor = authenticate(self._library.identity, request, by_session=by_session)
        self._in_clear.note(request, actor.account)
        self._library.throttle.known(actor.account)
        return actor

    def _run(self, operation: Operation, call: Call) -> Response | BodySink:
        request, body = call.request, operation.body
        if request.has_body:
            _check_coding(request, body)
        if isinstance(body, Media):
            found = self._finished(operation, call, operation.run(call))
        elif not request.has_body:
            return self._with_body(operation, call, b"")
        else:
            found = self._gathered(operation, call)
        return found if isinstance(found, Response) else unpacked(request, found)

    def _gathered(self, operation: Operation, call: Call) -> BodySink:
        """A sink for a JSON body."""
        handle = partial(self._whole, operation, call)
        if operation.limit_bytes <= HELD_BYTES_MAX:
            return WholeBody(operation.limit_bytes, handle)
        sink = self._large.receive(call.actor.account, operation.limit_bytes, handle)
        return FinishedSink(sink, partial(self._counted, call))

    def _whole(self, operation: Operation, call: Call, body: bytes) -> Response:
        found = self._with_body(operation, call, body)
        assert isinstance(found, Response), f"{operation.name} takes a second body"
        return found

    def _with_body(self, operation: Operation, call: Call, body: bytes) -> Response | BodySink:
        """Run with all of the body at hand."""
        model = operation.body
        if model is None:
            if body.strip() not in (b"", b"{}"):
                raise Invalid("this takes no body")
        elif not isinstance(model, Media):
            require_json(call.request)
            call = replace(call, body=read_document(model, body))
            attempt = partial(self._ran, operation, call)
            return self._counted(call, self._waiters.until_its_turn(call.actor.account, attempt))
        return self._finished(operation, call, operation.run(call))

    def _ran(self, operation: Operation, call: Call) -> Response:
        """What an operation with a JSON body gives, which is never a sink for another. Raises Queued, ..."""
        found = self._finished(operation, call, operation.run(call))
        assert isinstance(found, Response), f"{operation.name} takes a second body"
        return found

    def _finished(self, operation: Operation, call: Call, answer: Answer) -> Response | BodySink:
        if isinstance(answer, BaseModel):
            answer = model_response(answer, operation.status)
        if not isinstance(answer, Response):
            return FinishedSink(answer, partial(self._counted, call))
        return self._counted(call, in_words_of_the_api(answer))

    def _counted(self, call: Call, response: Response) -> Response:
        """The response with who asked, for the access log and the sums of traffic."""
        if call.actor.account:
            response.account = call.actor.account
            up_bytes = call.request.received_bytes or call.request.content_length or 0
            response.meter = response.meter or self._library.ledger.request(
                call.actor, _flist_name(call), up_bytes=up_bytes
            )
        return response


def _method(request: Request) -> str:
    """HEAD is a GET whose body is not sent (RFC 9110, 9.3.2)."""
    return "GET" if request.method == "HEAD" else request.method


def _check_coding(request: Request, body: type[BaseModel] | Media | None) -> None:
    """Raises UnsupportedMedia for a coding that is not read, and for any of what is kept as it comes."""
    if isinstance(body, Media) and not body.packable and coding_of(request):
        raise UnsupportedMedia(f"send {body.what} as it is, without a Content-Encoding")
    require_coding(request)


def _methods(found: Found) -> list[str]:
    return [*found.operations, *(["HEAD"] if "GET" in found.operations else []), "OPTIONS"]


def _told_methods(found: Found | MylistError, asked: bool) -> Response:
    """The methods of an address, to who has asked for them (RFC 9110, 9.3.7); to others it is refused."""
    if not asked:
        raise _refusal(found)
    assert isinstance(found, Found)
    return Response(204, [("allow", ", ".join(_methods(found))), ("cache-control", "no-store")])


def _refusal(found: Found | MylistError) -> MylistError:
    if isinstance(found, Found):
        return NotAllowed(f"this address takes {', '.join(_methods(found))}")
    return found


def _flist_name(call: Call) -> FlistName | None:
    """The flist that the address names, if it names one."""
    try:
        return call.flist_name if {"account", "name"} <= call.names.keys() else None
    except NotFound:
        return None
