"""PUT (RFC 4918, 9.7): the body goes to an upload as it arrives, and is visible only once all of it is right."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from decimal import Decimal
from typing import NamedTuple

from mylist_dav.dav.calls import Call
from mylist_dav.dav.conditions import conditions_of
from mylist_dav.dav.following import following
from mylist_dav.errors import Invalid, NotAllowed
from mylist_dav.model.conditions import Place
from mylist_dav.services.uploads import Upload
from mylist_dav.wire.media import media_type
from mylist_dav.wire.messages import Headers, Response

PIECE_BYTES = 1024 * 1024
SMALL_BYTES_MAX = 64 * 1024
"""A body that is here, or nearly, before anything could be told to the client."""

MTIME_ACCEPTED = ("X-OC-Mtime", "accepted")

_SECONDS = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,20})?")
_SECONDS_MAX = 9_223_372_035
"""What fits in 64 bits as nanoseconds."""

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(?:;[ -~]{0,100})?")
_SAYS_NOTHING = (
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "binary/octet-stream",
    "multipart/",
)
"""Types that programs send for want of a better one."""

_CHECKSUMS = {"sha1": 40, "md5": 32, "sha256": 64}
"""Algorithms of OC-Checksum that are verified, with their number of hex digits."""


class Checksum(NamedTuple):
    """A digest that the body must have. algorithm: as hashlib calls it."""

    algorithm: str
    digest: bytes


def put(call: Call) -> PutSink:
    """Open an upload for the body of a PUT. Raises what can be known before the body has come."""
    if call.header("content-range") is not None:
        raise Invalid("a PUT of a part is not accepted: send the whole file (RFC 9110, 14.5)")
    place = call.location.place
    if call.location.directory and place.path:
        raise NotAllowed("a file has no trailing slash; MKCOL makes a collection")
    checksums = _checksums(call)
    mtime_text = call.header("x-oc-mtime")
    mtime_ns = None if mtime_text is None else parse_mtime_ns(mtime_text)
    conditions = conditions_of(call.request, call.mount)

    def begin(at: Place) -> Upload:
        return call.library.uploads.open(
            call.actor,
            at,
            size_bytes=call.request.content_length,
            mtime_ns=mtime_ns,
            content_type=_content_type(call.header("content-type"), place.path.name),
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


class PutSink:
    """A BodySink that makes a file."""

    def __init__(self, call: Call, upload: Upload, checksums: list[Checksum]) -> None:
        self.limit_bytes = call.library.settings.limits.body_bytes_max
        self._call = call
        self.piece_bytes = PIECE_BYTES
        self._upload = upload
        self._checksums = [(one, hashlib.new(one.algorithm, usedforsecurity=False)) for one in checksums]

    def write(self, piece: bytes) -> None:
        for _, running in self._checksums:
            running.update(piece)
        self._upload.write(piece)

    def finish(self) -> Response:
        for wanted, running in self._checksums:
            if running.digest() != wanted.digest:
                self._upload.abort()
                raise Invalid(
                    f"the body has another {wanted.algorithm.upper()} than was declared; nothing was kept"
                )
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

    def abort(self) -> None:
        self._upload.abort()


def _content_type(header: str | None, name: str) -> str | None:
    """What is worth keeping of a Content-Type: nothing that says no more than the name does."""
    if header is None or not _MEDIA_TYPE.fullmatch(header) or header.lower().startswith(_SAYS_NOTHING):
        return None
    same = _essence(header) == _essence(media_type(name))
    return None if same else header


def _essence(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _checksums(call: Call) -> list[Checksum]:
    """Content-MD5 (RFC 1864) and OC-Checksum, which lists ALGORITHM:HEX. Raises Invalid for one that is malformed."""
    found = []
    md5 = call.header("content-md5")
    if md5 is not None:
        found.append(_content_md5(md5))
    for word in (call.header("oc-checksum") or "").replace(",", " ").split():
        algorithm, _, digits = word.lower().partition(":")
        if algorithm not in _CHECKSUMS:
            continue
        if not re.fullmatch(rf"[0-9a-f]{{{_CHECKSUMS[algorithm]}}}", digits):
            raise Invalid("the OC-Checksum header holds a checksum of a wrong length, or no hex digits")
        found.append(Checksum(algorithm, bytes.fromhex(digits)))
    return found[: len(_CHECKSUMS) + 1]


def _content_md5(value: str) -> Checksum:
    try:
        digest = b64decode(value.strip(), validate=True)
    except (Base64Error, ValueError) as error:
        raise Invalid("the Content-MD5 header is not Base64") from error
    if len(digest) != 16:
        raise Invalid("the Content-MD5 header does not hold 16 bytes")
    return Checksum("md5", digest)
