"""/flist/ACCOUNT/NAME/...: what is done with a flist as a whole."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.api.bodies import json_response
from mylist_dav.api.credentials import authenticate
from mylist_dav.api.problems import problem
from mylist_dav.api.queries import number, query_of
from mylist_dav.errors import BadName, NotAllowed, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.targets import decode_path

Call = Callable[[Request, Actor, FlistName], Response]


class FlistFrontEnd:
    """The front end of /flist/. Everything in it is for those who are logged in: they come first, then the path."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)
        self._calls: dict[str, dict[str, Call]] = {"manifest": {"GET": self.manifest}}

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> Response:
        """Raises Unauthenticated (over plain HTTP Forbidden), NotFound, NotAllowed, and what the function raises."""
        self._in_clear.check(request)
        actor = authenticate(self._library.identity, request)
        self._in_clear.note(request, actor.account)
        name, calls = self._route(request)
        call = calls.get("GET" if request.method == "HEAD" else request.method)
        if call is None:
            raise NotAllowed(f"this address takes {', '.join(calls)}")
        response = call(request, actor, name)
        response.account = actor.account
        response.meter = response.meter or self._library.ledger.request(actor, name)
        return response

    def render_error(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, NotAllowed):
            return problem(error)
        calls = self._route(request)[1]
        return problem(error, ", ".join([*calls, *(["HEAD"] if "GET" in calls else [])]))

    def manifest(self, request: Request, actor: Actor, name: FlistName) -> Response:
        """The signed manifest of a revision; at: its number, else the head."""
        at_jid = number(query_of(request.query, ("at",)), "at")
        return json_response(self._library.manifests.manifest(actor, name, at_jid).document())

    def _route(self, request: Request) -> tuple[FlistName, dict[str, Call]]:
        path = decode_path(request.target)
        if len(path.names) != 4 or path.directory or path.empty_segments or path.names[3] not in self._calls:
            raise NotFound("there is nothing at this address")
        try:
            return FlistName.checked(path.names[1], path.names[2]), self._calls[path.names[3]]
        except BadName as error:
            raise NotFound(f"there is no flist {path.names[1]}/{path.names[2]}") from error
