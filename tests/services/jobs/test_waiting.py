"""What is refused from reading alone waits for no writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, Exists
from mylist_dav.store.catalog import Draft
from tests.shelf import Clock, Shelf

PATIENCE_SECONDS = 20


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "catalog.sqlite", Clock())
    yield made
    made.catalog.close()


@pytest.mark.parametrize(("path", "error"), [("there", Exists), ("nowhere/new", Conflict)])
def test_a_folder_that_cannot_be_made_is_refused_while_somebody_writes(
    shelf: Shelf, path: str, error: type[Exception]
) -> None:
    shelf.mkdir("there")
    refused = threading.Event()

    def ask() -> None:
        with pytest.raises(error):
            shelf.mkdir(path)
        refused.set()

    def write(draft: Draft) -> bool:
        asking.start()
        return refused.wait(PATIENCE_SECONDS)

    asking = threading.Thread(target=ask)
    assert shelf.catalog.change(write)
    asking.join()
