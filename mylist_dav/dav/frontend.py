"""DavFrontEnd: from a request to the method that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mylist_dav.dav.calls import Call
from mylist_dav.dav.credentials import authenticate, credentials_of
from mylist_dav.dav.exposed import ExposedDav
from mylist_dav.dav.locations import SERVER_MOUNT
from mylist_dav.dav.propfind import propfind
from mylist_dav.dav.protocol import Protocol
from mylist_dav.dav.putting import put
from mylist_dav.dav.reading import read
from mylist_dav.dav.refusals import CLASSES, METHODS, refusal
from mylist_dav.dav.sources import FlistSource
from mylist_dav.errors import Unauthenticated
from mylist_dav.model.exposures import Exposure
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import BodySink, FrontEnd, Request, Response, WholeBody


class DavFrontEnd:
    """The front end of /dav/. It also answers OPTIONS and PROPFIND of '/', which clients ask on their way down."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._protocol = Protocol()
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)
        self._xml_bytes_max = library.settings.limits.xml_bytes_max
        self._reading: dict[str, Callable[[Call], Response]] = {
            "GET": read,
            "HEAD": read,
            "PROPFIND": propfind,  # before WsgiDAV's stack: half the cost of a small one, and long ones are streamed
            "OPTIONS": self._options,
        }

    def answer_now(self, request: Request) -> Response | None:
        """The refusal of who says nothing of themselves: the same for every path, there or not."""
        if credentials_of(request) is not None:
            return None
        if request.method == "OPTIONS":
            return Response(200, [*CLASSES, ("Allow", METHODS)])
        self._in_clear.check(request)
        return refusal(request, Unauthenticated("log in with a token, as the password of your account"))

    def respond(self, request: Request) -> Response | BodySink:
        """The answer; for PUT, and for a request with a body, a sink. Raises MylistError."""
        if credentials_of(request) is None and (now := self.answer_now(request)) is not None:
            return now
        return self.carry_out(request, self._call)

    def carry_out(self, request: Request, understood: Callable[[Request], Call]) -> Response | BodySink:
        """The answer to a request that somebody understands: says who sends it and what it names."""
        if request.method in self._reading and not request.has_body:
            with self.library.reading():
                return self._answer(understood(request))
        call = understood(request)
        if request.method == "PUT":
            return put(call)
        if not request.has_body:
            return self._answer(call)
        return WholeBody(self._xml_bytes_max, lambda body: self._answer(replace(call, body=body)))

    def at(self, exposure: Exposure) -> FrontEnd:
        """The front end of one request for an exposure that answers WebDAV."""
        return ExposedDav(self, exposure)

    def _call(self, request: Request) -> Call:
        """Raises Unauthenticated first, or Forbidden over plain HTTP, whatever the path is."""
        self._in_clear.check(request)
        actor = authenticate(self.library.identity, request)
        self._in_clear.note(request, actor.account)
        location = SERVER_MOUNT.locate(request.target)
        return Call(self.library, request, actor, location, FlistSource(self.library, actor))

    def render_error(self, request: Request, error: Exception) -> Response:
        return refusal(request, error)

    def _answer(self, call: Call) -> Response:
        reading = self._reading.get(call.request.method)
        if reading is None:
            response = self._protocol.answer(call)
        else:
            with self.library.reading():
                response = reading(call)
        response.account = call.actor.account
        response.meter = response.meter or call.meter()
        return response

    def _options(self, call: Call) -> Response:
        """What WsgiDAV finds allowed there, under the header fields that everybody gets."""
        response = self._protocol.answer(call)
        if response.status != 200:
            return response
        allowed = next((value for name, value in response.headers if name == "Allow"), METHODS)
        if "LOCK" not in allowed:
            allowed += ", LOCK"  # WsgiDAV leaves it out where there is nothing yet (RFC 4918, 7.3)
        return Response(200, [*CLASSES, ("Allow", allowed)])
