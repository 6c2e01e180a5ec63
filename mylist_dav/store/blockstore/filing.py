"""How one block becomes a durable file: the steps, in the one order that survives a power cut.

Temporary file -> its bytes -> fsync -> rename -> fsync of the folder, and of the folders above it when they are new.

Every put() syncs for itself. Measured with 8 threads, 1 KiB each, two shared cores, ext4, folders yet to be made, in
blocks a second, three rounds: the bare system calls (bench/blocks.py) 2,800-3,700; this 2,100-2,850 (in another hour
3,400-4,000 and 3,400-3,800); a leader that syncs for all who wait (syncfs, renames, syncfs) 2,200-3,900; a journal
(append and fdatasync in groups, block files unsynced) 3,300-5,400; no sync at all 3,900-6,100. The disk already joins
the fsyncs of threads into one commit of its own journal, so a leader gains little; a journal beside the catalog gains
less than a factor of two and needs a replay that must never be wrong. The log of the catalog is a journal that is there
and synced anyway: small blocks of uploads go into it (intake.py) and gain a factor of three. Many larger ones at once,
and those of imports, use a batch: 10,000 a second.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.errors import Busy, WritesStopped
from mylist_dav.model.digest import Digest
from mylist_dav.store.blockstore.folders import Folders, NewFolder
from mylist_dav.store.disk import Disk, is_full, turned
from mylist_dav.store.processes.scratch import Scratch
from mylist_dav.store.processes.stopping import StopSign

_log = logging.getLogger(__name__)
_CONFIRMED_MAX = 16_384
_DAMAGED_MAX = 10_000
_WRITE_OUT_FROM_BYTES = 128 * 1024


class Filing:
    """The folder of blocks below root and its temporary files. Thread-safe."""

    def __init__(self, root: Path, durable: bool, disk: Disk, stop_sign: StopSign | None) -> None:
        self.disk = disk
        self.durable = durable
        self.root = str(root)
        self.blocks_root = f"{root}/blocks"
        self.folders = Folders(self.blocks_root, disk)
        self._scratch = Scratch(root / "tmp", disk)
        self._damaged: set[Digest] = set()
        self._confirmed: dict[Digest, tuple[int, int]] = {}  # (inode, mtime_ns) of files known to be durable
        with self.failing_as("make the folder of blocks"):
            self._make_root(root)
        self._owns_sign = stop_sign is None
        self.stop_sign = stop_sign or StopSign(root / "writes-stopped")

    def put(self, digest: Digest, data: bytes) -> None:
        """Write a block and make it durable. Raises OutOfSpace, WritesStopped, Busy; then nothing of it is left."""
        self.stop_sign.check()
        with self.failing_as(f"write block {digest}"):
            found = self.find(digest, len(data))
            if found is None:
                self._write(digest, data)
            elif self.durable:
                self.confirm(digest, found)
        self.stop_sign.check()

    def find(self, digest: Digest, size_bytes: int) -> os.stat_result | None:
        """The block's file if it has the right size: a crash can leave short or empty ones of a lesser durability."""
        try:
            found = os.stat(self.folders.path(digest))
        except FileNotFoundError:
            return None
        return found if found.st_size == size_bytes and digest not in self._damaged else None

    def distrust(self, digest: Digest) -> None:
        """The block's file is damaged and could not be moved away: the next put() is to write it anew."""
        if len(self._damaged) < _DAMAGED_MAX:
            self._damaged.add(digest)

    def confirm(self, digest: Digest, found: os.stat_result) -> None:
        """Make a file durable that somebody else has written, perhaps this very moment; once for each file."""
        identity = (found.st_ino, found.st_mtime_ns)
        if self._confirmed.get(digest) == identity:
            return
        try:
            self.sync_path(self.folders.path(digest))
        except FileNotFoundError as error:
            raise Busy(f"block {digest} was deleted while it was being stored; send it again") from error
        self.sync_folders({self.folders.folder(digest)}, self.folders.make(digest))
        if len(self._confirmed) >= _CONFIRMED_MAX:
            self._confirmed.clear()
        self._confirmed[digest] = identity

    def write_temporary(self, data: bytes, sync: bool) -> str:
        """Write bytes to a new temporary file and return its path; if that fails nothing is left of it."""
        path = self._scratch.new_path()
        descriptor = self.disk.create(path)
        try:
            self.disk.write(descriptor, data)
            if sync:
                self.sync_file(descriptor)
            elif self.durable and len(data) >= _WRITE_OUT_FROM_BYTES:
                self.disk.begin_writing_out(descriptor)
        except BaseException:
            self.discard(path)
            raise
        finally:
            os.close(descriptor)
        return path

    def move_in(self, temporary: str, digest: Digest) -> None:
        """Give a temporary file its name; its folder has been made."""
        self.disk.rename(temporary, self.folders.path(digest))
        self._damaged.discard(digest)

    def sync_file(self, descriptor: int) -> None:
        """fsync; a failure stops all writes, unless it only says that the disk is full: the file is dropped then."""
        try:
            self.disk.sync_file(descriptor)
        except OSError as error:
            if not is_full(error):
                self._stop(error)
            raise

    def sync_path(self, path: str) -> None:
        """fsync of a file that is not open."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.sync_file(descriptor)
        finally:
            os.close(descriptor)

    def sync_folders(self, folders: set[str], new: Iterable[NewFolder]) -> None:
        """fsync of folders, and of the parents of new ones; a failure stops all writes."""
        new = list(new)
        try:
            for folder in sorted(folders | {each.parent for each in new}):
                self.disk.sync_folder(folder)
        except OSError as error:
            self._stop(error)
        self.folders.settle(new)

    def sync_file_system(self, descriptor: int) -> None:
        """syncfs; a failure stops all writes."""
        try:
            self.disk.sync_file_system(descriptor)
        except OSError as error:
            self._stop(error)

    def discard(self, path: str) -> None:
        """Remove a temporary file, as far as that is possible: what stays is removed by the next start."""
        with contextlib.suppress(OSError):
            self.disk.unlink(path)

    def remove_stale(self) -> None:
        """Remove what dead processes have left unfinished. What cannot be removed only takes up room."""
        try:
            self._scratch.remove_stale()
        except OSError as error:
            _log.warning("could not remove unfinished blocks of an earlier run: %s", error.strerror)

    def close(self) -> None:
        """Let go of the folder of temporary files, and of the stop sign if it was opened here."""
        self._scratch.close()
        if self._owns_sign:
            self.stop_sign.close()

    @contextmanager
    def failing_as(self, what: str) -> Iterator[None]:
        """Turn an OSError into an error of ours: 'could not <what>'."""
        try:
            yield
        except OSError as error:
            raise turned(error, what) from error

    def _write(self, digest: Digest, data: bytes) -> None:
        temporary = self.write_temporary(data, sync=self.durable)
        try:
            new = self.folders.make(digest)
            self.move_in(temporary, digest)
        except BaseException:
            self.discard(temporary)
            raise
        if self.durable:
            self.sync_folders({self.folders.folder(digest)}, new)
        else:
            self.folders.settle(new)

    def _make_root(self, root: Path) -> None:
        for folder in (*reversed(root.parents), root, root / "blocks", root / "tmp"):
            if not folder.exists():
                with contextlib.suppress(FileExistsError):
                    self.disk.make_folder(folder)
                if self.durable:
                    self.disk.sync_folder(folder.parent)

    def _stop(self, error: OSError) -> None:
        """A sync has failed: no process may acknowledge anything any more. Always raises."""
        self.stop_sign.stop(f"sync failed: {os.strerror(error.errno or 0)}")
        raise WritesStopped(
            "data could not be brought to disk, and writes are stopped. Look at the disk and the kernel log"
        ) from error
