"""Changes that share a transaction end as if each had had its own, though each is left what the one before knew."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, Locked, MylistError, OutOfQuota, PreconditionFailed
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, EntityTags
from mylist_dav.model.names import FlistName
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.store.catalog import Draft
from mylist_dav.store.catalog.commits import Group, Waiting
from tests.shelf import ADMIN, NAME, Shelf, shelf_in

OTHER = FlistName("anna", "other")
NAMES = ["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/b", "x"]

Do = Callable[[Shelf], object]


class Caught(Exception):
    """What a verb wants to change."""

    def __init__(self, make: Callable[[Draft], object]) -> None:
        self.make = make


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with filled(tmp_path) as made:
        yield made


@contextmanager
def filled(folder: Path) -> Iterator[Shelf]:
    folder.mkdir(exist_ok=True)
    with shelf_in(folder) as made:
        made.flists.create(ADMIN, OTHER)
        for name in (NAME, OTHER):
            made.mkdir("d", name=name)
            made.mkdir("d/e", name=name)
        yield made


def put(
    path: str, content: bytes = b"", conditions: Conditions = UNCONDITIONAL, name: FlistName = NAME
) -> Do:
    def do(shelf: Shelf) -> object:
        upload = shelf.uploads.open(ADMIN, shelf.place(path, name), conditions=conditions, check_now=False)
        upload.write(content or path.encode())
        return upload.finish()

    return do


def together(shelf: Shelf, *wanted: Do) -> list[object]:
    """Results, or errors, of changes that are made as one group, or two if the machine is slow."""
    changes = [Waiting(_change_of(shelf, do)) for do in wanted]
    queue = deque(changes)
    while queue:
        shelf.catalog._run(Group(queue))
    return [waiting.error or waiting.result for waiting in changes]


def one_by_one(shelf: Shelf, *wanted: Do) -> list[object]:
    """The same, each in a transaction of its own."""
    found: list[object] = []
    for make in [_change_of(shelf, do) for do in wanted]:
        try:
            found.append(shelf.catalog.change(make))
        except MylistError as error:
            found.append(error)
    return found


def _change_of(shelf: Shelf, do: Do) -> Callable[[Draft], object]:
    """What a verb changes; or its error, if it has refused already."""

    def catch(make: Callable[[Draft], object]) -> None:
        raise Caught(make)

    kept = shelf.catalog.change
    shelf.catalog.change = catch  # type: ignore[method-assign,assignment]
    try:
        do(shelf)
    except Caught as caught:
        return caught.make
    except MylistError as error:
        return partial(_refuse, error)
    finally:
        shelf.catalog.change = kept  # type: ignore[method-assign]
    raise AssertionError("it has not changed anything")


def _refuse(error: MylistError, draft: Draft) -> None:
    raise error


def test_each_upload_is_a_commit_of_its_own(shelf: Shelf) -> None:
    found = together(shelf, put("d/a"), put("d/b"), put("d/a", b"again"), put("x"), put("d/e/c"))
    assert [stored.entry.since_jid for stored in found] == [4, 5, 6, 7, 8]  # type: ignore[attr-defined]
    assert [stored.created for stored in found] == [True, True, False, True, True]  # type: ignore[attr-defined]
    assert shelf.content("d/a") == b"again"
    assert shelf.content("d/a", 5) == b"d/a"
    assert shelf.flist().head_jid == 8


def test_what_failed_between_two_uploads_has_left_nothing(shelf: Shelf) -> None:
    none = Conditions(if_none_match=EntityTags(any_tag=True))
    found = together(
        shelf, put("d/a"), put("d/a", b"again", none), put("nowhere/a"), put("d/b"),
        lambda shelf: shelf.move("d/a", "d/b"), put("d/a", b"more"),
    )  # fmt: skip
    assert [type(one) for one in found[1:3]] == [PreconditionFailed, Conflict]
    assert isinstance(found[4], MylistError)
    assert shelf.paths() == ["d", "d/a", "d/b", "d/e"]
    assert shelf.flist().head_jid == 6
    assert shelf.content("d/a") == b"more"


def test_an_upload_that_wrote_and_was_refused_then_leaves_nothing_to_the_next(shelf: Shelf) -> None:
    shelf.identity.set_quota(OPERATOR, "anna", 10)
    found = together(
        shelf, put("d/a", b"12345"), put("d/b", b"123456"), put("d/c", b"12345"), put("d/e/f", b"1")
    )
    assert [isinstance(one, OutOfQuota) for one in found] == [False, True, False, True]
    assert shelf.paths() == ["d", "d/a", "d/c", "d/e"]
    assert (shelf.flist().head_jid, shelf.flist().size_bytes) == (5, 10)


def test_a_folder_that_went_between_two_uploads_is_gone(shelf: Shelf) -> None:
    found = together(
        shelf, put("d/e/a"), lambda shelf: shelf.delete("d/e"), put("d/e/b"), put("d/b"), put("d/e", b"a file"),
    )  # fmt: skip
    assert isinstance(found[2], Conflict)
    assert shelf.paths() == ["d", "d/b", "d/e"]


def test_a_lock_that_was_taken_between_two_uploads_holds(shelf: Shelf) -> None:
    found = together(shelf, put("d/a"), lambda shelf: shelf.lock("d/a"), put("d/a", b"more"), put("d/b"))
    assert isinstance(found[2], Locked)
    assert shelf.content("d/a") == b"d/a"
    assert shelf.paths() == ["d", "d/a", "d/b", "d/e"]


def test_uploads_to_two_flists_take_turns(shelf: Shelf) -> None:
    together(
        shelf, put("d/a"), put("d/a", b"there", name=OTHER), put("d/b"), put("d/b", b"there", name=OTHER)
    )
    assert shelf.paths() == shelf.paths(name=OTHER) == ["d", "d/a", "d/b", "d/e"]
    assert [shelf.flist(name).head_jid for name in (NAME, OTHER)] == [5, 5]


@pytest.mark.parametrize("seed", range(60))
def test_a_group_ends_as_its_changes_do_one_by_one(tmp_path: Path, seed: int) -> None:
    made = random.Random(seed)
    wanted = [_any(made) for _ in range(30)]
    with filled(tmp_path / "one") as one, filled(tmp_path / "other") as other:
        assert [_told(found) for found in together(one, *wanted)] == [
            _told(found) for found in one_by_one(other, *wanted)
        ]
        assert _state(one) == _state(other)


def _any(made: random.Random) -> Do:
    """Something to do; mostly an upload."""
    path, other, number = made.choice(NAMES), made.choice(NAMES), made.randrange(12)
    conditions = made.choice(
        [UNCONDITIONAL] * 6
        + [Conditions(base_jid=made.randrange(3, 20)), Conditions(if_none_match=EntityTags(any_tag=True))]
    )
    name = made.choice([NAME, NAME, NAME, OTHER])
    content = made.choice([b"", b"same", path.encode()])
    if number < 7:
        return put(path, content, conditions, name)
    return [
        lambda shelf: shelf.mkdir(path, conditions, name),
        lambda shelf: shelf.delete(path, conditions),
        lambda shelf: shelf.move(path, other, conditions, overwrite=True),
        lambda shelf: shelf.copy(path, other, conditions, overwrite=True, to=name),
        lambda shelf: shelf.trees.set_attributes(
            ADMIN, shelf.place(path), Attributes(mode=0o600), conditions
        ),
    ][number - 7]


def _told(found: object) -> str:
    """A result or an error, as text."""
    return f"{type(found).__name__}: {found}"


def _state(shelf: Shelf) -> list[object]:
    """All that is known of both flists, at all revisions."""
    with shelf.catalog.view() as view:
        rows = view._sql.execute
        audit = rows("SELECT action, flist, detail, size_bytes FROM audit ORDER BY audit_id").fetchall()
        held = sorted(rows("SELECT digest, flist_id FROM held").fetchall())
        blocks = sorted(rows("SELECT digest, size_bytes FROM block").fetchall())
    flists = [shelf.flist(name) for name in (NAME, OTHER)]
    trees = [
        [
            (str(path), entry)
            for path, entry in shelf.trees.walk(ADMIN, shelf.place("", flist.flist_name), jid)
        ]
        for flist in flists
        for jid in range(1, flist.head_jid + 1)
    ]
    return [flists, trees, audit, held, blocks]
