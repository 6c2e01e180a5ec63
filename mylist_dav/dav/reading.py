"""GET and HEAD: files through the one responder of file content, collections as a plain listing."""

from __future__ import annotations

from mylist_dav.dav.calls import Call
from mylist_dav.dav.levels import level_entry, level_members
from mylist_dav.dav.listing import listing
from mylist_dav.dav.live import content_type_of, last_modified_s
from mylist_dav.dav.locations import Level
from mylist_dav.errors import NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.wire.messages import Response
from mylist_dav.wire.responder import Representation, file_response
from mylist_dav.wire.strangers import FILE_HEADERS, refuse_service_worker


def read(call: Call) -> Response:
    """Raises NotFound, Forbidden."""
    refuse_service_worker(call.request)
    if call.location.level < Level.FLIST:
        top = level_entry(call)
        return listing(call, top, level_members(call))
    place, entry = call.source.resolve(call.location.place)
    if entry is None or entry.kind is Kind.SYMLINK:
        raise NotFound(f"there is nothing at {call.location.href}")
    if entry.is_directory:
        return _folder(call, place)
    return _file(call, entry)


def _file(call: Call, entry: Entry) -> Response:
    representation = Representation(
        entry.etag,
        last_modified_s(entry),
        entry.size_bytes,
        content_type_of(entry),
        call.library.trees.pieces(entry),
    )
    response = file_response(call.request, representation, FILE_HEADERS)
    if call.request.method == "GET":
        response.meter = call.meter(path=str(call.location.place.path))
    return response


def _folder(call: Call, place: Place) -> Response:
    limit = call.library.settings.sites.listing_entries_max
    folder, members = call.source.list(place, limit=limit + 1)
    return listing(call, folder, members[:limit], more=len(members) > limit)
