"""Differences between revisions, page by page, and after what commits alone cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Change, MakeDirectory, Mark, SetAttributes
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.tree.differences import Differences
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
    seen: list[str] = []
    after: Mark | None = None
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


def pages(few: Differences, earlier: int, later: int | None, limit: int) -> list[tuple[str, str]]:
    """All differences, read page by page."""
    seen: list[tuple[str, str]] = []
    after: Mark | None = None
    while True:
        page = few.page(ADMIN, SHELF_NAME, earlier, later, after, limit)
        assert len(page.differences) <= limit
        seen += [(one.change.value, str(one.path)) for one in page.differences]
        after = page.next
        if after is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_more_differences_than_are_kept_in_memory_are_told_the_same(shelf: Shelf, limit: int) -> None:
    shelf.mkdir("d")
    shelf.mkdir("d/in")
    for name in ("a", "d/in/f", "d/same", "e"):
        shelf.put(name)
    before = shelf.flist().head_jid
    shelf.move("d/in", "b")
    shelf.put("a", b"other")
    shelf.delete("d")
    shelf.put("d", b"a file in its place")
    shelf.delete("e")
    few = Differences(shelf.catalog, kept_max=2)
    for earlier, later in ((before, None), (shelf.flist().head_jid, before)):
        assert len(told(shelf, earlier, later)) >= 5
        assert pages(few, earlier, later, limit) == told(shelf, earlier, later)
        assert pages(shelf.differences, earlier, later, limit) == told(shelf, earlier, later)


def test_a_page_ends_where_enough_was_looked_at_and_the_next_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.services.tree.side_by_side.differences_after.__defaults__", (4,))
    for name in "abcdefgh":
        shelf.put(name)
    for name in "ghi":
        shelf.put(name, b"other")
    few = Differences(shelf.catalog, kept_max=2)
    first = few.page(ADMIN, SHELF_NAME, 9)
    assert (first.differences, first.next is None) == ([], False)
    assert pages(few, 9, None, 100) == [("changed", "g"), ("changed", "h"), ("added", "i")]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_root_that_has_changed_comes_first(shelf: Shelf, limit: int) -> None:
    shelf.mkdir("a")
    shelf.commit(SetAttributes(path=ROOT, mode=0o700), MakeDirectory(path=TreePath("b")))
    for few in (shelf.differences, Differences(shelf.catalog, kept_max=-1)):
        assert pages(few, 1, None, limit) == [("changed", ""), ("added", "a"), ("added", "b")]
        assert pages(few, 2, 3, limit) == [("changed", ""), ("added", "b")]


def test_what_is_kept_for_the_next_page_is_bounded_over_all_comparisons(shelf: Shelf) -> None:
    for name in "abcdefgh":
        shelf.mkdir(name)
    few = Differences(shelf.catalog, kept_max=6)
    for earlier in (6, 7, 5, 6, 4):
        assert pages(few, earlier, 9, 2) == told(shelf, earlier, 9)
    assert sum(map(len, few._known.values())) <= 6
    assert len(few._known) == 1


def test_a_page_may_begin_at_a_path_that_neither_revision_has(shelf: Shelf) -> None:
    for name in ("a", "c"):
        shelf.mkdir(name)
    for few in (shelf.differences, Differences(shelf.catalog, kept_max=0)):
        for path, whole in ((("a", "x", "y"), True), (("b",), False), (("a",), True)):
            page = few.page(ADMIN, SHELF_NAME, 1, None, Mark(TreePath(path), whole))
            assert [str(one.path) for one in page.differences] == ["c"]


def test_near_revisions_are_compared_however_much_has_changed_since(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    for number in range(12):
        shelf.mkdir(f"x{number}")
        shelf.delete(f"x{number}")
    few = Differences(shelf.catalog, kept_max=2)
    assert [str(one.path) for one in few.page(ADMIN, SHELF_NAME, 2, 3).differences] == ["d/f"]


def test_revisions_that_are_not_there_and_pages_that_are_none(shelf: Shelf) -> None:
    for earlier, later in ((0, 1), (1, 2), (9, 9)):
        with pytest.raises(NotFound):
            shelf.differences.page(ADMIN, SHELF_NAME, earlier, later)
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
        assert Differences(lab.catalog, kept_max=0).page(OPERATOR, NAME, before) == page
        removed = {str(one.path) for one in page.differences if one.change is Change.REMOVED}
        added = {str(one.path) for one in page.differences if one.change is Change.ADDED}
        assert removed == {*(f"d{number}" for number in range(8)), "same"}
        assert added == removed | {"d1/f"}
        assert len(page.differences) == len(removed) + len(added)
    finally:
        lab.close()
