"""Disks that fail when a test wants them to, and a look at what lies on a disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from mylist_dav.store.disk import Disk


class FailingDisk(Disk):
    """Fails the n-th call (from 1), or with lasting=True that one and all after it. calls: how many were made."""

    def __init__(self, fail_at: int = 0, number: int = errno.EIO, lasting: bool = False) -> None:
        super().__init__()
        self.calls = 0
        self._fail_at = fail_at
        self._number = number
        self._lasting = lasting

    def create(self, path: Path | str, mode: int = 0o444) -> int:
        self._count()
        return super().create(path, mode)

    def write(self, descriptor: int, piece: bytes | memoryview) -> None:
        self._count(lambda: os.write(descriptor, piece[: len(piece) // 2]))
        super().write(descriptor, piece)

    def sync_file(self, descriptor: int) -> None:
        self._count()
        super().sync_file(descriptor)

    def sync_folder(self, path: Path | str) -> None:
        self._count()
        super().sync_folder(path)

    def sync_file_system(self, descriptor: int) -> None:
        self._count()
        super().sync_file_system(descriptor)

    def begin_writing_out(self, descriptor: int) -> None:
        super().begin_writing_out(descriptor)  # promises nothing, so that it cannot fail

    def rename(self, source: Path | str, target: Path | str) -> None:
        self._count()
        super().rename(source, target)

    def link(self, source: Path | str, target: Path | str) -> None:
        self._count()
        super().link(source, target)

    def unlink(self, path: Path | str) -> None:
        self._count()
        super().unlink(path)

    def make_folder(self, path: Path | str) -> None:
        self._count()
        super().make_folder(path)

    def remove_folder(self, path: Path | str) -> None:
        self._count()
        super().remove_folder(path)

    def _count(self, halfway: Callable[[], object] | None = None) -> None:
        """Count the call and perhaps fail it; halfway: what a failing call still gets done."""
        self.calls += 1
        if self.calls == self._fail_at or (self._lasting and self.calls > self._fail_at > 0):
            if halfway is not None:
                halfway()
            raise OSError(self._number, os.strerror(self._number))


class DiskWithoutSyncfs(Disk):
    """As on an old kernel."""

    @property
    def can_sync_file_system(self) -> bool:
        return False


def temporary_files(root: Path) -> list[Path]:
    """Unfinished files below a data directory."""
    return [path for path in (root / "tmp").rglob("*") if path.is_file()]


def file_of(root: Path, digest: bytes) -> Path:
    """Where a block has to lie."""
    name = digest.hex()
    return root / "blocks" / name[:2] / name[2:4] / name[4:]


def overwrite(path: Path, data: bytes) -> None:
    """Change a block's file behind the store's back."""
    path.chmod(0o644)
    path.write_bytes(data)
