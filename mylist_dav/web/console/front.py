"""The front end of the console: /, /login, /logout and /console/... of the server's own hosts.

Everything but the login page is for who has a session. Everything that changes something must come from a page of this
origin; that is looked at before anything else of such a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs

from mylist_dav.errors import (
    Forbidden,
    Invalid,
    MylistError,
    NotAllowed,
    NotFound,
    Unauthenticated,
    UnsupportedMedia,
)
from mylist_dav.outcomes import outcome
from mylist_dav.services.opening import Library
from mylist_dav.web.console import accounts, audit, exposures, folders, keys, logins, overview, rights, tokens
from mylist_dav.web.console.pages import console_page, see_other
from mylist_dav.web.console.uploads import FileSink, FormSink
from mylist_dav.web.console.visits import CONSOLE, Visit
from mylist_dav.web.pages import NOSNIFF
from mylist_dav.web.policy import NO_STORE
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.forms import FORM_BYTES_MAX, MULTIPART, URLENCODED, Form, media_type_of, parse_form
from mylist_dav.wire.messages import BodySink, FinishedSink, Headers, Request, Response, WholeBody
from mylist_dav.wire.sessions import comes_from_own_page
from mylist_dav.wire.targets import decode_path

_READS = frozenset(("GET", "HEAD"))
_WRITES = frozenset(("POST", "PUT"))
_QUERY_CHARS_MAX = 4096


class Show(Protocol):
    """Renders a page. problem, status: of a change that was asked for there and failed."""

    def __call__(self, visit: Visit, problem: str = "", status: int = 200) -> Response: ...


class Kind(NamedTuple):
    """A kind of page, and what its forms do: where to go on, or the answer itself."""

    show: Show
    act: Callable[[Visit, Form], str | Response]


OVERVIEW = Kind(overview.show, overview.act)
KINDS = {
    "flists": Kind(folders.show, folders.act),
    "rights": Kind(rights.show, rights.act),
    "tokens": Kind(tokens.show, tokens.act),
    "keys": Kind(keys.show, keys.act),
    "audit": Kind(audit.show, audit.act),
    "accounts": Kind(accounts.show, accounts.act),
    "exposures": Kind(exposures.show, exposures.act),
}
ROUTES = ("", "login", "logout", CONSOLE)
"""The first segments of what this front end answers; '' is the root itself."""


class ConsoleFrontEnd:
    """The pages for who runs, fills and mounts flists."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)
        for name in ("overview", "login", "problem"):
            console_page(name)  # now, and not in the middle of the first requests

    def answer_now(self, request: Request) -> Response | None:
        return None

    def respond(self, request: Request) -> Response | BodySink:
        self._in_clear.check(request)
        if request.method in _WRITES:
            self._require_own_page(request)
        elif request.method not in _READS:
            raise NotAllowed(f"{request.method} means nothing to the console")
        names = decode_path(request.target).names
        if names == ("login",):
            return self._login(request)
        if names == ("logout",):
            return self._logout(request)
        if names and names[0] != CONSOLE:
            raise NotFound("there is no such page")
        actor = logins.actor_of(self._library.identity, request)
        if actor is None:
            raise Unauthenticated("log in first")
        visit = Visit(self._library, request, actor, names[1:], _query(request))
        answer = self._answer(visit)
        if isinstance(answer, Response):
            return _counted(visit, answer)
        return FinishedSink(answer, partial(_counted, visit))

    def render_error(self, request: Request, error: Exception) -> Response:
        """A page; plain words for the script, which asks for them; the login page for who has no session."""
        status = outcome(error).http
        text = str(error) if isinstance(error, MylistError) else "an unexpected error"
        more: Headers = [("Allow", "GET, HEAD, POST, PUT")] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
        if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            more.append(("Retry-After", "2"))
        if "text/html" not in (request.header("accept") or "text/html"):
            headers = [("Content-Type", "text/plain; charset=utf-8"), NO_STORE, NOSNIFF, *more]
            return Response(status, headers, f"{text}\n".encode(errors="replace"))
        if isinstance(error, Unauthenticated) and request.method in _READS:
            return logins.to_login(request)
        if isinstance(error, Unauthenticated):
            return logins.login_page(
                replace(request, query=""), "Log in again: the session has ended.", status
            )
        response = console_page("problem").response(
            status, status_code=status, title=_phrase(status), text=text, account="", here=""
        )
        response.headers += more
        return _without_body(request, response)

    def _require_own_page(self, request: Request) -> None:
        """Raises Forbidden."""
        if not comes_from_own_page(request, self._library.settings.server.public_url):
            raise Forbidden(
                "this was asked for by another site, or by a browser that does not say which site it was"
            )

    def _login(self, request: Request) -> Response | BodySink:
        if request.method in _READS:
            return _without_body(request, logins.login_page(request))
        return _form_body(request, lambda form: self._log_in(request, form))

    def _log_in(self, request: Request, form: Form) -> Response:
        try:
            response = logins.log_in(self._library.identity, request, form)
        except Unauthenticated as error:
            return logins.login_page(request, f"{error}".capitalize() + ".", outcome(error).http)
        self._in_clear.note(request, response.account)
        return response

    def _logout(self, request: Request) -> Response | BodySink:
        if request.method in _READS:
            return see_other("/")
        return _form_body(request, lambda form: logins.log_out(self._library.identity, request))

    def _answer(self, visit: Visit) -> Response | BodySink:
        kind = KINDS.get(visit.names[0]) if visit.names else OVERVIEW
        if kind is None:
            raise NotFound("there is no such page")
        request = visit.request
        if request.method in _READS:
            with self._library.reading():
                return _without_body(request, kind.show(visit))
        is_folder = visit.names[:1] == ("flists",)
        if request.method == "PUT":
            if not is_folder:
                raise NotAllowed("only files in flists are put")
            return _taken(FileSink(visit), request)
        if is_folder and media_type_of(request.header("content-type")) == MULTIPART:
            return _taken(FormSink(visit), request)
        return _form_body(request, lambda form: self._act(visit, kind, form))

    def _act(self, visit: Visit, kind: Kind, form: Form) -> Response:
        """Do what a form asks for. What goes wrong is said on the page that the form is on."""
        try:
            done = kind.act(visit, form)
        except NotFound:
            raise
        except MylistError as error:
            status = outcome(error).http
            if status >= 500 or "text/html" not in (visit.request.header("accept") or "text/html"):
                raise
            return kind.show(visit, problem=str(error), status=status)
        return see_other(done) if isinstance(done, str) else done


def _counted(visit: Visit, response: Response) -> Response:
    """The response, for the access log and the sums of traffic."""
    response.account = visit.actor.account
    response.meter = visit.library.ledger.request(
        visit.actor, visit.flist_name, up_bytes=visit.request.content_length or 0
    )
    return response


def _form_body(request: Request, act: Callable[[Form], Response]) -> Response | BodySink:
    """Read an urlencoded form. Raises UnsupportedMedia."""
    if not request.has_body:
        return act({})
    if media_type_of(request.header("content-type")) != URLENCODED:
        raise UnsupportedMedia("a form is expected")
    return WholeBody(FORM_BYTES_MAX, lambda body: act(parse_form(body)))


def _taken(sink: FileSink | FormSink, request: Request) -> Response | BodySink:
    """A sink, or what it gives for no body at all."""
    return sink if request.has_body else sink.finish()


def _query(request: Request) -> dict[str, str]:
    """Raises Invalid."""
    if len(request.query) > _QUERY_CHARS_MAX:
        raise Invalid("the query is longer than any page needs")
    try:
        found = parse_qs(request.query, max_num_fields=16, errors="strict")
    except ValueError as error:
        raise Invalid("the query cannot be read") from error
    return {name: values[-1] for name, values in found.items()}


def _without_body(request: Request, response: Response) -> Response:
    """For HEAD."""
    return replace(response, body=b"") if request.method == "HEAD" else response


def _phrase(status: int) -> str:
    phrases = {
        400: "This cannot be done so",
        403: "This is not allowed",
        404: "There is nothing here",
        409: "Something is in the way",
        412: "It is there already",
        413: "That is too large",
        423: "It is locked",
        500: "Something broke",
        503: "Too busy just now",
        507: "There is no room",
    }
    return phrases.get(status, "This cannot be done")
