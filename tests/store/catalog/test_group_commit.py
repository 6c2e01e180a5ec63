"""Changes that share a commit: who leads, who waits, what becomes of errors and of those who go away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Busy, Exists, MylistError, OutOfSpace
from mylist_dav.model.actors import Role
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.catalog.commits import Group, GroupCommits, Waiting
from tests.shelf import Clock
from tests.store.catalog.faults import faults


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite", clock=Clock(), durability="os", busy_seconds=2)
    yield made
    made.close()


class Stopped(BaseException):
    """What an interrupt of the main thread is like."""


class Interrupted(Waiting[object]):
    """A change that is interrupted as soon as it waits."""

    def wait(self, seconds: float = -1) -> None:
        raise Stopped


class InterruptedLate(Waiting[object]):
    """A change that is interrupted when it has waited."""

    def wait(self, seconds: float = -1) -> None:
        super().wait(seconds)
        raise Stopped


class Grouped:
    """Has changes run as one group: the first does not end before all others wait."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.outcomes: dict[str, object] = {}
        self.commits = 0
        count = catalog._commit

        def commit() -> None:
            self.commits += 1
            count()

        catalog._commit = commit  # type: ignore[method-assign]

    def run(self, changes: dict[str, Callable[[Draft], object]]) -> None:
        first, *others = changes
        leading = threading.Event()

        def lead(draft: Draft) -> object:
            leading.set()
            _until(lambda: len(self.catalog._commits._queue) == len(others))
            return changes[first](draft)

        threads = [self._thread(first, lead)]
        leading.wait(10)
        for number, name in enumerate(others):
            threads.append(self._thread(name, changes[name]))
            if number < len(others) - 1:
                _until(lambda number=number: len(self.catalog._commits._queue) > number)  # type: ignore[misc]
        for thread in threads:
            thread.join()

    def _thread(self, name: str, make: Callable[[Draft], object]) -> threading.Thread:
        def work() -> None:
            try:
                self.outcomes[name] = self.catalog.change(make)
            except BaseException as error:
                self.outcomes[name] = error

        thread = threading.Thread(target=work)
        thread.start()
        return thread


def _until(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(100_000):
        if true():
            return
        pause.wait(0.0001)
    raise AssertionError("it never came to be")


def adding(name: str) -> Callable[[Draft], object]:
    def make(draft: Draft) -> str:
        draft.add_account(name, Role.USER)
        return name

    return make


def nothing(draft: Draft) -> object:
    return None


def failing(error: BaseException, name: str = "gone") -> Callable[[Draft], object]:
    def make(draft: Draft) -> None:
        draft.add_account(name, Role.USER)
        raise error

    return make


def accounts(catalog: Catalog) -> list[str]:
    with catalog.view() as view:
        return view.accounts()


def test_changes_that_wait_share_the_commit_of_the_one_before(catalog: Catalog) -> None:
    grouped = Grouped(catalog)
    grouped.run({name: adding(name) for name in "abcde"})
    assert grouped.outcomes == {name: name for name in "abcde"}
    assert grouped.commits == 1
    assert accounts(catalog) == list("abcde")


def test_an_error_of_one_change_in_a_group_does_not_hurt_the_others(catalog: Catalog) -> None:
    grouped = Grouped(catalog)
    oops = ZeroDivisionError()
    grouped.run({"a": adding("a"), "b": failing(oops), "c": adding("c"), "d": adding("a"), "e": adding("e")})
    assert grouped.commits == 1
    assert grouped.outcomes["b"] is oops
    assert isinstance(grouped.outcomes["d"], Exists)
    assert accounts(catalog) == ["a", "c", "e"]


def test_an_error_of_the_first_change_of_a_group_does_not_hurt_the_others(catalog: Catalog) -> None:
    grouped = Grouped(catalog)
    oops = ZeroDivisionError()
    grouped.run({"a": failing(oops), "b": adding("b"), "c": adding("c")})
    assert grouped.outcomes == {"a": oops, "b": "b", "c": "c"}
    assert accounts(catalog) == ["b", "c"]


def test_who_leads_and_is_interrupted_leaves_the_others_with_an_error_of_ours(catalog: Catalog) -> None:
    grouped = Grouped(catalog)
    grouped.run({"a": adding("a"), "b": failing(KeyboardInterrupt()), "c": adding("c")})
    assert isinstance(grouped.outcomes["a"], KeyboardInterrupt), "it was the leader that was interrupted"
    assert isinstance(grouped.outcomes["b"], Busy)
    assert grouped.outcomes["c"] == "c", "it was not in the group yet"
    assert accounts(catalog) == ["c"]


def test_when_the_commit_fails_nobody_of_the_group_is_acknowledged(catalog: Catalog) -> None:
    grouped = Grouped(catalog)
    with faults() as disk:

        def last(draft: Draft) -> None:
            draft.add_account("c", Role.USER)
            disk.fail(1, lasting=True)

        grouped.run({"a": adding("a"), "b": adding("b"), "c": last})
        disk.stop()
    assert [type(outcome) for outcome in grouped.outcomes.values()] == [OutOfSpace] * 3
    assert accounts(catalog) == []
    catalog.change(adding("d"))
    assert accounts(catalog) == ["d"]


def test_when_another_process_keeps_the_catalog_all_who_wait_are_told_busy(
    catalog: Catalog, tmp_path: Path
) -> None:
    other = Catalog(tmp_path / "catalog.sqlite", clock=Clock(), durability="os", busy_seconds=0.05)
    entered, leave = threading.Event(), threading.Event()

    def keep(draft: Draft) -> None:
        entered.set()
        leave.wait(20)

    keeper = threading.Thread(target=lambda: catalog.change(keep))
    keeper.start()
    entered.wait(10)
    outcomes: list[object] = []

    def work(name: str) -> None:
        try:
            outcomes.append(other.change(adding(name)))
        except MylistError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leave.set()
    keeper.join()
    assert [type(outcome) for outcome in outcomes] == [Busy] * 3
    assert other.change(adding("d")) == "d"
    other.close()
    assert accounts(catalog) == ["d"]


def test_a_change_that_waits_and_is_interrupted_leaves_the_queue() -> None:
    served: list[object] = []

    def run(group: Group) -> None:
        while (waiting := group.take()) is not None:
            served.append(waiting)
            entered.set()
            leave.wait(10)

    commits = GroupCommits(run)
    entered, leave = threading.Event(), threading.Event()
    first, second, third = Waiting(nothing), Interrupted(nothing), Waiting(nothing)
    leader = threading.Thread(target=lambda: commits.submit(first))
    leader.start()
    entered.wait(10)

    with pytest.raises(Stopped):
        commits.submit(second)
    follower = threading.Thread(target=lambda: commits.submit(third))
    follower.start()
    _until(lambda: len(commits._queue) == 1)
    leave.set()
    leader.join()
    follower.join()
    assert served == [first, third]
    commits.close()


def test_a_change_that_was_to_lead_and_is_interrupted_hands_over() -> None:
    served: list[object] = []

    def run(group: Group) -> None:
        waiting = group.take()
        served.append(waiting)
        entered.set()
        leave.wait(10)

    commits = GroupCommits(run)
    entered, leave = threading.Event(), threading.Event()
    first, second, third = Waiting(nothing), InterruptedLate(nothing), Waiting(nothing)
    raised: list[BaseException] = []

    def submit_second() -> None:
        try:
            commits.submit(second)
        except Stopped as error:
            raised.append(error)

    threads = [threading.Thread(target=lambda: commits.submit(first))]
    threads[0].start()
    entered.wait(10)
    threads.append(threading.Thread(target=submit_second))
    threads[1].start()
    _until(lambda: len(commits._queue) == 1)
    threads.append(threading.Thread(target=lambda: commits.submit(third)))
    threads[2].start()
    _until(lambda: len(commits._queue) == 2)
    leave.set()
    for thread in threads:
        thread.join()
    assert served == [first, third]
    assert len(raised) == 1
    commits.close()


def test_closing_waits_for_the_changes_that_are_under_way(catalog: Catalog) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(draft: Draft) -> None:
        draft.add_account("slow", Role.USER)
        entered.set()
        leave.wait(10)

    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(catalog.change(slow)))
    thread.start()
    entered.wait(10)
    closing = threading.Thread(target=catalog.close)
    closing.start()
    _until(lambda: catalog._commits._closed)
    with pytest.raises(Busy):
        catalog.change(adding("late"))
    leave.set()
    thread.join()
    closing.join()
    assert done == [None]


def test_the_connections_of_threads_go_with_them(catalog: Catalog) -> None:
    for _ in range(20):
        thread = threading.Thread(target=lambda: accounts(catalog))
        thread.start()
        thread.join()
    accounts(catalog)
    assert len(catalog._readers._open) <= 2
