"""Many blocks, few syncs: all temporary files, one sync, all renames, one sync.

Memory and temporary files are bounded: every GROUP_BLOCKS_MAX blocks or GROUP_BYTES_MAX bytes a group is brought to its
place, by another thread, while the next one is written; a third has to wait. Blocks that were there before only join
the last sync.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, checked_digest
from mylist_dav.store.blockstore.filing import Filing
from mylist_dav.store.blockstore.folders import NewFolder

GROUP_BLOCKS_MAX = 1000
GROUP_BYTES_MAX = 256 * 1024 * 1024
SYNCFS_FROM_BLOCKS = 4
"""From here on one syncfs instead of an fsync for each file and folder.

Measured by bench/blocks.py (1 KiB, ext4, one thread, blocks a second): of 2 blocks 1,300 each against 2,000 together,
of 3 1,200 and 3,600, of 4 1,500 and 6,300, of 8 2,300 and 7,800, of 64 2,200 and 10,000. syncfs also waits for what
other programs have written to that file system; below four blocks the gain does not pay for that risk.
"""

_PLACING_THREADS = 4


class _Group:
    """Blocks that are to become durable together.

    waiting: temporary path by digest. found: files that were there before, to be made durable too.
    """

    def __init__(self) -> None:
        self.waiting: dict[Digest, str] = {}
        self.found: dict[Digest, os.stat_result] = {}
        self.waiting_bytes = 0

    def __contains__(self, digest: Digest) -> bool:
        return digest in self.waiting or digest in self.found

    def __len__(self) -> int:
        return len(self.waiting) + len(self.found)

    @property
    def is_long(self) -> bool:
        """Whether it is full of bytes, and not just of blocks."""
        return self.waiting_bytes >= GROUP_BYTES_MAX


class FileBatch(BlockBatch):
    """A batch on a folder of blocks. For one thread at a time."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._group = _Group()
        self._before = _Group()  # the one that is being brought to its place, or was
        self._placing: Future[None] | None = None
        self._descriptor = -1

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        if name in self._group or name in self._before:
            return name
        self._filing.stop_sign.check()
        with self._filing.failing_as(f"write block {name}"):
            self._open()
            found = self._filing.find(name, len(data))
            if found is not None:
                self._group.found[name] = found
            else:
                self._group.waiting[name] = self._filing.write_temporary(data, sync=False)
                self._group.waiting_bytes += len(data)
        if len(self._group) >= GROUP_BLOCKS_MAX or self._group.is_long:
            self._wait()
            self._before, self._group = self._group, _Group()
            self._placing = _shared_pool().submit(self._place, self._before)
        return name

    def commit(self) -> None:
        self._filing.stop_sign.check()
        self._wait()
        self._place(self._group)
        self._group = _Group()
        self._filing.stop_sign.check()

    def close(self) -> None:
        if self._placing is not None:
            self._placing.exception()  # whoever gives up does not want to hear of it
            self._placing = None
        for group in (self._before, self._group):
            for path in group.waiting.values():
                self._filing.discard(path)
        self._before, self._group = _Group(), _Group()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """The descriptor whose syncfs reports what fails from now on: opened before the first byte is written.

        That of the blocks, not of the data directory: the two may lie on different file systems.
        """
        if self._descriptor < 0 and self._filing.durable and self._filing.disk.can_sync_file_system:
            self._descriptor = os.open(self._filing.blocks_root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _wait(self) -> None:
        """Wait for the group before, and raise what befell it, also when it is asked again."""
        if self._placing is not None:
            self._placing.result()

    def _place(self, group: _Group) -> None:
        """Bring a group to its place: sync, rename, sync."""
        with self._filing.failing_as("make blocks durable"):
            if not self._filing.durable:
                self._filing.folders.settle(self._rename_all(group)[1])
            elif self._descriptor >= 0 and len(group) >= SYNCFS_FROM_BLOCKS:
                self._place_together(group)
            else:
                self._place_each(group)

    def _place_together(self, group: _Group) -> None:
        if group.waiting:
            self._filing.sync_file_system(self._descriptor)
        if group.is_long:
            for path in group.waiting.values():
                self._filing.disk.forget(path)
        _, new = self._rename_all(group)
        self._filing.sync_file_system(self._descriptor)
        self._filing.folders.settle(new)

    def _place_each(self, group: _Group) -> None:
        for path in group.waiting.values():
            self._filing.sync_path(path)
        folders, new = self._rename_all(group)
        self._filing.sync_folders(folders, new)
        for digest, found in group.found.items():
            self._filing.confirm(digest, found)

    def _rename_all(self, group: _Group) -> tuple[set[str], list[NewFolder]]:
        """Give all temporary files their names; returns the folders they are in now, and which of those are new."""
        folders = set()
        new = []
        for digest in sorted(group.waiting):
            new += self._filing.folders.make(digest)
            folders.add(self._filing.folders.folder(digest))
            self._filing.move_in(group.waiting[digest], digest)
            del group.waiting[digest]
        return folders, new


@cache
def _shared_pool() -> ThreadPoolExecutor:
    """For the whole process. Who waits for a group waits for a disk that has enough to do."""
    return ThreadPoolExecutor(_PLACING_THREADS, thread_name_prefix="place-blocks")


os.register_at_fork(after_in_child=_shared_pool.cache_clear)  # the threads of a pool do not survive a fork
