"""What a PROPFIND asks for (RFC 4918, 9.1 and 14.20)."""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from mylist_dav.dav.xml import elements, parse_body
from mylist_dav.errors import Invalid
from mylist_dav.wire.messages import Request

PROPERTIES_MAX = 200
REMEMBERED_BYTES_MAX = 4096


class Mode(Enum):
    """ALL: allprop, the compact live properties and all dead ones. NAMES: propname. NAMED: the names in prop."""

    ALL = auto()
    NAMES = auto()
    NAMED = auto()


class Asked(NamedTuple):
    """mode, and the names in Clark notation: of prop, or of include beside allprop. Each name is there once.

    minimal: what is missing need not be mentioned (RFC 8144; Brief: t of older clients).
    """

    mode: Mode
    names: tuple[str, ...] = ()
    minimal: bool = False


ALLPROP = Asked(Mode.ALL)


def parse_propfind(body: bytes, request: Request) -> Asked:
    """What a body asks for; an empty one asks for allprop. Raises Invalid."""
    minimal = _wants_little(request)
    return _remembered(body, minimal) if len(body) <= REMEMBERED_BYTES_MAX else _parse(body, minimal)


@lru_cache(maxsize=256)
def _remembered(body: bytes, minimal: bool) -> Asked:
    """A client asks for the same few sets of properties again and again."""
    return _parse(body, minimal)


def _parse(body: bytes, minimal: bool) -> Asked:
    root = parse_body(body)
    if root is None:
        return ALLPROP._replace(minimal=minimal)
    if root.tag != "{DAV:}propfind":
        raise Invalid("the body of PROPFIND is a DAV:propfind element")
    parts = {part.tag: part for part in elements(root)}
    modes = [tag for tag in ("{DAV:}prop", "{DAV:}allprop", "{DAV:}propname") if tag in parts]
    if len(modes) != 1:
        raise Invalid("DAV:propfind holds one of prop, allprop and propname")
    if modes[0] == "{DAV:}propname":
        return Asked(Mode.NAMES, (), minimal)
    if modes[0] == "{DAV:}prop":
        return Asked(Mode.NAMED, _names(parts["{DAV:}prop"]), minimal)
    include = parts.get("{DAV:}include")
    return Asked(Mode.ALL, _names(include) if include is not None else (), minimal)


def _names(parent: etree._Element) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(str(element.tag) for element in elements(parent)))
    if len(names) > PROPERTIES_MAX:
        raise Invalid(f"a PROPFIND may name {PROPERTIES_MAX} properties, and this one names {len(names)}")
    return names


def _wants_little(request: Request) -> bool:
    prefer, brief = request.header("prefer"), request.header("brief")
    if prefer is not None and "return=minimal" in prefer.replace(" ", "").lower().split(","):
        return True
    return brief is not None and brief.strip().lower() == "t"
