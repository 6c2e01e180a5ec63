"""Whether file systems can be mounted from user space here."""

from __future__ import annotations

import os

from tests.programs import require


def require_fuse() -> None:
    """Skip the test, or fail it where all must run, unless /dev/fuse can be opened."""
    require(_opens("/dev/fuse"), "/dev/fuse cannot be opened")


def _opens(device: str) -> bool:
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError:
        return False
    return True
