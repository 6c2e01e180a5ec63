"""What a process keeps of memory that it has freed. In one of its own: a heap that was used is no fresh one."""

from __future__ import annotations

import subprocess
import sys

import pytest

HOLES = """
import sys, time
from mylist_dav.server.memory import give_back_freed_blocks, holes_given_back

def resident_mib():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

give_back_freed_blocks()
kept = [b"b" * 2**20 for _ in range(200)]
before = resident_mib()
del kept[1::2]
until = time.monotonic() + float(sys.argv[1])
with holes_given_back(0.01):
    while resident_mib() > before - 90 and time.monotonic() < until:
        pass
print(before - resident_mib(), set(kept) == {b"b" * 2**20})
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is about glibc")
def test_holes_between_blocks_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES, "20"], capture_output=True, text=True, check=True)
    freed_mib, unharmed = done.stdout.split()
    assert int(freed_mib) > 90
    assert unharmed == "True"
