"""PUT (RFC 4918, 9.7): the body goes to an upload as it arrives, and is visible only once all of it is right."""

from __future__ import annotations

import re
from decimal import Decimal

from mylist_dav.dav.calls import Call
from mylist_dav.dav.conditions import conditions_of
from mylist_dav.dav.following import following
from mylist_dav.errors import Invalid, NotAllowed
from mylist_dav.model.conditions import Place
from mylist_dav.services.contents.uploads import Upload
from mylist_dav.wire.checksums import CheckedSink, Checksums, checksums_of
from mylist_dav.wire.media import worth_keeping
from mylist_dav.wire.messages import Headers, Response

PIECE_BYTES = 1024 * 1024
SMALL_BYTES_MAX = 64 * 1024
"""A body that is here, or nearly, before anything could be told to the client."""

MTIME_ACCEPTED = ("X-OC-Mtime", "accepted")

_SECONDS = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,20})?")
_SECONDS_MAX = 9_223_372_035
"""What fits in 64 bits as nanoseconds."""


def put(call: Call) -> PutSink:
    """Open an upload for the body of a PUT. Raises what can be known before the body has come."""
    if call.header("content-range") is not None:
        raise Invalid("a PUT of a part is not accepted: send the whole file (RFC 9110, 14.5)")
    place = call.location.place
    if call.location.directory and place.path:
        raise NotAllowed("a file has no trailing slash; MKCOL makes a collection")
    checksums = checksums_of(call.request)
    mtime_text = call.header("x-oc-mtime")
    mtime_ns = None if mtime_text is None else parse_mtime_ns(mtime_text)
    conditions = conditions_of(call.request, call.mount)

    def begin(at: Place) -> Upload:
        return call.library.uploads.open(
            call.actor,
            at,
            size_bytes=call.request.content_length,
            mtime_ns=mtime_ns,
            content_type=worth_keeping(call.header("content-type"), place.path.name),
            conditions=conditions,
            check_now=not is_small,
        )

    length = call.request.content_length
    is_small = length is not None and length <= SMALL_BYTES_MAX and call.header("expect") is None
    upload = following(call, place, begin, last=True)
    return PutSink(call, upload, checksums)


def parse_mtime_ns(text: str) -> int:
    """Seconds since the epoch, perhaps with a fraction or before it, as nanoseconds. Raises Invalid."""
    trimmed = text.strip(" \t")
    if not _SECONDS.fullmatch(trimmed) or abs(Decimal(trimmed)) > _SECONDS_MAX:
        raise Invalid(f"{text[:40]!r} is no modification time in seconds since the epoch")
    return int(Decimal(trimmed) * 1_000_000_000)


class PutSink(CheckedSink):
    """Makes a file."""

    def __init__(self, call: Call, upload: Upload, checksums: Checksums) -> None:
        super().__init__(upload, checksums, call.library.settings.limits.body_bytes_max, PIECE_BYTES)
        self._call = call
        self._upload = upload

    def store(self) -> Response:
        stored = following(self._call, self._upload.place, self._upload.finish, last=True)
        headers: Headers = []
        if stored.entry.etag is not None:
            headers.append(("ETag", stored.entry.etag))
        if self._upload.mtime_ns is not None:
            headers.append(MTIME_ACCEPTED)
        return Response(
            201 if stored.created else 204,
            headers,
            account=self._upload.actor.account,
            meter=self._call.meter(up_bytes=stored.entry.size_bytes),
        )
