"""A front end for the engines to serve: each path does one thing that an engine must cope with.

It runs in the server's process; what its sinks saw is asked for over HTTP (/seen/<name>).
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict

from mylist_dav.errors import NotFound, TooLarge
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import Digest
from mylist_dav.outcomes import outcome
from mylist_dav.server.app import App
from mylist_dav.store.blocks import BlockBatch, BlockStore
from mylist_dav.wire.messages import Again, BodySink, Request, Response

MIB = 1024 * 1024
WAIT_SECONDS = 20


class NumberedBlocks(BlockStore):
    """Blocks of one size that are made when they are read: the first bytes of the digest are the number."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def digest(self, number: int) -> Digest:
        return Digest(number.to_bytes(4, "big") + bytes(28))

    def get(self, digest: Digest) -> bytes:
        return block_bytes(int.from_bytes(digest[:4], "big"), self.size_bytes)

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        raise NotImplementedError

    def batch(self) -> BlockBatch:
        raise NotImplementedError

    def has(self, digest: Digest) -> bool:
        return True

    def delete(self, digest: Digest) -> bool:
        return False

    def digests(self) -> Iterator[Digest]:
        return iter(())


def block_bytes(number: int, size_bytes: int) -> bytes:
    """The bytes of one numbered block."""
    return (b"%08d" % number) * (size_bytes // 8)


class Seen:
    """What happened to sinks and bodies, by name; can be waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, event: str) -> None:
        with self._changed:
            self._events[name].append(event)
            self._changed.notify_all()

    def wait(self, name: str, event: str) -> list[str]:
        """The events of a name, once one begins with `event`, or after WAIT_SECONDS."""
        with self._changed:
            self._changed.wait_for(
                lambda: any(each.startswith(event) for each in self._events[name]), WAIT_SECONDS
            )
            return list(self._events[name])


class NotingSink:
    """Counts and remembers; answers 201 with the digest of what it got."""

    def __init__(self, seen: Seen, name: str, limit_bytes: int, piece_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.piece_bytes = piece_bytes
        self._seen = seen
        self._name = name
        self._body = b""
        seen.add(name, "open")

    def write(self, piece: bytes) -> None:
        if b"explode" in piece:
            raise TooLarge("this sink does not like it")
        self._seen.add(self._name, f"write {len(piece)}")
        self._body += piece

    def finish(self) -> Response:
        self._seen.add(self._name, f"finish {len(self._body)}")
        return Response(201, [("X-Digest", str(Digest.of(self._body)))], b"stored\n", account="anna")

    def abort(self) -> None:
        self._seen.add(self._name, "abort")


class QueuedSink(NotingSink):
    """The same, but it is queued first: the second time it is asked for its answer it has one."""

    def finish(self) -> Response:
        last = super().finish()
        later = Response(503, [], b"queued still\n", again=Again(0.01, lambda: last))
        return Response(503, [], b"queued\n", again=Again(0.01, lambda: later))


class FakeFrontEnd:
    """See the methods: /<word>/<rest> is answered by word."""

    def __init__(self, blocks: NumberedBlocks) -> None:
        self._blocks = blocks
        self._seen = Seen()

    def answer_now(self, request: Request) -> Response | None:
        if request.target == "/now":
            return Response(200, [("Content-Type", "text/plain"), ("ETag", '"1"')], b"now\n")
        if request.target == "/now-unchanged":
            return Response(304, [("ETag", '"1"')])
        if request.target.startswith("/now-large/"):
            return Response(200, [], b"n" * int(request.target.split("/")[2]))
        if request.target.startswith("/open/"):
            self._seen.add(request.target[6:], "opened")
            return Response(200, [], b"")
        if request.target == "/now-boom":
            raise RuntimeError("a secret path /var/lib/secret")
        return None

    def respond(self, request: Request) -> Response | BodySink:
        word, _, rest = request.target[1:].partition("/")
        answer = getattr(self, "_" + word.replace("-", "_"), None)
        if answer is None:
            raise NotFound("there is nothing of that name")
        result: Response | BodySink = answer(request, rest)
        return result

    def render_error(self, request: Request, error: Exception) -> Response:
        text = f"{type(error).__name__}: {error}\n"
        return Response(outcome(error).http, [("Content-Type", "text/plain")], text.encode())

    def _hello(self, request: Request, rest: str) -> Response:
        return Response(200, [("Content-Type", "text/plain")], b"hello\n", account="anna")

    def _echo(self, request: Request, rest: str) -> Response:
        return Response(200, [], json.dumps(asdict(request)).encode())

    def _boom(self, request: Request, rest: str) -> Response:
        raise RuntimeError("a secret path /var/lib/secret")

    def _nothing(self, request: Request, rest: str) -> Response:
        return Response(204)

    def _split(self, request: Request, rest: str) -> Response:
        return Response(200, [("X-Bad", "a\r\nSet-Cookie: b=c")], b"")

    def _refuse(self, request: Request, rest: str) -> Response:
        return Response(401, [("WWW-Authenticate", "Basic")], b"who are you?\n")

    def _close(self, request: Request, rest: str) -> Response:
        return Response(200, [], b"bye\n", close=True)

    def _sink(self, request: Request, rest: str) -> BodySink:
        """/sink/<name>/<limit>/<piece>"""
        name, limit, piece = rest.split("/")
        return NotingSink(self._seen, name, int(limit), int(piece))

    def _queued_sink(self, request: Request, rest: str) -> BodySink:
        """/queued-sink/<name>/<limit>/<piece>"""
        name, limit, piece = rest.split("/")
        return QueuedSink(self._seen, name, int(limit), int(piece))

    def _seen_(self, rest: str) -> Response:
        name, event = rest.split("/")
        return Response(200, [], json.dumps(self._seen.wait(name, event)).encode())

    def _seen_of(self, request: Request, rest: str) -> Response:
        """/seen-of/<name>/<event>: waits for it."""
        return self._seen_(rest)

    def _gate(self, request: Request, rest: str) -> Response:
        """/gate/<name>: answered once /open/<name> was asked for."""
        self._seen.add(rest, "waiting")
        self._seen.wait(rest, "opened")
        return Response(200, [], b"through\n")

    def _pieces(self, request: Request, rest: str) -> Response:
        """/pieces/<count>/<size>/<declared or ->/<fails at or ->/<name>"""
        count, size, declared, fails, name = rest.split("/")
        body = NotedPieces(self._seen, name, int(count), int(size), None if fails == "-" else int(fails))
        return Response(200, [], iter(body), None if declared == "-" else int(declared))

    def _slices(self, request: Request, rest: str) -> Response:
        """/slices/<count>/<size>/<name>: notes each that is asked for."""
        count, size, name = rest.split("/")

        def body() -> Iterator[bytes]:
            try:
                for number in range(int(count)):
                    self._seen.add(name, f"slice {number}")
                    yield bytes(int(size))
            finally:
                self._seen.add(name, "closed")

        return Response(200, [], body(), int(count) * int(size))

    def _blocks_(self, rest: str) -> Response:
        first, count = (int(part) for part in rest.split("/"))
        size = self._blocks.size_bytes
        body = [
            BlockSlice(self._blocks.digest(number), 8, size - 16) for number in range(first, first + count)
        ]
        return Response(200, [], body, count * (size - 16))

    def _block_list(self, request: Request, rest: str) -> Response:
        """/block-list/<first>/<count>"""
        return self._blocks_(rest)


class NotedPieces:
    """A generator body that tells when it was closed."""

    def __init__(self, seen: Seen, name: str, count: int, size: int, fails_at: int | None) -> None:
        self._seen, self._name, self._count, self._size, self._fails_at = seen, name, count, size, fails_at

    def __iter__(self) -> Iterator[bytes]:
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise RuntimeError("this body breaks")
                yield b"%d" % (number % 10) * self._size
        finally:
            self._seen.add(self._name, "closed")


def build(settings: object) -> App:
    """The App for `running.Service`. settings: bytes of a block."""
    blocks = NumberedBlocks(int(str(settings or 4 * MIB)))
    return App(FakeFrontEnd(blocks), blocks)
