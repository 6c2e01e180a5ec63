"""How fast blocks become durable, next to what the disk itself does: python bench/blocks.py [FOLDER].

FOLDER (default: the current one) is where a scratch folder is made; take the disk that is to be measured.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mylist_dav.store.blockstore import groups
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.contents import ContentWriter

THREADS = 8
BLOCK_BYTES = 1024
BLOCKS = 2000
ROUNDS = 3


def blocks_per_second(put: Callable[[], object]) -> float:
    """THREADS threads make BLOCKS calls in all."""
    each = BLOCKS // THREADS
    threads = [threading.Thread(target=lambda: [put() for _ in range(each)]) for _ in range(THREADS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return each * THREADS / (time.perf_counter() - begin)


def bare(folder: Path) -> float:
    """The system calls alone: create, write, fsync, mkdir with fsync of what it is in, rename, fsync of the folder."""
    numbers = itertools.count()
    (folder / "blocks").mkdir()
    (folder / "tmp").mkdir()

    def put() -> None:
        name = os.urandom(32).hex()
        temporary = f"{folder}/tmp/{next(numbers)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(descriptor, os.urandom(BLOCK_BYTES))
        os.fsync(descriptor)
        os.close(descriptor)
        outer = f"{folder}/blocks/{name[:2]}"
        inner = f"{outer}/{name[2:4]}"
        for path, parent in ((outer, f"{folder}/blocks"), (inner, outer)):
            if not os.path.isdir(path):  # noqa: PTH112
                _make(path, parent)
        os.rename(temporary, f"{inner}/{name[4:]}")  # noqa: PTH104
        _sync(inner)

    return blocks_per_second(put)


def single(folder: Path) -> float:
    """FileBlocks.put, each durable on return."""
    store = FileBlocks(folder)
    return blocks_per_second(lambda: store.put(os.urandom(BLOCK_BYTES)))


def single_os(folder: Path) -> float:
    """The same with durability 'os'."""
    store = FileBlocks(folder, "os")
    return blocks_per_second(lambda: store.put(os.urandom(BLOCK_BYTES)))


def batch_of(size: int, syncfs_from: int, folder: Path) -> float:
    """Batches of size blocks by one thread, with syncfs from syncfs_from blocks up."""
    groups.SYNCFS_FROM_BLOCKS = syncfs_from
    store = FileBlocks(folder)
    rounds = max(1, BLOCKS // 4 // size)
    begin = time.perf_counter()
    for _ in range(rounds):
        with store.batch() as batch:
            for _ in range(size):
                batch.put(os.urandom(BLOCK_BYTES))
            batch.commit()
    return rounds * size / (time.perf_counter() - begin)


def long_content(folder: Path) -> float:
    """MiB/s of one content of 512 MiB through a ContentWriter."""
    piece = os.urandom(1 << 24)
    store = FileBlocks(folder)
    begin = time.perf_counter()
    with ContentWriter(store) as writer:
        for number in range(32):
            writer.write(bytes([number]))
            writer.write(piece)
        writer.finish()
    return 512 / (time.perf_counter() - begin)


def _make(path: str, parent: str) -> None:
    try:
        os.mkdir(path)  # noqa: PTH102
    except FileExistsError:
        return
    _sync(parent)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure(name: str, run: Callable[[Path], float], where: Path) -> None:
    """Run in new folders and print the results, smallest first.

    Nothing is deleted in between: ext4 avoids inodes that were freed in the last minutes and slows down searching.
    """
    results = [run(Path(tempfile.mkdtemp(dir=where))) for _ in range(ROUNDS)]
    print(f"{name:34}", *(f"{result:9,.0f}" for result in sorted(results)), flush=True)


def main() -> None:
    where = Path(tempfile.mkdtemp(prefix="bench-blocks-", dir=sys.argv[1] if len(sys.argv) > 1 else "."))
    try:
        measure_all(where)
    finally:
        shutil.rmtree(where)


def measure_all(where: Path) -> None:
    measure("bare system calls, 8 threads /s", bare, where)
    measure("put, 8 threads /s", single, where)
    measure("put, durability os, 8 threads /s", single_os, where)
    for size in (2, 3, 4, 8, 16, 64):
        measure(f"batch of {size}, fsync each /s", partial(batch_of, size, 1 << 30), where)
        measure(f"batch of {size}, syncfs /s", partial(batch_of, size, 1), where)
    measure("batch of 500, syncfs /s", partial(batch_of, 500, 1), where)
    measure("content of 512 MiB, MiB/s", long_content, where)


if __name__ == "__main__":
    main()
