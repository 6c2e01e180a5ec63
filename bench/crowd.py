"""Many slow clients, and how the others fare beside them: more of the slow ones than a server has threads."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

from bench import peers
from bench.load import Driven, drive, paced, single
from bench.peers import SITE_HOST, Server
from bench.scene import Scene, expect

READERS = 200
UPLOADERS = 100
FILE_BYTES = 4 << 20
TURN_SECONDS = 1.0
READ_BYTES = 1024
UPLOAD_BYTES = 10
REQUESTS_PER_SECOND = 40
ARRIVAL_SECONDS = 5.0
P99_MS_MAX = 50
RSS_MIB_MAX = 400


def slow_clients(scene: Scene) -> None:
    """For the default engine: GET, PROPFIND and PUT of others beside the crowd."""
    waits = scene.measure(f"beside {READERS} slow readers and {UPLOADERS} slow uploaders: p99", "ms")
    arrival = scene.measure("longest wait of another request while they all arrive at once", "ms")
    memory = scene.measure("with the slow clients: resident memory of all processes", "MiB")
    cut = scene.measure("slow uploads that the server gave up", "")
    with ExitStack() as stack:
        server = scene.ours(stack)
        if server is None:
            return
        _prepare(server)
        crowd = Crowd(server)
        arrival.add(server.name, crowd.arrive())
        came, rss_mib = _beside(server, 5.0 if scene.quick else 20.0)
        cut.add(server.name, crowd.leave())
        for method, driven in came.items():
            expect(method, max(driven.statuses), 200, 201, 207)
            waits.add(method, driven.wait_ms(0.99))
            waits.at_most(P99_MS_MAX, who=method)
        memory.add(server.name, rss_mib)
        memory.at_most(RSS_MIB_MAX)


def _prepare(server: Server) -> None:
    for path in ("/crowd", "/crowd/slow", "/crowd/new"):
        expect("MKCOL", server.ask("MKCOL", path).status, 201)
    files = (server.request("PUT", f"/crowd/{n}", os.urandom(FILE_BYTES)) for n in range(READERS))
    driven = drive(server.port, single(files), 2)
    expect("PUT of large files", max(driven.statuses), 201)
    expect("PUT", server.ask("PUT", "/crowd/small.html", b"x" * READ_BYTES).status, 201)
    peers.local(Path(server.folder), "expose", "admin/crowd", "--host", SITE_HOST)


class Crowd:
    """The slow clients, in a process of their own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ready, self._stop = multiprocessing.Event(), multiprocessing.Event()
        self._given_up: Synchronized[int] = multiprocessing.Value("i", 0)
        arguments = (server, self._ready, self._stop, self._given_up)
        self._process = multiprocessing.Process(target=_crowd, args=arguments)

    def arrive(self) -> float:
        """Let them all connect; returns the longest wait of somebody else until then and a little after, in ms."""
        requests = itertools.repeat(self._server.request("GET", "/crowd/small.html"))
        came: list[Driven] = []
        pace = 1 / REQUESTS_PER_SECOND
        other = threading.Thread(
            target=lambda: came.append(paced(self._server.port, requests, pace, ARRIVAL_SECONDS))
        )
        other.start()
        self._process.start()
        self._ready.wait(60)
        other.join()
        return came[0].wait_ms(1)

    def leave(self) -> int:
        """Go; returns how many slow uploads were broken off by the server."""
        self._stop.set()
        self._process.join()
        return self._given_up.value


def _beside(server: Server, seconds: float) -> tuple[dict[str, Driven], float]:
    """What came of the requests of others; the most memory."""
    came: dict[str, Driven] = {}
    threads = [
        threading.Thread(target=_ask, args=(server, method, requests, seconds, came))
        for method, requests in _requests(server).items()
    ]
    for thread in threads:
        thread.start()
    rss_mib = 0.0
    while any(thread.is_alive() for thread in threads):
        rss_mib = max(rss_mib, server.rss_mib())
        time.sleep(0.5)
    return came, rss_mib


def _requests(server: Server) -> dict[str, Iterator[bytes]]:
    get = server.request("GET", "/crowd/small.html")
    find = server.request("PROPFIND", "/crowd/small.html", Depth="0")
    return {
        "GET": itertools.repeat(get),
        "PROPFIND": itertools.repeat(find),
        "PUT": (server.request("PUT", f"/crowd/new/{n}", os.urandom(READ_BYTES)) for n in itertools.count()),
    }


def _ask(
    server: Server, method: str, requests: Iterator[bytes], seconds: float, came: dict[str, Driven]
) -> None:
    came[method] = paced(server.port, requests, 1 / REQUESTS_PER_SECOND, seconds)


def _crowd(server: Server, ready: Event, stop: Event, given_up: Synchronized[int]) -> None:
    """In a process of its own: read and send a little of everything once a second."""
    readers = [_reader(server, number) for number in range(READERS)]
    uploaders = [_uploader(server, number) for number in range(UPLOADERS)]
    ready.set()
    while not stop.wait(TURN_SECONDS):
        for reader in readers:
            with suppress(OSError):
                reader.recv(READ_BYTES)
        for number, uploader in enumerate(uploaders):
            try:
                uploader.send(b"x" * UPLOAD_BYTES)
            except OSError:
                given_up.value += 1
                uploader.close()
                uploaders[number] = _uploader(server, number)


def _reader(server: Server, number: int) -> socket.socket:
    """Asks for a large file and takes little of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES * 4)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(server.request("GET", f"/crowd/{number}"))
    connection.setblocking(False)
    return connection


def _uploader(server: Server, number: int) -> socket.socket:
    """Announces a long body."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    request = server.request("PUT", f"/crowd/slow/{number}", b"")
    connection.sendall(request.replace(b"Content-Length: 0", b"Content-Length: 5000000"))
    connection.setblocking(False)
    return connection
