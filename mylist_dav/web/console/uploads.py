"""Files that arrive at a folder of the console: one as a whole body (the script), or several in a form (without it).

Both go through services.uploads as they arrive. What is there already is replaced only if that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.errors import Invalid, PreconditionFailed
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, EntityTags, Place
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.uploads import Upload
from mylist_dav.web.console.folders import place_of
from mylist_dav.web.console.pages import see_other
from mylist_dav.web.console.visits import Visit, flist_href
from mylist_dav.wire.forms import FormReader, Part, boundary_of
from mylist_dav.wire.messages import Response

PIECE_BYTES = 1024 * 1024
FIELD_BYTES_MAX = 4096
_NEW = Conditions(if_none_match=EntityTags(any_tag=True))
_MILLISECOND_NS = 1_000_000
_MILLISECONDS_MAX = 9_223_372_036_854
"""What fits in 64 bits as nanoseconds."""


class FileSink:
    """A BodySink for PUT: the body is the file. The query may say replace=1, and modified= in milliseconds."""

    def __init__(self, visit: Visit) -> None:
        """Raises what can be known before the body has come."""
        self.limit_bytes = visit.library.settings.limits.body_bytes_max
        self.piece_bytes = PIECE_BYTES
        self._upload = open_upload(
            visit, place_of(visit), bool(visit.query.get("replace")), visit.request.content_length
        )

    def write(self, piece: bytes) -> None:
        self._upload.write(piece)

    def finish(self) -> Response:
        return Response(201 if self._upload.finish().created else 204)

    def abort(self) -> None:
        self._upload.abort()


class FormSink:
    """A BodySink for a form with files: each is committed when it is there. Leads back to the folder."""

    def __init__(self, visit: Visit) -> None:
        self.limit_bytes = visit.library.settings.limits.body_bytes_max
        self.piece_bytes = PIECE_BYTES
        self._visit = visit
        self._folder = place_of(visit)
        self._replace = False
        self._reader = FormReader(boundary_of(visit.request.header("content-type")), self._begin)

    def write(self, piece: bytes) -> None:
        self._reader.write(piece)

    def finish(self) -> Response:
        self._reader.finish()
        return see_other(flist_href(self._folder.flist_name, self._folder.path))

    def abort(self) -> None:
        self._reader.abort()

    def _begin(self, name: str, filename: str | None) -> Part:
        if filename is None:
            return _Field(name, self._noted)
        if not filename:
            return _Field(name, _nothing)  # a field of files where none was chosen
        last = filename.replace("\\", "/").rpartition("/")[2]
        place = Place(self._folder.flist_name, TreePath.of((*self._folder.path, last)))
        return _File(open_upload(self._visit, place, self._replace, None))

    def _noted(self, name: str, value: str) -> None:
        if name == "replace":
            self._replace = bool(value)


class _File:
    """A Part that becomes a file."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def write(self, piece: bytes) -> None:
        self._upload.write(piece)

    def finish(self) -> None:
        self._upload.finish()

    def abort(self) -> None:
        self._upload.abort()


class _Field:
    """A Part that is a short text; told(name, text) hears of it."""

    def __init__(self, name: str, told: Callable[[str, str], None]) -> None:
        self._name = name
        self._told = told
        self._value = b""

    def write(self, piece: bytes) -> None:
        self._value += piece
        if len(self._value) > FIELD_BYTES_MAX:
            raise Invalid("a field of the form is too long")

    def finish(self) -> None:
        self._told(self._name, self._value.decode(errors="replace"))

    def abort(self) -> None:
        return


def _nothing(name: str, value: str) -> None:
    return


def open_upload(visit: Visit, place: Place, replace: bool, size_bytes: int | None) -> Upload:
    """Begin to receive a file. Raises PreconditionFailed for one that is there, unless it may be replaced."""
    try:
        return visit.library.uploads.open(
            visit.actor,
            place,
            size_bytes=size_bytes,
            mtime_ns=_modified_ns(visit.query.get("modified", "")),
            conditions=UNCONDITIONAL if replace else _NEW,
        )
    except PreconditionFailed as error:
        raise PreconditionFailed(f"there is already something at /{place.path}") from error


def _modified_ns(text: str) -> int | None:
    """Raises Invalid."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > _MILLISECONDS_MAX:
        raise Invalid("the time of the file is not in milliseconds since the epoch")
    return int(text) * _MILLISECOND_NS
