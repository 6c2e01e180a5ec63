"""Who sends a request: a bearer token, or Basic with the account and a token as its password. Nothing else counts."""

from __future__ import annotations

from functools import lru_cache

from mylist_dav.errors import Unauthenticated
from mylist_dav.model.actors import Actor
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.wire.auth import Basic, Bearer, parse_authorization
from mylist_dav.wire.messages import Headers, Request

CHALLENGE: Headers = [("WWW-Authenticate", 'Basic realm="mylist", charset="UTF-8"')]


def credentials_of(request: Request) -> Bearer | Basic | None:
    """What the Authorization header says, if it can be read. Cookies do not count here."""
    return _read(request.header("authorization"))


@lru_cache(maxsize=1024)
def _read(header: str | None) -> Bearer | Basic | None:
    """A client sends the same header with every request. This judges nothing, so it may remember."""
    return parse_authorization(header)


def authenticate(identity: Identity, request: Request) -> Actor:
    """The account that sends the request. Raises Unauthenticated, in the same words for every path."""
    found = credentials_of(request)
    if isinstance(found, Bearer):
        return identity.actor_for(found.token, address=request.client, request_id=request.request_id)
    if isinstance(found, Basic):
        return identity.actor_for(
            found.password, found.account, address=request.client, request_id=request.request_id
        )
    raise Unauthenticated("log in with a token: as the password of your account, or as Authorization: Bearer")
