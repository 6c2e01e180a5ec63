"""A console over a new library, for tests in process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock
from tests.web.console.driver import House


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    library = Library(load(given={"store.data": str(tmp_path / "s"), "store.durability": "os"}), clock)
    try:
        yield House(library)
    finally:
        library.close()
