"""A folder of a flist: what is in it, and, for those who may write, new folders, renaming, deleting."""

from __future__ import annotations

from urllib.parse import quote

from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.exposing.sites import Member
from mylist_dav.web.console import rights
from mylist_dav.web.console.overview import exposure_link
from mylist_dav.web.console.visits import Visit, console_href, flist_href, moment
from mylist_dav.web.listing import Crumb, Row, readable_size, row
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response
from mylist_dav.wire.targets import quote_path

PAGE_ENTRIES = 200


def place_of(visit: Visit) -> Place:
    """The place that a path /console/flists/ACCOUNT/NAME/... names. Raises NotFound, BadName."""
    names = visit.names[1:]
    if len(names) < 2:
        raise NotFound("there is no such page")
    return Place(FlistName(names[0], names[1]), TreePath.of(names[2:]))


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page of a folder. Raises NotFound, NotAllowed (it is a file)."""
    place = place_of(visit)
    library, name = visit.library, place.flist_name
    after = visit.query.get("after", "")
    href = flist_href(name, place.path)
    flist = library.flists.get(visit.actor, name)
    _, members = library.trees.list(visit.actor, place, None, after, PAGE_ENTRIES + 1)
    more = len(members) > PAGE_ENTRIES
    del members[PAGE_ENTRIES:]
    exposures = [
        exposure_link(visit, exposure)
        for exposure in library.exposures.shown_to(visit.actor)
        if exposure.flist_id == flist.flist_id
    ]
    return visit.page(
        "folder",
        here="flists",
        problem=problem,
        status=status,
        title=place.path.name or str(name),
        crumbs=_crumbs(place),
        is_root=not place.path,
        folder_href=href,
        summary=_summary(flist.entries, flist.size_bytes, flist.head_jid),
        private=flist.private,
        changed=moment(flist.changed_ns),
        rows=[_row(place, entry) for entry in sorted(members, key=_folders_first)],
        later=f"{href}?after={quote(members[-1].name, safe='')}" if more else "",
        beginning=href if after else "",
        may_write=library.flists.may_write(visit.actor, name),
        rights_href=console_href("rights", *name) if visit.may_administer else "",
        may_end=not place.path
        and not visit.may_administer
        and visit.may_make
        and name.account == visit.actor.account,
        flist_name=str(name),
        exposures=exposures,
        mount_url=visit.dav_url(*name),
        mount_place=name.name,
    )


def act(visit: Visit, form: Form) -> str:
    """Make a folder, rename or delete a member; leads back to the folder."""
    place = place_of(visit)
    trees, name = visit.library.trees, form.get("name", "")
    what = form.get("do")
    if what == "folder":
        trees.make_directory(visit.actor, _member(place, name))
    elif what == "rename":
        trees.move(visit.actor, _member(place, name), _member(place, form.get("to", "")), overwrite=False)
    elif what == "delete":
        trees.delete(visit.actor, _member(place, name))
    elif what == "end" and not place.path:
        return rights.end(visit, place.flist_name, form)
    else:
        raise Invalid("the form does not say what to do")
    return flist_href(place.flist_name, place.path)


def _member(place: Place, name: str) -> Place:
    """Raises BadName."""
    return Place(place.flist_name, place.path.child(name))


def _row(place: Place, entry: Entry) -> Row:
    """Folders lead on in the console. A file is opened over WebDAV, where the cookie of the console does not count."""
    line = row(Member(entry.name, entry.is_directory, entry.size_bytes, entry.mtime_ns))
    if entry.is_directory:
        return line._replace(href=flist_href(place.flist_name, (*place.path, entry.name)))
    return line._replace(
        href=quote_path(("dav", *place.flist_name, *place.path, entry.name), directory=False)
    )


def _folders_first(entry: Entry) -> tuple[bool, str, str]:
    return not entry.is_directory, entry.name.casefold(), entry.name


def _crumbs(place: Place) -> list[Crumb]:
    name = place.flist_name
    crumbs = [Crumb("Flists", "/"), Crumb(str(name), flist_href(name))]
    return crumbs + [
        Crumb(place.path[length - 1], flist_href(name, place.path[:length]))
        for length in range(1, len(place.path) + 1)
    ]


def _summary(entries: int, size_bytes: int, jid: int) -> str:
    noun = "entry" if entries == 1 else "entries"
    return f"{entries:,} {noun}, {readable_size(size_bytes)}, revision {jid}"
