"""Several processes on one catalog, really: no lost update, no name twice, nobody starves, the stop sign is shared."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.errors import WritesStopped
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.processes.stopping import StopSign
from tests.programs import require_program
from tests.shelf import Clock, hold_invariants, shown
from tests.store.catalog import working
from tests.store.catalog.working import FOLDER, A

PROCESSES = 2
THREADS = 8
SPAWNING = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def filled(path: Path) -> Path:
    """A catalog with a flist that holds `counter`."""

    def make(draft: Draft) -> None:
        draft.add_account("anna", Role.USER)
        tree = draft.draft_tree(draft.add_flist(A, OPERATOR), OPERATOR)
        tree.insert(tree.root().entry_id, "counter", FOLDER)

    catalog = Catalog(path, clock=Clock(), durability="os")
    catalog.change(make)
    catalog.close()
    return path


def run(main: Callable[..., None], path: Path, *arguments: object, processes: int = PROCESSES) -> list[Any]:
    """What each of the processes has found. They begin together."""
    ready: Barrier = SPAWNING.Barrier(processes)
    results = SPAWNING.SimpleQueue()
    workers = [
        SPAWNING.Process(target=main, args=(str(path), ready, results, *arguments)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return found


def test_processes_that_open_a_new_catalog_at_once_all_find_it_whole(path: Path) -> None:
    assert run(working.open_at_once, path, processes=4) == [[]] * 4
    Catalog(path, clock=Clock()).close()


def test_threads_of_two_processes_lose_no_update_and_make_no_name_twice(filled: Path) -> None:
    rounds = 25
    found: list[working.Outcome] = run(working.compete, filled, THREADS, rounds)
    assert [one.foreign for one in found] == [[]] * PROCESSES
    made = [name for one in found for name in one.made]
    assert sorted(made) == sorted({f"name {number}" for number in range(rounds)}), "each once, by one of all"
    counted = sum(one.counted for one in found)
    assert counted > 0
    catalog = Catalog(filled, clock=Clock())
    with catalog.view() as view:
        hold_invariants(view)
        flist = view.flist(A)
        tree = shown(view.tree(flist))
        assert set(tree) == {"counter", *made}
        assert tree["counter"].mtime_ns == counted, "each count that was acknowledged is there"
        assert flist.head_jid == 2 + len(made) + counted
    catalog.close()


def test_of_two_busy_processes_none_starves(filled: Path) -> None:
    found = run(working.write_for, filled, THREADS, 1.0)
    counts = [count for count, _, _, _ in found]
    assert [foreign for _, _, foreign, _ in found] == [[]] * PROCESSES
    assert min(counts) > max(counts) / 4
    assert max(longest for _, longest, _, _ in found) < 2.0, "some 20 ms on a quiet machine"


@pytest.mark.slow
def test_the_log_stays_short_while_two_processes_write_without_a_pause(filled: Path) -> None:
    found = run(working.write_for, filled, THREADS, 20.0)
    assert [foreign for _, _, foreign, _ in found] == [[]] * PROCESSES
    assert max(log_bytes for _, _, _, log_bytes in found) < 128 * 1024 * 1024
    assert max(longest for _, longest, _, _ in found) < 2.0


@pytest.mark.power
@pytest.mark.parametrize("at", [6, 9])
def test_a_failed_sync_stops_the_writes_of_all_processes(filled: Path, tmp_path: Path, at: int) -> None:
    sign_path = tmp_path / "sign"
    code = (
        "from tests.store.catalog.working import write_until_refused;"
        f"write_until_refused({str(filled)!r}, {str(sign_path)!r})"
    )
    inject = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={at}"]
    command = [require_program("strace"), "-f", "-o", "/dev/null", *inject, sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd(), timeout=60)
    lines = said.stdout.splitlines()
    acknowledged = [line for line in lines if line.startswith("made")]
    assert 0 < len(acknowledged) < 10, said.stderr
    assert set(lines[len(acknowledged) :]) == {"refused WritesStopped"}, (
        "no write after it, though syncs work again"
    )
    sign = StopSign(sign_path)
    assert sign.is_set
    catalog = Catalog(filled, clock=Clock(), may_write=sign.check)
    with pytest.raises(WritesStopped):
        catalog.change(lambda draft: working.make_folder(draft, "x"))
    with catalog.view() as view:
        assert {*acknowledged, "counter"} <= set(shown(view.tree(view.flist(A))))
    catalog.close()
    sign.close()
