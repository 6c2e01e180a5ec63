"""Files of a website over HTTP: small ones from memory, answers of 304, large ones; alone and beside writers."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench import peers
from bench.load import Connection, Driven, paced, request, wrk
from bench.peers import SITE_HOST, Server
from bench.report import Measure
from bench.scene import Scene, Unexpected, expect

CONNECTIONS = 16
SMALL = "small.html"
LARGE = "large.bin"
PUTS_PER_SECOND = 50


def static(scene: Scene) -> None:
    """Small file, 304 and large file, of every server in turn."""
    with _servers(scene, ["uvloop", "cheroot"]) as (servers, _):
        small = scene.measure(f"site: GET 1 KiB, {CONNECTIONS} connections", "answers/s")
        fresh = scene.measure(f"site: GET answered 304, {CONNECTIONS} connections", "answers/s")
        large = scene.measure(f"site: GET {scene.large_bytes >> 20} MiB, 1 connection", "MB/s")
        for _ in scene.rounds():
            for server in servers:
                small.add(server.name, _wrk(scene, server, {}, small.name))
            for server in servers:
                fresh.add(server.name, _wrk(scene, server, _condition(server), fresh.name))
            for server in servers:
                large.add(server.name, _large(server))
        _judge(small, fresh)
        large.at_least(0.6, "caddy")


def busy(scene: Scene) -> None:
    """The same small requests while small files are put into another flist of our server."""
    with _servers(scene, ["uvloop"]) as (servers, ours):
        beside = f"site beside {PUTS_PER_SECOND} PUTs/s"
        small = scene.measure(f"{beside}: GET 1 KiB, {CONNECTIONS} connections", "answers/s")
        fresh = scene.measure(f"{beside}: GET answered 304, {CONNECTIONS} connections", "answers/s")
        done = scene.measure(f"{beside}: PUT, p50", "ms")
        for server in ours:
            expect("MKCOL", server.ask("MKCOL", "/other").status, 201)
        for _ in scene.rounds():
            for measure, conditional in ((small, False), (fresh, True)):
                for server in servers:
                    with _writing(scene, [one for one in ours if one.port == server.port]) as puts:
                        more = _condition(server) if conditional else {}
                        measure.add(server.name, _wrk(scene, server, more, measure.name))
                    for put in puts:
                        expect("PUT", max(put.statuses), 201)
                        done.add(server.name, put.wait_ms(0.5))
        _judge(small, fresh)


def _judge(small: Measure, fresh: Measure) -> None:
    small.at_least(1.5, "caddy")
    small.at_least(0.5, "nginx")
    fresh.at_least(2.0, "caddy")


@contextmanager
def _servers(scene: Scene, engines: list[str]) -> Iterator[tuple[list[Server], list[Server]]]:
    """Ours and the peers, over the same files; and ours once more, as DAV clients see them."""
    folder = scene.folder("site")
    write_files(folder, scene.large_bytes)
    with ExitStack() as stack:
        ours = []
        for engine in engines:
            if (server := scene.ours(stack, engine)) is not None:
                publish(server, folder)
                ours.append(server)
        servers = [replace(server, prefix="", headers={"Host": SITE_HOST}) for server in ours]
        servers += scene.peers(stack, ["nginx", "caddy"], folder)
        for server in servers:
            check(server, folder)
        yield servers, ours


def write_files(folder: Path, large_bytes: int) -> None:
    """A small file, and a large one without repeats."""
    (folder / SMALL).write_bytes(b"<!doctype html>".ljust(1024, b"x"))
    with (folder / LARGE).open("wb") as file:
        for _ in range(large_bytes >> 20):
            file.write(os.urandom(1 << 20))
    os.sync()


def publish(server: Server, folder: Path) -> None:
    """Put the files into a flist and expose it on a host name of its own."""
    expect("MKCOL", server.ask("MKCOL", "/site").status, 201)
    for name in (SMALL, LARGE):
        expect("PUT", server.ask("PUT", f"/site/{name}", (folder / name).read_bytes()).status, 201)
    peers.local(server.folder, "expose", "admin/site", "--host", SITE_HOST)


def check(server: Server, folder: Path) -> None:
    """The server sends what the files hold."""
    for name in (SMALL, LARGE):
        answer = server.ask("GET", f"/{name}")
        expect(f"{server.name} GET", answer.status, 200)
        wanted = hashlib.sha256((folder / name).read_bytes()).digest()
        if hashlib.sha256(answer.body).digest() != wanted:
            raise Unexpected(f"{server.name} sends something else than {name}")


def _wrk(scene: Scene, server: Server, more: dict[str, str], name: str) -> float:
    url = f"http://127.0.0.1:{server.port}/{SMALL}"
    spent_seconds = server.cpu_seconds()
    said = wrk(url, {**server.headers, **more}, CONNECTIONS, scene.seconds)
    if said.failed:
        raise Unexpected(f"{server.name}: {said.failed} requests failed")
    scene.cpu(name, server, said.answers, spent_seconds)
    return said.per_second


def _condition(server: Server) -> dict[str, str]:
    """The header that makes a server answer with 304."""
    more = {"If-None-Match": server.ask("GET", f"/{SMALL}").field("etag")}
    expect(f"{server.name} conditional GET", server.ask("GET", f"/{SMALL}", None, **more).status, 304)
    return more


def _large(server: Server) -> float:
    connection = Connection(server.port)
    began = time.perf_counter()
    size = connection.count(request("GET", f"/{LARGE}", server.headers))
    seconds = time.perf_counter() - began
    connection.close()
    return size / seconds / 1e6


@contextmanager
def _writing(scene: Scene, writers: list[Server]) -> Iterator[list[Driven]]:
    """Put small files into another flist of these meanwhile; what came of it is in the list afterwards."""
    came: list[Driven] = []

    def write(server: Server) -> None:
        serial = time.time_ns()
        requests = (
            server.request("PUT", f"/other/{serial}-{n}", os.urandom(1024)) for n in itertools.count()
        )
        came.append(paced(server.port, requests, 1 / PUTS_PER_SECOND, scene.seconds))

    threads = [threading.Thread(target=write, args=(server,)) for server in writers]
    for thread in threads:
        thread.start()
    yield came
    for thread in threads:
        thread.join()
