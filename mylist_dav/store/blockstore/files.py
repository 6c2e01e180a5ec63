"""Blocks as files: root/blocks/aa/bb/<the other 60 hex digits>, written once, read-only, never changed.

A block is written to a temporary file, synced, renamed into place, and the folder is synced: only then is it
acknowledged. Whatever is read is hashed again before it is handed out; a file that fails that goes to quarantine/.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from mylist_dav.errors import Corrupt, MylistError, NotFound, WritesStopped
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.store.blocks import BLOCK_BYTES_MAX, BlockBatch, BlockStore, checked_digest
from mylist_dav.store.blockstore.filing import Filing
from mylist_dav.store.blockstore.groups import FileBatch
from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.processes.stopping import StopSign

Durability = Literal["full", "os"]
_TWO_HEX = re.compile(r"[0-9a-f]{2}")
_REST_HEX = re.compile(r"[0-9a-f]{60}")
_log = logging.getLogger(__name__)


class BlockFile(NamedTuple):
    """The file of a block. written_ns: by the clock of the file system."""

    size_bytes: int
    written_ns: int


class FileBlocks(BlockStore):
    """Blocks below root. durability 'full': what is acknowledged survives a power cut; 'os': only a crash of ours."""

    def __init__(
        self,
        root: Path,
        durability: Durability = "full",
        disk: Disk | None = None,
        stop_sign: StopSign | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the store, or make it. root: the data directory.

        stop_sign: shared with whatever else writes there; by default the store opens its own on root/writes-stopped.
        """
        self._root = root.absolute()
        self._quarantine = f"{self._root}/quarantine"
        self._disk = disk or Disk()
        self._clock_ns = clock_ns
        self._filing = Filing(self._root, durability == "full", self._disk, stop_sign)
        self._filing.remove_stale()

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        self._filing.put(name, data)
        return name

    def batch(self) -> BlockBatch:
        return FileBatch(self._filing)

    def get(self, digest: Digest) -> bytes:
        try:
            data = _read(self._filing.folders.path(digest))
        except FileNotFoundError as error:
            raise NotFound(f"there is no block {digest}") from error
        except OSError as error:
            if error.errno == errno.EIO:
                raise self._set_aside(digest) from error
            raise turned(error, f"read block {digest}") from error
        if data is None or Digest.of(data) != digest:
            raise self._set_aside(digest)
        return data

    def has(self, digest: Digest) -> bool:
        try:
            return os.stat(self._filing.folders.path(digest)).st_size > 0 or digest == EMPTY
        except FileNotFoundError:
            return False
        except OSError as error:
            raise turned(error, f"look for block {digest}") from error

    def stored_bytes(self, digest: Digest) -> int | None:
        try:
            return os.stat(self._filing.folders.path(digest)).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise turned(error, f"look for block {digest}") from error

    def delete(self, digest: Digest) -> bool:
        self._filing.stop_sign.check()
        try:
            self._disk.unlink(self._filing.folders.path(digest))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise turned(error, f"delete block {digest}") from error
        return True

    def digests(self) -> Iterator[Digest]:
        for first in _names(f"{self._root}/blocks", _TWO_HEX):
            for second in _names(f"{self._root}/blocks/{first}", _TWO_HEX):
                for rest in _names(f"{self._root}/blocks/{first}/{second}", _REST_HEX):
                    yield Digest.fromhex(first + second + rest)

    def stat(self, digest: Digest) -> BlockFile | None:
        """What the file system says of the file of a block; None when it has none."""
        try:
            found = os.stat(self._filing.folders.path(digest))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise turned(error, f"look for block {digest}") from error
        return BlockFile(found.st_size, found.st_mtime_ns)

    def close(self) -> None:
        """Let go of descriptors. Not needed for durability."""
        self._filing.close()

    def _set_aside(self, digest: Digest) -> MylistError:
        """Move a file that is not what its name says to quarantine/; the error to raise."""
        try:
            self._move_to_quarantine(digest)
        except FileNotFoundError:
            pass  # another reader was faster, and has logged it
        except (OSError, WritesStopped) as error:
            self._filing.distrust(digest)
            reason = error.strerror if isinstance(error, OSError) else error
            _log.error("block %s is damaged and could not be set aside: %s", digest, reason)
        return Corrupt(
            f"block {digest} is damaged and not served; bring it back from a peer or a fresh upload"
        )

    def _move_to_quarantine(self, digest: Digest) -> None:
        source = self._filing.folders.path(digest)
        target = f"{self._quarantine}/{digest}.{self._clock_ns()}"
        with contextlib.suppress(FileExistsError):
            self._disk.make_folder(self._quarantine)
            self._filing.sync_folders({self._filing.root}, ())
        self._disk.rename(source, target)
        if self._is_whole(target, digest):  # rewritten between our reading and our moving it: put it back
            self._disk.rename(target, source)
            return
        _log.error("block %s is damaged: moved to quarantine/", digest)
        self._filing.sync_folders({self._quarantine, os.path.dirname(source)}, ())

    @staticmethod
    def _is_whole(path: str, digest: Digest) -> bool:
        try:
            data = _read(path)
        except OSError:
            return False
        return data is not None and Digest.of(data) == digest


def _read(path: str) -> bytes | None:
    """The bytes of a file; None if it is longer than any block."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size > BLOCK_BYTES_MAX:
            return None
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
        return data
    finally:
        os.close(descriptor)


def _names(folder: str, pattern: re.Pattern[str]) -> list[str]:
    """The names in a folder that match, sorted; none if the folder is gone."""
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise turned(error, "list the blocks") from error
