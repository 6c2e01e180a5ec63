"""Blocks in memory in front of a store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mylist_dav.errors import Corrupt, NotFound
from mylist_dav.model.digest import Digest
from mylist_dav.store.blockstore.cached import CachedBlocks
from mylist_dav.store.blockstore.memory import MemoryBlocks

A, B, C = b"a" * 1000, b"b" * 1000, b"c" * 1000


class CountingBlocks(MemoryBlocks):
    """Counts readings; holds them up while the gate is closed; may fail them."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def get(self, digest: Digest) -> bytes:
        self.readings += 1
        self.begun.release()
        self.gate.wait()
        if self.error:
            raise self.error
        return super().get(digest)


@pytest.fixture
def inner() -> CountingBlocks:
    return CountingBlocks()


def test_a_block_is_read_once_and_then_comes_from_memory(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner)
    digest = store.put(A)
    assert store.peek(digest) is None
    assert store.get(digest) == store.get(digest) == A
    assert store.peek(digest) == A
    assert inner.readings == 1


def test_the_budget_holds_and_what_was_used_last_stays(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner, budget_bytes=2600)
    a, b, c = store.put(A), store.put(B), store.put(C)
    store.get(a)
    store.get(b)
    store.peek(a)
    store.get(c)
    assert [store.peek(digest) for digest in (a, b, c)] == [A, None, C]
    assert 2000 < store.kept_bytes <= 2600


def test_tiny_blocks_count_with_what_keeping_them_costs(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner, budget_bytes=10_000)
    for number in range(1000):
        store.get(store.put(b"%d" % number))
    assert sum(store.peek(digest) is not None for digest in store.digests()) < 50
    assert store.kept_bytes <= 10_000


def test_a_block_above_the_budget_is_served_and_not_kept(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner, budget_bytes=500)
    digest = store.put(A)
    assert store.get(digest) == A
    assert store.peek(digest) is None
    assert store.kept_bytes == 0


def test_many_who_ask_at_once_share_one_reading(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner)
    digest = store.put(A)
    inner.gate.clear()
    with ThreadPoolExecutor(8) as threads:
        results = [threads.submit(store.get, digest) for _ in range(8)]
        inner.begun.acquire()
        inner.gate.set()
        assert all(result.result() == A for result in results)
    assert inner.readings == 1


def test_an_error_reaches_all_who_wait_and_is_not_kept(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner)
    digest = store.put(A)
    inner.error = Corrupt("damaged")
    inner.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(store.get, digest) for _ in range(2)]
        inner.begun.acquire()
        inner.gate.set()
        for result in results:
            assert isinstance(result.exception(), Corrupt)
    inner.error = None
    assert store.get(digest) == A


def test_a_block_deleted_while_it_is_read_is_not_kept(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner)
    digest = store.put(A)
    inner.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(store.get, digest)
        inner.begun.acquire()
        store.delete(digest)
        inner.gate.set()
        assert isinstance(result.exception(), NotFound)
    assert store.peek(digest) is None


def test_a_deleted_block_leaves_memory(inner: CountingBlocks) -> None:
    store = CachedBlocks(inner)
    digest = store.put(A)
    store.get(digest)
    store.delete(digest)
    assert store.peek(digest) is None
    assert store.kept_bytes == 0
