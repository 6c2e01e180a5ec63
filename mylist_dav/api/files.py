"""/files/: single files by the digest of their content."""

from __future__ import annotations

import re

from mylist_dav.api.bodies import model_response
from mylist_dav.api.conditions import conditions_of
from mylist_dav.api.jobs import JobSink, accepted
from mylist_dav.api.operations import Call, Media, Operation
from mylist_dav.errors import Invalid, MylistError, NotFound
from mylist_dav.model.actors import GUEST
from mylist_dav.model.conditions import UNCONDITIONAL
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.services.contents.files import CHECK_JOB, FILE_JOB, FLIST, address_of
from mylist_dav.services.contents.uploads import Upload
from mylist_dav.wire.checksums import CheckedSink, Checksums, checksums_of
from mylist_dav.wire.documents.files import FileCheckAsked, FileCheckTold, FilePutAsked, FileTold
from mylist_dav.wire.media import media_type, worth_keeping
from mylist_dav.wire.messages import BodySink, Response
from mylist_dav.wire.responder import Representation, file_response
from mylist_dav.wire.strangers import FILE_HEADERS, refuse_service_worker

PIECE_BYTES = 1024 * 1024
_TAG = "Files"
_ADDRESS = re.compile(r"([0-9a-f]{64})(?:\.([A-Za-z0-9]{1,20}))?")


def operations() -> list[Operation]:
    return [
        Operation(
            "PUT", "/files/{name}", "putFile", _TAG,
            "Store a file in the flist for files of the account, and learn its digest",
            put, query=FilePutAsked, body=Media(("*/*",), "the file", may_be_empty=True), told=FileTold, status=201,
            also={200: "a file was replaced", 202: "a job (`async`): the same as getJob tells"},
        ),
        Operation(
            "GET", "/files/{name}", "getFile", _TAG,
            "The file of a digest, as {digest} or {digest}.{extension}; HEAD tells whether there is one",
            get, told=Media(("*/*",), "the file"), open=True,
        ),
        Operation(
            "POST", "/api/v1/files/check", "checkFile", _TAG,
            "Whether all of a file is there: its blocks with their sizes, or their bytes read and hashed",
            check, body=FileCheckAsked, told=FileCheckTold,
            also={202: "a job (`hard`, of a large file): the same as getJob tells"},
        ),
    ]  # fmt: skip


def put(call: Call) -> BodySink:
    """Raises what can be known before the body has come."""
    request = call.request
    if request.header("content-range") is not None:
        raise Invalid("a PUT of a part is not accepted: send the whole file (RFC 9110, 14.5)")
    if request.content_length is None and not request.has_body:
        raise Invalid("send the file as the body; an empty one with Content-Length: 0")
    name = call.names["name"]
    checksums = checksums_of(request)
    asked: FilePutAsked = call.query
    content_type = worth_keeping(request.header("content-type"), name)
    conditions = conditions_of(request)
    if asked.as_job == "1":
        if conditions is not UNCONDITIONAL:
            raise Invalid("a file that a job stores is stored without conditions")
        return CheckedJobSink(call, {"name": name, "content_type": content_type}, checksums)
    upload = call.library.single_files.open(
        call.actor,
        name,
        size_bytes=request.content_length if request.has_body else 0,
        content_type=content_type,
        conditions=conditions,
    )
    return FileSink(call, upload, checksums)


def get(call: Call) -> Response:
    """Raises NotFound: for what is not there, and for what may not be read.

    The session of a browser counts for nothing: files of strangers share its origin.
    """
    refuse_service_worker(call.request)
    found = _ADDRESS.fullmatch(call.names["name"])
    if found is None:
        raise NotFound("there is no such file: an address here is a digest of 64 lower-case hex digits")
    actor = call.actor if call.request.header("authorization") is not None else GUEST
    file = call.library.single_files.find(actor, Digest.parse(found[1]))
    representation = Representation(
        file.entry.etag,
        None,
        file.entry.size_bytes,
        media_type(f"x.{found[2]}") if found[2] else content_type_of(file.entry),
        file.pieces,
    )
    response = file_response(call.request, representation, FILE_HEADERS)
    if call.request.method == "GET" and actor.account:
        response.meter = call.library.ledger.request(actor, file.flist_name, path=found[1])
    return response


def check(call: Call) -> FileCheckTold | Response:
    asked: FileCheckAsked = call.body
    digest, files = Digest.parse(asked.digest), call.library.single_files
    if asked.hard and files.takes_long(call.actor, digest):
        return accepted(call.library.jobs.start(call.actor, CHECK_JOB, {"digest": asked.digest}))
    found = files.check(call.actor, digest, hard=asked.hard)
    return FileCheckTold.model_validate(found.told(digest, hard=asked.hard))


def content_type_of(entry: Entry) -> str:
    """As given by whoever wrote it, else by its name."""
    return entry.content_type or media_type(entry.name)


class CheckedJobSink(JobSink):
    """A JobSink for a file whose checksums are declared: what is not what was meant never becomes a job."""

    def __init__(self, call: Call, asked: dict[str, str | None], checksums: Checksums) -> None:
        require = call.library.single_files.check_body(call.actor, str(asked["name"]))
        require(call.request.content_length or 0)
        super().__init__(call, FILE_JOB, asked, f"{call.actor.account}/{FLIST}", require)
        self._checksums = checksums

    def write(self, piece: bytes) -> None:
        self._checksums.update(piece)
        super().write(piece)

    def finish(self) -> Response:
        try:
            self._checksums.check()
        except MylistError:
            self.abort()
            raise
        return super().finish()


class FileSink(CheckedSink):
    """Makes a file of the flist for files."""

    def __init__(self, call: Call, upload: Upload, checksums: Checksums) -> None:
        super().__init__(upload, checksums, call.library.settings.limits.body_bytes_max, PIECE_BYTES)
        self._ledger = call.library.ledger
        self._upload = upload

    def store(self) -> Response:
        stored = self._upload.finish()
        entry = stored.entry
        told = FileTold(
            digest=str(entry.digest),
            name=entry.name,
            size=entry.size_bytes,
            content_type=content_type_of(entry),
        )
        location = ("location", f"/files/{address_of(entry)}")
        response = model_response(told, 201 if stored.created else 200, location)
        response.meter = self._ledger.request(
            self._upload.actor, self._upload.place.flist_name, up_bytes=entry.size_bytes
        )
        return response
