"""Verified blocks in memory, shared by all who read them, under one budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future

from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore

BUDGET_BYTES = 128 * 1024 * 1024
_ENTRY_BYTES = 256
"""What an entry costs beside its bytes, about."""


class CachedBlocks(BlockStore):
    """A store in front of another one: the blocks used last stay in memory. Thread-safe.

    Who asks for a block that is just being read waits for that one reading. Writes go through and are not kept.
    hits, misses: how often a block was in memory, and how often not; a peek that finds none is not counted.
    """

    def __init__(self, inner: BlockStore, budget_bytes: int = BUDGET_BYTES) -> None:
        self._inner = inner
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[Digest, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._readings: dict[Digest, Future[bytes]] = {}
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    @property
    def kept_bytes(self) -> int:
        """What is in memory now, the cost of keeping it included; never more than the budget."""
        return self._kept_bytes

    def peek(self, digest: Digest) -> bytes | None:
        """The block if it is in memory: no I/O, and no lock held for long."""
        with self._lock:
            data = self._kept.get(digest)
            if data is not None:
                self.hits += 1
                self._kept.move_to_end(digest)
            return data

    def get(self, digest: Digest) -> bytes:
        with self._lock:
            data = self._kept.get(digest)
            if data is not None:
                self.hits += 1
                self._kept.move_to_end(digest)
                return data
            self.misses += 1
            reading = self._readings.get(digest)
            mine: Future[bytes] | None = None
            if reading is None:
                mine = self._readings[digest] = Future()
        if mine is None:
            assert reading is not None
            return reading.result()
        return self._read(digest, mine)

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        return self._inner.put(data, digest)

    def batch(self) -> BlockBatch:
        return self._inner.batch()

    def has(self, digest: Digest) -> bool:
        return self._inner.has(digest)

    def stored_bytes(self, digest: Digest) -> int | None:
        return self._inner.stored_bytes(digest)

    def delete(self, digest: Digest) -> bool:
        """Remove a block; also a reading that is under way does not bring it back into memory."""
        deleted = self._inner.delete(digest)
        with self._lock:
            self._readings.pop(digest, None)
            self._drop(digest)
        return deleted

    def digests(self) -> Iterator[Digest]:
        return self._inner.digests()

    def _read(self, digest: Digest, reading: Future[bytes]) -> bytes:
        """Read for all who wait; they get the same bytes or the same error."""
        try:
            data = self._inner.get(digest)
        except BaseException as error:
            self._end(digest, reading, None)
            reading.set_exception(error)
            raise
        self._end(digest, reading, data)
        reading.set_result(data)
        return data

    def _end(self, digest: Digest, reading: Future[bytes], data: bytes | None) -> None:
        with self._lock:
            if self._readings.get(digest) is reading:
                del self._readings[digest]
                if data is not None:
                    self._keep(digest, data)

    def _keep(self, digest: Digest, data: bytes) -> None:
        cost = len(data) + _ENTRY_BYTES
        if cost > self._budget_bytes:
            return
        self._kept[digest] = data
        self._kept_bytes += cost
        while self._kept_bytes > self._budget_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, digest: Digest) -> None:
        data = self._kept.pop(digest, None)
        if data is not None:
            self._kept_bytes -= len(data) + _ENTRY_BYTES
