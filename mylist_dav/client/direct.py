"""HTTP/1.1 (RFC 9112) with one server, over connections that are dialled here, kept for a while, and used again.

Answers are read with the parser that the server reads requests with. Nothing is decoded, followed or remembered: the
client needs none of it, and a push of what has not changed is over before a larger library is imported.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mylist_dav.client.dialling import CONNECTIONS, KEPT_SECONDS, Ahead, Dial, Patience
from mylist_dav.client.http import Reply, Unanswered, Undialled
from mylist_dav.client.stream import Stream
from mylist_dav.errors import Invalid
from mylist_dav.model.server_address import DEFAULT_PORTS

if TYPE_CHECKING:
    from ssl import SSLContext

_HEAD_BYTES_MAX = 128 * 1024
_PIECE_BYTES = 256 * 1024
_JOINED_BYTES_MAX = 64 * 1024
"""A body of so many bytes travels with the head."""

_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[ -~]*")


class DirectHttp:
    """An Http to the server of a URL and to no other."""

    def __init__(
        self,
        url: str,
        dial: Dial,
        patience: Patience,
        *,
        connections: int = CONNECTIONS,
        context: SSLContext | None = None,
    ) -> None:
        """url: scheme://host[:port]. connections: at a time. context: for https, instead of one that trusts whom the
        system trusts.
        """
        parts = urlsplit(url)
        self.timeout_seconds = patience.timeout_seconds
        self._patience = patience
        self._host = parts.hostname or ""
        self._authority = parts.netloc
        self._context = context or trusting_as_the_system() if parts.scheme == "https" else None
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._dial = partial(dial, self._host, port, patience.connect_seconds)
        self._turns = threading.BoundedSemaphore(connections)
        self._ahead = deque[Ahead]()
        self._kept = deque[tuple[Stream, float]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, also those that were opened and never needed."""
        while self._ahead:
            self._ahead.popleft().close()
        while self._kept:
            self._kept.pop()[0].close()

    def dial_ahead(self, connections: int) -> None:
        """Begin to open connections. They are taken in this order, each within seconds or not at all."""
        self._ahead.extend(Ahead(self._dial) for _ in range(connections))

    @contextmanager
    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[bytes] | None,
        timeout_seconds: float | None = None,
    ) -> Iterator[Reply]:
        """As Http has it."""
        timeout_seconds = timeout_seconds or self.timeout_seconds
        head = self._head(method, target, headers, body)
        if not self._turns.acquire(timeout=timeout_seconds):
            raise Undialled(f"no connection was free for {timeout_seconds:g} seconds")
        try:
            stream = self._connection()
            exchange = _Exchange(stream, timeout_seconds)
            try:
                yield exchange.ask(head, body)
            finally:
                if exchange.leaves_connection:
                    self._kept.append((stream, time.monotonic()))
                else:
                    stream.close()
        finally:
            self._turns.release()

    # -- requests ----------------------------------------------------------------------------------------------

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None
    ) -> bytes:
        """Raises Invalid for what would be read as something else than it is."""
        fields = {"Host": self._authority, "User-Agent": "mylist", "Accept": "*/*", **headers}
        if isinstance(body, bytes):
            fields["Content-Length"] = str(len(body))
        elif body is None and method not in ("GET", "HEAD"):
            fields["Content-Length"] = "0"
        elif body is not None and "content-length" not in headers:
            fields["Transfer-Encoding"] = "chunked"
        if not _NAME.fullmatch(method) or not _TARGET.fullmatch(target):
            raise Invalid(f"{method[:20]!r} {target[:80]!r} cannot be asked for")
        for name, value in fields.items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise Invalid(f"the header {name[:80]!r} cannot be sent as it is")
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join((*lines, "", "")).encode("ascii")

    # -- connections -------------------------------------------------------------------------------------------

    def _connection(self) -> Stream:
        """One that is open still, or else a new one. Raises Undialled, and what dial raises."""
        with suppress(IndexError):
            while True:
                stream, since = self._kept.pop()
                if time.monotonic() - since <= KEPT_SECONDS and not stream.has_more:
                    return stream
                stream.close()
        try:
            connection = self._dialled_ahead() or self._dial()
            return Stream(self._secured(connection), self._patience.rate_bytes_min)
        except (OSError, UnicodeError) as error:  # the latter of a name that can be none
            raise Undialled(str(error) or "it did not answer in time") from error

    def _dialled_ahead(self) -> socket.socket | None:
        with suppress(IndexError):
            while True:
                connection = self._ahead.popleft().take()
                if connection is not None:
                    return connection
        return None

    def _secured(self, connection: socket.socket) -> socket.socket:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                return connection
            connection.settimeout(self._patience.connect_seconds)
            return self._context.wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise


def trusting_as_the_system() -> SSLContext:
    """A context that trusts whom the system trusts; on a system without certificates, whom Mozilla does."""
    from ssl import create_default_context, get_default_verify_paths

    paths = get_default_verify_paths()
    with suppress(OSError):  # of a folder that is not there, or that nobody may look into
        if paths.cafile is not None or (paths.capath is not None and any(Path(paths.capath).iterdir())):
            return create_default_context()
    from certifi import where

    return create_default_context(cafile=where())


class _Exchange:
    """One request and its answer."""

    def __init__(self, stream: Stream, timeout_seconds: float) -> None:
        self._stream = stream
        self._timeout_seconds = timeout_seconds
        self._answer = _Answer()
        self._broken: OSError | None = None  # while it was asked

    @property
    def leaves_connection(self) -> bool:
        """Whether the connection is good for another one."""
        return self._broken is None and self._answer.leaves_connection

    def ask(self, head: bytes, body: bytes | Iterator[bytes] | None) -> Reply:
        """Raises Unanswered, MylistError."""
        if isinstance(body, bytes) and len(body) <= _JOINED_BYTES_MAX:
            self._write(head + body)
        else:
            self._write(head)
            self._write_body(body, chunked=b"\r\nTransfer-Encoding: chunked\r\n" in head)
        answer = self._answer
        while not answer.has_begun:
            self._read()
        return Reply(answer.status, answer.headers, self._pieces())

    def _write_body(self, body: bytes | Iterator[bytes] | None, *, chunked: bool) -> None:
        if isinstance(body, bytes):
            self._write(body)
        elif body is not None:
            for piece in body:
                sent = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
                if piece and not self._write(sent):
                    return
            if chunked:
                self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> bool:
        """False when nothing more is taken: why may stand in an answer that is there already."""
        try:
            self._stream.write(data, self._timeout_seconds)
        except TimeoutError as error:
            raise Unanswered(str(error)) from error
        except OSError as error:
            self._broken = error
        return self._broken is None

    def _read(self) -> None:
        try:
            data = self._stream.read(_PIECE_BYTES, self._timeout_seconds)
        except OSError as error:  # TimeoutError is one
            raise Unanswered(str(self._broken or error)) from error
        if data:
            self._answer.feed(data)
        elif not self._answer.ends_here:
            raise Unanswered(str(self._broken or "the connection ended before the answer did"))

    def _pieces(self) -> Iterator[bytes]:
        answer = self._answer
        while True:
            while answer.body:
                yield answer.body.popleft()
            if answer.is_whole:
                return
            self._read()


class _Answer:
    """An answer while it comes. body: what is there and was not taken. has_begun: its head is here.

    What brings nothing of the body is bounded: heads, extensions of chunks, trailers.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = deque[bytes]()
        self.has_begun = self.is_whole = False
        self._is_sized = self._goes_on = False
        self._idle_bytes = 0
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises Unanswered for what is no HTTP, or too long a head."""
        self._idle_bytes += len(data)
        pieces = len(self.body)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            raise Unanswered(f"its answer is no HTTP: {error}") from error
        if len(self.body) > pieces or self.is_whole:
            self._idle_bytes = 0
        elif self._idle_bytes > _HEAD_BYTES_MAX:
            raise Unanswered("the head of its answer is far too long")

    @property
    def ends_here(self) -> bool:
        """The connection has ended: whether that is the end of the body, which it is where no length was said."""
        self.is_whole |= self.has_begun and not self._is_sized
        self._goes_on = False
        return self.is_whole

    @property
    def leaves_connection(self) -> bool:
        """Whether it is over, and another one may follow."""
        return self.is_whole and self._goes_on and not self.body

    # -- called by the parser ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._goes_on = False  # also when the answer is whole, and nothing should follow

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_begun:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # the answer is still to come
            self.headers.clear()
        elif not self.has_begun:
            self.has_begun, self.status = True, status
            self._is_sized = not self.headers.keys().isdisjoint(("content-length", "transfer-encoding"))

    def on_body(self, data: bytes) -> None:
        if not self.is_whole:
            self.body.append(data)

    def on_message_complete(self) -> None:
        if self.has_begun and not self.is_whole:
            self.is_whole, self._goes_on = True, self._parser.should_keep_alive()
