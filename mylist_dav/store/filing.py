"""How one block becomes a durable file: the steps, in the one order that survives a power cut.

Temporary file -> its bytes -> fsync -> rename -> fsync of the folder, and of the folders above it when they are new.
A folder counts as durable only after this process has synced its parent: another process may have made it a moment ago.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.errors import WritesStopped
from mylist_dav.model.digest import Digest
from mylist_dav.store.disk import Disk, is_full, turned
from mylist_dav.store.scratch import Scratch
from mylist_dav.store.stopping import StopSign

_CONFIRMED_MAX = 16_384


class Filing:
    """The folder of blocks below root and its temporary files. Thread-safe."""

    def __init__(self, root: Path, durable: bool, disk: Disk, stop_sign: StopSign | None) -> None:
        self.disk = disk
        self.durable = durable
        self.root = str(root)
        self._blocks = f"{root}/blocks"
        self._scratch = Scratch(root / "tmp", disk)
        self._folders: set[str] = set()  # durable ones; at most 65,792
        self._confirmed: dict[Digest, tuple[int, int]] = {}  # (inode, mtime_ns) of files known to be durable
        with self.failing_as("make the folder of blocks"):
            self._make_root(root)
        self.stop_sign = stop_sign or StopSign(root / "writes-stopped")

    def path(self, digest: Digest) -> str:
        """Where a block lies."""
        name = digest.hex()
        return f"{self._blocks}/{name[:2]}/{name[2:4]}/{name[4:]}"

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
            found = os.stat(self.path(digest))
        except FileNotFoundError:
            return None
        return found if found.st_size == size_bytes else None

    def confirm(self, digest: Digest, found: os.stat_result) -> None:
        """Make a file durable that somebody else has written, perhaps this very moment; once for each file."""
        identity = (found.st_ino, found.st_mtime_ns)
        if self._confirmed.get(digest) == identity:
            return
        path = self.path(digest)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.sync_file(descriptor)
        finally:
            os.close(descriptor)
        self.ensure_folder(digest)
        self.sync_folder(os.path.dirname(path))
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
        except BaseException:
            self.discard(path)
            raise
        finally:
            os.close(descriptor)
        return path

    def ensure_folder(self, digest: Digest) -> str:
        """Make the folder of a block, durably if the store is durable; returns it."""
        name = digest.hex()
        outer = f"{self._blocks}/{name[:2]}"
        inner = f"{outer}/{name[2:4]}"
        for folder, parent in ((outer, self._blocks), (inner, outer)):
            if folder not in self._folders:
                self._make_folder(folder, parent)
        return inner

    def sync_file(self, descriptor: int) -> None:
        """fsync; a failure stops all writes, unless it only says that the disk is full: the file is dropped then."""
        try:
            self.disk.sync_file(descriptor)
        except OSError as error:
            if not is_full(error):
                self._stop(error)
            raise

    def sync_folder(self, folder: str) -> None:
        """fsync of a folder; a failure stops all writes."""
        try:
            self.disk.sync_folder(folder)
        except OSError as error:
            self._stop(error)

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
        """Remove what dead processes have left unfinished."""
        with self.failing_as("remove unfinished blocks of an earlier run"):
            self._scratch.remove_stale()

    def close(self) -> None:
        """Let go of the folder of temporary files."""
        self._scratch.close()

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
            folder = self.ensure_folder(digest)
            self.disk.rename(temporary, self.path(digest))
        except BaseException:
            self.discard(temporary)
            raise
        if self.durable:
            self.sync_folder(folder)

    def _make_folder(self, folder: str, parent: str) -> None:
        with contextlib.suppress(FileExistsError):
            self.disk.make_folder(folder)
        if self.durable:
            self.sync_folder(parent)
        self._folders.add(folder)

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
