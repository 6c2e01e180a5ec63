"""WebDAV next to Apache, WsgiDAV and rclone: long folders, single PUTs, trees, an upload as a sync program makes it.

None of the peers syncs a PUT; ours is durable when it is acknowledged.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.load import LOCAL, Answer, Connection, Driven, Job, Wrk, drive, single, wrk
from bench.peers import Server
from bench.scene import Scene, Unexpected, expect

PEERS = ["apache", "wsgidav", "rclone"]
CLIENTS = 8
FILE_BYTES = 1024
FLIST = "/bench"
PROPERTIES = ("resourcetype", "getcontentlength", "getlastmodified", "getetag", "creationdate")
PROPFIND_BODY = (
    '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    + "".join(f"<D:{name}/>" for name in PROPERTIES)
    + "</D:prop></D:propfind>"
).encode()


def folders(scene: Scene) -> None:
    """PROPFIND, COPY, MOVE and DELETE of a folder of 10,000 files."""
    entries = 2_000 if scene.quick else 10_000
    with dav_servers(scene, PEERS, lambda folder: _write_files(folder / "many", entries)) as servers:
        for server in servers:
            if server.name.startswith("mylist"):
                _put_files(server, "/many", entries)
            _check_listing(server, entries)
        _measure_folders(scene, servers, entries)
        _measure_large_copy(scene, servers)


def _measure_folders(scene: Scene, servers: list[Server], entries: int) -> None:
    of = f"folder of {entries:,} files"
    listed = scene.measure(f"PROPFIND depth 1, 5 properties, {of}", "ms")
    copied = scene.measure(f"COPY of a {of}", "ms")
    moved = scene.measure(f"MOVE of a {of}", "ms")
    deleted = scene.measure(f"DELETE of a {of}", "ms")
    for turn in scene.rounds():
        for server in servers:
            spent_seconds = server.cpu_seconds()
            listed.add(server.name, _timed(server, 207, "PROPFIND", "/many/", PROPFIND_BODY, Depth="1"))
            scene.cpu(listed.name, server, 1, spent_seconds)
        for server in servers:
            copy, there = f"/copy-{turn}/", f"/moved-{turn}/"
            copied.add(server.name, _timed(server, 201, "COPY", "/many/", Destination=copy))
            moved.add(server.name, _timed(server, 201, "MOVE", copy, Destination=there))
            deleted.add(server.name, _timed(server, 204, "DELETE", there))
    listed.at_most(1.2, "apache")
    copied.at_most(0.6, "apache")
    moved.at_most(10)
    deleted.at_most(1, "apache")


def _measure_large_copy(scene: Scene, servers: list[Server]) -> None:
    """Of ours only: the peers copy the bytes."""
    measure = scene.measure(f"COPY of a file of {scene.large_bytes >> 20} MiB", "ms")
    for server in servers:
        if server.name == "mylist":
            body = os.urandom(scene.large_bytes)
            expect("PUT", server.ask("PUT", "/large", body).status, 201)
            for turn in scene.rounds():
                measure.add(server.name, _timed(server, 201, "COPY", "/large", Destination=f"/large-{turn}"))
    measure.at_most(10)


def puts(scene: Scene) -> None:
    """New files of 1 KiB from 8 clients, next to what the disk itself does."""
    name = f"PUT of 1 KiB, {CLIENTS} clients{_where(scene)}"
    measure = scene.measure(name, "answers/s")
    slowest = scene.measure(f"{name}, p99", "ms")
    disk = Disk(scene.folder("disk"))
    with dav_servers(scene, PEERS) as servers:
        for server in servers:
            expect("MKCOL", server.ask("MKCOL", "/new/").status, 201)
        for turn in scene.rounds():
            for server in servers:
                spent_seconds = server.cpu_seconds()
                said = _put_new_files(server, f"{turn}-", scene)
                scene.cpu(measure.name, server, said.answers, spent_seconds)
                measure.add(server.name, said.per_second)
                slowest.add(server.name, said.p99_ms)
            measure.add("the disk itself", disk.files_per_second(scene.seconds))
    if not scene.one_core:
        measure.at_least(1.5, "wsgidav")
        measure.at_least(0.6, "the disk itself")


def upload(scene: Scene) -> None:
    """A tree of 100 folders with 100 files each, with the requests that `rclone copy --transfers 8` makes."""
    count, each = (20, 50) if scene.quick else (100, 100)
    name = f"upload of {count} x {each} files of 1 KiB, {CLIENTS} connections{_where(scene)}"
    measure = scene.measure(name, "s")
    with dav_servers(scene, PEERS) as servers:
        for turn in scene.rounds():
            for server in servers:
                top = f"/up-{turn}"
                expect("MKCOL", server.ask("MKCOL", f"{top}/").status, 201)
                jobs = _as_rclone(server, top, count, each)
                spent_seconds = server.cpu_seconds()
                driven = drive(server.port, jobs, CLIENTS)
                _check_upload(scene, server, driven, count * each)
                scene.cpu(measure.name, server, len(driven.waits_seconds), spent_seconds)
                measure.add(server.name, driven.seconds)
    if not scene.one_core:
        measure.at_most(0.4, "wsgidav")


def on_one_core(scene: Scene) -> None:
    """The same, for scale: each server has one core, and the clients have another."""
    puts(scene)
    upload(scene)


def _where(scene: Scene) -> str:
    return ", servers on one core" if scene.one_core else ""


def collections(scene: Scene) -> None:
    """MKCOL of one new folder by several clients at once: one is answered 201, all others 405."""
    measure = scene.measure(
        f"MKCOL of one folder by {CLIENTS} at once: rounds not answered 201 once, else 405", ""
    )
    with dav_servers(scene, PEERS) as servers:
        for server in servers:
            connections = [Connection(server.port) for _ in range(CLIENTS)]
            wrong = sum(_race(server, connections, f"/race-{n}/") for n in range(50))
            measure.add(server.name, wrong)
            for connection in connections:
                connection.close()
    measure.at_most(0)


def _race(server: Server, connections: list[Connection], path: str) -> bool:
    """Whether it went wrong."""
    gate = threading.Barrier(len(connections))
    statuses: list[int] = []

    def ask(connection: Connection) -> None:
        request = server.request("MKCOL", path)
        gate.wait()
        statuses.append(connection.ask(request).status)

    threads = [threading.Thread(target=ask, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses) != [201] + [405] * (len(connections) - 1)


@contextmanager
def dav_servers(
    scene: Scene, names: list[str], prepare: Callable[[Path], None] | None = None
) -> Iterator[list[Server]]:
    """Ours with a flist, and those peers that are installed, each over a folder that prepare has filled."""
    with ExitStack() as stack:
        servers = []
        ours = scene.ours(stack)
        if ours is not None:
            expect("MKCOL of a flist", ours.ask("MKCOL", FLIST).status, 201, 405)
            ours.prefix += FLIST
            servers.append(ours)
        for name in names:
            folder = scene.folder(f"{name}-files")
            if prepare is not None:
                prepare(folder)
            if name == "apache":
                _give_to_apache(folder)
            server = scene.peer(stack, name, folder)
            if server is not None:
                servers.append(server)
        yield servers


def _give_to_apache(folder: Path) -> None:
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "www-data:www-data", str(folder)], check=True)


def _name(number: int) -> str:
    return f"file-{number:05}.txt"


def _content(number: int) -> bytes:
    return f"this is the file {number}\n".encode()


def _write_files(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / _name(number)).write_bytes(_content(number))


def _put_files(server: Server, path: str, count: int) -> None:
    expect("MKCOL", server.ask("MKCOL", path).status, 201)
    requests = (server.request("PUT", f"{path}/{_name(n)}", _content(n)) for n in range(count))
    driven = drive(server.port, single(requests), CLIENTS)
    if driven.statuses != {201: count}:
        raise Unexpected(f"PUT of {count} files: {driven.statuses}")


def _check_listing(server: Server, entries: int) -> None:
    answer = server.ask("PROPFIND", "/many/", PROPFIND_BODY, Depth="1")
    expect(f"{server.name} PROPFIND", answer.status, 207)
    found = answer.body.count(b":href>") // 2 or answer.body.count(b"<href>")
    if found != entries + 1:
        raise Unexpected(f"{server.name} lists {found} entries")


def _timed(
    server: Server, status: int, method: str, path: str, body: bytes | None = None, **more: str
) -> float:
    """Milliseconds of one request on a connection of its own that is open already."""
    connection = Connection(server.port)
    request = server.request(method, path, body, **more)
    began = time.perf_counter()
    answer: Answer = connection.ask(request)
    seconds = time.perf_counter() - began
    connection.close()
    expect(f"{server.name} {method} {path}", answer.status, status, 201 if status == 204 else 204)
    return 1000 * seconds


def _put_new_files(server: Server, names: str, scene: Scene) -> Wrk:
    """Load a server with new files. Raises Unexpected unless it says that all were made, and has some of them."""
    path = f"{server.prefix}/new/{names}"
    script = ["new_files.lua", path]
    url = f"http://{LOCAL}:{server.port}/"
    said = wrk(url, server.headers, CLIENTS, scene.seconds, script=script, pinned=scene.one_core)
    if said.failed:
        raise Unexpected(f"{server.name}: {said.failed} PUTs failed")
    for number in (said.answers // 4, said.answers // 2):  # wrk asks for the first one twice
        answer = server.ask("GET", f"/new/{names}{number}")
        if (answer.status, answer.body[:64].rstrip()) != (200, f"{path}{number}".encode()):
            raise Unexpected(f"{server.name} has not stored {path}{number}")
    return said


def _as_rclone(server: Server, top: str, count: int, each: int) -> Iterator[Job]:
    """For each file: MKCOL of its folder, PROPFIND of it if it was there, PUT, PROPFIND of the file."""

    def ask(method: str, path: str, body: bytes | None = None, **more: str) -> bytes:
        return server.request(method, path, body, User_Agent="rclone/", Accept_Encoding="gzip", **more)

    def job(folder: str, path: str) -> Job:
        status = yield ask("MKCOL", folder)
        if status != 201:
            yield ask("PROPFIND", folder, Depth="0")
        yield ask("PUT", path, os.urandom(FILE_BYTES))
        yield ask("PROPFIND", path, Depth="1")

    for number in range(count):
        for file in range(each):
            folder = f"{top}/folder-{number:03}/"
            yield job(folder, f"{folder}{_name(file)}")


def _check_upload(scene: Scene, server: Server, driven: Driven, files: int) -> None:
    """Every file was made, and nothing but the expected was answered; what peers say to racing MKCOLs is noted."""
    unexpected = {status: n for status, n in driven.statuses.items() if status not in (201, 207, 405)}
    if driven.statuses.get(201, 0) < files or driven.statuses.get(207, 0) < files:
        raise Unexpected(f"{server.name}: answers {driven.statuses}")
    if unexpected and server.name == "mylist":
        raise Unexpected(f"{server.name}: answers {unexpected}")
    if unexpected:
        scene.note(f"{server.name} also answered {unexpected} to the upload")


class Disk:
    """What the disk itself does: 8 threads that create, fsync, rename, fsync the folder; in the layout of a store."""

    def __init__(self, folder: Path) -> None:
        self._blocks = folder / "blocks"
        self._scratch = folder / "tmp"
        for path in (self._blocks, self._scratch):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        self._numbers = itertools.count()

    def files_per_second(self, seconds: float) -> float:
        """Durable files a second."""
        counts = [0] * CLIENTS
        began = time.perf_counter()

        def work(index: int) -> None:
            while time.perf_counter() < began + seconds:
                self._put(os.urandom(FILE_BYTES))
                counts[index] += 1

        threads = [threading.Thread(target=work, args=(index,)) for index in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)

    def _put(self, body: bytes) -> None:
        name = os.urandom(32).hex()
        temporary = f"{self._scratch}/{next(self._numbers)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(descriptor, body)
        os.fsync(descriptor)
        os.close(descriptor)
        outer = f"{self._blocks}/{name[:2]}"
        folder = f"{outer}/{name[2:4]}"
        target = f"{folder}/{name[4:]}"
        try:
            os.rename(temporary, target)  # noqa: PTH104
        except FileNotFoundError:
            _make_folder(outer, str(self._blocks))
            _make_folder(folder, outer)
            os.rename(temporary, target)  # noqa: PTH104
        _sync_folder(folder)


def _make_folder(path: str, parent: str) -> None:
    try:
        os.mkdir(path)  # noqa: PTH102
    except FileExistsError:
        return
    _sync_folder(parent)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
