"""What a view waits for, and what it never waits for."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from mylist_dav.errors import Busy
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Catalog, transactions
from tests.shelf import Clock

HEADER_BYTES = 48
LOCKS_OFFSET, LOCKS_COUNT = 120, 8
"""Of the shared memory file in WAL mode: https://www.sqlite.org/walformat.html, 2.2 and 2.3.1."""


def recover(path: str, parent: Connection) -> None:
    """What a process that recovers the log looks like to others: a header that is not valid, and all the locks held."""
    with Path(path).open("r+b", buffering=0) as shared:
        header = shared.read(HEADER_BYTES)
        fcntl.lockf(shared, fcntl.LOCK_EX, LOCKS_COUNT, LOCKS_OFFSET)
        shared.seek(0)
        shared.write(bytes(HEADER_BYTES))
        parent.send("begun")
        parent.recv()
        shared.seek(0)
        shared.write(header)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite", clock=Clock(), durability="os")
    made.change(lambda draft: draft.add_account("anna", Role.USER))
    yield made
    made.close()


@pytest.fixture
def recovering(catalog: Catalog, tmp_path: Path) -> Iterator[Connection]:
    """Another process recovers the log, until it is sent something."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=recover, args=(str(tmp_path / "catalog.sqlite-shm"), theirs))
    process.start()
    ours.recv()
    yield ours
    if process.is_alive():
        ours.send("go")
    process.join()


def test_a_view_that_must_not_wait_is_busy_at_once(catalog: Catalog, recovering: Connection) -> None:
    began = time.perf_counter()
    with pytest.raises(Busy), catalog.view(wait=False) as view:
        view.accounts()
    assert time.perf_counter() - began < transactions.READ_BUSY_SECONDS / 2
    recovering.send("go")


def test_a_view_that_may_wait_waits(catalog: Catalog, recovering: Connection) -> None:
    seen: list[object] = []
    waiting = threading.Event()

    def look() -> None:
        waiting.set()
        with catalog.view() as view:
            seen.append(view.accounts())

    thread = threading.Thread(target=look)
    thread.start()
    waiting.wait(10)
    recovering.send("go")
    thread.join()
    assert seen == [["anna"]]


def test_after_it_was_busy_a_thread_can_read_again(catalog: Catalog, recovering: Connection) -> None:
    with pytest.raises(Busy), catalog.view(wait=False) as view:
        view.accounts()
    recovering.send("go")
    for _ in range(3):
        with catalog.view() as view:
            assert view.accounts() == ["anna"]


def test_what_a_view_has_read_is_read_anew_by_the_next(catalog: Catalog) -> None:
    name = FlistName("anna", "notes")
    catalog.change(lambda draft: draft.add_flist(name, OPERATOR))
    with catalog.view() as view, catalog.view() as inner:
        before = inner.flist(name)
        assert view.flist(name) is before
    catalog.change(lambda draft: draft.draft_tree(draft.flist(name), OPERATOR).touch())
    with catalog.view() as view:
        assert view.flist(name).head_jid == before.head_jid + 1
        assert view.tree(view.flist(name)).flist.head_jid == before.head_jid + 1
