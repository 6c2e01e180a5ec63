"""How much room the disk of the data directory has left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from mylist_dav.store.disk import turned


class Room(NamedTuple):
    """Of the file system, for whom is not root. inodes: files that may still be made, 0 of 0 where nobody counts."""

    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int


def room_at(folder: Path) -> Room:
    """The room of the file system that a folder is on. Raises MylistError when it cannot be told."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise turned(error, "ask for the room on the disk") from error
    return Room(
        found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, found.f_favail, found.f_files
    )
