"""A front end over a new library, for tests in process."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from mylist_dav.services.opening import Library
from mylist_dav.settings import Settings, load
from tests.dav.driver import Driver

BEGINNING_NS = 1_700_000_000_000_000_000


class Clock:
    """Nanoseconds since the epoch; each reading is a microsecond later, and advance() adds seconds."""

    def __init__(self) -> None:
        self._ticks = count(BEGINNING_NS, 1000)
        self._ahead_ns = 0

    def __call__(self) -> int:
        return next(self._ticks) + self._ahead_ns

    def advance(self, seconds: int) -> None:
        self._ahead_ns += seconds * 1_000_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(given={"store.data": str(tmp_path / "store"), "store.durability": "os"})


@pytest.fixture
def library(settings: Settings, clock: Clock) -> Iterator[Library]:
    opened = Library(settings, clock)
    yield opened
    opened.close()


@pytest.fixture
def dav(library: Library) -> Driver:
    return Driver(library)
