"""Many blocks, few syncs: all temporary files, one sync, all renames, one sync.

Memory and temporary files are bounded: every GROUP_BLOCKS_MAX blocks or GROUP_BYTES_MAX bytes a group is brought to its
place before the batch goes on. Blocks that were there before only join the last sync.
"""

from __future__ import annotations

import os

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


class FileBatch(BlockBatch):
    """A batch on a folder of blocks. For one thread at a time."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._waiting: dict[Digest, str] = {}  # temporary path by digest
        self._waiting_bytes = 0
        self._found: dict[Digest, os.stat_result] = {}  # files that were there before, to be made durable too
        self._descriptor = -1

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        if name in self._waiting or name in self._found:
            return name
        self._filing.stop_sign.check()
        with self._filing.failing_as(f"write block {name}"):
            self._open()
            found = self._filing.find(name, len(data))
            if found is not None:
                self._found[name] = found
            else:
                self._waiting[name] = self._filing.write_temporary(data, sync=False)
                self._waiting_bytes += len(data)
        if (
            len(self._waiting) + len(self._found) >= GROUP_BLOCKS_MAX
            or self._waiting_bytes >= GROUP_BYTES_MAX
        ):
            self._flush()
        return name

    def commit(self) -> None:
        self._filing.stop_sign.check()
        self._flush()
        self._filing.stop_sign.check()

    def close(self) -> None:
        for path in self._waiting.values():
            self._filing.discard(path)
        self._waiting.clear()
        self._found.clear()
        self._waiting_bytes = 0
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """The descriptor whose syncfs reports what fails from now on: opened before the first byte is written.

        That of the blocks, not of the data directory: the two may lie on different file systems.
        """
        if self._descriptor < 0 and self._filing.durable and self._filing.disk.can_sync_file_system:
            self._descriptor = os.open(self._filing.blocks_root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _flush(self) -> None:
        """Bring the group to its place: sync, rename, sync."""
        with self._filing.failing_as("make blocks durable"):
            if not self._filing.durable:
                self._filing.folders.settle(self._rename_all()[1])
            elif self._descriptor >= 0 and len(self._waiting) + len(self._found) >= SYNCFS_FROM_BLOCKS:
                self._flush_together()
            else:
                self._flush_each()
        self._found.clear()
        self._waiting_bytes = 0

    def _flush_together(self) -> None:
        if self._waiting:
            self._filing.sync_file_system(self._descriptor)
        _, new = self._rename_all()
        self._filing.sync_file_system(self._descriptor)
        self._filing.folders.settle(new)

    def _flush_each(self) -> None:
        for path in self._waiting.values():
            self._filing.sync_path(path)
        folders, new = self._rename_all()
        self._filing.sync_folders(folders, new)
        for digest, found in self._found.items():
            self._filing.confirm(digest, found)

    def _rename_all(self) -> tuple[set[str], list[NewFolder]]:
        """Give all temporary files their names; returns the folders they are in now, and which of those are new."""
        folders = set()
        new = []
        for digest in sorted(self._waiting):
            new += self._filing.folders.make(digest)
            folders.add(self._filing.folders.folder(digest))
            self._filing.move_in(self._waiting[digest], digest)
            del self._waiting[digest]
        return folders, new
