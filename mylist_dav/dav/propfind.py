"""PROPFIND (RFC 4918, 9.1): one pass over the rows, text put together as it goes, long answers streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mylist_dav.dav.asked import Asked, parse_propfind
from mylist_dav.dav.calls import Call
from mylist_dav.dav.levels import level_entry, level_members
from mylist_dav.dav.locations import Level
from mylist_dav.dav.multistatus import HEAD, TAIL, multistatus, response, status_response
from mylist_dav.dav.sheets import Sheet, wants_dead
from mylist_dav.dav.surroundings import Surroundings
from mylist_dav.dav.xml import CONTENT_TYPE, DECLARATION, escape, xml_response
from mylist_dav.errors import BadName, NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.wire.davheaders import Depth, parse_depth
from mylist_dav.wire.messages import Response
from mylist_dav.wire.targets import quote_name, quote_path

WHOLE_ENTRIES = 1000
WHOLE_CHARS = 4 * 1024 * 1024
"""A folder of fewer members, of which less is said, is answered at once, with the length of the answer; any other is
streamed: locks and properties that clients have left may say a lot of each entry.
"""

PAGE_ENTRIES = 4000
"""Entries that are read and rendered together."""

PIECE_CHARS = 256 * 1024
"""A streamed answer is sent in pieces of at least so many characters."""

_DIRECTORY, _SYMLINK = Kind.DIRECTORY, Kind.SYMLINK
"""Here because a look-up in an enumeration is dear in a loop."""


def propfind(call: Call) -> Response:
    """Raises NotFound, Invalid."""
    depth = parse_depth(call.header("depth"), Depth.INFINITY)
    asked = parse_propfind(call.body, call.request)
    if call.location.level < Level.FLIST:
        return _of_level(call, asked, depth)
    place, entry = call.source.resolve(call.location.place)
    if entry is None or entry.kind is Kind.SYMLINK:
        raise NotFound(f"there is nothing at {call.location.href}")
    listing = _Listing(call, asked, place)
    if depth is Depth.ZERO or not entry.is_directory:
        return multistatus((listing.of_target(entry),))
    if depth is Depth.ONE:
        return listing.of_folder(entry)
    return listing.of_subtree(entry)


def finite_depth_only() -> Response:
    """The refusal of Depth: infinity (RFC 4918, 9.1.1)."""
    return xml_response(403, '<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>')


def _of_level(call: Call, asked: Asked, depth: Depth) -> Response:
    """What lies above the flists: collections that list, and nothing else."""
    if depth is Depth.INFINITY:
        return finite_depth_only()
    top = level_entry(call)
    sheet = Sheet(asked, Surroundings(call, None).readers(None), {})
    base = quote_path(call.location.names, directory=True)
    found = [response(base, sheet.propstats(top))]
    if depth is Depth.ONE:
        found += [
            response(f"{base}{quote_name(one.name)}/", sheet.propstats(one)) for one in level_members(call)
        ]
    return multistatus(found)


class _Listing:
    """One answer about entries of a flist. place: the target, links followed; hrefs keep the way it was asked for."""

    def __init__(self, call: Call, asked: Asked, place: Place) -> None:
        self._call = call
        self._asked = asked
        self._place = place
        self._surroundings = Surroundings(call, place)
        self._entries_max = call.library.settings.limits.propfind_entries_max

    def of_target(self, entry: Entry) -> str:
        """The response element of the target itself."""
        dead = {}
        if wants_dead(self._asked):
            dead = {entry.entry_id: self._call.source.dead_of_entry(self._place, entry)}
        sheet = Sheet(self._asked, self._surroundings.readers(None), dead)
        names = self._call.location.names
        name = names[-1] if names else self._place.flist_name.name
        return response(quote_path(names, entry.is_directory), sheet.propstats(entry._replace(name=name)))

    def of_folder(self, entry: Entry) -> Response:
        """Depth 1. A long answer goes on at the revision that it was begun on."""
        base = quote_path(self._call.location.names, directory=True)
        target = self.of_target(entry)
        _, members = self._call.source.list(self._place, limit=WHOLE_ENTRIES)
        if len(members) < WHOLE_ENTRIES:
            sheet = self._sheet(self._place, entry)
            whole = _whole(self._members(sheet, base, self._place, members))
            if whole is not None:
                return multistatus((target, whole))
        jid = self._call.source.jid(self._place)
        pages = self._pages([(base, self._place, entry)], jid, deep=False, begin=members)
        return self._streamed(target, pages)

    def of_subtree(self, entry: Entry) -> Response:
        """Depth infinity, up to the limit of entries; links are shown, and not descended into."""
        flist = self._call.source.flist(self._place)
        if flist is None or flist.entries > self._entries_max:
            return finite_depth_only()
        base = quote_path(self._call.location.names, directory=True)
        jid = self._call.source.jid(self._place)
        pages = self._pages([(base, self._place, entry)], jid, deep=True)
        return self._streamed(self.of_target(entry), pages)

    def _streamed(self, target: str, pages: Iterator[str]) -> Response:
        """An answer of unknown length."""

        def body() -> Iterator[bytes]:
            waiting = [DECLARATION, HEAD, target]
            size = 0
            for page in pages:
                waiting.append(page)
                size += len(page)
                if size >= PIECE_CHARS:
                    yield "".join(waiting).encode()
                    waiting, size = [], 0
            yield "".join([*waiting, TAIL]).encode()

        return Response(207, [CONTENT_TYPE], body())

    def _pages(
        self,
        pending: list[tuple[str, Place, Entry]],
        at_jid: int,
        deep: bool,
        begin: Sequence[Entry] = (),
    ) -> Iterator[str]:
        """The members of folders, as of one revision, in pages; with deep also of the folders among them.

        begin: the first members of the first folder at that revision, if they have been read already; not all.
        """
        left = self._entries_max
        while pending:
            base, place, folder = pending.pop()
            sheet = self._sheet(place, folder)
            members, begin = list(begin), ()
            more, after = True, ""
            while True:
                if not members:
                    members = self._page(place, at_jid, after)
                    more = len(members) == PAGE_ENTRIES
                if len(members) > left:
                    # What is left out is said as RFC 6578, 3.6 says it of its own long answers.
                    yield status_response(base, 507)
                    return
                left -= len(members)
                yield from _gathered(self._members(sheet, base, place, members, at_jid))
                if deep:
                    pending += [
                        (f"{base}{quote_name(one.name)}/", Place(place.flist_name, path), one)
                        for one in members
                        if one.is_directory and (path := _below(place, one)) is not None
                    ]
                if not more:
                    break
                after = members[-1].name
                members = []

    def _page(self, place: Place, at_jid: int, after: str) -> list[Entry]:
        return self._call.source.list(place, at_jid, after, PAGE_ENTRIES)[1]

    def _sheet(self, place: Place, folder: Entry) -> Sheet:
        dead = {}
        if wants_dead(self._asked):
            dead = self._call.source.dead_of_members(place, folder)
        return Sheet(self._asked, self._surroundings.readers(place.path), dead)

    def _members(
        self, sheet: Sheet, base: str, place: Place, members: list[Entry], at_jid: int | None = None
    ) -> Iterator[str]:
        base = escape(base)
        for member in members:
            entry: Entry | None = member
            if member.kind is _SYMLINK:
                entry = self._followed(place, member, at_jid)
                if entry is None:
                    continue
            assert entry is not None
            name = quote_name(entry.name)
            if "&" in name:
                name = name.replace("&", "&amp;")
            slash = "/" if entry.kind is _DIRECTORY else ""
            yield f"<D:response><D:href>{base}{name}{slash}</D:href>{sheet.propstats(entry)}</D:response>"

    def _followed(self, place: Place, link: Entry, at_jid: int | None) -> Entry | None:
        """What a link leads to, under the name of the link; None when it leads nowhere."""
        path = _below(place, link)
        if path is None:
            return None
        way = Place(place.flist_name, path)
        _, found = self._call.source.resolve(way, at_jid)
        if found is None or found.kind is Kind.SYMLINK:
            return None
        return found._replace(name=link.name)


def _gathered(texts: Iterable[str]) -> Iterator[str]:
    """The same text in pieces of at least PIECE_CHARS, the last one of whatever is left."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= PIECE_CHARS:
            yield "".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting)


def _whole(texts: Iterable[str]) -> str | None:
    """All of the text, or None when there is too much of it to be held."""
    pieces: list[str] = []
    size = 0
    for piece in _gathered(texts):
        pieces.append(piece)
        size += len(piece)
        if size > WHOLE_CHARS:
            return None
    return "".join(pieces)


def _below(place: Place, member: Entry) -> TreePath | None:
    """The path of a member; None where a move has left a tree deeper than any path may be."""
    try:
        return place.path.child(member.name)
    except BadName:
        return None
