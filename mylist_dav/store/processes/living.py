"""Which processes live: what one of them has, a file or a folder, it keeps locked for as long as it lives.

Asked is the kernel (flock), which lets go of a lock with its process, whatever way that ends; not a process id, which
another process may have by now.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int | None:
    """A descriptor that holds the lock of a file or folder; None: a living process has it, or there is no such thing.

    Whoever has just made it and gets None has been overtaken by somebody who cleans up, and makes another.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def is_held(path: Path) -> bool:
    """Whether a file or folder is there, and a living process has it."""
    descriptor = hold(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None and path.exists()
