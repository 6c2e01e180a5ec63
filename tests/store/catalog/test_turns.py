"""The lock that processes sleep for: who gives it back is heard, who dies has given it back, nobody waits for ever."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mylist_dav.errors import Busy
from mylist_dav.store.catalog import turns
from mylist_dav.store.catalog.turns import Turn

KEEPING = """
import sys
from pathlib import Path
from mylist_dav.store.catalog.turns import Turn
turn = Turn(Path(sys.argv[1]), 10)
turn.take()
print("mine", flush=True)
sys.stdin.readline()
turn.give()
print("given", flush=True)
sys.stdin.readline()
"""


@contextmanager
def keeper(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock, and gives it back when it is told a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", KEEPING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Turn]:
    made = Turn(tmp_path / "turn", 10)
    yield made
    made.close()


def give(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def waiting(turn: Turn) -> tuple[threading.Thread, list[str]]:
    """A thread that takes the lock, once it listens; and what it came to."""
    taken: list[str] = []

    def work() -> None:
        turn.take()
        taken.append("mine")

    thread = threading.Thread(target=work)
    thread.start()
    return thread, taken


def heard(turn: Turn) -> Callable[[], int]:
    """Counts how often somebody who waits has looked."""
    looks = 0
    listen = turn._listen

    def counting() -> None:
        nonlocal looks
        looks += 1
        listen()

    turn._listen = counting  # type: ignore[method-assign]
    return lambda: looks


def test_who_waits_is_told_when_it_is_given_back(
    turn: Turn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LOOK_SECONDS", 60)
    looks = heard(turn)
    with keeper(tmp_path / "turn") as process:
        thread, taken = waiting(turn)
        while not looks():
            os.sched_yield()
        assert taken == []
        give(process)
        thread.join(10)
        assert taken == ["mine"]
    turn.give()


def test_who_dies_has_given_it_back(turn: Turn, tmp_path: Path) -> None:
    looks = heard(turn)
    with keeper(tmp_path / "turn") as process:
        thread, taken = waiting(turn)
        while not looks():
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        thread.join(10)
        assert taken == ["mine"]
    turn.give()


def test_nobody_waits_longer_than_they_want(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn", 0.05)
    with keeper(tmp_path / "turn"):
        began = time.monotonic()
        with pytest.raises(Busy):
            turn.take()
        assert time.monotonic() - began >= 0.05
    turn.take()
    turn.give()
    turn.close()


def test_what_nobody_listens_to_fills_nothing(turn: Turn) -> None:
    for _ in range(100_000):
        turn.take()
        turn.give()
    with turn.tried() as mine:
        assert mine


def test_rings_from_before_are_not_taken_for_one_of_now(turn: Turn, tmp_path: Path) -> None:
    for _ in range(100):
        turn.take()
        turn.give()
    looks = heard(turn)
    with keeper(tmp_path / "turn") as process:
        thread, taken = waiting(turn)
        while looks() < 2:
            os.sched_yield()
        assert looks() < 10
        give(process)
        thread.join(10)
    assert taken == ["mine"]
    turn.give()


def test_it_works_where_there_are_no_fifos(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    path.touch()
    turn = Turn(path, 10)
    assert stat.S_ISREG(path.stat().st_mode)
    with keeper(path) as process:
        thread, taken = waiting(turn)
        give(process)
        thread.join(10)
        assert taken == ["mine"]
    turn.give()
    turn.close()
