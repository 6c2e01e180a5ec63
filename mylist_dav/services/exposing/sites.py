"""What an exposure answers for a path: a file, a redirect, a folder to list, or nothing.

Paths are looked up in the catalog, at the head or at the pinned revision, and never in a file system. What a path means
at one revision never changes, so it is kept under that revision, for all threads; whether a revision is still the one
to show is for Freshness to say, on each request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mylist_dav.errors import NotFound, Unauthenticated
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.entries import Entry
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.services.exposing.freshness import Freshness
from mylist_dav.services.exposing.gates import Admission
from mylist_dav.services.tree.following import Way, follow, shows_all, way_to_root
from mylist_dav.store.catalog import Catalog, TreeView, View
from mylist_dav.store.contents import read_slices

FOUND_MAX = 20_000
MISSING_MAX = 2_000
INDEX = "index.html"
NOT_FOUND_PAGE = "404.html"
_SECOND_NS = 1_000_000_000


class Found(NamedTuple):
    """A file. name: the last name of the path asked for. last_modified_s: when this path last changed; never less
    than before while the exposure follows its flist."""

    entry: Entry
    name: str
    last_modified_s: int


@dataclass(frozen=True, slots=True)
class ToFolder:
    """A folder that was asked for without its trailing slash, and that answers with it."""


class Listing(NamedTuple):
    """A folder without an index page that may be listed."""

    folder: Entry


class Missing(NamedTuple):
    """Nothing, or nothing that may be seen. page: the nearest 404.html at or above the path."""

    page: Found | None = None


Resolved = Found | ToFolder | Listing | Missing
NOTHING = Missing()


class Member(NamedTuple):
    """A line of a listing. What a symlink leads to stands under the name of the symlink."""

    name: str
    is_directory: bool
    size_bytes: int
    mtime_ns: int


class MemberPage(NamedTuple):
    """Part of a folder. first and last: the names it begins and ends with, of all that were read.

    earlier, later: whether there is more before and behind.
    """

    members: list[Member]
    first: str
    last: str
    earlier: bool
    later: bool


_Key = tuple[int, int, bool, tuple[str, ...], bool]


class Sites:
    """The published trees of a catalog. Safe to use from many threads. found_max bounds what is kept in memory."""

    def __init__(self, catalog: Catalog, found_max: int = FOUND_MAX, missing_max: int = MISSING_MAX) -> None:
        self._catalog = catalog
        self._found = _Bounded(found_max)
        self._missing = _Bounded(missing_max)
        self._local = threading.local()

    def freshness(self) -> Freshness:
        """What this thread looks at the exposures with."""
        fresh: Freshness | None = getattr(self._local, "fresh", None)
        if fresh is None:
            fresh = self._local.fresh = Freshness(self._catalog.pulse())
        return fresh

    def known(
        self, exposure: Exposure, jid: int, names: tuple[str, ...], trailing_slash: bool
    ) -> Resolved | None:
        """What resolve gives, if it is in memory; else None. No I/O. For public exposures, and behind the gate."""
        key = _key(exposure, jid, names, trailing_slash)
        return self._found.get(key) or self._missing.get(key)

    def resolve(
        self,
        exposure: Exposure,
        jid: int,
        names: tuple[str, ...],
        trailing_slash: bool,
        admission: Admission | None = None,
    ) -> Resolved:
        """What an exposure answers, at a revision, for the names below it. Never raises for what is not there.

        admission: for an exposure that is not public, as the gate gave it. Raises Unauthenticated without.
        """
        _require_admission(exposure, admission)
        known = self.known(exposure, jid, names, trailing_slash)
        if known is not None:
            return known
        resolved = self._look_up(exposure, jid, names, trailing_slash)
        kept = self._missing if isinstance(resolved, Missing) else self._found
        kept.put(_key(exposure, jid, names, trailing_slash), resolved)
        return resolved

    def resolve_hidden(
        self, exposure: Exposure, jid: int, names: tuple[str, ...], admission: Admission
    ) -> Found | None:
        """A file that may have a hidden name, for somebody who may read the flist itself; None when there is none."""
        if not (admission.sees_all and admission.is_for(exposure)):
            return None
        with self._catalog.view() as view:
            tree = _tree(view, exposure, jid)
            way = follow(tree, way_to_root(tree), names, shows_all)
            return _found(view, tree, way, names[-1]) if way is not None and way.entry.is_file else None

    def members(
        self,
        exposure: Exposure,
        jid: int,
        folder_names: tuple[str, ...],
        limit: int,
        after: str = "",
        before: str = "",
        admission: Admission | None = None,
    ) -> MemberPage:
        """At most limit members of a folder that visitors may see, in order of name.

        Those after a name, or the last ones before a name. Costs no more in a large folder than in a small one.
        Raises NotFound when there is no such folder, or when it may not be listed; Unauthenticated as resolve does.
        """
        _require_admission(exposure, admission)
        with self._catalog.view() as view:
            tree = _tree(view, exposure, jid)
            way = follow(tree, way_to_root(tree), folder_names)
            if way is None or not way.entry.is_directory or not exposure.listing:
                raise NotFound("there is no such folder")
            backwards = bool(before)
            entries = (
                _visible_before(tree, way.entry, before, limit + 1)
                if backwards
                else visible_after(tree, way.entry, after, limit + 1)
            )
            more = len(entries) > limit
            del entries[limit:]
            if backwards:
                entries.reverse()
            return MemberPage(
                [member for entry in entries if (member := _member(tree, way, entry))],
                first=entries[0].name if entries else "",
                last=entries[-1].name if entries else "",
                earlier=more if backwards else bool(after),
                later=backwards or more,
            )

    def pieces(self, entry: Entry) -> Callable[[int, int], Iterator[BlockSlice]]:
        """A reader of a file that was found: (offset, length) to slices of blocks. All reading is in its iteration."""

        def read(offset: int, length: int) -> Iterator[BlockSlice]:
            assert entry.digest is not None, "only files are found"
            with self._catalog.view() as view:
                recipe = view.recipe(entry.digest, entry.size_bytes)
            yield from read_slices(recipe, offset, length)

        return read

    def sweep(self) -> int:
        """Let go of revisions that no exposure shows any more; returns how many paths that were. Raises Busy."""
        fresh = self.freshness()
        shown = {(x.flist_id, fresh.jid(x)) for x in fresh.look().all()}
        return self._found.keep(shown) + self._missing.keep(shown)

    def _look_up(
        self, exposure: Exposure, jid: int, names: tuple[str, ...], trailing_slash: bool
    ) -> Resolved:
        with self._catalog.view() as view:
            try:
                tree = _tree(view, exposure, jid)
            except NotFound:
                return NOTHING
            way = follow(tree, way_to_root(tree), names)
            resolved = way and _resolve(view, tree, way, names, trailing_slash, exposure.listing)
            return resolved or Missing(_not_found_page(view, tree, names))


def _require_admission(exposure: Exposure, admission: Admission | None) -> None:
    """Raises Unauthenticated unless everybody may look, or the gate has let somebody in to this exposure as it is."""
    if exposure.mode is not Mode.PUBLIC and (admission is None or not admission.is_for(exposure)):
        raise Unauthenticated("this site is not open to everybody")


def _key(exposure: Exposure, jid: int, names: tuple[str, ...], trailing_slash: bool) -> _Key:
    return exposure.flist_id, jid, exposure.listing, names, trailing_slash


def _tree(view: View, exposure: Exposure, jid: int) -> TreeView:
    return view.tree(view.flist_by_id(exposure.flist_id), jid)


def _resolve(
    view: View, tree: TreeView, way: Way, names: tuple[str, ...], trailing_slash: bool, listing: bool
) -> Resolved | None:
    if way.entry.is_file:
        return None if trailing_slash else _found(view, tree, way, names[-1])
    index = follow(tree, way, (INDEX,))
    if index is not None and index.entry.is_file:
        return _found(view, tree, index, INDEX) if trailing_slash else ToFolder()
    if not listing:
        return None
    return Listing(way.entry) if trailing_slash else ToFolder()


def _found(view: View, tree: TreeView, way: Way, name: str) -> Found:
    committed_ns = view.committed_ns(tree.flist.flist_id, way.since_jid)
    return Found(way.entry, name, committed_ns // _SECOND_NS)


def _not_found_page(view: View, tree: TreeView, names: tuple[str, ...]) -> Found | None:
    ways = [way_to_root(tree)]
    for name in names:
        further = follow(tree, ways[-1], (name,))
        if further is None or not further.entry.is_directory:
            break
        ways.append(further)
    for way in reversed(ways):
        page = follow(tree, way, (NOT_FOUND_PAGE,))
        if page is not None and page.entry.is_file:
            return _found(view, tree, page, NOT_FOUND_PAGE)
    return None


_FIRST_HIDDEN, _PAST_HIDDEN = ".", "/"
"""Names with a leading dot lie between these, in binary order, and no other names do."""


def visible_after(tree: TreeView, folder: Entry, after: str, limit: int) -> list[Entry]:
    """The next members of a folder that visitors may see, in ascending order."""
    read = tree.children(folder.entry_id, after, limit)
    visible = [entry for entry in read if not entry.name.startswith(".")]
    if len(visible) < len(read) == limit:
        past = max(read[-1].name, _PAST_HIDDEN)
        visible += tree.children(folder.entry_id, past, limit - len(visible))
    return visible


def _visible_before(tree: TreeView, folder: Entry, before: str, limit: int) -> list[Entry]:
    """The members before a name that are not hidden, in descending order."""
    read = tree.children_before(folder.entry_id, before, limit)
    visible = [entry for entry in read if not entry.name.startswith(".")]
    if len(visible) < len(read) == limit:
        past = min(read[-1].name, _FIRST_HIDDEN)
        visible += tree.children_before(folder.entry_id, past, limit - len(visible))
    return visible


def _member(tree: TreeView, folder: Way, entry: Entry) -> Member | None:
    """The line of an entry; None for a symlink that leads nowhere."""
    shown = entry
    if not entry.is_file and not entry.is_directory:
        way = follow(tree, folder, (entry.name,))
        if way is None:
            return None
        shown = way.entry
    return Member(entry.name, shown.is_directory, shown.size_bytes, shown.mtime_ns)


class _Bounded:
    """A dict that drops what was put in first when it is full. Thread-safe; reading takes no lock."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._kept: dict[_Key, Resolved] = {}
        self._lock = threading.Lock()

    def get(self, key: _Key) -> Resolved | None:
        return self._kept.get(key)

    def put(self, key: _Key, resolved: Resolved) -> None:
        with self._lock:
            self._kept[key] = resolved
            while len(self._kept) > self._size_max:
                del self._kept[next(iter(self._kept))]

    def keep(self, shown: set[tuple[int, int | None]]) -> int:
        """Drop all keys of other revisions than these; returns how many."""
        with self._lock:
            gone = [key for key in self._kept if (key[0], key[1]) not in shown]
            for key in gone:
                del self._kept[key]
            return len(gone)
