"""The conditions of a write, read from its headers: If-Match, If-None-Match, If-Unmodified-Since, lock tokens in If."""

from __future__ import annotations

from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, StateList
from mylist_dav.wire.dates import parse_http_date
from mylist_dav.wire.ifheader import TaggedList, parse_if, submitted_tokens
from mylist_dav.wire.messages import Request
from mylist_dav.wire.preconditions import parse_entity_tags

_PRECONDITIONS = ("if-match", "if-none-match", "if-unmodified-since")


def require_none(request: Request, instead: str = "nothing here has an entity tag") -> None:
    """For what looks at no condition in a header: a change goes ahead on none that is not kept. Raises Invalid."""
    for name in _PRECONDITIONS:
        if request.header(name) is not None:
            raise Invalid(f"{name.title()} is not looked at here: {instead}")


def conditions_of(request: Request) -> Conditions:
    """Raises Invalid for what cannot be read: no write goes ahead on a condition that nobody has understood."""
    matching, unmatching = request.header("if-match"), request.header("if-none-match")
    since, states = request.header("if-unmodified-since"), request.header("if")
    if matching is unmatching is since is states is None:
        return UNCONDITIONAL
    lists = parse_if(states) if states is not None else ()
    return Conditions(
        if_match=parse_entity_tags(matching) if matching is not None else None,
        if_none_match=parse_entity_tags(unmatching) if unmatching is not None else None,
        if_unmodified_since_s=parse_http_date(since) if since is not None else None,
        state_lists=tuple(map(_state_list, lists)),
        lock_tokens=submitted_tokens(lists),
    )


def _state_list(one: TaggedList) -> StateList:
    """A list about the target. One with a tag is about a resource of WebDAV, and of those there are none here."""
    return StateList(None, one.tests, elsewhere=one.tag is not None)
