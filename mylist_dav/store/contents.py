"""From the bytes of a file to blocks and a recipe, and back.

The server's own hashing is done here: a recipe comes from bytes that went through a ContentWriter, and nobody's claim.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Self

from blake3 import blake3

from mylist_dav.model.chunking import CHUNKER, Chunker
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, BlockSlice, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore

_PIECE_BYTES = 4 * 1024 * 1024
_STORING_THREADS = 4
_STEPS_AHEAD = 2


class ContentWriter:
    """The bytes of one file on their way into a store.

    write() any number of times, then finish() once, or abort(). As a context manager it aborts what is not finished.
    For one thread at a time. Holds some 30 MiB at most: while pieces are cut here, the blocks of the pieces before are
    hashed and written by another thread, and write() waits when that one is behind.
    """

    def __init__(self, blocks: BlockStore, storing: Executor | None = None) -> None:
        """storing: runs the hashing and writing of long contents; by default a small pool for the whole process."""
        self._blocks = blocks
        self._storing = storing
        self._head = bytearray()  # all there is, until it is too long to stay whole
        self._long: _LongContent | None = None
        self.size_bytes = 0

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes; they may be reused afterwards. Raises OutOfSpace, WritesStopped, Busy."""
        self.size_bytes += len(piece)
        if self._long is None:
            if self.size_bytes <= WHOLE_BYTES_MAX:
                self._head += piece
                return
            self._long = _LongContent(self._blocks.batch(), self._storing or _shared_pool())
            self._long.write(bytes(self._head))
            self._head.clear()
        view = memoryview(piece)
        for start in range(0, len(view), _PIECE_BYTES):
            self._long.write(bytes(view[start : start + _PIECE_BYTES]))

    def unstored(self, bytes_max: int) -> bytes | None:
        """All that was written, if it is at most so many bytes and short enough that nothing is stored yet."""
        return bytes(self._head) if self._long is None and len(self._head) <= bytes_max else None

    def finish(self) -> Recipe:
        """Make it durable and say what it is. Raises OutOfSpace, WritesStopped, Busy; then nothing is promised."""
        if self._long is None:
            return store_whole(self._blocks, bytes(self._head))
        long, self._long = self._long, None
        try:
            return long.finish(self.size_bytes)
        finally:
            long.close()

    def abort(self) -> None:
        """Drop everything. May be called at any time, also twice or after finish()."""
        self._head.clear()
        if self._long is not None:
            long, self._long = self._long, None
            long.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def store_whole(blocks: BlockStore, data: bytes) -> Recipe:
    """Store a content of at most WHOLE_BYTES_MAX bytes as one block, durable on return; the empty one has no block."""
    assert len(data) <= WHOLE_BYTES_MAX, "a longer content is cut into blocks"
    if not data:
        return Recipe(EMPTY, 0, "", ())
    digest = blocks.put(data)
    return Recipe(digest, len(data), "", (BlockRef(digest, len(data)),))


def read_slices(recipe: Recipe, offset: int, length: int) -> Iterator[BlockSlice]:
    """The pieces of blocks that make the bytes from offset on, in order; what lies past the end is left out."""
    assert offset >= 0 and length >= 0, "a range is checked before it is read"
    end = min(offset + length, recipe.size_bytes)
    start = 0
    for block in recipe.blocks:
        if start >= end:
            return
        first = max(offset - start, 0)
        last = min(end - start, block.size_bytes)
        if first < last:
            yield BlockSlice(block.digest, first, last - first)
        start += block.size_bytes


class _LongContent:
    """A content of several blocks: cut in the calling thread, hashed and stored in one other, up to two steps behind.

    A step is what was cut at once, some 8 MiB. One waits while another is under way: without that each thread waited
    for the other half of the time, and 4 GiB took 10 to 12 s in place of 7.5 to 8.
    """

    def __init__(self, batch: BlockBatch, storing: Executor) -> None:
        self._batch = batch
        self._storing = storing
        self._chunker = Chunker()
        self._whole = blake3()
        self._refs: list[BlockRef] = []
        self._steps: deque[list[bytes]] = deque()  # blocks; the first step is under way, if anybody works
        self._working = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def write(self, piece: bytes) -> None:
        self._store(self._chunker.feed(piece))

    def finish(self, size_bytes: int) -> Recipe:
        self._store(self._chunker.finish())
        self._wait(0)
        self._batch.commit()
        recipe = Recipe(Digest(self._whole.digest()), size_bytes, CHUNKER, tuple(self._refs))
        assert sum(ref.size_bytes for ref in recipe.blocks) == size_bytes, "no byte is lost in cutting"
        return recipe

    def close(self) -> None:
        """Drop what is not committed, after the step that is under way."""
        with self._changed:
            while len(self._steps) > 1:
                self._steps.pop()
            self._changed.wait_for(lambda: not self._working)
        self._batch.close()

    def _store(self, blocks: list[bytes]) -> None:
        if not blocks:
            return
        self._wait(_STEPS_AHEAD - 1)
        with self._changed:
            self._steps.append(blocks)
            begin, self._working = not self._working, True
        if begin:
            self._queue()

    def _wait(self, steps: int) -> None:
        """Until no more steps than these are left; raises what befell one of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._steps) <= steps)
            if self._error is not None:
                raise self._error

    def _queue(self) -> None:
        """Have the next step done, after those of other contents that wait already."""
        try:
            self._storing.submit(self._work)
        except RuntimeError as error:  # the process is about to end
            self._end_step(error)

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            self._hash_and_put(self._steps[0])
        except BaseException as befallen:  # noqa: BLE001 - it belongs to whoever writes
            error = befallen
        if self._end_step(error):
            self._queue()

    def _end_step(self, error: BaseException | None) -> bool:
        """The first step is over; after an error all are. Whether there is another one."""
        with self._changed:
            self._steps.popleft()
            if error is not None:
                self._error = error
                self._steps.clear()
            self._working = bool(self._steps)
            self._changed.notify_all()
            return self._working

    def _hash_and_put(self, blocks: list[bytes]) -> None:
        for block in blocks:
            self._whole.update(block)
            self._refs.append(BlockRef(self._batch.put(block), len(block)))


@cache
def _shared_pool() -> ThreadPoolExecutor:
    """A step lasts some 10 ms and never waits for another one, so that few threads serve many uploads."""
    return ThreadPoolExecutor(_STORING_THREADS, thread_name_prefix="store-content")


os.register_at_fork(after_in_child=_shared_pool.cache_clear)  # the threads of a pool do not survive a fork
