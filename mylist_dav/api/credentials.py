"""Who sends a request to the API: a bearer token, or Basic with the account and a token as its password."""

from __future__ import annotations

from mylist_dav.errors import Unauthenticated
from mylist_dav.model.actors import Actor
from mylist_dav.services.identity import Identity
from mylist_dav.wire.auth import Basic, Bearer, parse_authorization
from mylist_dav.wire.messages import Request


def token_of(request: Request) -> tuple[str, str | None]:
    """The token of a request, and the account it must be of, if one is named. Raises Unauthenticated."""
    found = parse_authorization(request.header("authorization"))
    if isinstance(found, Bearer):
        return found.token, None
    if isinstance(found, Basic):
        return found.password, found.account
    raise Unauthenticated("log in with a token, as Authorization: Bearer")


def authenticate(identity: Identity, request: Request) -> Actor:
    """The account that sends the request, from where, as which request. Raises Unauthenticated."""
    token, account = token_of(request)
    return identity.actor_for(token, account, address=request.client, request_id=request.request_id)
