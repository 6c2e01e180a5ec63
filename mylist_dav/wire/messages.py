"""Request and Response: what a front end sees of HTTP. Neither WSGI nor a socket shows through.

A front end is anything with the two methods of FrontEnd. An engine calls `answer_now` first, on its event loop, and
then, if that gave None, `respond` in a thread. Bodies never block a thread on a client: a body in arrives as whole
pieces at a BodySink, a body out is bytes, or a sequence of pieces that the engine reads as fast as the client takes
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mylist_dav.model.contents import BlockSlice

Headers = list[tuple[str, str]]
"""Header fields in order; in a Request the names are in lower case."""

Piece = bytes | BlockSlice


@dataclass(slots=True)
class Request:
    """One request, without its body.

    target: the path as sent, percent-encoded, beginning with '/', without the query (absolute-form is reduced to it).
    query: what follows the first '?', as sent, or ''.
    host: the checked Host without port, in lower case; authority: with the port, as sent.
    client: the address of the peer (of the client, where a trusted proxy says so). content_length: None if chunked
    or if there is no body; has_body tells which. received_bytes: of a body that was received in pieces.
    chosen: the front end that a router has found for it, kept by it.
    Its repr, which may end up in a log, holds no header and no query: credentials and cookies come in these.
    """

    method: str
    target: str
    query: str = field(repr=False)
    headers: Headers = field(repr=False)
    host: str
    authority: str
    scheme: str = "http"
    http_version: str = "1.1"
    client: str = ""
    request_id: str = ""
    content_length: int | None = None
    has_body: bool = False
    received_bytes: int = 0
    chosen: FrontEnd | None = field(default=None, compare=False, repr=False)
    _by_name: dict[str, str] | None = field(default=None, init=False, compare=False, repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header field by its lower-case name; repeated ones joined by ', ' (RFC 9110, 5.3)."""
        known = self._by_name
        if known is None:
            known = self._by_name = {}
            for key, value in self.headers:
                known[key] = f"{known[key]}, {value}" if key in known else value
        return known.get(name)


class Again(NamedTuple):
    """An answer that is better given later. ask: called in a thread, gives the next answer, which may have another.

    An engine waits after_seconds before it asks, and holds no thread meanwhile. One that cannot wait so, or is about to
    stop, sends the answer it has: that must be a good one too.
    """

    after_seconds: float
    ask: Callable[[], Response]


class Meter(Protocol):
    """What counts an answer once it was sent."""

    def sent(self, status: int, size_bytes: int) -> None:
        """size_bytes: of the body, as far as it was sent. Never waits, never raises."""
        ...


@dataclass(slots=True)
class Response:
    """One response. The engine adds Date, Server, Connection, and Content-Length where it is known.

    body: all of it, or its pieces in order; an iterable is pulled in a thread, one piece at a time.
    content_length: set for an iterable body whose size is known: then exactly so many bytes are sent.
    close: end the connection after this response.
    again: how to get an answer that is worth waiting for; account and meter are those of the first one.
    account: who asked, for the access log. meter: what the engine tells how much was sent.
    encoded: the headers as an engine has written them out, kept by it on a response from memory that may be given
    again; whoever changes headers makes a new response.
    """

    status: int
    headers: Headers = field(default_factory=list, repr=False)
    body: bytes | Iterable[Piece] = field(default=b"", repr=False)
    content_length: int | None = None
    close: bool = False
    again: Again | None = field(default=None, compare=False, repr=False)
    account: str = ""
    meter: Meter | None = field(default=None, compare=False, repr=False)
    encoded: bytes | None = field(default=None, compare=False, repr=False)


class BodySink(Protocol):
    """Where a request body goes. write, finish and abort are called in threads, one after the other, never at once.

    limit_bytes: past it the engine answers 413. piece_bytes: the engine collects up to so many bytes for each write.
    Exactly one of finish and abort is called, once. A body that is cut off, too slow or too long ends in abort.
    """

    limit_bytes: int
    piece_bytes: int

    def write(self, piece: bytes) -> None: ...

    def finish(self) -> Response: ...

    def abort(self) -> None: ...


class WholeBody:
    """A BodySink for small bodies (XML, JSON): gathers everything and then calls handle(body)."""

    def __init__(self, limit_bytes: int, handle: Callable[[bytes], Response]) -> None:
        self.limit_bytes = limit_bytes
        self.piece_bytes = limit_bytes
        self._handle = handle
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def finish(self) -> Response:
        return self._handle(b"".join(self._pieces))

    def abort(self) -> None:
        self._pieces.clear()


class FinishedSink:
    """A BodySink whose response is finished by `finished`: who asked, what counts it."""

    def __init__(self, sink: BodySink, finished: Callable[[Response], Response]) -> None:
        self._sink = sink
        self._finished = finished
        self.limit_bytes = sink.limit_bytes
        self.piece_bytes = sink.piece_bytes

    def write(self, piece: bytes) -> None:
        self._sink.write(piece)

    def finish(self) -> Response:
        return self._finished(self._sink.finish())

    def abort(self) -> None:
        self._sink.abort()


class FrontEnd(Protocol):
    """One way to the services. Both methods may raise MylistError; the engine renders it with `render_error`."""

    def answer_now(self, request: Request) -> Response | None:
        """An answer from memory, or None. Called on the event loop: no I/O, no waiting."""
        ...

    def respond(self, request: Request) -> Response | BodySink:
        """The answer, or a sink for the body if there is one to read. Called in a thread."""
        ...

    def render_error(self, request: Request, error: Exception) -> Response:
        """The answer for an error that respond, or a sink, raised."""
        ...
