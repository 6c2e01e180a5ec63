"""Live properties: what PROPFIND says of an entry beside what clients have stored with it (RFC 4918, 15).

Each is written as a whole element, because a listing of ten thousand entries leaves no time for trees of nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Flag, auto
from typing import NamedTuple

from mylist_dav.dav.xml import escape
from mylist_dav.model.entries import Entry
from mylist_dav.wire.dates import http_date, rfc3339
from mylist_dav.wire.media import media_type

APACHE = "http://apache.org/dav/props/"
MICROSOFT = "urn:schemas-microsoft-com:"
OWNCLOUD = "http://owncloud.org/ns"

RESOURCETYPE = "{DAV:}resourcetype"
LOCKDISCOVERY = "{DAV:}lockdiscovery"
QUOTA_AVAILABLE = "{DAV:}quota-available-bytes"
QUOTA_USED = "{DAV:}quota-used-bytes"
EXECUTABLE = f"{{{APACHE}}}executable"
WIN32_MODIFIED = f"{{{MICROSOFT}}}Win32LastModifiedTime"
WIN32_CREATED = f"{{{MICROSOFT}}}Win32CreationTime"
WIN32_ACCESSED = f"{{{MICROSOFT}}}Win32LastAccessTime"
WIN32_ATTRIBUTES = f"{{{MICROSOFT}}}Win32FileAttributes"

_SECOND_NS = 1_000_000_000
_EXECUTE_BITS = 0o111
_COLLECTION = "<D:resourcetype><D:collection/></D:resourcetype>"

Reader = Callable[[Entry], str]
"""The element of a property of an entry that has it."""


class On(Flag):
    """The kinds of entry that have a property."""

    FILES = auto()
    FOLDERS = auto()
    BOTH = FILES | FOLDERS


class Live(NamedTuple):
    """A live property. compact: it is part of allprop (RFC 4918, 9.1 leaves the choice; Windows drops big answers)."""

    read: Reader
    on: On = On.BOTH
    compact: bool = False


def last_modified_s(entry: Entry) -> int:
    """The modification time in whole seconds, never before the epoch: Finder gives up a mount that shows that."""
    return max(entry.mtime_ns // _SECOND_NS, 0)


def content_type_of(entry: Entry) -> str:
    """The type a file is served with."""
    return entry.content_type or media_type(entry.name)


def _resourcetype(entry: Entry) -> str:
    return _COLLECTION if entry.is_directory else "<D:resourcetype/>"


def _modified(entry: Entry) -> str:
    return f"<D:getlastmodified>{http_date(entry.mtime_ns // _SECOND_NS)}</D:getlastmodified>"


def _length(entry: Entry) -> str:
    return f"<D:getcontentlength>{entry.size_bytes}</D:getcontentlength>"


def _etag(entry: Entry) -> str:
    """With its quotes, as the header has it."""
    return f"<D:getetag>{entry.etag}</D:getetag>"


def _content_type(entry: Entry) -> str:
    return f"<D:getcontenttype>{escape(content_type_of(entry))}</D:getcontenttype>"


def _created(entry: Entry) -> str:
    return f"<D:creationdate>{rfc3339(entry.created_ns // _SECOND_NS)}</D:creationdate>"


def _displayname(entry: Entry) -> str:
    return f"<D:displayname>{escape(entry.name)}</D:displayname>"


def _supportedlock(entry: Entry) -> str:
    return (
        "<D:supportedlock>"
        "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"
        "<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"
        "</D:supportedlock>"
    )


def _executable(entry: Entry) -> str:
    letter = "T" if entry.mode & _EXECUTE_BITS else "F"
    return f'<executable xmlns="{APACHE}">{letter}</executable>'


def _win32_time(local: str, ns_of: Callable[[Entry], int]) -> Reader:
    return lambda entry: f'<{local} xmlns="{MICROSOFT}">{http_date(ns_of(entry) // _SECOND_NS)}</{local}>'


def _win32_attributes(entry: Entry) -> str:
    """FILE_ATTRIBUTE_DIRECTORY, or FILE_ATTRIBUTE_ARCHIVE, as hex."""
    bits = 0x10 if entry.is_directory else 0x20
    return f'<Win32FileAttributes xmlns="{MICROSOFT}">{bits:08x}</Win32FileAttributes>'


LIVE: dict[str, Live] = {
    RESOURCETYPE: Live(_resourcetype, compact=True),
    "{DAV:}getlastmodified": Live(_modified, compact=True),
    "{DAV:}getcontentlength": Live(_length, On.FILES, compact=True),
    "{DAV:}getetag": Live(_etag, On.FILES, compact=True),
    "{DAV:}getcontenttype": Live(_content_type, On.FILES, compact=True),
    "{DAV:}creationdate": Live(_created, compact=True),
    "{DAV:}displayname": Live(_displayname),
    "{DAV:}supportedlock": Live(_supportedlock),
    EXECUTABLE: Live(_executable, On.FILES),
    WIN32_MODIFIED: Live(_win32_time("Win32LastModifiedTime", lambda entry: entry.mtime_ns)),
    WIN32_CREATED: Live(_win32_time("Win32CreationTime", lambda entry: entry.created_ns)),
    WIN32_ACCESSED: Live(_win32_time("Win32LastAccessTime", lambda entry: entry.mtime_ns)),
    WIN32_ATTRIBUTES: Live(_win32_attributes),
}
"""The properties that follow from the entry alone. Those of a request's surroundings are in surroundings.py."""

SURROUNDING = {LOCKDISCOVERY: On.BOTH, QUOTA_AVAILABLE: On.FOLDERS, QUOTA_USED: On.FOLDERS}
"""Live properties that need more than the entry."""


def is_live(name: str) -> bool:
    """Whether the server itself gives this property its value."""
    return name in LIVE or name in SURROUNDING
