"""Clients that cost little beside the server they load: ready-made bytes on plain sockets, and wrk.

They run on the last core of the machine, and the servers on the first one.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import statistics
import subprocess
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORE = CORES[-1]
LOCAL = "127.0.0.1"
_RECEIVE_BYTES = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")

Job = Generator[bytes, int, None]
"""Yields requests as bytes, is sent the status of each answer."""


class Answer(NamedTuple):
    """What came back. head: the header section."""

    status: int
    head: bytes
    body: bytes

    def field(self, name: str) -> str:
        """The value of a header field, or ''."""
        found = re.search(rf"\r\n{name}: *([^\r]*)", self.head.decode("latin-1"), re.IGNORECASE)
        return found[1] if found else ""


class Broken(Exception):
    """The server closed a connection in the middle of an answer, or sent none."""


class Incoming:
    """Takes the bytes of one connection apart into answers; not to HEAD, which have a length and no body."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def take(self) -> Answer | None:
        """The next answer, once it is there in full."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end])
        status = int(head[9:12])
        if status < 200:
            del self.buffer[: end + 4]
            return self.take()
        begin = end + 4
        if status in (204, 304):
            return self._cut(status, head, begin, begin)
        known = head.lower()
        if b"\r\ntransfer-encoding: chunked" in known:
            return self._chunked(status, head, begin)
        found = _LENGTH.search(known)
        stop = begin + (int(found[1]) if found else 0)
        return self._cut(status, head, begin, stop) if len(self.buffer) >= stop else None

    def _cut(self, status: int, head: bytes, begin: int, stop: int) -> Answer:
        answer = Answer(status, head, bytes(self.buffer[begin:stop]))
        del self.buffer[:stop]
        return answer

    def _chunked(self, status: int, head: bytes, at: int) -> Answer | None:
        if not self.buffer.endswith(b"0\r\n\r\n"):
            return None  # one answer at a time is asked for, so it ends with the buffer
        pieces: list[bytes] = []
        while (line := self.buffer.find(b"\r\n", at)) >= 0:
            size = int(self.buffer[at:line].split(b";")[0], 16)
            if not size:
                del self.buffer[:]
                return Answer(status, head, b"".join(pieces))
            pieces.append(bytes(self.buffer[line + 2 : line + 2 + size]))
            at = line + 2 + size + 2
        return None


class Connection:
    """One kept connection. Used by one thread, one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=300)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = Incoming()

    def ask(self, request: bytes) -> Answer:
        """Send a request and read the answer. Raises Broken."""
        self.socket.sendall(request)
        while (answer := self.incoming.take()) is None:
            data = self.socket.recv(_RECEIVE_BYTES)
            if not data:
                raise Broken("the connection was closed before the end of an answer")
            self.incoming.buffer += data
        if closes(answer):
            self.close()
            self._open()
        return answer

    def count(self, request: bytes) -> int:
        """Send a request and read the answer without keeping it; returns the bytes of its body."""
        self.socket.sendall(request)
        seen = bytearray()
        while (end := seen.find(b"\r\n\r\n")) < 0:
            seen += self.socket.recv(65536)
        found = _LENGTH.search(bytes(seen[:end]).lower())
        size = int(found[1]) if found else 0
        got = len(seen) - end - 4
        room = memoryview(bytearray(_RECEIVE_BYTES))
        while got < size:
            count = self.socket.recv_into(room)
            if not count:
                raise Broken(f"{got} of {size} bytes came")
            got += count
        return got

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def closes(answer: Answer) -> bool:
    """Whether the server closes the connection after this answer."""
    return b"\r\nconnection: close" in answer.head.lower()


@dataclass
class Driven:
    """What a load came to. waits_seconds: of each answer, in the order they came."""

    seconds: float = 0.0
    waits_seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    reopened: int = 0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.waits_seconds) / self.seconds

    def wait_ms(self, share: float) -> float:
        """The wait that this share of the answers did not exceed, in milliseconds."""
        ordered = sorted(self.waits_seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Worker:
    """One connection that does one job after the other."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host
        self.job: Job | None = None
        self.request = b""
        self.sent = 0.0
        self.answered = True
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection((self.host, self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = Incoming()

    def send(self, request: bytes) -> None:
        self.request = request
        self.sent = time.perf_counter()
        self.socket.sendall(request)


class Load:
    """Jobs done by several connections at once, from one thread; each takes the next job after its last."""

    def __init__(
        self,
        port: int,
        jobs: Iterator[Job],
        connections: int,
        seconds: float | None = None,
        host: str = LOCAL,
    ) -> None:
        """seconds: no new request is sent later than that."""
        self._jobs = jobs
        self._seconds = seconds
        self._until = float("inf")
        self._driven = Driven()
        self._selector = selectors.DefaultSelector()
        self._workers = [_Worker(port, host) for _ in range(connections)]

    def run(self) -> Driven:
        """Do it, and say what it came to."""
        began = time.perf_counter()
        if self._seconds is not None:
            self._until = began + self._seconds
        busy = 0
        for worker in self._workers:
            if self._next(worker, None):
                self._selector.register(worker.socket, selectors.EVENT_READ, worker)
                busy += 1
        while busy:
            for key, _ in self._selector.select(timeout=60):
                busy -= self._read(key.data)
        self._driven.seconds = time.perf_counter() - began
        for worker in self._workers:
            worker.socket.close()
        self._selector.close()
        return self._driven

    def _read(self, worker: _Worker) -> bool:
        """Take what came; returns whether this connection has nothing more to do."""
        try:
            data = worker.socket.recv(_RECEIVE_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._reopen(worker)
            worker.send(worker.request)
            return False
        worker.incoming.buffer += data
        answer = worker.incoming.take()
        if answer is None:
            return False
        self._driven.waits_seconds.append(time.perf_counter() - worker.sent)
        self._driven.statuses[answer.status] = self._driven.statuses.get(answer.status, 0) + 1
        if closes(answer):
            self._reopen(worker)
        if self._next(worker, answer.status):
            return False
        self._selector.unregister(worker.socket)
        return True

    def _reopen(self, worker: _Worker) -> None:
        self._driven.reopened += 1
        if self._driven.reopened > 1_000_000:
            raise Broken("the server closes every connection")
        self._selector.unregister(worker.socket)
        worker.socket.close()
        worker.open()
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)

    def _next(self, worker: _Worker, status: int | None) -> bool:
        """Send the next request of the job, or the first of the next one; returns False when there is none."""
        if time.perf_counter() > self._until:
            return False
        while True:
            if worker.job is None:
                worker.job = next(self._jobs, None)
                status = None
                if worker.job is None:
                    return False
            try:
                request = next(worker.job) if status is None else worker.job.send(status)
            except StopIteration:
                worker.job = None
                continue
            worker.send(request)
            return True


def drive(
    port: int, jobs: Iterator[Job], connections: int, seconds: float | None = None, host: str = LOCAL
) -> Driven:
    """Do these jobs with so many connections, for so long at most."""
    return Load(port, jobs, connections, seconds, host).run()


def single(requests: Iterator[bytes]) -> Iterator[Job]:
    """Each request as a job of its own."""

    def job(request: bytes) -> Job:
        yield request

    return map(job, requests)


def paced(port: int, requests: Iterator[bytes], every_seconds: float, seconds: float) -> Driven:
    """One request every so often on one connection; a wait counts from when the request was due."""
    driven = Driven()
    connection = Connection(port)
    began = time.perf_counter()
    due = began
    while due < began + seconds:
        time.sleep(max(0.0, due - time.perf_counter()))
        answer = connection.ask(next(requests))
        driven.waits_seconds.append(time.perf_counter() - due)
        driven.statuses[answer.status] = driven.statuses.get(answer.status, 0) + 1
        due += every_seconds
    driven.seconds = time.perf_counter() - began
    connection.close()
    return driven


def request(method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """A request as bytes. headers: with Host; the length of a body is added."""
    lines = [f"{method} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


class Wrk(NamedTuple):
    """What wrk says."""

    per_second: float
    answers: int
    p99_ms: float
    failed: int


def wrk(
    url: str,
    headers: dict[str, str],
    connections: int,
    seconds: float,
    *,
    script: list[str] | None = None,
    pinned: bool = True,
) -> Wrk:
    """Run wrk with one thread; pinned: on the core of the clients. script: one of this folder, and its arguments."""
    command = ["taskset", "-c", str(CLIENT_CORE)] if pinned else []
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"]
    command += [part for item in headers.items() for part in ("-H", f"{item[0]}: {item[1]}")]
    if script:
        command += ["-s", str(Path(__file__).with_name(script[0])), url, "--", *script[1:]]
    else:
        command.append(url)
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec: +([\d.]+)", printed)
    answers = re.search(r"(\d+) requests in ", printed)
    p99 = re.search(r"99% +([\d.]+)(us|ms|s)\b", printed)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    if rate is None or answers is None or p99 is None:
        raise Broken(f"wrk said:\n{printed}")
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]
    return Wrk(float(rate[1]), int(answers[1]), float(p99[1]) * scale, int(failed[1]) if failed else 0)


def median_ms(seconds: list[float]) -> float:
    """The median, in milliseconds."""
    return 1000 * statistics.median(seconds)
