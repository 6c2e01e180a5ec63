"""Blocks in memory: for tests, and as the model the folder store is held against. Nothing survives."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from mylist_dav.errors import NotFound
from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore, checked_digest


class MemoryBlocks(BlockStore):
    """A dict. Thread-safe; unbounded."""

    def __init__(self) -> None:
        self._blocks: dict[Digest, bytes] = {}
        self._lock = threading.Lock()

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        with self._lock:
            self._blocks.setdefault(name, bytes(data))
        return name

    def batch(self) -> BlockBatch:
        return _MemoryBatch(self)

    def get(self, digest: Digest) -> bytes:
        try:
            return self._blocks[digest]
        except KeyError as error:
            raise NotFound(f"there is no block {digest}") from error

    def has(self, digest: Digest) -> bool:
        return digest in self._blocks

    def delete(self, digest: Digest) -> bool:
        with self._lock:
            return self._blocks.pop(digest, None) is not None

    def digests(self) -> Iterator[Digest]:
        with self._lock:
            names = sorted(self._blocks)
        return iter(names)


class _MemoryBatch(BlockBatch):
    def __init__(self, store: MemoryBlocks) -> None:
        self._store = store
        self._waiting: dict[Digest, bytes] = {}

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        self._waiting.setdefault(name, bytes(data))
        return name

    def commit(self) -> None:
        for name, data in self._waiting.items():
            self._store.put(data, name)
        self._waiting.clear()

    def close(self) -> None:
        self._waiting.clear()
