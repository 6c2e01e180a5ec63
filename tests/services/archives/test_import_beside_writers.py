"""A very large import, and others who write meanwhile: nobody is shut out, nothing of theirs is lost."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.archives.members import Found, Member
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT, TreePath
from tests.services.trees_in_memory import NAME, Lab

OTHER = FlistName("alice", "other")
RESIDENT_KIB_MAX = 200 * 1024


class Many:
    """A source of any number of files in folders of a thousand, some of them with new contents of their own."""

    def __init__(self, count: int) -> None:
        self._count = count

    def members(self) -> Found:
        for number in range(self._count):
            path = TreePath((f"{number // 100_000}", f"{number // 1000}", f"{number}"))
            content = b"%d" % (number % 3000)
            yield Member(str(path), path, Kind.FILE, 0o644, number, len(content)), iter((content,))


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_others_write_while_a_very_large_import_runs(
    tmp_path: Path, count: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    lab = Lab(tmp_path / "data", entries_max=2_000_000, on_disk=True)
    lab.flists.create(OPERATOR, OTHER, make_account=True)
    resident_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    over = threading.Event()
    waits: list[float] = []
    failed: list[MylistError] = []

    def write() -> None:
        number = 0
        while not over.wait(0.02):
            begun = time.perf_counter()
            try:
                lab.put(f"{number % 40}", b"%d" % number, OTHER)
            except MylistError as error:
                failed.append(error)
            waits.append(time.perf_counter() - begun)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = lab.imports.run(OPERATOR, NAME, Many(count), make=True)
    finally:
        over.set()
        writer.join()
    waits.sort()
    record_testsuite_property("put_p50_ms", waits[len(waits) // 2] * 1000)
    record_testsuite_property("put_p99_ms", waits[len(waits) * 99 // 100] * 1000)
    record_testsuite_property("put_longest_ms", waits[-1] * 1000)
    assert not failed
    assert len(waits) > 20
    folders = -(-count // 1000) + -(-count // 100_000)
    assert lab.counted()[0] == done.entries == done.added == count + folders
    assert sum(1 for _ in lab.trees.walk(OPERATOR, Place(NAME, ROOT))) == count + folders
    assert [flist.entries for flist in lab.flists.list(OPERATOR) if flist.flist_name == OTHER] == [
        min(len(waits), 40)
    ]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident_before < RESIDENT_KIB_MAX
    assert lab.staged() == 0
    lab.close()
