"""The folders aa/bb that blocks lie in: made when first needed, and durable before a block in them is acknowledged.

A folder counts as durable only after this process has synced its parent: another process may have made it a moment ago
and not have synced it yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from mylist_dav.model.digest import Digest
from mylist_dav.store.disk import Disk

_INNER_COUNT = 65_536
_OUTER_COUNT = 256


class NewFolder(NamedTuple):
    """A folder that this process has not yet made durable; number: its place in the table of durable ones."""

    number: int
    path: str
    parent: str


class Folders:
    """Below root, two levels deep. Thread-safe. May raise OSError."""

    def __init__(self, root: str, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._durable = bytearray(_INNER_COUNT + _OUTER_COUNT)

    def path(self, digest: Digest) -> str:
        """The file of a block."""
        name = digest.hex()
        return f"{self._root}/{name[:2]}/{name[2:4]}/{name[4:]}"

    def folder(self, digest: Digest) -> str:
        """The folder of a block."""
        name = digest.hex()
        return f"{self._root}/{name[:2]}/{name[2:4]}"

    def make(self, digest: Digest) -> list[NewFolder]:
        """Make the folder of a block. What is returned is not durable until its parent is synced; then call settle."""
        inner = digest[0] << 8 | digest[1]
        if self._durable[inner]:
            return []
        folder = self.folder(digest)
        outer_path = folder[:-3]
        new = [NewFolder(inner, folder, outer_path)]
        if not self._durable[_INNER_COUNT + digest[0]]:
            new.insert(0, NewFolder(_INNER_COUNT + digest[0], outer_path, self._root))
        for each in new:
            with contextlib.suppress(FileExistsError):
                self._disk.make_folder(each.path)
        return new

    def settle(self, new: Iterable[NewFolder]) -> None:
        """The parents of these have been synced."""
        for each in new:
            self._durable[each.number] = 1
