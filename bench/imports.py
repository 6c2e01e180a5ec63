"""How fast imports are, what memory they take, and what writers beside them notice.

    python -m bench.imports small  [--files 10000] [--folder DIR]      a tar of files of 4 KiB
    python -m bench.imports large  [--gib 4] [--folder DIR]            one file, beside cp followed by sync
    python -m bench.imports beside [--entries 1000000] [--folder DIR]  PUTs into another flist during an import

Everything is durable. Each import runs in a process of its own; its largest resident memory is printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.archives.members import Found, Limits, Member
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.archives.imports import Imported, Imports, Progress
from mylist_dav.services.contents.uploads import Uploads
from mylist_dav.services.tree.flists import Flists
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.catalog import Catalog

GIB = 2**30
MIB = 2**20
TREE = FlistName("bench", "tree")
OTHER = FlistName("bench", "other")
FILE_BYTES = 4096
FOLDER_FILES = 100
CONTENTS = 5000
PUTS_A_SECOND = 20


class Open:
    """The services over a folder, for one process."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.blocks = FileBlocks(data)
        self.catalog = Catalog(data / "catalog.sqlite", clock=time.time_ns)
        limits = Limits(members=100_000_000)
        self.imports = Imports(self.catalog, self.blocks, time.time_ns, data, limits, 100_000_000)
        self.uploads = Uploads(self.catalog, self.blocks, time.time_ns, 100_000_000)
        self.flists = Flists(self.catalog)


def measured(work: Callable[..., object], *arguments: object) -> None:
    """Run in a process of its own."""
    child = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# -- many small files ------------------------------------------------------------------------------------------


def write_tar(path: Path, files: int) -> None:
    chance = random.Random(1)
    with path.open("wb") as out:
        for number in range(files):
            out.write(tar_file_header(f"{number // FOLDER_FILES:04}/{number}", FILE_BYTES))
            out.write(chance.randbytes(FILE_BYTES))
        out.write(tar_end(out.tell()))


def import_tar(data: Path, archive: Path, files: int, what: str) -> None:
    services = Open(data)
    begun = time.perf_counter()
    with archive.open("rb") as file:
        done = services.imports.run(OPERATOR, TREE, services.imports.archive(file), make=True)
    seconds = time.perf_counter() - begun
    print(
        f"{what}: {files / seconds:,.0f} files/s, {seconds:.2f} s, {rss_mib():.0f} MiB resident, jid {done.jid}"
    )


def small(folder: Path, files: int) -> None:
    archive = folder / "small.tar"
    write_tar(archive, files)
    for number in range(3):
        data = folder / f"data{number}"
        os.sync()
        measured(import_tar, data, archive, files, "import of a tar of 4 KiB files")
        measured(import_tar, data, archive, files, "  and again, unchanged")


# -- one large file --------------------------------------------------------------------------------------------


def import_folder(data: Path, source: Path, size_bytes: int, cp_seconds: float) -> None:
    services = Open(data)
    begun = time.perf_counter()
    services.imports.run(OPERATOR, TREE, services.imports.folder(source), make=True)
    seconds = time.perf_counter() - begun
    print(
        f"import: {size_bytes / seconds / MIB:,.0f} MiB/s, {seconds:.2f} s, {rss_mib():.0f} MiB resident; "
        f"cp and sync: {size_bytes / cp_seconds / MIB:,.0f} MiB/s; ratio {cp_seconds / seconds:.2f}"
    )


def large(folder: Path, gib: float) -> None:
    source = folder / "source"
    source.mkdir()
    size_bytes = int(gib * GIB)
    with (source / "large").open("wb") as out:
        while out.tell() < size_bytes:
            out.write(os.urandom(min(64 * MIB, size_bytes - out.tell())))
    for number in range(2):
        os.sync()
        begun = time.perf_counter()
        subprocess.run(["cp", source / "large", folder / "copy"], check=True)
        subprocess.run(["sync"], check=True)
        cp_seconds = time.perf_counter() - begun
        (folder / "copy").unlink()
        os.sync()
        data = folder / f"data{number}"
        measured(import_folder, data, source, size_bytes, cp_seconds)
        shutil.rmtree(data)


# -- writers beside a large import -----------------------------------------------------------------------------


class Made:
    """A source of many entries in folders of a thousand; the contents repeat."""

    def __init__(self, entries: int) -> None:
        self._entries = entries

    def members(self) -> Found:
        chance = random.Random(2)
        contents = [chance.randbytes(chance.randint(100, FILE_BYTES)) for _ in range(CONTENTS)]
        for number in range(self._entries):
            content = contents[number % CONTENTS]
            path = TreePath((f"{number // 100_000}", f"{number // 1000}", f"file {number}"))
            yield Member(str(path), path, Kind.FILE, 0o644, number, len(content)), iter((content,))


class Phases:
    """How long each phase of an import takes."""

    def __init__(self) -> None:
        self.begun = {"reading": time.perf_counter()}

    def show(self, progress: Progress) -> None:
        self.begun.setdefault(progress.phase, time.perf_counter())

    def phase(self) -> str:
        return list(self.begun)[-1]

    def text(self) -> str:
        ends = [*list(self.begun.values())[1:], time.perf_counter()]
        return ", ".join(
            f"{name} {end - begin:.1f} s" for (name, begin), end in zip(self.begun.items(), ends, strict=True)
        )


def import_made(data: Path, entries: int, merge: bool, done: object) -> None:
    services = Open(data)
    phases = Phases()
    begun = time.perf_counter()
    result: Imported = services.imports.run(
        OPERATOR, TREE, Made(entries), make=True, merge=merge, progress=phases.show
    )
    seconds = time.perf_counter() - begun
    print(
        f"import of {entries:,} entries: {seconds:.1f} s ({phases.text()}), {rss_mib():.0f} MiB resident, {result}"
    )
    done.put(phases.begun)  # type: ignore[attr-defined]


def puts(services: Open, stop: Callable[[], bool], letter: str) -> Iterator[tuple[float, float]]:
    """Put small files at a steady pace; (when each began, how long it took) in seconds."""
    number = 0
    while not stop():
        begun = time.perf_counter()
        upload = services.uploads.open(OPERATOR, Place(OTHER, TreePath.of([f"{letter}{number % 50}"])))
        upload.write(os.urandom(1000))
        upload.finish()
        seconds = time.perf_counter() - begun
        yield begun, seconds
        number += 1
        time.sleep(max(0.0, 1 / PUTS_A_SECOND - seconds))


def beside(folder: Path, entries: int) -> None:
    services = Open(folder / "data")
    services.flists.create(OPERATOR, OTHER, make_account=True)
    context = multiprocessing.get_context("spawn")
    for what in ("alone", "import", "same import again"):
        done = context.Queue()
        child = context.Process(target=import_made, args=(folder / "data", entries, False, done))
        if what == "alone":
            threading.Timer(5, done.put, [{"alone": time.perf_counter()}]).start()
        else:
            child.start()
        waits = puts_until(services, partial(holds_something, done))
        for phase, begun in reversed(done.get().items()):
            report(f"{what}, {phase}", [seconds for begin, seconds in waits if begin >= begun])
            waits = [(begin, seconds) for begin, seconds in waits if begin < begun]
        if what != "alone":
            child.join()


def holds_something(queue: object) -> bool:
    return not queue.empty()  # type: ignore[attr-defined]


def puts_until(services: Open, stop: Callable[[], bool]) -> list[tuple[float, float]]:
    """Four writers side by side; what each PUT took, unordered."""
    waits: list[tuple[float, float]] = []

    def write(letter: str) -> None:
        waits.extend(puts(services, stop, letter))

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def report(what: str, waits: list[float]) -> None:
    waits.sort()
    if waits:
        print(
            f"PUTs, {what}: {len(waits)}, p50 {waits[len(waits) // 2] * 1e3:.0f} ms,"
            f" p99 {waits[len(waits) * 99 // 100] * 1e3:.0f} ms, longest {waits[-1] * 1e3:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["small", "large", "beside"])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--gib", type=float, default=4)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where a scratch folder is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-imports-", dir=arguments.folder) as scratch:
        folder = Path(scratch)
        if arguments.what == "small":
            small(folder, arguments.files)
        elif arguments.what == "large":
            large(folder, arguments.gib)
        else:
            beside(folder, arguments.entries)


if __name__ == "__main__":
    main()
