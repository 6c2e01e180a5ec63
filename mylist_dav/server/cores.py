"""Which processor core a worker process runs on.

The threads of a Python process hand one interpreter lock to each other, several times in each request. Between cores
that costs a wake-up of the other core every time; on one core it is a change of context. Measured with 8 clients on two
virtual cores, one worker, PROPFIND of one entry: 1,100 answers/s on both cores, 4,000 on one.
"""

from __future__ import annotations

import contextlib
import os
import sys

if sys.platform == "linux":

    def usable_cores() -> list[int]:
        """The cores this process may run on, in ascending order."""
        return sorted(os.sched_getaffinity(0))

    def keep_to_one_core(number: int) -> None:
        """Run on one core from here on, with all threads that are made: the one of this number, counted around.

        Where the system refuses that, nothing changes.
        """
        cores = usable_cores()
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cores[number % len(cores)]})

else:

    def usable_cores() -> list[int]:
        """The cores of the machine: elsewhere a process cannot be told which ones it may use."""
        return list(range(os.cpu_count() or 1))

    def keep_to_one_core(number: int) -> None:
        """Nothing: elsewhere a process cannot choose its core."""
