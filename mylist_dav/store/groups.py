"""Many blocks, few syncs: all temporary files, one sync, all renames, one sync.

Memory and temporary files are bounded: every GROUP_BLOCKS_MAX blocks or GROUP_BYTES_MAX bytes a group is brought to its
place before the batch goes on. Blocks that are there already only join the last sync.
"""

from __future__ import annotations

import os

from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BlockBatch, checked_digest
from mylist_dav.store.filing import Filing

GROUP_BLOCKS_MAX = 1000
GROUP_BYTES_MAX = 256 * 1024 * 1024
SYNCFS_FROM_BLOCKS = 4


class FileBatch(BlockBatch):
    """A batch on a folder of blocks. For one thread."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._waiting: dict[Digest, str] = {}  # temporary path by digest
        self._waiting_bytes = 0
        self._found: dict[Digest, int] = {}  # size of blocks that were there before; few, see _note
        self._many_found = False
        self._descriptor = -1

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        if name in self._waiting or name in self._found:
            return name
        self._filing.stop_sign.check()
        with self._filing.failing_as(f"write block {name}"):
            self._open()
            if self._filing.find(name, len(data)) is not None:
                self._note(name, len(data))
            else:
                self._waiting[name] = self._filing.write_temporary(data, sync=False)
                self._waiting_bytes += len(data)
        if len(self._waiting) >= GROUP_BLOCKS_MAX or self._waiting_bytes >= GROUP_BYTES_MAX:
            self._flush()
        return name

    def commit(self) -> None:
        self._filing.stop_sign.check()
        self._flush()
        with self._filing.failing_as("make blocks durable"):
            self._confirm_found()
        self._filing.stop_sign.check()

    def close(self) -> None:
        for path in self._waiting.values():
            self._filing.discard(path)
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """The descriptor whose syncfs reports what fails from now on: opened before the first byte is written."""
        if self._descriptor < 0 and self._filing.durable and self._filing.disk.can_sync_file_system:
            self._descriptor = os.open(self._filing.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _flush(self) -> None:
        """Bring the waiting group to its place: sync, rename, sync."""
        if not self._waiting:
            return
        with self._filing.failing_as("write blocks"):
            together = self._descriptor >= 0 and len(self._waiting) >= SYNCFS_FROM_BLOCKS
            self._sync_files(together)
            folders = self._rename_all()
            self._sync_folders(folders, together)
        self._waiting_bytes = 0

    def _sync_files(self, together: bool) -> None:
        if not self._filing.durable:
            return
        if together:
            self._filing.sync_file_system(self._descriptor)
            return
        for path in self._waiting.values():
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._filing.sync_file(descriptor)
            finally:
                os.close(descriptor)

    def _rename_all(self) -> set[str]:
        folders = set()
        for digest in sorted(self._waiting):
            folders.add(self._filing.ensure_folder(digest))
            self._filing.disk.rename(self._waiting[digest], self._filing.path(digest))
            del self._waiting[digest]
        return folders

    def _sync_folders(self, folders: set[str], together: bool) -> None:
        if not self._filing.durable:
            return
        if together:
            self._filing.sync_file_system(self._descriptor)
            return
        for folder in sorted(folders):
            self._filing.sync_folder(folder)

    def _note(self, digest: Digest, size_bytes: int) -> None:
        """Remember a block that was there: few are synced one by one, many by one syncfs."""
        if len(self._found) < SYNCFS_FROM_BLOCKS or self._descriptor < 0:
            self._found[digest] = size_bytes
        else:
            self._many_found = True

    def _confirm_found(self) -> None:
        if not self._filing.durable:
            return
        if self._many_found:
            self._filing.sync_file_system(self._descriptor)
            return
        for digest, size_bytes in self._found.items():
            found = self._filing.find(digest, size_bytes)
            if found is not None:
                self._filing.confirm(digest, found)
