"""PROPPATCH (RFC 4918, 9.2): all of its changes, or none, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from lxml import etree

from mylist_dav.dav.calls import Call
from mylist_dav.dav.conditions import conditions_of
from mylist_dav.dav.live import (
    EXECUTABLE,
    OWNCLOUD,
    WIN32_ACCESSED,
    WIN32_ATTRIBUTES,
    WIN32_CREATED,
    WIN32_MODIFIED,
    is_live,
)
from mylist_dav.dav.multistatus import multistatus, propstat, response
from mylist_dav.dav.putting import parse_mtime_ns
from mylist_dav.dav.xml import elements, empty_element, parse_body, serialised
from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.conditions import Conditions, Place
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.services.tree.properties import PropertyChange
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.wire.dates import parse_http_date
from mylist_dav.wire.messages import Response
from mylist_dav.wire.targets import quote_path

CHANGES_MAX = 200

WIN32 = frozenset((WIN32_MODIFIED, WIN32_CREATED, WIN32_ACCESSED, WIN32_ATTRIBUTES))
CHECKSUMS = f"{{{OWNCLOUD}}}checksums"

IGNORED = frozenset((WIN32_CREATED, WIN32_ACCESSED, WIN32_ATTRIBUTES, CHECKSUMS))
"""Accepted, and not kept: Windows gives up a copy without these; a checksum would go stale with the next PUT."""

_PROTECTED = "<D:cannot-modify-protected-property/>"


class Update(NamedTuple):
    """One instruction: set a property to an element, or remove it (element None)."""

    name: str
    element: etree._Element | None


class _Plan(NamedTuple):
    """Updates by what becomes of them; refused: (name, status) of those that cannot be done."""

    changes: list[PropertyChange]
    attributes: Attributes
    refused: dict[str, int]


def proppatch(call: Call) -> Response:
    """Raises NotFound, Locked, Invalid, LimitExceeded, ..."""
    updates = parse_propertyupdate(call.body)
    place, entry = call.library.trees.resolve(call.actor, call.location.place)
    if entry is None or entry.kind is Kind.SYMLINK:
        raise NotFound(f"there is nothing at {call.location.href}")
    plan = _plan(updates, entry)
    if not plan.refused:
        conditions = _conditions(call, place, updates)
        call.library.properties.change(call.actor, place, plan.changes, plan.attributes, conditions)
    href = quote_path(call.location.names, entry.is_directory)
    return multistatus((response(href, _propstats(updates, plan.refused)),))


def parse_propertyupdate(body: bytes) -> list[Update]:
    """The instructions in document order (RFC 4918, 14.19). Raises Invalid."""
    root = parse_body(body)
    if root is None or root.tag != "{DAV:}propertyupdate":
        raise Invalid("the body of PROPPATCH is a DAV:propertyupdate element")
    updates: list[Update] = []
    for instruction in elements(root):
        if instruction.tag not in ("{DAV:}set", "{DAV:}remove"):
            continue
        sets = instruction.tag == "{DAV:}set"
        for prop in instruction.iterchildren("{DAV:}prop"):
            updates += [Update(str(one.tag), one if sets else None) for one in elements(prop)]
    if not updates:
        raise Invalid("DAV:propertyupdate sets or removes at least one property")
    if len(updates) > CHANGES_MAX:
        raise Invalid(f"a PROPPATCH may hold {CHANGES_MAX} changes, and this one holds {len(updates)}")
    return updates


def _plan(updates: list[Update], entry: Entry) -> _Plan:
    changes: list[PropertyChange] = []
    attributes = Attributes()
    refused: dict[str, int] = {}
    for name, element in updates:
        setter = _SETTERS.get(name)
        if setter is not None and element is not None:
            changed = setter(attributes, (element.text or "").strip(), entry)
            if changed is None:
                refused[name] = 409
            else:
                attributes = changed
        elif name in IGNORED:
            continue
        elif is_live(name) or name in _SETTERS:
            refused[name] = 403
        else:
            changes.append(PropertyChange(name, serialised(element) if element is not None else None))
    return _Plan(changes, attributes, refused)


def _set_date(attributes: Attributes, text: str, entry: Entry) -> Attributes | None:
    seconds = parse_http_date(text)
    return None if seconds is None else replace(attributes, mtime_ns=seconds * 1_000_000_000)


def _set_epoch(attributes: Attributes, text: str, entry: Entry) -> Attributes | None:
    try:
        return replace(attributes, mtime_ns=parse_mtime_ns(text))
    except Invalid:
        return None


def _set_executable(attributes: Attributes, text: str, entry: Entry) -> Attributes | None:
    """For whom a file is readable, it becomes executable, as chmod +x does by the usual umask."""
    if text not in ("T", "F") or entry.is_directory:
        return None
    mode = entry.mode | (entry.mode & 0o444) >> 2 if text == "T" else entry.mode & ~0o111
    return replace(attributes, mode=mode)


_SETTERS: dict[str, Callable[[Attributes, str, Entry], Attributes | None]] = {
    "{DAV:}getlastmodified": _set_date,
    WIN32_MODIFIED: _set_date,
    "{DAV:}lastmodified": _set_epoch,
    f"{{{OWNCLOUD}}}lastmodified": _set_epoch,
    EXECUTABLE: _set_executable,
}
"""Live properties that a client may set; rclone sends the time as DAV:lastmodified."""


def _conditions(call: Call, place: Place, updates: list[Update]) -> Conditions:
    """Office sends its Win32 properties without the token of its own lock: they pass it all the same."""
    conditions = conditions_of(call.request, call.mount)
    if not all(update.name in WIN32 for update in updates):
        return conditions
    own = {
        lock.token
        for lock, _ in call.library.locks.covering(call.actor, place)
        if lock.principal == call.actor.account
    }
    return replace(conditions, lock_tokens=conditions.lock_tokens | own)


def _propstats(updates: list[Update], refused: dict[str, int]) -> str:
    """Each name once: 200 for all, or 403 and 409 for those refused and 424 for the rest (RFC 4918, 9.2.1)."""
    groups: dict[int, list[str]] = {}
    for name in dict.fromkeys(update.name for update in updates):
        status = refused.get(name, 424) if refused else 200
        groups.setdefault(status, []).append(empty_element(name))
    return "".join(
        propstat(status, "".join(names), _PROTECTED if status == 403 else "")
        for status, names in groups.items()
    )
