"""The intake: small blocks, stored in the transaction that makes them a file of a tree, or notes who brought them.

A block file costs a create, a rename and two or three syncs, the first ones of a store a new folder each; a row that
travels with the transaction costs nearly nothing, for its sync is that of the transaction. So small blocks land in the
catalog, durable and seen by all processes, and are brought to their files in groups a little later (filer.py). A block
is stored if it has a file, a row, or both.

A row is removed only after the file is durable. So whoever finds no file and then no row looks for the file again.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping

from mylist_dav.errors import Corrupt, NotFound
from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, BlockStore
from mylist_dav.store.catalog import INTAKE_ROW_BYTES, Catalog

INTAKE_BLOCK_BYTES_MAX = 16 * 1024
"""The largest block that is taken in. Beyond, writing the bytes three times costs what the syncs do."""

INTAKE_FULL_BYTES = 64 * 1024 * 1024
"""When the intake takes up so much, uploads write files themselves until it has been emptied."""

_log = logging.getLogger(__name__)


class IntakeBlocks(BlockStore):
    """Blocks in files, and those that are still in the intake of the catalog.

    Blocks come there with Draft.take_in alone; whatever is put here becomes a file at once.
    """

    def __init__(self, files: BlockStore, catalog: Catalog) -> None:
        self._files = files
        self._catalog = catalog

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        return self._files.put(data, digest)

    def batch(self) -> BlockBatch:
        return self._files.batch()

    def get(self, digest: Digest) -> bytes:
        """As promised. A damaged file is set aside, and served all the same if the intake has the block still."""
        try:
            return self._files.get(digest)
        except (NotFound, Corrupt) as error:
            data = self._taken_in(digest)
            if data is not None:
                return data
            if isinstance(error, Corrupt):
                raise
        return self._files.get(digest)

    def has(self, digest: Digest) -> bool:
        if self._files.has(digest):
            return True
        with self._catalog.glance() as view:
            if view.intake_has(digest):
                return True
        return self._files.has(digest)

    def stored_bytes(self, digest: Digest) -> int | None:
        size_bytes = self._files.stored_bytes(digest)
        if size_bytes is None:
            data = self._taken_in(digest)
            size_bytes = len(data) if data is not None else self._files.stored_bytes(digest)
        return size_bytes

    def delete(self, digest: Digest) -> bool:
        """Remove a block; of one that is just being filed the file may stay."""
        with self._catalog.glance() as view:
            there = view.intake_has(digest)
        removed = there and self._catalog.change(lambda draft: draft.remove_intake(digest))
        return self._files.delete(digest) or removed

    def digests(self) -> Iterator[Digest]:
        # All of the intake first, which is bounded: what is filed meanwhile would else be missed in both.
        with self._catalog.glance() as view:
            taken_in = view.intake_digests()
        for digest, _ in itertools.groupby(heapq.merge(self._files.digests(), taken_in)):
            yield digest

    def _taken_in(self, digest: Digest) -> bytes | None:
        with self._catalog.glance() as view:
            data = view.intake_get(digest)
        if data is not None and Digest.of(data) != digest:
            _log.error("block %s is damaged in the intake of the catalog", digest)
            raise Corrupt(
                f"block {digest} is damaged and not served; bring it back from a peer or a fresh upload"
            )
        return data


class Intake:
    """Whether an upload may leave its block to the intake, as far as this process knows. Thread-safe.

    Closed until somebody files what comes in: see filer.py.
    """

    def __init__(self, files: BlockStore) -> None:
        """files: where blocks have their files."""
        self._files = files
        self._on_more: Callable[[int], None] | None = None
        self._size_bytes = 0
        self._begin = 0  # where the oldest block was when somebody looked

    def open(self, on_more: Callable[[int], None]) -> None:
        """From now on blocks are taken in. on_more: told how much the intake takes up after each of them."""
        self._on_more = on_more

    def close(self) -> None:
        """From now on none are."""
        self._on_more = None

    def takes(self, data: bytes) -> Digest | None:
        """The digest of a block if it is to be taken in; None when it is to be put into the block store.

        A block that has a file belongs there: the store knows whether the file is whole and durable.
        """
        if not self._has_room(len(data)):
            return None
        digest = Digest.of(data)
        return None if self._files.has(digest) else digest

    def share(self, blocks: Mapping[Digest, bytes]) -> dict[Digest, bytes]:
        """The same for many: those that are to be taken in, as far as there is room for them."""
        taken, taken_bytes = {}, 0
        for digest, data in blocks.items():
            if self._has_room(len(data), taken_bytes) and not self._files.has(digest):
                taken[digest] = data
                taken_bytes += len(data) + INTAKE_ROW_BYTES
        return taken

    def _has_room(self, size_bytes: int, taken_bytes: int = 0) -> bool:
        """For a block of this size, beside others that are to be taken in together with it."""
        small = self._on_more is not None and 0 < size_bytes <= INTAKE_BLOCK_BYTES_MAX
        return small and self._size_bytes + taken_bytes < INTAKE_FULL_BYTES

    def note(self, size_bytes: int, newest: int) -> None:
        """Somebody has looked: the intake takes up so much, up to this position."""
        self._begin = newest - size_bytes
        self._grown(size_bytes)

    def came(self, position: int) -> None:
        """Blocks were taken in, up to there; 0 when all were there before."""
        if position:
            self._grown(position - self._begin)

    def _grown(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        told = self._on_more
        if told is not None:
            told(size_bytes)
