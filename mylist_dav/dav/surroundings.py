"""Live properties that need more than the entry: the locks that cover it, and how much room there is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable

from mylist_dav.dav.calls import Call
from mylist_dav.dav.live import LOCKDISCOVERY, QUOTA_AVAILABLE, QUOTA_USED, Reader
from mylist_dav.dav.locations import Mount
from mylist_dav.dav.sources import Held
from mylist_dav.dav.xml import escape
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.locks import Lock
from mylist_dav.model.paths import TreePath

HELD_UP_BY_QUOTA = "webdavfs"
"""Finder from macOS 15.4 on waits some 90 s at a mount that tells its quota: it is not told."""


def active_lock(mount: Mount, lock: Lock, root: Place, directory: bool, now_ns: int) -> str:
    """A DAV:activelock element (RFC 4918, 14.1)."""
    left_seconds = max((lock.expires_ns - now_ns) // 1_000_000_000, 0)
    return (
        f"<D:activelock><D:lockscope><D:{lock.scope.value}/></D:lockscope><D:locktype><D:write/></D:locktype>"
        f"<D:depth>{'infinity' if lock.infinite else '0'}</D:depth>{lock.owner_xml}"
        f"<D:timeout>Second-{left_seconds}</D:timeout>"
        f"<D:locktoken><D:href>{escape(lock.token)}</D:href></D:locktoken>"
        f"<D:lockroot><D:href>{escape(mount.href(root, directory))}</D:href></D:lockroot></D:activelock>"
    )


class Surroundings:
    """The properties of one request that are not of the entry alone. Each query is made once, when it is needed."""

    def __init__(self, call: Call, place: Place | None) -> None:
        """place: the target of the request; None above the flists, where there are no locks and no quota."""
        self._call = call
        self._place = place
        self._held: tuple[Held, dict[int, Held]] | None = None

    def readers(self, folder: TreePath | None) -> dict[str, Callable[[], Reader | None]]:
        """By name: makes the reader of a property, or None where there is no such property.

        folder: of which entries below it are read; None for the target itself.
        """
        return {
            LOCKDISCOVERY: lambda: self._lock_reader(folder),
            QUOTA_AVAILABLE: lambda: self._constant("quota-available-bytes", self._free_bytes),
            QUOTA_USED: lambda: self._constant("quota-used-bytes", lambda flist: flist.size_bytes),
        }

    def _lock_reader(self, folder: TreePath | None) -> Reader | None:
        """Locks of depth infinity on the way down to the entries, and those on each of them."""
        if self._place is None:
            return None
        infinite, own = self._locks(self._place)
        if not own:
            return lambda entry: "<D:lockdiscovery/>"
        way = folder if folder is not None else self._place.path.parent
        is_top = folder is None and not self._place.path
        above = [] if is_top else [(lock, root) for lock, root in infinite if way.is_within(root)]
        return lambda entry: self._discovery([*above, *own.get(entry.entry_id, ())], entry)

    def _locks(self, place: Place) -> tuple[Held, dict[int, Held]]:
        """The locks of the flist: those of depth infinity, and all by the entry that each is on."""
        if self._held is None:
            held = self._call.source.locks(place)
            own: dict[int, Held] = {}
            for lock, root in held:
                own.setdefault(lock.entry_id, []).append((lock, root))
            self._held = [one for one in held if one[0].infinite], own
        return self._held

    def _discovery(self, held: Iterable[tuple[Lock, TreePath]], entry: Entry) -> str:
        assert self._place is not None
        now_ns = self._call.library.clock()
        inner = "".join(
            active_lock(
                self._call.mount,
                lock,
                Place(self._place.flist_name, root),
                lock.infinite or (lock.entry_id == entry.entry_id and entry.is_directory),
                now_ns,
            )
            for lock, root in held
        )
        return f"<D:lockdiscovery>{inner}</D:lockdiscovery>"

    def _constant(self, local: str, count: Callable[[Flist], int]) -> Reader | None:
        if self._place is None or HELD_UP_BY_QUOTA in (self._call.header("user-agent") or "").lower():
            return None
        flist = self._call.source.flist(self._place)
        if flist is None:
            return None
        element = f"<D:{local}>{count(flist)}</D:{local}>"
        return lambda entry: element

    def _free_bytes(self, flist: Flist) -> int:
        """Of the disk, and of the quota of the account if there is one (RFC 4331, 3)."""
        free_bytes = shutil.disk_usage(self._call.library.settings.store.data).free
        room_bytes = self._call.library.flists.room_bytes(self._call.actor, flist.flist_name)
        return free_bytes if room_bytes is None else max(0, min(free_bytes, room_bytes))
