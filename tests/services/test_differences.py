"""Differences between revisions, page by page, and after what commits alone cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Invalid, LimitExceeded, NotFound
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Change
from mylist_dav.services.differences import Differences
from tests.services.trees_in_memory import NAME, Lab, file, folder, tar_of
from tests.shelf import ADMIN, Shelf, shelf_in
from tests.shelf import NAME as SHELF_NAME


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


def told(shelf: Shelf, earlier: int, later: int | None = None) -> list[tuple[str, str]]:
    page = shelf.differences.page(ADMIN, SHELF_NAME, earlier, later)
    return [(one.change.value, str(one.path)) for one in page.differences]


def test_what_comes_back_with_its_folder_is_told_entry_by_entry(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    shelf.delete("d")
    shelf.flists.rollback(ADMIN, SHELF_NAME, 3)
    assert told(shelf, 3, 4) == [("removed", "d")]
    assert told(shelf, 4, 5) == told(shelf, 4) == [("added", "d"), ("added", "d/f")]
    assert told(shelf, 3, 5) == []


def test_what_is_taken_out_of_a_folder_that_goes_is_moved(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    shelf.move("d/f", "f")
    shelf.delete("d")
    assert told(shelf, 3, 5) == [("removed", "d"), ("moved", "f")]
    assert told(shelf, 5, 3) == [("added", "d"), ("moved", "d/f")]


def test_pages_fit_together_whatever_is_asked_between(shelf: Shelf) -> None:
    for name in "abcde":
        shelf.mkdir(name)
    seen, after = [], 0
    while True:
        page = shelf.differences.page(ADMIN, SHELF_NAME, 1, 6, after, 2)
        seen += [str(one.path) for one in page.differences]
        assert len(told(shelf, 2, 6)) == 4
        if page.next is None:
            break
        after = page.next
    assert seen == list("abcde")


def test_the_same_revisions_of_another_flist_are_something_else(shelf: Shelf) -> None:
    other = FlistName("anna", "other")
    shelf.flists.create(ADMIN, other)
    shelf.mkdir("a")
    shelf.mkdir("b", name=other)
    assert told(shelf, 1, 2) == [("added", "a")]
    page = shelf.differences.page(ADMIN, other, 1, 2)
    assert [str(one.path) for one in page.differences] == ["b"]


def test_too_many_differences_are_refused(shelf: Shelf) -> None:
    for name in "abc":
        shelf.mkdir(name)
    few = Differences(shelf.catalog, differences_max=2)
    with pytest.raises(LimitExceeded):
        few.page(ADMIN, SHELF_NAME, 1)
    assert len(few.page(ADMIN, SHELF_NAME, 2).differences) == 2


def test_revisions_that_are_not_there_and_pages_that_are_none(shelf: Shelf) -> None:
    for earlier, later in ((0, 1), (1, 2), (9, 9)):
        with pytest.raises(NotFound):
            shelf.differences.page(ADMIN, SHELF_NAME, earlier, later)
    with pytest.raises(Invalid):
        shelf.differences.page(ADMIN, SHELF_NAME, 1, 1, after=-1)
    with pytest.raises(Invalid):
        shelf.differences.page(ADMIN, SHELF_NAME, 1, 1, limit=0)


def test_an_import_that_replaces_everything_is_told_as_what_went_and_came(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=5)
    try:
        lab.take(tar_of({f"d{number}": folder() for number in range(8)} | {"same": file()}))
        before = lab.flists.get(OPERATOR, NAME).head_jid
        lab.take(
            tar_of({f"d{number}": folder(0o700) for number in range(8)} | {"same": file(), "d1/f": file()})
        )
        page = Differences(lab.catalog).page(OPERATOR, NAME, before)
        removed = {str(one.path) for one in page.differences if one.change is Change.REMOVED}
        added = {str(one.path) for one in page.differences if one.change is Change.ADDED}
        assert removed == {*(f"d{number}" for number in range(8)), "same"}
        assert added == removed | {"d1/f"}
        assert len(page.differences) == len(removed) + len(added)
    finally:
        lab.close()
