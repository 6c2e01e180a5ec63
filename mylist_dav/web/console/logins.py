"""Logging in and out: /login takes a token and keeps a session for it in a cookie, /logout ends that.

Signing with a key happens in the browser, by the script of the login page and the API; it ends in a token as well.
A session has a token of its own, so that it can be ended without a token that is used elsewhere; it never outlives
the one that it was begun with. A token with a limited scope makes no tokens: the session keeps that one itself, and
only forgets it in the end.
"""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, quote

from mylist_dav.errors import Forbidden, Invalid, Unauthenticated, UriTooLong
from mylist_dav.model.actors import EVERYTHING, Actor
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.web.console.pages import console_page, see_other
from mylist_dav.web.console.visits import CONSOLE
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.sessions import end_session, session_token, start_session
from mylist_dav.wire.targets import decode_path, quote_path

SESSION_DAYS = 0.5
_SESSION_SECONDS = int(SESSION_DAYS * 86_400)
LABEL = "browser"
AFTER = "after"
_AFTER_CHARS_MAX = 2000


def login_page(request: Request, problem: str = "", status: int = 200) -> Response:
    """The page to log in at."""
    after = (
        parse_qs(request.query, max_num_fields=16).get(AFTER, [""])[0] if len(request.query) < 4096 else ""
    )
    return console_page("login").response(status, problem=problem, after=_own_path(after))


def to_login(request: Request) -> Response:
    """Off to the login page, and back here afterwards."""
    after = "" if request.target == "/" else f"?{AFTER}={quote(request.target, safe='/')}"
    return see_other("/login" + after)


def log_in(identity: Identity, request: Request, form: Form) -> Response:
    """Begin a session with a token: of the field 'token'. Raises Unauthenticated.

    fresh: the token was made for this very login, and nobody keeps it.
    """
    token = form.get("token", "").strip()
    actor = identity.actor_for(token, **came_from(request))
    if actor.scope == EVERYTHING:
        instead = bool(form.get("fresh"))
        token = identity.new_session(
            token, days=SESSION_DAYS, label=LABEL, instead=instead, **came_from(request)
        ).token
    seconds = min(_SESSION_SECONDS, identity.seconds_left(token))
    response = see_other(_own_path(form.get(AFTER, "")) or "/", [start_session(request, token, seconds)])
    response.account = actor.account
    return response


def log_out(identity: Identity, request: Request) -> Response:
    """End the session, at once and everywhere."""
    token = session_token(request)
    if token is not None:
        with contextlib.suppress(Unauthenticated, Forbidden):
            if identity.actor_for(token).scope == EVERYTHING:
                identity.revoke_this(token, **came_from(request))
    return see_other("/login", [end_session(request)])


def actor_of(identity: Identity, request: Request) -> Actor | None:
    """Who the session cookie of a request stands for; None when there is none that holds."""
    token = session_token(request)
    if token is None:
        return None
    try:
        return identity.actor_for(token, **came_from(request))
    except Unauthenticated:
        return None


def came_from(request: Request) -> dict[str, str]:
    """Where a request comes from, and what it is called, for the record."""
    return {"address": request.client, "request_id": request.request_id}


def _own_path(after: str) -> str:
    """A path of the console to go to; '' for anything else: nobody is led away from here."""
    try:
        path = decode_path(after, _AFTER_CHARS_MAX)
    except (Invalid, UriTooLong):
        return ""
    return quote_path(path.names, path.directory) if path.names[:1] == (CONSOLE,) else ""
