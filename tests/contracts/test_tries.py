"""Numbers that count tries, and places that are shared: of one process or of all, with the same promises."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError, TooMany
from mylist_dav.store.processes.places import MemoryPlaces, Places, SharedPlaces
from mylist_dav.store.processes.tries import FILE_BYTES, MemoryTries, SharedTries, Tries

SPAWNED = multiprocessing.get_context("spawn")


@pytest.fixture(params=["memory", "shared"])
def tries(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tries]:
    if request.param == "memory":
        yield MemoryTries()
        return
    shared = SharedTries(tmp_path / "limits" / "tries")
    yield shared
    shared.close()


@pytest.fixture(params=["memory", "shared"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    if request.param == "memory":
        yield MemoryPlaces(2)
        return
    shared = SharedPlaces(tmp_path / "limits" / "place", 2)
    yield shared
    shared.close()


def raised(tries: Tries, name: bytes, by: int = 1) -> int:
    """The number after it was raised."""
    seen: list[int] = []

    def step(number: int) -> int:
        seen.append(number + by)
        return number + by

    tries.step(name, step)
    return seen[0]


def test_each_name_has_a_number_that_begins_at_nothing(tries: Tries) -> None:
    assert [raised(tries, b"a"), raised(tries, b"a", 2**60), raised(tries, b"b")] == [1, 2**60 + 1, 1]


def test_what_a_step_raises_leaves_the_number_as_it_was(tries: Tries) -> None:
    raised(tries, b"a")

    def refuse(number: int) -> int:
        raise TooMany("no", 1)

    with pytest.raises(TooMany):
        tries.step(b"a", refuse)
    assert raised(tries, b"a") == 2


def test_threads_lose_no_step(tries: Tries) -> None:
    def count() -> None:
        for _ in range(200):
            raised(tries, b"a")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert raised(tries, b"a", 0) == 800


def test_in_memory_the_one_untouched_for_longest_is_forgotten() -> None:
    tries = MemoryTries(names_max=3)
    for name in (b"a", b"b", b"c"):
        raised(tries, name)
    raised(tries, b"a")
    raised(tries, b"d")
    assert tries.names == 3
    assert [raised(tries, b"a"), raised(tries, b"b")] == [3, 1]


def _count(path: Path, times: int) -> None:
    tries = SharedTries(path)
    for _ in range(times):
        raised(tries, b"a")


def test_processes_count_together(tmp_path: Path) -> None:
    path = tmp_path / "limits" / "tries"
    processes = [SPAWNED.Process(target=_count, args=(path, 300)) for _ in range(3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    tries = SharedTries(path)
    assert raised(tries, b"a", 0) == 900
    tries.close()


def test_the_file_never_grows_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "limits" / "tries"
    tries = SharedTries(path)
    before = path.stat()
    for number in range(40_000):
        raised(tries, str(number).encode())
    after = path.stat()
    assert before.st_size == after.st_size == FILE_BYTES
    assert after.st_blocks == before.st_blocks
    assert after.st_mode & 0o777 == 0o600
    tries.close()


def test_when_there_are_too_many_the_smallest_numbers_are_forgotten(tmp_path: Path) -> None:
    tries = SharedTries(tmp_path / "tries")
    raised(tries, b"guesser", 1_000_000)
    for number in range(40_000):
        raised(tries, str(number).encode(), number + 1)
    assert raised(tries, b"guesser", 0) == 1_000_000
    tries.close()


def test_looking_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tries"
    tries = SharedTries(path)
    before = path.read_bytes()
    for number in range(100):
        raised(tries, str(number).encode(), 0)
    assert path.read_bytes() == before
    tries.close()


def test_two_data_directories_keep_a_name_at_different_places(tmp_path: Path) -> None:
    contents = []
    for folder in ("one", "two"):
        tries = SharedTries(tmp_path / folder / "tries")
        empty = (tmp_path / folder / "tries").read_bytes()
        raised(tries, b"a", 7)
        full = (tmp_path / folder / "tries").read_bytes()
        contents.append([at for at in range(FILE_BYTES) if empty[at] != full[at]])
        tries.close()
    assert contents[0] != contents[1]


def test_a_file_that_is_no_file_of_ours_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "tries").symlink_to("elsewhere")
    with pytest.raises(MylistError):
        SharedTries(tmp_path / "tries")
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_there_are_so_many_places_and_they_come_back(places: Places) -> None:
    with places.tried() as one, places.tried() as two, places.tried() as three:
        assert [one, two, three] == [True, True, False]
    with places.tried() as one, places.tried() as two:
        assert [one, two] == [True, True]


def test_a_place_comes_back_when_what_it_was_taken_for_fails(places: Places) -> None:
    def fail() -> None:
        with places.tried():
            raise ValueError

    for _ in range(3):
        with pytest.raises(ValueError):
            fail()
    with places.tried() as one, places.tried() as two:
        assert [one, two] == [True, True]


def test_processes_share_the_places_and_one_that_dies_gives_its_back(tmp_path: Path) -> None:
    places = SharedPlaces(tmp_path / "place", 1)
    here, there = SPAWNED.Pipe()
    holder = SPAWNED.Process(target=_hold, args=(tmp_path / "place", there))
    holder.start()
    assert here.recv() is True
    with places.tried() as mine:
        assert not mine
    holder.kill()
    holder.join()
    with places.tried() as mine:
        assert mine
    places.close()


def _hold(stem: Path, told: object) -> None:
    with SharedPlaces(stem, 1).tried() as mine:
        send: Callable[[bool], None] = told.send  # type: ignore[attr-defined]
        send(mine)
        threading.Event().wait()


def test_what_comes_after_the_end_touches_no_other_file(tmp_path: Path) -> None:
    """The system gives the numbers of closed files to the next ones that are opened."""
    tries, places = SharedTries(tmp_path / "tries"), SharedPlaces(tmp_path / "place", 2)
    with places.tried() as mine:
        assert mine
        tries.close()
        places.close()
        others = [os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT) for number in range(4)]
        with pytest.raises(MylistError):
            raised(tries, b"a")
        with places.tried() as another:
            assert not another
    assert [os.fstat(each).st_size for each in others] == [0] * 4
    for each in others:
        os.close(each)
