"""The conditions of a write, read from its headers; the services check them in the transaction that writes."""

from __future__ import annotations

from mylist_dav.dav.locations import SERVER_MOUNT, Mount
from mylist_dav.errors import MylistError
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, StateList
from mylist_dav.wire.dates import parse_http_date
from mylist_dav.wire.hosts import parse_host
from mylist_dav.wire.ifheader import TaggedList, parse_if, submitted_tokens
from mylist_dav.wire.messages import Request
from mylist_dav.wire.preconditions import parse_entity_tags
from mylist_dav.wire.targets import decode_path, split_target

_CONDITIONAL = frozenset(("if", "if-match", "if-none-match", "if-unmodified-since"))


def conditions_of(request: Request, mount: Mount = SERVER_MOUNT) -> Conditions:
    """If-Match, If-None-Match, If-Unmodified-Since and If of a request. Raises Invalid for one that cannot be read."""
    found: dict[str, str] = {}
    for name, value in request.headers:
        if name in _CONDITIONAL:
            found[name] = f"{found[name]}, {value}" if name in found else value
    if not found:
        return UNCONDITIONAL
    matching, unmatching = found.get("if-match"), found.get("if-none-match")
    since = found.get("if-unmodified-since")
    lists = parse_if(found["if"]) if "if" in found else ()
    return Conditions(
        if_match=parse_entity_tags(matching) if matching is not None else None,
        if_none_match=parse_entity_tags(unmatching) if unmatching is not None else None,
        if_unmodified_since_s=parse_http_date(since) if since is not None else None,
        state_lists=tuple(_state_list(one, request.host, mount) for one in lists),
        lock_tokens=submitted_tokens(lists),
    )


def _state_list(one: TaggedList, host: str, mount: Mount) -> StateList:
    """A list with its tag resolved. A tag that names no place of this mount is elsewhere, whatever its fault."""
    if one.tag is None:
        return StateList(None, one.tests)
    try:
        target = split_target(one.tag)
        here = target.authority is None or parse_host([target.authority.rpartition("@")[2]])[0] == host
        place = mount.place_of(decode_path(target.path)) if here else None
    except MylistError:
        place = None
    return StateList(place, one.tests, elsewhere=place is None)
