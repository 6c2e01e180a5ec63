"""A client that sends exactly the bytes it is told, and a server process to send them to."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parents[2]
SECONDS = 20.0


class Answer(NamedTuple):
    """A response as it came. whole: its body ended as its framing says."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


class Wire:
    """One connection."""

    def __init__(self, port: int, receive_buffer_bytes: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.connect(("127.0.0.1", port))
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send; a connection that the server has closed is noticed when the answer is read."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def request(
        self, method: str, target: str, *fields: str, body: bytes = b"", version: str = "1.1"
    ) -> None:
        """Send a request with Host and these header lines."""
        lines = [f"{method} {target} HTTP/{version}", "Host: localhost", *fields]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def no_more(self) -> None:
        """Half-close: the server sees the end of what is sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer:
        """Read one response; status 0 when the connection ends, or is reset, before one begins."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return Answer(0, {}, b"", False)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if method == "HEAD" or status in (204, 304) or status < 200:
            return Answer(status, headers, b"", True)
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, *self._chunks())
        if "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
            return Answer(status, headers, body, len(body) == int(headers["content-length"]))
        body, ended = self.rest()
        return Answer(status, headers, body, ended)

    def rest(self) -> tuple[bytes, bool]:
        """Everything until the connection ends, and whether it ended without a reset."""
        ended = True
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                ended = False
                break
            if not data:
                break
            self._buffer += data
        found, self._buffer = self._buffer, b""
        return found, ended

    def closed(self) -> bool:
        """Whether the server closes without sending anything more."""
        return self.rest()[0] == b""

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not self._more():
                return None
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._buffer], len(self._buffer)
        while have < size:
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionError:
                break
            if not data:
                break
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self._buffer = whole[size:]
        return whole[:size]

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while (line := self._until(b"\r\n")) is not None:
            size = int(line, 16)
            part = self._exactly(size)
            body += part
            if len(part) < size or self._exactly(2) != b"\r\n":
                break
            if size == 0:
                return body, True
        return body, False


class Server:
    """A server process."""

    def __init__(self, **service: Any) -> None:
        self.engine = service.get("engine", "uvloop")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.server.fake_server", json.dumps(service)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.end()[1])
        self.addresses: list[str] = json.loads(line)
        self.port = int(self.addresses[0].rpartition(":")[2])

    def wire(self, receive_buffer_bytes: int = 0) -> Wire:
        """A new connection."""
        return Wire(self.port, receive_buffer_bytes)

    def get(self, target: str) -> Answer:
        """GET over a connection of its own."""
        with self.wire() as wire:
            wire.request("GET", target, "Connection: close")
            return wire.answer()

    def seen(self, name: str, event: str) -> list[str]:
        """What was noted under a name, once an event that begins so is among it."""
        found: list[str] = json.loads(self.get(f"/seen-of/{name}/{event}").body)
        return found

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Stop; the exit code and what was written to standard error."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            _, errors = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
        return self.process.returncode, errors


@contextlib.contextmanager
def running(**service: Any) -> Iterator[Server]:
    """A server for the length of a with statement."""
    server = Server(**service)
    try:
        yield server
    finally:
        server.end()
