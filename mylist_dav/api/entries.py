"""Entries: whole trees, folders page by page, files and their content, and changes of single ones."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.api.bodies import model_response
from mylist_dav.api.conditions import conditions_of
from mylist_dav.api.flists import ADDRESS, empty
from mylist_dav.api.operations import Answer, Call, Media, Operation
from mylist_dav.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from mylist_dav.model import entries as model
from mylist_dav.model.conditions import Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.uploads import Upload
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.wire.checksums import CheckedSink, Checksums, checksums_of
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import entries as documents
from mylist_dav.wire.media import media_type, worth_keeping
from mylist_dav.wire.messages import Response
from mylist_dav.wire.preconditions import Verdict, evaluate, preconditions_of
from mylist_dav.wire.responder import Representation, file_response
from mylist_dav.wire.strangers import FILE_HEADERS, refuse_service_worker

PIECE_BYTES = 1024 * 1024
RECIPES_BYTES_MAX = 128 * 1024
_TAG = "Entries"
_ENTRY = f"{ADDRESS}/entries/{{path...}}"
_CONTENT = f"{ADDRESS}/content/{{path...}}"


def operations() -> list[Operation]:
    return [
        Operation(
            "GET", f"{ADDRESS}/tree", "getTree", _TAG, "The whole tree of a revision, page by page", tree,
            query=documents.TreeAsked, told=documents.TreeTold,
            also={304: "the revision is the one of If-None-Match"},
            describes='The ETag is the revision: `"7"`.',
        ),
        Operation(
            "POST", f"{ADDRESS}/recipes", "getRecipes", _TAG,
            "The blocks of contents that the flist holds in any revision", recipes,
            body=documents.RecipesAsked, told=documents.RecipesTold, limit_bytes=RECIPES_BYTES_MAX,
        ),
        Operation(
            "GET", _ENTRY, "getEntry", _TAG, "An entry, and the members of a folder", get,
            query=documents.EntryAsked, told=documents.EntryTold,
        ),
        Operation("DELETE", _ENTRY, "deleteEntry", _TAG, "Delete an entry and all below it", delete, status=204),
        Operation(
            "PATCH", _ENTRY, "changeEntry", _TAG, "Set attributes of an entry", change,
            body=documents.AttributesAsked, told=documents.EntryTold,
        ),
        Operation(
            "POST", _ENTRY, "actOnEntry", _TAG, "Make a folder here, or move or copy what is here", act,
            body=documents.EntryAction, told=documents.EntryTold, also={201: "something is there that was not"},
        ),
        Operation(
            "GET", _CONTENT, "getContent", _TAG,
            "The bytes of a file; symbolic links are followed, conditions and ranges count", content,
            query=documents.ContentAsked, told=Media(("*/*",), "the file"),
            also={206: "a part of it", 304: "not modified"},
        ),
        Operation(
            "PUT", _CONTENT, "putContent", _TAG,
            "Make a file, or give it other bytes; conditions and checksums count", put,
            query=documents.ContentPut, body=Media(("*/*",), "the file"), told=documents.EntryTold, status=201,
            also={200: "the file was there before"},
        ),
    ]  # fmt: skip


def place_of(call: Call) -> Place:
    """What the address names. Raises NotFound (no flist can have that name), BadName."""
    return Place(call.flist_name, TreePath.of(call.rest))


# -- reading ---------------------------------------------------------------------------------------------------


def tree(call: Call) -> Response:
    """One page; the pages of one listing are of one revision."""
    asked: documents.TreeAsked = call.query
    at_jid, after = asked.at, None
    if asked.after is not None:
        jid, path = read_cursor(asked.after, int, str)
        if at_jid not in (None, jid):
            raise Invalid("'after' is of another revision")
        at_jid, after = int(jid), TreePath.parse(str(path))
    if call.request.header("if-none-match") is not None:
        flist = call.library.flists.get(call.actor, call.flist_name)
        jid = flist.head_jid if at_jid is None else at_jid
        unchanged = _unchanged(call, jid) if flist.oldest_jid <= jid <= flist.head_jid else None
        if unchanged is not None:
            return unchanged
    page = call.library.trees.page(call.actor, call.flist_name, at_jid, after, asked.limit)
    told = documents.TreeTold(
        jid=page.jid,
        entries=[documents.Entry.of(path, entry) for path, entry in page.entries],
        next=None if page.next is None else cursor(page.jid, str(page.next)),
    )
    return model_response(told, 200, ("etag", f'"{page.jid}"'))


def _unchanged(call: Call, jid: int) -> Response | None:
    """304 for who knows this revision."""
    preconditions, etag = preconditions_of(call.request.headers), f'"{jid}"'
    if preconditions is None or evaluate("GET", preconditions, etag, None) is not Verdict.NOT_MODIFIED:
        return None
    return Response(304, [("etag", etag), ("cache-control", "no-store")])


def recipes(call: Call) -> documents.RecipesTold:
    asked: documents.RecipesAsked = call.body
    wanted = iter(dict.fromkeys(map(Digest.parse, asked.digests)))
    found = call.library.trees.recipes(call.actor, call.flist_name, wanted)
    return documents.RecipesTold(
        recipes=list(map(documents.RecipeTold.of, found.values())), left=list(map(str, wanted))
    )


def get(call: Call) -> documents.EntryTold:
    """A folder with one page of its members; the pages of one listing are of one revision."""
    asked: documents.EntryAsked = call.query
    library, place = call.library, place_of(call)
    at_jid, after = asked.at, ""
    if asked.after is not None:
        jid, name = read_cursor(asked.after, int, str)
        if at_jid not in (None, jid):
            raise Invalid("'after' is of another revision")
        at_jid, after = int(jid), str(name)
    with library.reading():
        jid = library.flists.get(call.actor, place.flist_name).head_jid if at_jid is None else at_jid
        entry = library.trees.stat(call.actor, place, jid)
        if not entry.is_directory:
            return _told(place.path, entry)
        folder, members = library.trees.list(call.actor, place, jid, after, asked.limit + 1)
    shown = members[: asked.limit]
    return documents.EntryTold(
        entry=documents.Entry.of(place.path, folder),
        members=[documents.Entry.of(TreePath((*place.path, one.name)), one) for one in shown],
        next=cursor(jid, shown[-1].name) if len(members) > asked.limit else None,
    )


def content(call: Call) -> Response:
    """Raises NotFound, NotAllowed (a folder), Unauthenticated for a session: files of others share its origin."""
    refuse_service_worker(call.request)
    if call.request.header("authorization") is None:
        raise Unauthenticated("files are sent to who comes with a token, not with the session of a browser")
    asked: documents.ContentAsked = call.query
    place, entry = call.library.trees.resolve(call.actor, place_of(call), asked.at)
    if entry is None or entry.kind is Kind.SYMLINK:
        raise NotFound(f"there is nothing at /{TreePath.of(call.rest)} in {place.flist_name}")
    if entry.is_directory:
        raise NotAllowed(f"/{place.path} is a folder: it has no content")
    representation = Representation(
        entry.etag,
        max(entry.mtime_ns // 1_000_000_000, 0),
        entry.size_bytes,
        entry.content_type or media_type(entry.name),
        call.library.trees.pieces(entry),
    )
    response = file_response(call.request, representation, FILE_HEADERS)
    if call.request.method == "GET" and call.actor.account:
        response.meter = call.library.ledger.request(call.actor, place.flist_name, path=str(place.path))
    return response


# -- changing --------------------------------------------------------------------------------------------------


def delete(call: Call) -> Response:
    call.library.trees.delete(call.actor, place_of(call), conditions_of(call.request))
    return empty()


def change(call: Call) -> documents.EntryTold:
    asked: documents.AttributesAsked = call.body
    place = place_of(call)
    wanted = Attributes(mtime_ns=asked.mtime_ns, mode=asked.mode, content_type=asked.content_type)
    entry = call.library.trees.set_attributes(call.actor, place, wanted, conditions_of(call.request))
    return _told(place.path, entry)


def act(call: Call) -> Answer:
    asked: documents.EntryAction = call.body
    place, conditions = place_of(call), conditions_of(call.request)
    trees = call.library.trees
    if asked.action == "mkdir":
        if asked.to is not None:
            raise Invalid("'to' goes with move and copy")
        entry = trees.make_directory(call.actor, place, conditions)
        return model_response(_told(place.path, entry), 201)
    if asked.to is None:
        raise Invalid(f"'to' is missing: the path to {asked.action} to")
    target = Place(place.flist_name, TreePath.parse(asked.to))
    verb = trees.move if asked.action == "move" else trees.copy
    done = verb(call.actor, place, target, overwrite=asked.overwrite, conditions=conditions)
    return model_response(_told(target.path, done.entry), 201 if done.created else 200)


def put(call: Call) -> ContentSink:
    """Raises what can be known before the body has come."""
    request, asked = call.request, call.query
    if request.header("content-range") is not None:
        raise Invalid("a PUT of a part is not accepted: send the whole file (RFC 9110, 14.5)")
    if request.content_length is None and not request.has_body:
        raise Invalid("send the file as the body; an empty one with Content-Length: 0")
    place = place_of(call)
    upload = call.library.uploads.open(
        call.actor,
        place,
        size_bytes=request.content_length,
        mtime_ns=asked.mtime_ns,
        content_type=worth_keeping(request.header("content-type"), place.path.name),
        conditions=conditions_of(request),
    )
    return ContentSink(
        call.library.settings.limits.body_bytes_max,
        upload,
        checksums_of(request),
        lambda entry: _told(place.path, entry),
    )


class ContentSink(CheckedSink):
    """Makes a file."""

    def __init__(
        self,
        limit_bytes: int,
        upload: Upload,
        checksums: Checksums,
        told: Callable[[model.Entry], documents.EntryTold],
    ) -> None:
        super().__init__(upload, checksums, limit_bytes, PIECE_BYTES)
        self._upload = upload
        self._told = told

    def store(self) -> Response:
        stored = self._upload.finish()
        headers = [("etag", stored.entry.etag)] if stored.entry.etag is not None else []
        return model_response(self._told(stored.entry), 201 if stored.created else 200, *headers)


def _told(path: TreePath, entry: model.Entry) -> documents.EntryTold:
    return documents.EntryTold(entry=documents.Entry.of(path, entry))
