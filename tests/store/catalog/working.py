"""What a process of the tests of several processes does. Each function is the main of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple, Protocol

from mylist_dav.errors import Exists, MylistError, PreconditionFailed
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Conditions
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.tree.guards import check_conditions
from mylist_dav.store.catalog import Catalog, Draft, NewEntry
from mylist_dav.store.processes.stopping import StopSign

A = FlistName("anna", "a")
FOLDER = NewEntry(Kind.DIRECTORY, 0o755, 0, 0)


class Results(Protocol):
    """Where a process puts what it has to say."""

    def put(self, found: object, /) -> None: ...


class Outcome(NamedTuple):
    """What one process saw. foreign: errors that are none of ours, as text."""

    made: list[str]
    counted: int
    foreign: list[str]
    longest_seconds: float


def opened(path: str, durability: str = "os") -> Catalog:
    return Catalog(Path(path), clock=time.time_ns, durability=durability)


def run_threads(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def open_at_once(path: str, ready: Barrier, results: Results) -> None:
    """Open a catalog that others open in the same moment."""
    ready.wait()
    try:
        catalog = opened(path)
        with catalog.view() as view:
            results.put(view.accounts())
        catalog.close()
    except BaseException as error:
        results.put(repr(error))


def compete(path: str, ready: Barrier, results: Results, threads: int, rounds: int) -> None:
    """Make folders of names that all others make too, and count up a mode, on condition that nobody else did."""
    catalog = opened(path)
    made: list[str] = []
    foreign: list[str] = []
    counted = [0]
    longest = [0.0]
    lock = threading.Lock()

    def attempt(make: Callable[[Draft], object]) -> bool:
        began = time.perf_counter()
        try:
            catalog.change(make)
        except (Exists, PreconditionFailed):
            return False
        except MylistError as error:
            foreign.append(f"no other error of ours is expected: {error!r}")
            return False
        except BaseException as error:
            foreign.append(repr(error))
            return False
        finally:
            with lock:
                longest[0] = max(longest[0], time.perf_counter() - began)
        return True

    def work() -> None:
        for number in range(rounds):
            name = f"name {number}"
            if attempt(lambda draft: make_folder(draft, name)):  # noqa: B023
                made.append(name)
            with catalog.view() as view:
                seen = view.flist(A).head_jid
            if attempt(lambda draft: count_up(draft, seen)):  # noqa: B023
                with lock:
                    counted[0] += 1

    ready.wait()
    run_threads([work] * threads)
    results.put(Outcome(made, counted[0], foreign, longest[0]))
    catalog.close()


def make_folder(draft: Draft, name: str) -> None:
    tree = draft.draft_tree(draft.flist(A), OPERATOR)
    if tree.find(TreePath.of([name])) is not None:
        raise Exists(name)
    tree.insert(tree.root().entry_id, name, FOLDER)


def count_up(draft: Draft, seen_jid: int) -> None:
    tree = draft.draft_tree(draft.flist(A), OPERATOR)
    path = TreePath.of(["counter"])
    check_conditions(draft, tree, path, OPERATOR, Conditions(base_jid=seen_jid), draft.now_ns)
    counter = tree.find(path)
    assert counter is not None
    tree.replace(counter, counter._replace(mtime_ns=counter.mtime_ns + 1))


def write_for(path: str, ready: Barrier, results: Results, threads: int, seconds: float) -> None:
    """Write as much as possible for so long."""
    catalog = opened(path)
    longest = [0.0] * threads
    made = [0] * threads
    foreign: list[str] = []
    log = Path(path + "-wal")
    log_bytes = 0

    def work(index: int) -> None:
        nonlocal log_bytes
        name = f"{time.time_ns()}-{index}"
        while time.perf_counter() < until:
            began = time.perf_counter()
            try:
                catalog.change(lambda draft: make_folder(draft, f"{name}-{made[index]}"))
            except BaseException as error:
                foreign.append(repr(error))
                return
            longest[index] = max(longest[index], time.perf_counter() - began)
            made[index] += 1
            log_bytes = max(log_bytes, log.stat().st_size if made[index] % 50 == 0 else 0)

    ready.wait()
    until = time.perf_counter() + seconds
    run_threads([lambda index=index: work(index) for index in range(threads)])  # type: ignore[misc]
    results.put((sum(made), max(longest), foreign, log_bytes))
    catalog.close()


def write_until_refused(path: str, sign_path: str) -> None:
    """Make folders until one is refused; prints each that was acknowledged, then the class of the error."""
    import sys

    sign = StopSign(Path(sign_path))
    catalog = Catalog(
        Path(path), clock=time.time_ns, may_write=sign.check, on_write_failure=sign.stop, durability="full"
    )
    for number in range(50):
        try:
            catalog.change(lambda draft: make_folder(draft, f"made {number}"))  # noqa: B023
        except MylistError as error:
            sys.stdout.write(f"refused {type(error).__name__}\n")
        else:
            sys.stdout.write(f"made {number}\n")
        sys.stdout.flush()
