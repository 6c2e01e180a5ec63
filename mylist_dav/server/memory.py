"""How the C library keeps memory: one heap that is used again, and what is free in it goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
from collections.abc import Callable, Iterator

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 1
_FREE_KEPT_BYTES = 16 * 1024 * 1024
_OWN_PAGES_BYTES = 8 * 1024 * 1024
"""More than the longest block has."""
_LARGE_HOLES_BYTES = 64 * 1024 * 1024
_SMALL_HOLES_BYTES = 32 * 1024 * 1024
_LOOK_SECONDS = 0.5
_LOOKS_PER_TIDYING = 20
"""Small holes wait for it: to fill pages anew while blocks come and go costs a quick reader a twentieth."""


class _Counts(ctypes.Structure):
    """struct mallinfo2 of glibc. fordblks: free bytes of the heap, wherever in it."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    )


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


@contextlib.contextmanager
def holes_given_back(every_seconds: float = _LOOK_SECONDS) -> Iterator[None]:
    """While in the with statement, give the pages of holes in the heap back to the system from time to time.

    glibc itself only gives back what is free at the end. After 200 readers came at once and turned out to be slow,
    half of what is free lies between the slices that wait for them.
    """
    trim = _trim_of_library()
    if trim is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_look, args=(trim, ended, every_seconds), name="holes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _look(trim: Callable[[int], None], ended: threading.Event, every_seconds: float) -> None:
    for turn in itertools.count(1):
        if ended.wait(every_seconds):
            return
        trim(_LARGE_HOLES_BYTES if turn % _LOOKS_PER_TIDYING else _SMALL_HOLES_BYTES)


def _trim_of_library() -> Callable[[int], None] | None:
    """A function that gives holes of more than so many bytes back, if it has not just done so; None without glibc."""
    try:
        library = ctypes.CDLL(None)
        count, give_back = library.mallinfo2, library.malloc_trim
    except (OSError, AttributeError):
        return None
    count.restype = _Counts
    give_back.argtypes = [ctypes.c_size_t]
    done_bytes = 0

    def trim(limit_bytes: int) -> None:
        nonlocal done_bytes
        free_bytes = count().fordblks  # what has been given back still counts
        if free_bytes > limit_bytes and free_bytes != done_bytes:
            give_back(_FREE_KEPT_BYTES)
            done_bytes = free_bytes

    return trim
