"""How the C library keeps memory: one heap that is used again, and what is free at its end goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 1
_FREE_KEPT_BYTES = 16 * 1024 * 1024
_OWN_PAGES_BYTES = 8 * 1024 * 1024
"""More than the longest block has."""


def give_back_freed_blocks() -> None:
    """Let glibc keep one heap for all threads, blocks of contents included, and some memory free at its end.

    By default each thread gets a heap, and blocks of several MiB leave holes in all of them: 200 slow readers of
    4 MiB each had 370 MiB resident with its defaults, 230 MiB without. Mapping each block by itself is no help to
    readers that are quick: to fill new pages takes as long as to verify the block (733 MB/s instead of 925 of one
    large file on one core, at 353 and 360 MiB beside 200 slow readers). Other C libraries have no such call, or
    ignore it.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _FREE_KEPT_BYTES)
        library.mallopt(_M_ARENA_MAX, _ARENAS)
