"""How many durable changes the catalog makes in a second: PUTs of one small file each, by threads of processes.

    python -m bench.commits [--threads 1 8] [--processes 1 2] [--seconds 3] [--folder DIR] [--durability full|os]

Prints for each combination: changes a second, p50, p99 and the longest wait of one change, CPU time per change, the
longest wait of the unluckiest process, and the mean size of a group (changes for each sync).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.contents import BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import FILE_MODE, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog import Catalog, Draft, NewEntry

FLIST = FlistName("bench", "commits")
SWITCH_SECONDS = 0.0005
"""The server sets the same: how long a thread may keep the interpreter while others want it."""


class Measured(NamedTuple):
    """What one process saw. waits_seconds: of each change, unordered; commits: how many syncs it made."""

    waits_seconds: list[float]
    cpu_seconds: float
    commits: int


def put(catalog: Catalog, name: str) -> None:
    """One small file, as an upload commits it."""
    content = Digest.of(name.encode())
    recipe = Recipe(content, 10, "", (BlockRef(content, 10),))
    path = TreePath.of(("d", name))

    def make(draft: Draft) -> None:
        tree = draft.draft_tree(draft.flist(FLIST), OPERATOR)
        chain = tree.chain(path)
        draft.has_locks(tree.flist.flist_id, draft.now_ns)
        draft.register(recipe)
        tree.note = f"put /{path}"
        new = NewEntry(Kind.FILE, FILE_MODE, draft.now_ns, draft.now_ns, 10, content)
        tree.insert(chain[-1].entry_id, path.name, new)

    catalog.change(make)


def write(catalog: Catalog, who: str, until: float, waits: list[float]) -> None:
    """Put files, one after the other, until the time is over."""
    for number in itertools.count():
        began = time.perf_counter()
        if began > until:
            return
        put(catalog, f"{who}-{number}")
        waits.append(time.perf_counter() - began)


def work(path: str, durability: str, threads: int, seconds: float, ready: object, results: object) -> None:
    """One process: its threads write all at once."""
    sys.setswitchinterval(SWITCH_SECONDS)
    catalog = Catalog(Path(path), clock=time.time_ns, durability=durability)
    groups = 0

    def count() -> None:
        nonlocal groups
        groups += 1

    catalog._may_write = count  # called twice for each group
    ready.wait()  # type: ignore[attr-defined]
    until = time.perf_counter() + seconds
    waits: list[list[float]] = [[] for _ in range(threads)]
    before = cpu_seconds()
    process = multiprocessing.current_process().name
    running = [
        threading.Thread(target=write, args=(catalog, f"{process}-{index}", until, waits[index]))
        for index in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    results.put(Measured(list(itertools.chain(*waits)), cpu_seconds() - before, groups // 2))  # type: ignore[attr-defined]
    catalog.close()


def cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(folder: str, durability: str, processes: int, threads: int, seconds: float) -> None:
    """One line of the table."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = str(Path(scratch) / "catalog.sqlite")
        prepare(path)
        spawning = multiprocessing.get_context("spawn")
        ready, results = spawning.Barrier(processes), spawning.Queue()
        workers = [
            spawning.Process(target=work, args=(path, durability, threads, seconds, ready, results))
            for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        found: list[Measured] = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
        report(processes, threads, seconds, found)


def prepare(path: str) -> None:
    """An empty flist with one folder."""
    catalog = Catalog(Path(path), clock=time.time_ns, durability="os")

    def make(draft: Draft) -> None:
        draft.add_account(FLIST.account, Role.USER)
        tree = draft.draft_tree(draft.add_flist(FLIST, OPERATOR), OPERATOR)
        tree.insert(tree.root().entry_id, "d", NewEntry(Kind.DIRECTORY, 0o755, 0, 0))

    catalog.change(make)
    catalog.close()


def report(processes: int, threads: int, seconds: float, found: list[Measured]) -> None:
    """Print the line of one run."""
    waits = sorted(itertools.chain.from_iterable(one.waits_seconds for one in found))
    count = len(waits)
    each = " + ".join(str(round(len(one.waits_seconds) / seconds)) for one in found)
    print(
        f"{processes} x {threads:2} threads: {count / seconds:6.0f} changes/s ({each}),"
        f" p50 {waits[count // 2] * 1e3:5.2f} ms, p99 {waits[int(count * 0.99)] * 1e3:6.2f} ms,"
        f" max {waits[-1] * 1e3:6.1f} ms,"
        f" CPU {sum(one.cpu_seconds for one in found) / count * 1e6:4.0f} µs,"
        f" group {count / max(1, sum(one.commits for one in found)):4.1f}"
    )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--durability", choices=["full", "os"], default="full")
    wanted = parser.parse_args()
    for processes, threads in itertools.product(wanted.processes, wanted.threads):
        measure(wanted.folder, wanted.durability, processes, threads, wanted.seconds)


if __name__ == "__main__":
    main()
