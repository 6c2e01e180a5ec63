"""What WsgiDAV asks of a resource for OPTIONS: whether there is one, and of which kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wsgidav.dav_provider import DAVCollection, DAVNonCollection, DAVProvider  # type: ignore[import-untyped]

from mylist_dav.dav.calls import Call
from mylist_dav.dav.levels import level_entry
from mylist_dav.dav.locations import Level, Location
from mylist_dav.errors import MylistError
from mylist_dav.model.entries import Entry, Kind

CALL_KEY = "mylist.call"
"""Where in a WSGI environ the Call is."""

Environ = dict[str, Any]


class Folder(DAVCollection):  # type: ignore[misc]
    """A collection."""

    def get_member_names(self) -> list[str]:
        raise NotImplementedError("members are listed by PROPFIND, which does not come this way")


class File(DAVNonCollection):  # type: ignore[misc]
    """A file."""

    def __init__(self, path: str, environ: Environ, entry: Entry) -> None:
        super().__init__(path, environ)
        self._entry = entry

    def get_content_length(self) -> int:
        return self._entry.size_bytes

    def get_content(self) -> Any:
        raise NotImplementedError("content is sent by GET, which does not come this way")

    def get_etag(self) -> str | None:
        return self._entry.etag.strip('"') if self._entry.etag else None

    def support_etag(self) -> bool:
        return True

    def support_ranges(self) -> bool:
        return True


class Provider(DAVProvider):  # type: ignore[misc]
    """Every resource there is, found through the Call of the request."""

    def get_resource_inst(self, path: str, environ: Environ) -> Folder | File | None:
        call: Call = environ[CALL_KEY]
        names = tuple(name for name in path.split("/") if name)
        entry = _entry(call, Location(names, path.endswith("/"), call.mount))
        if entry is None:
            return None
        return Folder(path, environ) if entry.is_directory else File(path, environ, entry)


def _entry(call: Call, location: Location) -> Entry | None:
    try:
        if location.level < Level.FLIST:
            return level_entry(replace(call, location=location))
        _, entry = call.source.resolve(location.place)
    except MylistError:
        return None
    return None if entry is None or entry.kind is Kind.SYMLINK else entry
