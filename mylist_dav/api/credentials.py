"""Who sends a request to the API: a bearer token, Basic with the account and a token as its password, or a session.

The cookie of a session comes with whatever a browser sends, so for what may change something it counts only if the
request comes from one of our own pages. It never counts for contents of files: these come from strangers.
"""

from __future__ import annotations

from mylist_dav.errors import Forbidden, Unauthenticated
from mylist_dav.model.actors import Actor
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.wire.auth import Basic, Bearer, parse_authorization
from mylist_dav.wire.messages import Request
from mylist_dav.wire.sessions import comes_from_own_page, session_token

_READS = frozenset(("GET", "HEAD"))
_SESSIONS_AT = ("/api/", "/flist/")


def token_of(request: Request, *, by_session: bool = True) -> tuple[str, str | None]:
    """The token of a request, and the account it must be of, if one is named. by_session: that of a session counts.

    Raises Unauthenticated, Forbidden.
    """
    found = parse_authorization(request.header("authorization"))
    if isinstance(found, Bearer):
        return found.token, None
    if isinstance(found, Basic):
        return found.password, found.account
    session = _session_of(request) if by_session else None
    if session is not None:
        if request.method not in _READS and not comes_from_own_page(request):
            raise Forbidden(
                "a session is for our own pages: another site has asked for this, or nobody says who"
            )
        return session, None
    raise Unauthenticated("log in with a token, as Authorization: Bearer")


def says_who(request: Request, *, by_session: bool = True) -> bool:
    """Whether a request says who sends it, rightly or not."""
    if request.header("authorization") is not None:
        return True
    return by_session and _session_of(request) is not None


def _session_of(request: Request) -> str | None:
    """The token of a session. It counts only where nothing is sent that strangers have stored."""
    return session_token(request) if request.target.startswith(_SESSIONS_AT) else None


def authenticate(identity: Identity, request: Request, *, by_session: bool = True) -> Actor:
    """The account that sends the request, from where, as which request. Raises Unauthenticated, Forbidden."""
    token, account = token_of(request, by_session=by_session)
    return identity.actor_for(token, account, address=request.client, request_id=request.request_id)
