"""LOCK and UNLOCK (RFC 4918, 9.10 and 9.11)."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.dav.calls import Call
from mylist_dav.dav.conditions import conditions_of
from mylist_dav.dav.surroundings import active_lock
from mylist_dav.dav.xml import elements, parse_body, serialised, xml_response
from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import Place
from mylist_dav.model.locks import Scope
from mylist_dav.services.tree.locks import Locking
from mylist_dav.wire.davheaders import Depth, parse_depth, parse_lock_token, parse_timeout
from mylist_dav.wire.messages import Response

SECONDS_DEFAULT = 3600
"""Office refreshes a lock only every few minutes; a client that says nothing gets an hour."""


class LockInfo(NamedTuple):
    """A DAV:lockinfo (RFC 4918, 14.11). owner_xml: the DAV:owner element as sent, or ''."""

    scope: Scope
    owner_xml: str


def lock(call: Call) -> Response:
    """Take a lock, on nothing yet with an empty file made for it; without a body refresh one."""
    seconds = parse_timeout(
        call.header("timeout"), SECONDS_DEFAULT, call.library.settings.limits.lock_seconds_max
    )
    info = parse_lockinfo(call.body)
    if info is None:
        return _refresh(call, seconds)
    depth = parse_depth(call.header("depth"), Depth.INFINITY)
    if depth is Depth.ONE:
        raise Invalid("the Depth of LOCK is 0 or infinity")
    place, entry = call.library.trees.resolve(call.actor, call.location.place)
    locking = call.library.locks.take(
        call.actor,
        place,
        scope=info.scope,
        infinite=depth is Depth.INFINITY,
        owner_xml=info.owner_xml,
        timeout_seconds=seconds,
        conditions=conditions_of(call.request, call.mount),
    )
    response = _told(call, place, locking, directory=entry is not None and entry.is_directory)
    response.status = 201 if locking.created else 200
    response.headers.append(("Lock-Token", f"<{locking.lock.token}>"))
    return response


def unlock(call: Call) -> Response:
    """Raises Conflict when no such lock of the caller covers the place (RFC 4918, 9.11.1)."""
    token = parse_lock_token(call.header("lock-token"))
    place, _ = call.library.trees.resolve(call.actor, call.location.place)
    call.library.locks.release(call.actor, place, token)
    return Response(204)


def parse_lockinfo(body: bytes) -> LockInfo | None:
    """What a LOCK asks for; None for an empty body. Raises Invalid."""
    root = parse_body(body)
    if root is None:
        return None
    if root.tag != "{DAV:}lockinfo":
        raise Invalid("the body of LOCK is a DAV:lockinfo element")
    parts = {part.tag: part for part in elements(root)}
    scopes = (
        [str(one.tag) for one in elements(parts["{DAV:}lockscope"])] if "{DAV:}lockscope" in parts else []
    )
    types = [str(one.tag) for one in elements(parts["{DAV:}locktype"])] if "{DAV:}locktype" in parts else []
    if scopes not in (["{DAV:}exclusive"], ["{DAV:}shared"]) or types != ["{DAV:}write"]:
        raise Invalid("DAV:lockinfo asks for a lockscope, exclusive or shared, and the locktype write")
    owner = parts.get("{DAV:}owner")
    return LockInfo(Scope(scopes[0].removeprefix("{DAV:}")), serialised(owner) if owner is not None else "")


def _refresh(call: Call, seconds: int) -> Response:
    conditions = conditions_of(call.request, call.mount)
    if not conditions.lock_tokens:
        raise Invalid("LOCK without a body refreshes a lock, whose token stands in an If header")
    place, entry = call.library.trees.resolve(call.actor, call.location.place)
    locking = call.library.locks.refresh(call.actor, place, seconds, conditions)
    directory = entry is not None and entry.is_directory
    return _told(call, place, locking, directory or locking.root != place.path)


def _told(call: Call, place: Place, locking: Locking, directory: bool) -> Response:
    """The DAV:lockdiscovery of one lock."""
    root = Place(place.flist_name, locking.root)
    active = active_lock(call.mount, locking.lock, root, directory, call.library.clock())
    xml = f'<D:prop xmlns:D="DAV:"><D:lockdiscovery>{active}</D:lockdiscovery></D:prop>'
    return xml_response(200, xml)
