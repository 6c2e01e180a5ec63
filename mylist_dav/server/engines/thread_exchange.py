"""One exchange in a thread of its own: the rules of exchange.py where waiting for a client costs the thread."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from mylist_dav.errors import Incomplete, MylistError
from mylist_dav.server.engines.thread_stream import Message, ThreadStream
from mylist_dav.server.exchanges.body_in import check_declared, check_received
from mylist_dav.server.exchanges.body_out import BodyReader, Slice
from mylist_dav.server.exchanges.budget import HeldBytes
from mylist_dav.server.exchanges.exchange import BREAK_OFF, expects_continue
from mylist_dav.server.exchanges.heads import ONE_WRITE_BYTES, Framing, date_lines, framing_of, head_bytes
from mylist_dav.server.exchanges.runtime import Runtime, log, new_request_id
from mylist_dav.server.exchanges.streams import Gone
from mylist_dav.wire.dates import DateHeader
from mylist_dav.wire.messages import BodySink, Request, Response


class ThreadExchanges:
    """Runs exchanges of one worker, each in the thread that calls."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.stopping = False
        self._held = HeldBytes(runtime.limits.held_blocks_bytes)
        self._date = DateHeader(runtime.wall)

    def run(self, stream: ThreadStream, message: Message) -> bool:
        """Answer one request; whether the connection can go on. A client that left, or cannot be told, ends it."""
        request = message.request
        began = self.runtime.monotonic()
        request.request_id = request.request_id or new_request_id()
        try:
            response = self._answer(stream, message)
            keep = self._send(stream, message, response, began)
            if keep and not message.complete:
                keep = self._drain(stream, message)
        except (Gone, MylistError):
            stream.cut()
            return False
        except Exception as error:  # noqa: BLE001 the border of a connection: a fault here must end only this one
            log.error("%s the exchange failed", request.request_id, exc_info=error)
            stream.cut()
            return False
        if keep:
            stream.done()
        else:
            stream.close(unread=not message.complete)
        return keep

    def refuse(self, stream: ThreadStream, response: Response) -> None:
        """Answer what is no request, and close."""
        request, sent, began = stream.stand_in(), 0, self.runtime.monotonic()
        request.request_id = new_request_id()
        body = response.body if isinstance(response.body, bytes) else b""
        with contextlib.suppress(Gone):
            _write_pieces(stream, self._head(request, response, framing_of(request, response), True), body)
            sent = len(body)
        self.runtime.note(request, response, sent, began)
        stream.close(unread=True)

    def _answer(self, stream: ThreadStream, message: Message) -> Response:
        request = message.request
        try:
            response = self.runtime.front_end.answer_now(request)
            if response is not None:
                return response
            found = self.runtime.front_end.respond(request)
            return found if isinstance(found, Response) else self._receive(stream, message, found)
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 whatever the front end or a sink raised becomes an answer
            response = self.runtime.render(request, error)
            if request.has_body and isinstance(error, BREAK_OFF):
                response = replace(response, close=True)
            return response

    def _receive(self, stream: ThreadStream, message: Message, sink: BodySink) -> Response:
        """Move the body into the sink, in pieces of the size it asks for."""
        request, received = message.request, 0
        piece = bytearray()
        size = max(sink.piece_bytes, 1)
        try:
            check_declared(sink, request)
            while data := stream.read(message):
                received += len(data)
                request.received_bytes = received
                check_received(received, sink, request, complete=False)
                piece += data
                while len(piece) >= size:
                    sink.write(bytes(piece[:size]))
                    del piece[:size]
            check_received(received, sink, request, complete=True)
            if piece:
                sink.write(bytes(piece))
        except BaseException:
            sink.abort()
            raise
        return sink.finish()

    def _send(self, stream: ThreadStream, message: Message, response: Response, began: float) -> bool:
        """Send the answer; whether the connection can go on."""
        request, sent = message.request, 0
        reader = None
        try:
            if not isinstance(response.body, bytes):
                reader = BodyReader(
                    response.body, self.runtime.app.blocks, self._held, self.runtime.limits.slice_bytes
                )
            response, head, first, framing, close = self._begin(message, response, reader)
            if reader is None or not framing.body:
                body = first if framing.body else b""
                sent = len(body)
                if framing.body and framing.length != sent:
                    raise Incomplete("the body is not of the announced length")
                _write_pieces(stream, head, body)
                return not close
            sent = self._send_slices(stream, reader, head, first, framing, request.http_version == "1.0")
            return not close
        finally:
            if reader is not None:
                reader.close()
            self.runtime.note(request, response, sent, began)

    def _begin(
        self, message: Message, response: Response, reader: BodyReader | None
    ) -> tuple[Response, bytes, Slice, Framing, bool]:
        """The answer with its header section and first slice; or that of the error that comes with these."""
        request = message.request
        try:
            framing = framing_of(request, response)
            first: Slice = response.body if isinstance(response.body, bytes) else b""
            if reader is not None and framing.body:
                first = reader.next_slice()
            close = self._closes(message, response, framing)
            return response, self._head(request, response, framing, close), first, framing, close
        except Exception as error:  # noqa: BLE001 nothing has gone out yet, so there still is a status to choose
            response = replace(self.runtime.render(request, error), content_length=None, close=True)
            body = response.body if isinstance(response.body, bytes) else b""
            framing = Framing(len(body), request.method != "HEAD")
            return response, self._head(request, response, framing, True), body, framing, True

    def _closes(self, message: Message, response: Response, framing: Framing) -> bool:
        request = message.request
        endless = framing.body and framing.length is None and request.http_version == "1.0"
        unread = not message.complete and (
            expects_continue(request) or (request.content_length or 0) > self.runtime.limits.drain_bytes
        )
        return response.close or not message.keep_alive or endless or unread or self.stopping

    def _head(self, request: Request, response: Response, framing: Framing, close: bool) -> bytes:
        return head_bytes(request, response, framing, date_lines(self._date.encoded()), close)

    def _send_slices(
        self,
        stream: ThreadStream,
        reader: BodyReader,
        head: bytes,
        first: Slice,
        framing: Framing,
        http_10: bool,
    ) -> int:
        """Send a body slice by slice; the number of its bytes. Raises Incomplete when it is not what was announced."""
        chunked = framing.length is None and not http_10
        sent, piece = 0, first
        while piece:
            sent += len(piece)
            if framing.length is not None and sent > framing.length:
                raise Incomplete("the body is longer than announced")
            if chunked:
                _write_pieces(stream, b"%b%x\r\n" % (head, len(piece)), piece, b"\r\n")
            else:
                _write_pieces(stream, head, piece)
            head = b""
            piece = reader.next_slice()
        if framing.length is not None and sent != framing.length:
            raise Incomplete("the body is shorter than announced")
        stream.write(head + (b"0\r\n\r\n" if chunked else b""))
        return sent

    def _drain(self, stream: ThreadStream, message: Message) -> bool:
        """Read what is left of a small body nobody wants; whether it ended soon enough."""
        left = self.runtime.limits.drain_bytes
        while left >= 0 and (dropped := stream.read(message)):
            left -= len(dropped)
        return message.complete and left >= 0


def _write_pieces(stream: ThreadStream, *pieces: Slice) -> None:
    """Write them, in one call when they are small."""
    if sum(len(piece) for piece in pieces) <= ONE_WRITE_BYTES:
        stream.write(b"".join(pieces))
        return
    for piece in pieces:
        stream.write(piece)
