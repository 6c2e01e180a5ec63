"""Tokens of an account: one's own, or, for admins, those of ?account=NAME. A new one is shown once."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.accounts import TokenFacts
from mylist_dav.model.actors import EVERYTHING, Scope
from mylist_dav.model.names import FlistName
from mylist_dav.web.console.visits import Moment, Visit, account_of, console_href, moment
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response


class TokenLine(NamedTuple):
    """What the page says of a token."""

    token_id: str
    label: str
    scope: str
    created: Moment | None
    expires: Moment | None
    used: Moment | None


def show(visit: Visit, problem: str = "", status: int = 200, new: str = "") -> Response:
    """The page. new: a token that has just been made."""
    account = account_of(visit)
    return visit.page(
        "tokens",
        here="tokens" if account == visit.actor.account else "accounts",
        problem=problem,
        status=status,
        owner=account,
        new=new,
        lines=[_line(facts) for facts in visit.library.identity.tokens(visit.actor, account)],
        flists=[str(flist.flist_name) for flist in visit.library.flists.list(visit.actor)],
        days_default=30,
        days_max=visit.library.settings.tokens.days_max,
        action=own_href(visit, "tokens"),
        dav_url=visit.dav_url(),
    )


def act(visit: Visit, form: Form) -> str | Response:
    """Make a token, which is then shown, or revoke one."""
    identity = visit.library.identity
    if form.get("do") == "revoke":
        identity.revoke_token(visit.actor, form.get("token_id", ""))
        return own_href(visit, "tokens")
    token = identity.new_token(
        visit.actor,
        account_of(visit),
        days=_days(form.get("days", "")),
        label=form.get("label", "").strip(),
        scope=_scope(form),
    )
    return show(visit, new=token)


def own_href(visit: Visit, page: str) -> str:
    """The page of tokens or keys that is shown: of the same account."""
    account = account_of(visit)
    return console_href(page) + ("" if account == visit.actor.account else f"?account={account}")


def _scope(form: Form) -> Scope:
    flist = form.get("flist", "")
    return Scope(FlistName.parse(flist) if flist else None, bool(form.get("read_only")))


def _days(text: str) -> float:
    """Raises Invalid."""
    try:
        return float(text)
    except ValueError as error:
        raise Invalid(f"{text[:20]!r} is no number of days") from error


def _line(facts: TokenFacts) -> TokenLine:
    return TokenLine(
        token_id=facts.token_id,
        label=facts.label,
        scope=scope_text(facts.scope),
        created=moment(facts.created_ns),
        expires=moment(facts.expires_ns),
        used=moment(facts.used_ns),
    )


def scope_text(scope: Scope) -> str:
    """'' for a token that may all that its account may."""
    if scope == EVERYTHING:
        return ""
    what = "read only" if scope.read_only else "read and write"
    return f"{scope.flist_name}, {what}" if scope.flist_name else what
