"""What a PROPFIND says of each entry. A sheet is made once for the members of a folder, and then filled in for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from mylist_dav.dav.asked import Asked, Mode
from mylist_dav.dav.live import LIVE, SURROUNDING, On, Reader, is_live
from mylist_dav.dav.multistatus import FOUND_TAIL, propstat
from mylist_dav.dav.xml import empty_element
from mylist_dav.model.entries import Entry

_FOUND_HEAD = "<D:propstat><D:prop>"
_NO_DEAD: Mapping[str, str] = {}

Surrounding = Mapping[str, Callable[[], Reader | None]]
"""Makers of the readers of SURROUNDING properties, by name."""

DeadOfEntries = Mapping[int, Mapping[str, str]]
"""Dead properties (Clark name to XML) of those entries that have any, by entry id."""


def wants_dead(asked: Asked) -> bool:
    """Whether the dead properties must be read at all."""
    return asked.mode is not Mode.NAMED or any(not is_live(name) for name in asked.names)


class _Form(NamedTuple):
    """The part of a sheet for one kind of entry.

    dead_names: names that are no live properties. missing: empty elements of the names that this kind never has.
    """

    readers: tuple[Reader, ...]
    dead_names: tuple[str, ...]
    missing: str


def _form(asked: Asked, on: On, surrounding: Surrounding) -> _Form:
    if asked.mode is Mode.NAMES:
        return _Form(_name_readers(on), (), "")
    readers: list[Reader] = []
    names = asked.names
    if asked.mode is Mode.ALL:
        readers = [one.read for one in LIVE.values() if one.compact and on in one.on]
        names = tuple(name for name in names if not (name in LIVE and LIVE[name].compact))
    found = {name: _reader(name, on, surrounding) for name in names if is_live(name)}
    readers += [reader for reader in found.values() if reader is not None]
    missing = "" if asked.minimal else "".join(empty_element(n) for n, read in found.items() if read is None)
    return _Form(tuple(readers), tuple(name for name in names if not is_live(name)), missing)


@lru_cache(maxsize=512)
def _plain_form(asked: Asked, on: On) -> _Form:
    """The form for properties of the entry alone: the same for all requests that ask alike."""
    return _form(asked, on, {})


class Sheet:
    """Renders the propstats of entries. dead: the dead properties of the entries that it will be filled in for."""

    def __init__(
        self,
        asked: Asked,
        surrounding: Surrounding,
        dead: DeadOfEntries,
    ) -> None:
        self._asked = asked
        self._dead = dead
        if SURROUNDING.keys().isdisjoint(asked.names):
            self._files, self._folders = _plain_form(asked, On.FILES), _plain_form(asked, On.FOLDERS)
        else:
            self._files = _form(asked, On.FILES, surrounding)
            self._folders = _form(asked, On.FOLDERS, surrounding)

    def propstats(self, entry: Entry) -> str:
        """All propstat elements of an entry."""
        form = self._folders if entry.is_directory else self._files
        readers, dead_names, missing = form
        found = "".join([read(entry) for read in readers])
        if self._dead or dead_names:
            more, lost = self._dead_part(form, self._dead.get(entry.entry_id, _NO_DEAD))
            found += more
            missing += lost
        if not missing:
            return f"{_FOUND_HEAD}{found}{FOUND_TAIL}"
        if not found:
            return propstat(404, missing)
        return f"{_FOUND_HEAD}{found}{FOUND_TAIL}{propstat(404, missing)}"

    def _dead_part(self, form: _Form, values: Mapping[str, str]) -> tuple[str, str]:
        """Found and missing dead properties of one entry."""
        mode = self._asked.mode
        if mode is Mode.NAMES:
            return "".join(map(empty_element, values)), ""
        lost = [name for name in form.dead_names if name not in values]
        wanted: Iterable[str] = values if mode is Mode.ALL else form.dead_names
        found = "".join([values[name] for name in wanted if name in values])
        return found, "" if self._asked.minimal else "".join(map(empty_element, lost))


def _reader(name: str, on: On, surrounding: Surrounding) -> Reader | None:
    live = LIVE.get(name)
    if live is not None:
        return live.read if on in live.on else None
    return surrounding[name]() if on in SURROUNDING[name] else None


def _name_readers(on: On) -> tuple[Reader, ...]:
    names = [name for name, live in LIVE.items() if on in live.on]
    names += [name for name, where in SURROUNDING.items() if on in where]
    elements = "".join(_short(name) for name in names)
    return (lambda entry: elements,)


def _short(name: str) -> str:
    return f"<D:{name[6:]}/>" if name.startswith("{DAV:}") else empty_element(name)
