"""Collecting in one process, without any grace, while another one writes, deletes and imports the same contents."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.errors import Busy, Refused
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.chunking import Chunker
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.operations import Put
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.holdings import Offered
from mylist_dav.services.upkeep.collecting import Collector
from tests.services.libraries import OTHER, SITE, Store

ROUNDS = 60
KILLED_EVERY = 20
ROOT_OF_TESTS = Path(__file__).parents[3]
CONTENTS = [b"one", b"two", random.Random(2).randbytes(1_500_000), random.Random(3).randbytes(2_500_000)]
ROOT = Actor("root", Role.ADMIN)
KEPT = random.Random(4).randbytes(1_300_000)


class RealClock:
    """The time of the machine, which both processes share."""

    def __call__(self) -> int:
        return time.time_ns()


class Other:
    """The process that collects. It can be killed, and then there is a new one."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.deleted = 0
        self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.collecting_process", str(self._data)],
            cwd=ROOT_OF_TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "0\n"
        self._reading = threading.Thread(target=self._read, args=(self._process, self.deleted))
        self._reading.start()

    def _read(self, process: subprocess.Popen[str], before: int) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.deleted = before + int(line)

    def kill(self) -> None:
        """Power off, and begin again."""
        self._process.kill()
        self.wait()
        self._begin()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.wait()

    def wait(self) -> None:
        self._process.wait(60)
        self._reading.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def collecting(data: Path) -> Iterator[Other]:
    other = Other(data)
    try:
        yield other
    finally:
        other.end()


def write_and_delete(store: Store, number: int) -> None:
    """Write a content, again if its blocks go while it is written, read it from disk, delete all of its flist."""
    content = CONTENTS[number % len(CONTENTS)]
    store.library.flists.create(OPERATOR, SITE)
    while True:
        try:
            if number % 5 == 0:
                store.import_tree({"f": content, "g": b"beside"})
            elif number % 3 == 0:
                push(store, content)
            else:
                store.put("f", content)
            break
        except (Busy, Refused):
            continue
    assert store.read("f") == content
    store.put("kept", KEPT + b"%d" % (number % 7), OTHER)
    store.delete_flist(SITE)


def push(store: Store, content: bytes) -> None:
    """Ask what is there, bring what is not, and name all of it. Raises Refused when some of it has gone meanwhile."""
    chunker = Chunker()
    blocks = [bytes(piece) for piece in (*chunker.feed(content), *chunker.finish())]
    blocks = blocks if len(content) > WHOLE_BYTES_MAX else [content]
    refs = tuple(BlockRef(Digest.of(block), len(block)) for block in blocks)
    missing = set(store.library.holdings.exists(ROOT, [ref.digest for ref in refs]).missing)
    brought = [Offered(str(Digest.of(block)), block) for block in blocks if Digest.of(block) in missing]
    assert all(each.digest for each in store.library.holdings.upload(ROOT, brought))
    put = Put(
        path=TreePath.parse("f"),
        digest=Digest.of(content),
        size_bytes=len(content),
        blocks=refs if len(content) > WHOLE_BYTES_MAX else None,
    )
    store.library.changes.commit(ROOT, SITE, None, (put,))


def test_what_is_committed_is_whole_whatever_the_collector_does_and_whenever_it_dies(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = Store(data, RealClock())
    store.library.identity.add_account(OPERATOR, ROOT.account, ROOT.role)
    store.delete_flist(SITE)
    with collecting(data) as other:
        for number in range(ROUNDS):
            write_and_delete(store, number)
            if number % KILLED_EVERY == KILLED_EVERY - 1:
                other.kill()
    assert other.deleted > 20
    flist = store.library.flists.get(OPERATOR, OTHER)
    for jid in range(2, flist.head_jid + 1):
        assert store.read("kept", OTHER, jid).startswith(KEPT)
    collector = Collector(store.library.catalog, store.library.files, RealClock(), data, grace_ns=0)
    collector.run(OPERATOR)
    collector.run(OPERATOR)
    collector.close()
    needed = store.library.files.digests()
    assert all(store.state(digest) == "stored" for digest in needed)
    store.close()
