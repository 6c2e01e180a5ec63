"""The collections above the flists, as entries: /, /dav/, /dav/<account>/. They list, and cannot be changed."""

from __future__ import annotations

from mylist_dav.dav.calls import Call
from mylist_dav.dav.locations import PREFIX, Level
from mylist_dav.errors import NotFound
from mylist_dav.model.entries import DIRECTORY_MODE, Entry, Kind


def level_entry(call: Call) -> Entry:
    """The collection itself. Raises NotFound for an account that is not there, or of which nothing may be seen."""
    location = call.location
    if location.level is Level.ACCOUNT:
        _ = location.account
        if not call.library.flists.has_account(call.actor, location.names[1]):
            raise NotFound(f"there is nothing at {location.href}")
    return _folder(location.names[-1] if location.names else "")


def level_members(call: Call) -> list[Entry]:
    """The accounts, or the flists of an account, that the caller may see."""
    flists = call.library.flists
    if call.location.level is Level.SERVER:
        return [_folder(PREFIX)]
    if call.location.level is Level.ACCOUNTS:
        return [_folder(name) for name in flists.accounts(call.actor)]
    return [
        _folder(flist.flist_name.name, flist.changed_ns, flist.created_ns)
        for flist in flists.list(call.actor, call.location.account)
    ]


def _folder(name: str, mtime_ns: int = 0, created_ns: int = 0) -> Entry:
    return Entry(0, 0, name, Kind.DIRECTORY, DIRECTORY_MODE, mtime_ns, created_ns, 0, None, None, None, 0)
