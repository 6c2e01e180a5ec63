"""Flists as archives: a revision to be downloaded, and an upload that becomes a commit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from mylist_dav.api.bodies import model_response
from mylist_dav.api.jobs import JobSink
from mylist_dav.api.operations import Call, Media, Operation
from mylist_dav.api.spooling import SpooledSink
from mylist_dav.errors import Invalid
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.exports import MEDIA_TYPES, Export, Format
from mylist_dav.services.jobs.kinds import IMPORT
from mylist_dav.wire.dispositions import attachment
from mylist_dav.wire.documents.flists import DownloadAsked, UploadAsked, UploadTold
from mylist_dav.wire.messages import BodySink, Headers, Request, Response
from mylist_dav.wire.preconditions import preconditions_of, range_holds
from mylist_dav.wire.responder import Representation, file_response
from mylist_dav.wire.strangers import FILE_HEADERS

_TAG = "Archives"
_TYPES = tuple(dict.fromkeys([*MEDIA_TYPES.values(), "application/octet-stream"]))


def operations() -> list[Operation]:
    return [
        Operation(
            "GET", "/flist/{account}/{name}/download", "downloadFlist", _TAG,
            "A revision as an archive; the same revision gives the same bytes", download,
            query=DownloadAsked, told=Media(_TYPES, "the archive"),
            also={206: "a part of it", 304: "not modified"},
            describes="`blocks` is a tar of all blocks, named by their ids. Ranges are cheap for `tar`; for other"
            " formats the archive is made anew up to the end of the range.",
        ),
        Operation(
            "POST", "/flist/upload", "uploadFlist", _TAG,
            "A tar, tar.gz, tar.zst or zip becomes a commit; the flist is made if it is new", upload,
            query=UploadAsked, body=Media(_TYPES, "the archive"), told=UploadTold,
            also={201: "the flist is new", 202: "a job (`async`): the same as getJob tells"},
        ),
    ]  # fmt: skip


# -- down ------------------------------------------------------------------------------------------------------


def download(call: Call) -> Response:
    """Raises NotFound, TooMany (compressing too many at once)."""
    asked: DownloadAsked = call.query
    exports, request = call.library.exports, call.request
    export = exports.open(call.actor, call.flist_name, Format(asked.format), asked.at)
    headers: Headers = [*FILE_HEADERS, ("Content-Disposition", attachment(export.file_name))]
    by_range = _wants_range(request, export)
    size_bytes = exports.ranged_bytes(export) if by_range else exports.known_bytes(export)
    if size_bytes is None:
        response = _of_unknown_size(_without_range(request), export, headers)
    else:
        whole = Representation(
            export.etag,
            None,
            size_bytes,
            export.media_type,
            lambda offset, length: exports.stretch(export, offset, length),
        )
        response = file_response(request if by_range else _without_range(request), whole, headers)
    if request.method == "GET":
        response.meter = exports.meter(export)
    return response


def _wants_range(request: Request, export: Export) -> bool:
    """Whether a part is asked for that is still of these bytes. Several parts at once are had of tar alone."""
    asked = preconditions_of(request.headers)
    if request.method != "GET" or asked is None or asked.range is None:
        return False
    if "," in asked.range and export.form is not Format.TAR:
        return False
    return range_holds(asked.if_range, export.etag, None)


def _without_range(request: Request) -> Request:
    kept = [(name, value) for name, value in request.headers if name not in ("range", "if-range")]
    return replace(request, headers=kept) if len(kept) < len(request.headers) else request


def _of_unknown_size(request: Request, export: Export, headers: Headers) -> Response:
    """The whole of an archive whose length is known only at its end."""
    any_size = 1
    whole = Representation(
        export.etag, None, any_size, export.media_type, lambda offset, length: export.pieces
    )
    response = file_response(request, whole, headers)
    if response.status == 200:
        response.content_length = None
        response.headers.remove(("Accept-Ranges", "bytes"))
    return response


# -- up --------------------------------------------------------------------------------------------------------


def upload(call: Call) -> BodySink:
    """Raises what can be known before the body has come: Forbidden, NotFound, BadName, OutOfQuota, TooMany."""
    asked: UploadAsked = call.query
    name = FlistName.parse(asked.name)
    if not call.request.has_body:
        raise Invalid("send the archive as the body")
    require = call.library.imports.check_archive(call.actor, name, make=True)
    require(call.request.content_length or 0)
    if asked.as_job == "1":
        import_asked = {"name": str(name), "merge": asked.merge == "1", "make": True}
        return JobSink(call, IMPORT, import_asked, str(name), require)
    use = partial(_take_in, call, name, merge=asked.merge == "1")
    return SpooledSink(call, use, call.library.settings.limits.body_bytes_max, require)


def _take_in(call: Call, name: FlistName, file: BinaryIO, *, merge: bool) -> Response:
    library, actor = call.library, call.actor
    done = library.imports.run(
        actor, name, library.imports.archive(file), merge=merge, make=True, note="upload of an archive"
    )
    jid = done.jid if done.jid is not None else library.flists.get(actor, name).head_jid
    told = UploadTold(
        name=str(name),
        jid=jid,
        changed=done.jid is not None,
        made=done.made,
        entries=done.entries,
        size_bytes=done.size_bytes,
        added=done.added,
        changed_entries=done.changed,
        removed=done.removed,
        new_blocks=done.new_blocks,
        new_bytes=done.new_bytes,
    )
    return model_response(told, 201 if done.made else 200)
