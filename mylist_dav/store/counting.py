"""A block store that counts what is new to the store behind it."""

from __future__ import annotations

from collections.abc import Iterator

from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore

_SEEN_MAX = 10_000


class CountingBlocks(BlockStore):
    """Passes everything on. new_blocks, new_bytes: what was put and not there before. For one writer at a time."""

    def __init__(self, inner: BlockStore) -> None:
        self._inner = inner
        self._seen: set[Digest] = set()
        self.new_blocks = 0
        self.new_bytes = 0

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = digest or Digest.of(data)
        self.count(name, len(data))
        return self._inner.put(data, name)

    def batch(self) -> BlockBatch:
        return _CountingBatch(self, self._inner.batch())

    def get(self, digest: Digest) -> bytes:
        return self._inner.get(digest)

    def has(self, digest: Digest) -> bool:
        return self._inner.has(digest)

    def delete(self, digest: Digest) -> bool:
        return self._inner.delete(digest)

    def digests(self) -> Iterator[Digest]:
        return self._inner.digests()

    def count(self, digest: Digest, size_bytes: int) -> None:
        """A block is about to be put. Those of a batch are not in the store yet: the last ones are remembered."""
        if digest in self._seen or self._inner.has(digest):
            return
        if len(self._seen) >= _SEEN_MAX:
            self._seen.clear()
        self._seen.add(digest)
        self.new_blocks += 1
        self.new_bytes += size_bytes


class _CountingBatch(BlockBatch):
    def __init__(self, store: CountingBlocks, inner: BlockBatch) -> None:
        self._store = store
        self._inner = inner

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = digest or Digest.of(data)
        self._store.count(name, len(data))
        return self._inner.put(data, digest)

    def commit(self) -> None:
        self._inner.commit()

    def close(self) -> None:
        self._inner.close()
