"""What is stored and how fast: appending to a long file, importing many and large files, a very long folder."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import peers
from bench.load import CORES, Connection
from bench.peers import ROOT, SITE_HOST, peak_mib
from bench.scene import Scene, Unexpected, expect

MEMBER_BYTES = 4096
RSS_MIB_MAX = 200
_BLOCK = 512


class Ran(NamedTuple):
    """How a command went. rss_mib: the most memory that was resident."""

    seconds: float
    rss_mib: float


def appending(scene: Scene) -> None:
    """Put a large file, and then the same with 1 MiB more."""
    grown = scene.measure(f"stored more when 1 MiB is appended to {scene.large_bytes >> 20} MiB", "MiB")
    with ExitStack() as stack:
        server = scene.ours(stack)
        if server is None:
            return
        expect("MKCOL", server.ask("MKCOL", "/append").status, 201)
        body = os.urandom(scene.large_bytes)
        expect("PUT", server.ask("PUT", "/append/file", body).status, 201)
        before = _stored_bytes(server.folder)
        body += os.urandom(1 << 20)
        expect("PUT", server.ask("PUT", "/append/file", body).status, 204)
        if server.ask("GET", "/append/file").body != body:
            raise Unexpected("the file that came back is another one")
        grown.add("mylist", (_stored_bytes(server.folder) - before) / (1 << 20))
    grown.at_most(5)


def imports(scene: Scene) -> None:
    """Many small files from a tar, and one large file next to cp and sync."""
    files = 2_000 if scene.quick else 10_000
    large = scene.large_bytes if scene.quick else scene.large_bytes * 4
    small_rate = scene.measure(f"import of a tar of {files:,} files of 4 KiB", "files/s")
    large_rate = scene.measure(f"import of a file of {large >> 20} MiB", "MB/s")
    memory = scene.measure("import: resident memory", "MiB")
    archive = scene.folder("archive") / "files.tar"
    _write_archive(archive, files)
    folder = scene.folder("large")
    _write_large(folder / "file", large)
    copy = scene.folder("copied") / "copy"
    _copied_seconds(folder / "file", copy)
    for number in scene.rounds():
        # Into a new directory each time: README.md says what new files cost after many were deleted.
        ran = _import(scene.folder(f"imported-{number}"), archive)
        small_rate.add("mylist", files / ran.seconds)
        memory.add(f"{files:,} files", ran.rss_mib)
        # Both write into memory that has just been freed: a virtual machine may have to get other memory from its host.
        _remove(copy)
        data = scene.folder(f"imported-{number}-large")
        ran = _import(data, folder)
        large_rate.add("mylist", large / ran.seconds / 1e6)
        memory.add("one large file", ran.rss_mib)
        _remove(data)
        large_rate.add("cp and sync", large / _copied_seconds(folder / "file", copy) / 1e6)
    small_rate.at_least(2_500)
    large_rate.at_least(0.5, "cp and sync")
    for who in memory.rounds:
        memory.at_most(RSS_MIB_MAX, who=who)


def long_folder(scene: Scene) -> None:
    """The first page of the listing of a folder with very many entries, right after the start of the server."""
    entries = 100_000 if scene.quick else 1_000_000
    seconds = scene.measure(f"import of a folder of {entries:,} entries", "s")
    first = scene.measure(f"first page of a folder of {entries:,} entries, after the start", "ms")
    data = scene.folder("mylist") / "data"
    seconds.add("mylist", _run(_command(data, "-", "bench/long"), _long_archive(entries)).seconds)
    peers.local(data, "expose", "bench/long", "--host", SITE_HOST)
    for _ in scene.rounds():
        with ExitStack() as stack:
            server = scene.ours(stack)
            if server is None:
                return
            server.prefix, server.headers = "", {"Host": SITE_HOST}
            connection = Connection(server.port)
            began = time.perf_counter()
            answer = connection.ask(server.request("GET", "/long/"))
            first.add("mylist", 1000 * (time.perf_counter() - began))
            connection.close()
            expect("GET", answer.status, 200)
            if b"entry-0000001" not in answer.body:
                raise Unexpected("the listing does not begin with the first entry")
    first.at_most(100)


def _stored_bytes(data: Path) -> int:
    return sum(path.stat().st_size for path in (data / "blocks").rglob("*") if path.is_file())


def _write_archive(path: Path, count: int) -> None:
    with tarfile.open(path, "w") as archive:
        for number in range(count):
            member = tarfile.TarInfo(f"folder-{number // 100:03}/file-{number:05}")
            member.size = MEMBER_BYTES
            archive.addfile(member, io.BytesIO(os.urandom(MEMBER_BYTES)))


def _write_large(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(size_bytes >> 22):
            file.write(os.urandom(1 << 22))
    os.sync()


def _long_archive(entries: int) -> Iterator[bytes]:
    """A tar of so many small files, all of the same content."""
    member = tarfile.TarInfo("long/entry-0000000")
    member.size = 6
    empty = member.tobuf(tarfile.USTAR_FORMAT)
    body = b"entry\n".ljust(_BLOCK, b"\0")
    plain_sum = sum(empty[:148]) + sum(empty[156:]) + 8 * 32 - 7 * ord("0")
    for number in range(1, entries + 1):
        digits = b"%07d" % number
        checksum = b"%06o\0 " % (plain_sum + sum(digits))
        yield empty[:11] + digits + empty[18:148] + checksum + empty[156:] + body
    yield bytes(2 * _BLOCK)


def _import(data: Path, source: Path) -> Ran:
    """Import into a data directory."""
    return _run(_command(data, str(source), "bench/imported"))


def _remove(path: Path) -> None:
    """Remove a file or a folder with all in it, and have that done."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    os.sync()


def _command(data: Path, source: str, flist: str) -> list[str]:
    return [sys.executable, "-m", "mylist_dav", "import", source, flist, "--data", str(data)]


def _run(command: list[str], given: Iterable[bytes] = ()) -> Ran:
    """Run a command on all cores, with this on its standard input."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115 read below, where it fails
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, CORES)), *command],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        cwd=ROOT,
    )
    assert process.stdin is not None
    with process.stdin:
        for piece in given:
            process.stdin.write(piece)
    most = 0.0
    while process.poll() is None:
        most = max(most, peak_mib(process.pid))
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    if process.returncode:
        said.seek(0)
        raise Unexpected(f"{' '.join(command)} ended with {process.returncode}: {said.read()[-1000:]}")
    return Ran(seconds, most)


def _copied_seconds(source: Path, target: Path) -> float:
    return _run(["sh", "-c", 'cp "$0" "$1" && sync -f "$1"', str(source), str(target)]).seconds
