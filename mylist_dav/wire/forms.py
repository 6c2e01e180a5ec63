"""Bodies that HTML forms send: fields (application/x-www-form-urlencoded), and files (multipart/form-data, RFC 7578).

Files are read as a stream: no more of the body is held than a piece and a boundary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs

from mylist_dav.errors import Invalid, UnsupportedMedia

FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 100
PART_HEADER_BYTES_MAX = 8 * 1024
PARTS_MAX = 10_000
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_BOUNDARY = re.compile(r";[ \t]*boundary=(?:\"([!-~ ]{1,200})\"|([!#-+.-:<-~-]{1,200}))", re.IGNORECASE)
_PARAMETER = re.compile(r';[ \t]*(name|filename)="([^"]*)"', re.IGNORECASE)
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}

Form = dict[str, str]
"""The fields of a form. Of one that comes several times, the last."""


def media_type_of(content_type: str | None) -> str:
    """The media type of a Content-Type header, in lower case without its parameters."""
    return (content_type or "").partition(";")[0].strip(" \t").lower()


def parse_form(body: bytes) -> Form:
    """The fields of an urlencoded form. Raises Invalid."""
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:  # UnicodeDecodeError is one
        raise Invalid("the form cannot be read") from error
    return {name: values[-1] for name, values in found.items()}


def boundary_of(content_type: str | None) -> bytes:
    """The boundary of a multipart/form-data body. Raises UnsupportedMedia for another type, Invalid."""
    if media_type_of(content_type) != MULTIPART:
        raise UnsupportedMedia("a form with files is expected (multipart/form-data)")
    found = _BOUNDARY.search(content_type or "")
    if found is None:
        raise Invalid("the form does not say what stands between its parts")
    return (found[1] or found[2]).encode()


class Part(Protocol):
    """Takes the bytes of one part. Exactly one of finish and abort is called."""

    def write(self, piece: bytes) -> None: ...

    def finish(self) -> None: ...

    def abort(self) -> None: ...


class FormReader:
    """Reads a multipart/form-data body piece by piece.

    begin(name, filename) is called for each part, in order; filename is None for a field. What it gives takes the
    bytes of the part.
    """

    def __init__(self, boundary: bytes, begin: Callable[[str, str | None], Part]) -> None:
        self._begin = begin
        self._mark = b"\r\n--" + boundary
        self._held = b"\r\n"  # so that the first boundary is like all others
        self._part: Part | None = None
        self._parts = 0
        self._step: Callable[[], bool] = self._preamble

    def write(self, piece: bytes) -> None:
        """The next bytes. Raises Invalid, and what the parts raise."""
        self._held += piece
        while self._step():
            pass

    def finish(self) -> None:
        """The body is over. Raises Invalid when the form is not."""
        if self._step != self._epilogue:
            raise Invalid("the form breaks off")

    def abort(self) -> None:
        """Drop the part that is being read."""
        part, self._part = self._part, None
        if part is not None:
            part.abort()

    def _preamble(self) -> bool:
        """Up to the first boundary. What stands before it is nothing."""
        _, mark, rest = self._held.partition(self._mark)
        if not mark:
            self._held = self._held[-len(self._mark) :]
            return False
        self._held, self._step = rest, self._after_mark
        return True

    def _after_mark(self) -> bool:
        if len(self._held) < 2:
            return False
        if self._held[:2] == b"--":
            self._step = self._epilogue
        elif self._held[:2] == b"\r\n":
            self._held, self._step = self._held[2:], self._header
        else:
            raise Invalid("the form is malformed after a boundary")
        return True

    def _header(self) -> bool:
        header, end, rest = self._held.partition(b"\r\n\r\n")
        if len(header) > PART_HEADER_BYTES_MAX:
            raise Invalid("a part of the form has too large a header")
        if not end:
            return False
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise Invalid(f"a form may have {PARTS_MAX} parts, and this one has more")
        self._part = self._begin(*_described(header))
        self._held, self._step = rest, self._content
        return True

    def _content(self) -> bool:
        assert self._part is not None
        content, mark, rest = self._held.partition(self._mark)
        if not mark:
            keep = len(self._mark) - 1  # the beginning of a boundary may be at the end
            if len(self._held) > keep:
                self._part.write(self._held[:-keep])
                self._held = self._held[-keep:]
            return False
        if content:
            self._part.write(content)
        part, self._part = self._part, None
        part.finish()
        self._held, self._step = rest, self._after_mark
        return True

    def _epilogue(self) -> bool:
        self._held = b""
        return False


def _described(header: bytes) -> tuple[str, str | None]:
    """(name, filename) of a part. Raises Invalid."""
    try:
        lines = header.decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise Invalid("a name in the form is not UTF-8") from error
    for line in lines:
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            found = {key.lower(): _unescaped(text) for key, text in _PARAMETER.findall(value)}
            if "name" in found:
                return found["name"], found.get("filename")
    raise Invalid("a part of the form has no name")


def _unescaped(text: str) -> str:
    """As browsers write it (HTML, 4.10.21.8): three characters are percent-encoded, and no others."""
    for escaped, plain in _ESCAPED.items():
        text = text.replace(escaped, plain)
    return text
