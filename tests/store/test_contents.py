"""Bytes to blocks and a recipe, and back."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import OutOfSpace
from mylist_dav.model.chunking import CHUNK_BYTES_MAX, CHUNKER
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.blockstore.memory import MemoryBlocks
from mylist_dav.store.contents import ContentWriter, read_slices, store_whole
from tests.store.disks import temporary_files

T = TypeVar("T")
LONG = random.Random(3).randbytes(11_000_000)
SIZES = [1, 1000, WHOLE_BYTES_MAX - 1, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX + 1, 5_000_000, len(LONG)]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockStore]:
    if request.param == "memory":
        yield MemoryBlocks()
        return
    store = FileBlocks(tmp_path)
    yield store
    store.close()


def write(store: BlockStore, data: bytes, piece_bytes: int = 300_000) -> Recipe:
    with ContentWriter(store) as writer:
        for start in range(0, len(data), piece_bytes):
            writer.write(data[start : start + piece_bytes])
        return writer.finish()


def read(store: BlockStore, recipe: Recipe, offset: int, length: int) -> bytes:
    slices = read_slices(recipe, offset, length)
    return b"".join(store.get(each.digest)[each.offset : each.offset + each.length] for each in slices)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read(store: BlockStore, size: int) -> None:
    recipe = write(store, LONG[:size])
    assert (recipe.digest, recipe.size_bytes) == (Digest.of(LONG[:size]), size)
    assert read(store, recipe, 0, size) == LONG[:size]


def test_the_empty_content_has_no_block(store: BlockStore) -> None:
    assert write(store, b"") == store_whole(store, b"") == Recipe(EMPTY, 0, "", ())
    assert list(store.digests()) == []


def test_a_small_content_is_one_block_of_the_same_name(store: BlockStore) -> None:
    data = LONG[:WHOLE_BYTES_MAX]
    digest = Digest.of(data)
    assert (
        write(store, data)
        == store_whole(store, data)
        == Recipe(digest, len(data), "", (BlockRef(digest, len(data)),))
    )


def test_a_content_one_byte_longer_is_cut(store: BlockStore) -> None:
    recipe = write(store, LONG[: WHOLE_BYTES_MAX + 1])
    assert recipe.chunker == CHUNKER
    assert all(block.digest != recipe.digest for block in recipe.blocks[1:])


@pytest.mark.parametrize("piece_bytes", [65_536, 1_000_001, len(LONG)])
def test_the_recipe_does_not_depend_on_how_the_bytes_came(piece_bytes: int) -> None:
    assert write(MemoryBlocks(), LONG, piece_bytes) == write(MemoryBlocks(), LONG)


def test_a_caller_may_use_its_buffer_again(store: BlockStore) -> None:
    with ContentWriter(store) as writer:
        for start in range(0, len(LONG), 2_000_000):
            buffer = bytearray(LONG[start : start + 2_000_000])
            writer.write(memoryview(buffer))
            buffer[:] = bytes(len(buffer))
        recipe = writer.finish()
    assert read(store, recipe, 0, len(LONG)) == LONG


def test_equal_blocks_are_stored_once(store: BlockStore) -> None:
    recipe = write(store, bytes(6 * CHUNK_BYTES_MAX))
    assert len(recipe.blocks) == 6
    assert len(list(store.digests())) == 1


@pytest.mark.parametrize("size", [1000, len(LONG)])
def test_an_aborted_content_leaves_nothing_unfinished(tmp_path: Path, size: int) -> None:
    store = FileBlocks(tmp_path)
    writer = ContentWriter(store)
    writer.write(LONG[:size])
    writer.abort()
    writer.abort()
    assert temporary_files(tmp_path) == []
    assert list(store.digests()) == []


def test_leaving_without_finish_aborts(tmp_path: Path) -> None:
    store = FileBlocks(tmp_path)
    with pytest.raises(ZeroDivisionError), ContentWriter(store) as writer:
        writer.write(LONG)
        raise ZeroDivisionError
    assert temporary_files(tmp_path) == []


class FullBatch(BlockBatch):
    """Takes one block; then the disk is full."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        self.taken += 1
        if self.taken > 1:
            raise OutOfSpace("the disk is full")
        return Digest.of(data)

    def commit(self) -> None:
        raise AssertionError("not reached")

    def close(self) -> None:
        self.closed = True


class FullStore(MemoryBlocks):
    def __init__(self) -> None:
        super().__init__()
        self.opened = FullBatch()

    def batch(self) -> BlockBatch:
        return self.opened


def test_a_full_disk_ends_the_writing_and_is_told() -> None:
    store = FullStore()
    with pytest.raises(OutOfSpace), ContentWriter(store) as writer:
        for _ in range(10):
            writer.write(LONG)
        writer.finish()
    assert store.opened.closed
    assert store.opened.taken == 2


def test_more_writers_than_threads_all_come_to_their_end() -> None:
    store = MemoryBlocks()
    with ThreadPoolExecutor(1) as storing:
        writers = [ContentWriter(store, storing) for _ in range(5)]
        for start in range(0, len(LONG), 1_000_000):
            for writer in writers:
                writer.write(LONG[start : start + 1_000_000])
        assert {writer.finish().digest for writer in writers} == {Digest.of(LONG)}


class Later(Executor):
    """Keeps what is to be done until it is told to do it."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], object]] = deque()

    def submit(self, work: Callable[..., T], /, *args: object, **more: object) -> Future[T]:
        self.waiting.append(work)
        return Future()


def test_a_writer_that_has_more_to_do_queues_behind_others() -> None:
    later = Later()
    ours, others = ContentWriter(MemoryBlocks(), later), ContentWriter(MemoryBlocks(), later)
    long = ours._long
    while long is None or len(long._steps) < 2:
        ours.write(LONG[:1_000_000])
        long = ours._long
    others.write(LONG)
    assert len(later.waiting) == 2, "one for each, though one has two steps"
    later.waiting.popleft()()
    assert len(long._steps) == 1
    assert len(later.waiting) == 2
    while later.waiting:
        later.waiting.popleft()()
    ours.abort()
    others.abort()


def test_a_writer_whose_threads_have_gone_says_so_and_ends() -> None:
    storing = ThreadPoolExecutor(1)
    storing.shutdown()
    with pytest.raises(RuntimeError), ContentWriter(MemoryBlocks(), storing) as writer:
        writer.write(LONG)
        writer.finish()


RECIPE = Recipe(EMPTY, 30, CHUNKER, tuple(BlockRef(Digest.of(bytes([size])), size) for size in (10, 5, 15)))
BYTES = b"".join(block.digest[:1] * block.size_bytes for block in RECIPE.blocks)


@given(st.integers(min_value=0, max_value=40), st.integers(min_value=0, max_value=40))
def test_slices_are_the_range_and_none_is_empty(offset: int, length: int) -> None:
    slices = list(read_slices(RECIPE, offset, length))
    assert b"".join(each.digest[:1] * each.length for each in slices) == BYTES[offset : offset + length]
    sizes = {block.digest: block.size_bytes for block in RECIPE.blocks}
    assert all(each.length > 0 and each.offset + each.length <= sizes[each.digest] for each in slices)
