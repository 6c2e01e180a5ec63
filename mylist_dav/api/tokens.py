"""Tokens of the account that asks: made, listed, revoked. Not for tokens that may less than their account."""

from __future__ import annotations

from mylist_dav.api.operations import Call, Operation
from mylist_dav.errors import BadName, Invalid
from mylist_dav.model.accounts import TokenFacts
from mylist_dav.model.actors import Scope
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts.tokens import token_hash, token_id
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import Paged
from mylist_dav.wire.documents.tokens import TokenAsked, TokenMade, TokensTold, TokenTold
from mylist_dav.wire.messages import Response

_TAG = "Tokens"


def operations() -> list[Operation]:
    """For one's own account; admins revoke any."""
    return [
        Operation("GET", "/api/v1/tokens", "listTokens", _TAG, "Your tokens, newest first", listed,
                  query=Paged, told=TokensTold),
        Operation(
            "POST", "/api/v1/tokens", "makeToken", _TAG, "Make a token, for a file manager or a program",
            make, body=TokenAsked, told=TokenMade, status=201,
        ),
        Operation(
            "DELETE", "/api/v1/tokens/{token_id}", "revokeToken", _TAG,
            "Revoke the token whose id begins so, at once, and the sessions begun with it", revoke, status=204,
        ),
    ]  # fmt: skip


def listed(call: Call) -> TokensTold:
    """One page. The secrets are not among it: only their hashes are kept."""
    asked: Paged = call.query
    known = call.library.identity.tokens(call.actor, call.actor.account)
    if asked.after is not None:
        before = tuple(read_cursor(asked.after, int, str))
        known = [facts for facts in known if _age(facts) < before]
    page = sorted(known, key=_age, reverse=True)[: asked.limit]
    more = len(known) > len(page)
    return TokensTold(tokens=[_told(facts) for facts in page], next=cursor(*_age(page[-1])) if more else None)


def make(call: Call) -> TokenMade:
    """The only time that the token can be seen."""
    asked: TokenAsked = call.body
    identity, account = call.library.identity, call.actor.account
    days = call.library.settings.tokens.days_default if asked.days is None else asked.days
    scope = Scope(_flist_name(asked.flist), asked.read_only)
    token = identity.new_token(call.actor, account, days=days, label=asked.label, scope=scope)
    made = token_id(token_hash(token))
    return TokenMade(token=token, token_id=made, account=account, expires_ns=identity.expires_ns(token))


def revoke(call: Call) -> Response:
    """Also the one that this is asked with; for admins any."""
    call.library.identity.revoke_token(call.actor, call.names["token_id"])
    return Response(204, [("cache-control", "no-store")])


def _age(facts: TokenFacts) -> tuple[int, str]:
    return facts.created_ns, facts.token_id


def _flist_name(text: str | None) -> FlistName | None:
    try:
        return None if text is None else FlistName.parse(text)
    except BadName as error:
        raise Invalid(f"the field 'flist' is wrong: {error}") from error


def _told(facts: TokenFacts) -> TokenTold:
    scope = facts.scope
    return TokenTold(
        token_id=facts.token_id,
        label=facts.label,
        flist=None if scope.flist_name is None else str(scope.flist_name),
        read_only=scope.read_only,
        created_ns=facts.created_ns,
        expires_ns=facts.expires_ns,
        used_ns=facts.used_ns,
    )
