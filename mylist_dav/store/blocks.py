"""The interface of a block store. Implementations: files.py (a folder), memory.py (tests); wrappers hold a store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from mylist_dav.errors import Corrupt, NotFound, TooLarge
from mylist_dav.model.digest import Digest

BLOCK_BYTES_MAX = 4 * 1024 * 1024
"""The largest block any store takes: the longest chunk that the chunker cuts."""


class BlockBatch(ABC):
    """Many blocks that become durable together.

    Used as a context manager. put() may be called any number of times, by one thread; nothing is promised of a block
    before commit() has returned. Leaving without commit() drops what is not yet in the store. Blocks that were there
    already are not written again.
    """

    @abstractmethod
    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        """Add a block; returns its digest. A given digest is checked: Corrupt when it is another. Raises TooLarge."""

    @abstractmethod
    def commit(self) -> None:
        """Make everything that was put durable, or raise (OutOfSpace, WritesStopped) with nothing promised."""

    @abstractmethod
    def close(self) -> None:
        """Drop whatever is not committed. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BlockStore(ABC):
    """Immutable bytes by their digest. Safe to use from many threads and several processes at once."""

    @abstractmethod
    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        """Store a block, durable on return; returns its digest. Storing it again is cheap and changes nothing.

        A given digest is checked: Corrupt when it is another. Raises TooLarge, OutOfSpace, WritesStopped.
        """

    @abstractmethod
    def batch(self) -> BlockBatch:
        """Begin a batch: many blocks, few syncs."""

    @abstractmethod
    def get(self, digest: Digest) -> bytes:
        """The bytes of a block, checked against its digest on every read.

        Raises NotFound when there is none. A block that fails the check is set aside, logged, and raises Corrupt.
        """

    @abstractmethod
    def has(self, digest: Digest) -> bool:
        """Whether there is a block of that name; its bytes are not read."""

    def stored_bytes(self, digest: Digest) -> int | None:
        """How many bytes a block has where it is stored, without a look at them if that can be; None: there is none."""
        try:
            return len(self.get(digest))
        except NotFound:
            return None

    @abstractmethod
    def delete(self, digest: Digest) -> bool:
        """Remove a block; False when there was none."""

    @abstractmethod
    def digests(self) -> Iterator[Digest]:
        """Every block there is, in ascending order. Blocks that come or go meanwhile may or may not be among them."""


def checked_digest(data: bytes, claimed: Digest | None) -> Digest:
    """The digest of data. Raises TooLarge beyond BLOCK_BYTES_MAX, Corrupt when it is not the claimed one."""
    if len(data) > BLOCK_BYTES_MAX:
        raise TooLarge(f"a block may have {BLOCK_BYTES_MAX} bytes, and this one has {len(data)}")
    digest = Digest.of(data)
    if claimed is not None and claimed != digest:
        raise Corrupt(f"the bytes that came as block {claimed} have the digest {digest}; send them again")
    return digest
