"""What a PROPFIND says of each entry. A sheet is made once for the members of a folder, and then filled in for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mylist_dav.dav.asked import Asked, Mode
from mylist_dav.dav.live import LIVE, SURROUNDING, On, Reader, is_live
from mylist_dav.dav.multistatus import FOUND_TAIL, propstat
from mylist_dav.dav.xml import empty_element
from mylist_dav.model.entries import Entry

_FOUND_HEAD = "<D:propstat><D:prop>"
_NO_DEAD: Mapping[str, str] = {}

DeadOfEntries = Mapping[int, Mapping[str, str]]
"""Dead properties (Clark name to XML) of those entries that have any, by entry id."""


def wants_dead(asked: Asked) -> bool:
    """Whether the dead properties must be read at all."""
    return asked.mode is not Mode.NAMED or any(not is_live(name) for name in asked.names)


class _Form:
    """The part of a sheet for one kind of entry. missing: names that this kind never has, as empty elements."""

    def __init__(self, asked: Asked, on: On, surrounding: Mapping[str, Callable[[], Reader | None]]) -> None:
        self.readers: list[Reader] = []
        self.dead_names: list[str] = []
        missing: list[str] = []
        names = list(asked.names)
        if asked.mode is Mode.ALL:
            self.readers = [one.read for one in LIVE.values() if one.compact and on in one.on]
            names = [name for name in names if not (is_live(name) and name in LIVE and LIVE[name].compact)]
        for name in names:
            if not is_live(name):
                self.dead_names.append(name)
                continue
            reader = _reader(name, on, surrounding)
            if reader is None:
                missing.append(empty_element(name))
            else:
                self.readers.append(reader)
        self.missing = "" if asked.minimal else "".join(missing)
        if asked.mode is Mode.NAMES:
            self.readers = _name_readers(on)


class Sheet:
    """Renders the propstats of entries. dead: the dead properties of the entries that it will be filled in for."""

    def __init__(
        self,
        asked: Asked,
        surrounding: Mapping[str, Callable[[], Reader | None]],
        dead: DeadOfEntries,
    ) -> None:
        self._asked = asked
        self._dead = dead
        self._files = _Form(asked, On.FILES, surrounding)
        self._folders = _Form(asked, On.FOLDERS, surrounding)

    def propstats(self, entry: Entry) -> str:
        """All propstat elements of an entry."""
        form = self._folders if entry.is_directory else self._files
        found = "".join([read(entry) for read in form.readers])
        missing = form.missing
        if self._dead or form.dead_names:
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


def _reader(name: str, on: On, surrounding: Mapping[str, Callable[[], Reader | None]]) -> Reader | None:
    live = LIVE.get(name)
    if live is not None:
        return live.read if on in live.on else None
    return surrounding[name]() if on in SURROUNDING[name] else None


def _name_readers(on: On) -> list[Reader]:
    names = [name for name, live in LIVE.items() if on in live.on]
    names += [name for name, where in SURROUNDING.items() if on in where]
    elements = "".join(_short(name) for name in names)
    return [lambda entry: elements]


def _short(name: str) -> str:
    return f"<D:{name[6:]}/>" if name.startswith("{DAV:}") else empty_element(name)
