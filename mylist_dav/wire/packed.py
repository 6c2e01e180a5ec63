"""Request bodies with a content coding (RFC 9110, 8.4): zstd (RFC 8878), unpacked as they arrive.

What comes out is handed on a bounded piece at a time, however much a few bytes stand for. The frame must say how long
its content is, as zstd does whenever it knows: so what is too long is refused before any of it is unpacked, and a body
that ends too early is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, cast

import zstandard

from mylist_dav.errors import Incomplete, Invalid, TooLarge, UnsupportedMedia
from mylist_dav.wire.codings import CODING
from mylist_dav.wire.messages import BodySink, Request, Response

WINDOW_BYTES_MAX = 8 * 1024 * 1024
"""What RFC 9659 allows a sender to expect, and any level of zstd but the highest needs at most."""

_HEAD_BYTES = 18
"""The longest header of a frame."""

_PIECE_BYTES = 1024 * 1024


def coding_of(request: Request) -> str:
    """The content coding of a body in lower case; '' for none."""
    coding = (request.header("content-encoding") or "identity").strip().lower()
    return "" if coding == "identity" else coding


def require_coding(request: Request) -> None:
    """Raises UnsupportedMedia for another coding than zstd."""
    if coding_of(request) not in ("", CODING):
        raise UnsupportedMedia(f"a body comes as it is, or with Content-Encoding: {CODING}")


def unpacked(request: Request, sink: BodySink) -> BodySink:
    """The sink, or one before it that unpacks what comes. The coding has been looked at."""
    return Unpacking(sink) if coding_of(request) else sink


class Unpacking:
    """A BodySink that unpacks one zstd frame, and gives its content to another. limit_bytes holds for both."""

    def __init__(self, sink: BodySink) -> None:
        self.limit_bytes = sink.limit_bytes
        self.piece_bytes = sink.piece_bytes
        self._sink = sink
        self._head = b""
        self._frame: zstandard.ZstdDecompressionWriter | None = None
        self._left_bytes = 0
        self._out = _Writable(self._take)

    def write(self, piece: bytes) -> None:
        """Raises Invalid for what is no such frame, TooLarge, and what the other sink raises."""
        if self._frame is None:
            self._head += piece
            if len(self._head) < _HEAD_BYTES:
                return
            piece = self._begin()
        self._unpack(piece)

    def finish(self) -> Response:
        """Raises Incomplete when the content is shorter than the frame says."""
        try:
            if self._frame is None:
                self._unpack(self._begin())
            if self._left_bytes:
                raise Incomplete(f"the body is cut off: {self._left_bytes} bytes of its content are missing")
        except BaseException:
            self._sink.abort()
            raise
        return self._sink.finish()

    def abort(self) -> None:
        self._sink.abort()

    def _begin(self) -> bytes:
        """Read the header of the frame; returns what has come of it, header and all."""
        try:
            frame = zstandard.get_frame_parameters(self._head)
        except zstandard.ZstdError as error:
            raise Invalid("the body is no zstd frame") from error
        if frame.content_size == zstandard.CONTENTSIZE_UNKNOWN:
            raise Invalid("the zstd frame does not say how long its content is: have it packed with its size")
        if frame.content_size > self.limit_bytes:
            raise TooLarge(
                f"the body has {frame.content_size} bytes unpacked: at most {self.limit_bytes} may be"
            )
        self._left_bytes = frame.content_size
        unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
        self._frame = unpacker.stream_writer(cast(IO[bytes], self._out), write_size=_PIECE_BYTES)
        begun, self._head = self._head, b""
        return begun

    def _unpack(self, piece: bytes) -> None:
        assert self._frame is not None
        try:
            self._frame.write(piece)
        except zstandard.ZstdError as error:
            raise Invalid(
                f"the zstd frame is damaged, or needs a window of more than {WINDOW_BYTES_MAX} bytes"
            ) from error

    def _take(self, piece: bytes) -> None:
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise Invalid("more than one zstd frame is in the body")
        self._sink.write(piece)


class _Writable:
    """An object with a write method, which is what zstandard wants."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write
