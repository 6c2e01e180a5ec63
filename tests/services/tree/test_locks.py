"""Locks: what they hold, whom they let through, and when they go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, Invalid, LimitExceeded, Locked, MylistError, PreconditionFailed
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place, StateList, StateTest
from mylist_dav.model.locks import Scope
from mylist_dav.model.paths import TreePath
from mylist_dav.services.tree.locks import COVERING_MAX
from mylist_dav.services.tree.properties import PropertyChange
from mylist_dav.services.tree.trees import Attributes
from tests.shelf import ADMIN, NAME, OTHER_ADMIN, Shelf, shelf_in, tokens

Do = Callable[[Shelf, Conditions], object]

CHANGE: Do = lambda shelf, conditions: shelf.trees.set_attributes(  # noqa: E731
    ADMIN, shelf.place("d/e/f"), Attributes(mode=0o600), conditions
)
PUT: Do = lambda shelf, conditions: shelf.put("d/e/f", b"new", conditions)  # noqa: E731
PROPERTY: Do = lambda shelf, conditions: shelf.properties.change(  # noqa: E731
    ADMIN, shelf.place("d/e/f"), [PropertyChange("{n}a", "<a/>")], conditions=conditions
)
DELETE: Do = lambda shelf, conditions: shelf.delete("d/e/f", conditions)  # noqa: E731
DELETE_ABOVE: Do = lambda shelf, conditions: shelf.delete("d", conditions)  # noqa: E731
MOVE_OUT: Do = lambda shelf, conditions: shelf.move("d/e/f", "x", conditions)  # noqa: E731
MOVE_ABOVE: Do = lambda shelf, conditions: shelf.move("d", "x", conditions)  # noqa: E731
MOVE_IN: Do = lambda shelf, conditions: shelf.move("g", "d/e/x", conditions)  # noqa: E731
MOVE_OVER: Do = lambda shelf, conditions: shelf.move("g", "d/e/f", conditions, overwrite=True)  # noqa: E731
COPY_OVER_ABOVE: Do = lambda shelf, conditions: shelf.copy("g", "d", conditions, overwrite=True)  # noqa: E731
COPY_OUT: Do = lambda shelf, conditions: shelf.copy("d", "x", conditions)  # noqa: E731
ADD: Do = lambda shelf, conditions: shelf.put("d/e/x", b"new", conditions)  # noqa: E731
MKDIR: Do = lambda shelf, conditions: shelf.mkdir("d/e/x", conditions)  # noqa: E731
LOCK_NEW: Do = lambda shelf, conditions: shelf.lock("d/e/x", infinite=False, conditions=conditions)  # noqa: E731
ROLLBACK: Do = lambda shelf, conditions: shelf.flists.rollback(ADMIN, NAME, 2, conditions)  # noqa: E731


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """d/e/f and g."""
    with shelf_in(tmp_path) as made:
        made.mkdir("d")
        made.mkdir("d/e")
        made.put("d/e/f")
        made.put("g")
        yield made


@pytest.mark.parametrize(
    ("locked", "infinite", "refused", "allowed"),
    [
        (
            "d/e/f", False,
            [CHANGE, PUT, PROPERTY, DELETE, DELETE_ABOVE, MOVE_OUT, MOVE_ABOVE, MOVE_OVER, COPY_OVER_ABOVE, ROLLBACK],
            [ADD, MKDIR, MOVE_IN, COPY_OUT, LOCK_NEW],
        ),
        (
            "d/e", False,
            [DELETE, DELETE_ABOVE, MOVE_OUT, MOVE_ABOVE, MOVE_IN, MOVE_OVER, COPY_OVER_ABOVE, ADD, MKDIR, LOCK_NEW],
            [CHANGE, PUT, PROPERTY, COPY_OUT],
        ),
        (
            "d", True,
            [CHANGE, PUT, PROPERTY, DELETE, DELETE_ABOVE, MOVE_OUT, MOVE_ABOVE, MOVE_IN, MOVE_OVER, COPY_OVER_ABOVE,
             ADD, MKDIR, LOCK_NEW, ROLLBACK],
            [COPY_OUT],
        ),
        (
            "", True,
            [CHANGE, PUT, PROPERTY, DELETE, DELETE_ABOVE, MOVE_OUT, MOVE_ABOVE, MOVE_IN, MOVE_OVER, COPY_OVER_ABOVE,
             ADD, MKDIR, LOCK_NEW, COPY_OUT, ROLLBACK],
            [],
        ),
        ("d", False, [DELETE_ABOVE, MOVE_ABOVE, COPY_OVER_ABOVE], [CHANGE, PUT, DELETE, ADD, MOVE_IN, LOCK_NEW]),
        ("g", False, [MOVE_IN, MOVE_OVER, ROLLBACK], [CHANGE, PUT, DELETE_ABOVE, ADD, COPY_OUT]),
    ],
    ids=["file", "folder alone", "folder with all", "root with all", "folder above alone", "elsewhere"],
)  # fmt: skip
@pytest.mark.parametrize("holder", [ADMIN, OTHER_ADMIN], ids=["own", "of another"])
def test_a_lock_refuses_what_it_holds_and_nothing_else(
    tmp_path: Path,
    shelf: Shelf,
    locked: str,
    infinite: bool,
    refused: list[Do],
    allowed: list[Do],
    holder: object,
) -> None:
    actor = OTHER_ADMIN if holder is OTHER_ADMIN else ADMIN
    held = shelf.lock(locked, infinite=infinite, actor=actor)
    before = shelf.flist()
    for do in refused:
        for conditions in [UNCONDITIONAL] if actor is ADMIN else [UNCONDITIONAL, tokens(held)]:
            with pytest.raises(Locked):
                do(shelf, conditions)
    assert shelf.flist() == before
    for number, do in enumerate(allowed):
        _in_a_fresh_shelf(tmp_path / f"a{number}", locked, infinite, actor, do, submit=False)
    if actor is ADMIN:
        for number, do in enumerate(refused):
            if do is not LOCK_NEW or not infinite:
                _in_a_fresh_shelf(tmp_path / f"r{number}", locked, infinite, actor, do, submit=True)


def _in_a_fresh_shelf(
    folder: Path, locked: str, infinite: bool, actor: object, do: Do, *, submit: bool
) -> None:
    """It is done although there is the lock."""
    folder.mkdir()
    with shelf_in(folder) as fresh:
        fresh.mkdir("d")
        fresh.mkdir("d/e")
        fresh.put("d/e/f")
        fresh.put("g")
        held = fresh.lock(locked, infinite=infinite, actor=OTHER_ADMIN if actor is OTHER_ADMIN else ADMIN)
        do(fresh, tokens(held) if submit else UNCONDITIONAL)


def test_the_error_names_what_is_locked(shelf: Shelf) -> None:
    shelf.lock("d/e/f")
    with pytest.raises(Locked) as caught:
        shelf.delete("d")
    assert caught.value.path == "d/e/f"


def test_a_lock_goes_with_what_it_is_on(shelf: Shelf) -> None:
    for do in (DELETE, MOVE_OUT, MOVE_OVER):
        shelf.flists.rollback(ADMIN, NAME, 5)
        held = shelf.lock("d/e/f")
        do(shelf, tokens(held))
        assert shelf.locks.all(ADMIN, shelf.place("")) == []


def test_a_lock_stays_on_a_file_that_gets_new_content(shelf: Shelf) -> None:
    held = shelf.lock("d/e/f")
    PUT(shelf, tokens(held))
    assert shelf.locks.covering(ADMIN, shelf.place("d/e/f")) == [(held.lock, TreePath.parse("d/e/f"))]


def test_after_a_rollback_the_locks_on_what_is_left_are_left(shelf: Shelf) -> None:
    one, two = shelf.lock("d"), shelf.lock("g")
    with pytest.raises(Locked):
        shelf.flists.rollback(ADMIN, NAME, 4, tokens(one))
    shelf.flists.rollback(ADMIN, NAME, 4, tokens(one, two))
    assert shelf.locks.all(ADMIN, shelf.place("")) == [(one.lock, TreePath.parse("d"))]


def test_an_expired_lock_holds_nothing(shelf: Shelf) -> None:
    shelf.lock("d", seconds=10)
    shelf.clock.advance(9)
    with pytest.raises(Locked):
        shelf.delete("d")
    shelf.clock.advance(1)
    assert shelf.locks.all(ADMIN, shelf.place("")) == []
    shelf.delete("d")


@pytest.mark.parametrize(
    ("first", "second", "compatible"),
    [
        (("d/e", Scope.EXCLUSIVE, True), ("d/e", Scope.EXCLUSIVE, True), False),
        (("d/e", Scope.EXCLUSIVE, True), ("d/e", Scope.SHARED, True), False),
        (("d/e", Scope.SHARED, True), ("d/e", Scope.SHARED, True), True),
        (("d/e", Scope.SHARED, True), ("d/e", Scope.EXCLUSIVE, True), False),
        (("d", Scope.EXCLUSIVE, True), ("d/e/f", Scope.SHARED, False), False),
        (("d", Scope.EXCLUSIVE, False), ("d/e/f", Scope.EXCLUSIVE, False), True),
        (("d", Scope.EXCLUSIVE, False), ("d/e", Scope.EXCLUSIVE, False), True),
        (("d/e/f", Scope.EXCLUSIVE, False), ("d", Scope.SHARED, True), False),
        (("d/e/f", Scope.EXCLUSIVE, False), ("d", Scope.EXCLUSIVE, False), True),
        (("d/e/f", Scope.SHARED, False), ("d", Scope.SHARED, True), True),
        (("d/e/f", Scope.SHARED, False), ("d", Scope.EXCLUSIVE, True), False),
        (("g", Scope.EXCLUSIVE, False), ("d", Scope.EXCLUSIVE, True), True),
    ],
)
@pytest.mark.parametrize("submit", [False, True], ids=["bare", "with the token"])
def test_which_locks_go_together(
    shelf: Shelf,
    first: tuple[str, Scope, bool],
    second: tuple[str, Scope, bool],
    compatible: bool,
    submit: bool,
) -> None:
    held = shelf.lock(first[0], scope=first[1], infinite=first[2])
    conditions = tokens(held) if submit else UNCONDITIONAL
    if compatible:
        shelf.lock(second[0], scope=second[1], infinite=second[2], conditions=conditions)
        return
    with pytest.raises(Locked):
        shelf.lock(second[0], scope=second[1], infinite=second[2], conditions=conditions)
    assert len(shelf.locks.all(ADMIN, shelf.place(""))) == 1


def test_of_several_shared_locks_on_one_entry_one_token_is_enough(shelf: Shelf) -> None:
    shelf.lock("d/e/f", scope=Scope.SHARED, actor=OTHER_ADMIN)
    mine = shelf.lock("d/e/f", scope=Scope.SHARED)
    PUT(shelf, tokens(mine))
    shelf.delete("d", tokens(mine))
    assert shelf.locks.all(ADMIN, shelf.place("")) == []


def test_locking_what_is_not_there_makes_an_empty_file_or_nothing_at_all(shelf: Shelf) -> None:
    locking = shelf.lock("d/new")
    assert locking.created
    assert not locking.lock.infinite
    assert shelf.entry("d/new").size_bytes == 0
    shelf.lock("d/e", infinite=False)
    before = shelf.flist()
    with pytest.raises(Locked):
        shelf.lock("d/e/new")
    with pytest.raises(Conflict):
        shelf.lock("no/new")
    assert shelf.flist() == before


def test_a_lock_is_refreshed_by_its_owner_with_its_token(shelf: Shelf) -> None:
    held = shelf.lock("d", seconds=100)
    shelf.clock.advance(50)
    fresh = shelf.locks.refresh(ADMIN, shelf.place("d/e/f"), 100, tokens(held))
    assert fresh.root == TreePath.parse("d")
    assert fresh.lock.expires_ns == held.lock.expires_ns + 50 * 1_000_000_000
    for actor, place, conditions in (
        (OTHER_ADMIN, "d", tokens(held)),
        (ADMIN, "d", UNCONDITIONAL),
        (ADMIN, "g", tokens(held)),
        (ADMIN, "d", tokens("urn:uuid:other")),
    ):
        with pytest.raises(PreconditionFailed):
            shelf.locks.refresh(actor, shelf.place(place), 100, conditions)


def test_a_lock_is_released_by_its_owner_wherever_it_covers(shelf: Shelf) -> None:
    held = shelf.lock("d")
    for actor, path, token in (
        (OTHER_ADMIN, "d", held.lock.token),
        (ADMIN, "g", held.lock.token),
        (ADMIN, "d", "urn:uuid:other"),
    ):
        with pytest.raises(Conflict):
            shelf.locks.release(actor, shelf.place(path), token)
    shelf.locks.release(ADMIN, shelf.place("d/e/f"), held.lock.token)
    assert shelf.locks.all(ADMIN, shelf.place("")) == []


def test_timeouts_owners_and_the_number_of_locks_are_bounded(shelf: Shelf) -> None:
    assert shelf.lock("g", seconds=10**9).lock.timeout_seconds == 3600
    assert shelf.lock("d/e/f", seconds=-5).lock.timeout_seconds == 1
    for number in range(48):
        shelf.lock(f"n{number}")
    with pytest.raises(LimitExceeded):
        shelf.lock("one more")
    with pytest.raises(Invalid):
        shelf.locks.take(
            ADMIN,
            shelf.place("d"),
            scope=Scope.SHARED,
            infinite=False,
            owner_xml="x" * 5000,
            timeout_seconds=1,
        )


def test_an_if_header_sees_the_locks_that_cover_a_place(shelf: Shelf) -> None:
    held = shelf.lock("d")
    token = held.lock.token

    def listing(path: str | None, wanted: str, negated: bool = False) -> Conditions:
        place = None if path is None else Place(NAME, TreePath.parse(path))
        return Conditions(
            state_lists=(StateList(place, (StateTest(wanted, None, negated),)),),
            lock_tokens=frozenset({token}),
        )

    for conditions in (
        listing(None, token),
        listing("d/e", token),
        listing("d/e/not there", token),
        listing("g", token, negated=True),
    ):
        shelf.put("d/e/f", b"new", conditions)
    for conditions in (listing("g", token), listing("", token), listing(None, "urn:uuid:no")):
        with pytest.raises(PreconditionFailed):
            shelf.put("d/e/f", b"new", conditions)


def test_nothing_of_another_flist_is_held(shelf: Shelf) -> None:
    other = NAME._replace(name="other")
    shelf.flists.create(ADMIN, other)
    shelf.lock("")
    shelf.mkdir("d", name=other)
    shelf.put("d/f", name=other)
    shelf.copy("d", "x", to=other)
    with pytest.raises(MylistError):
        shelf.copy("d", "x")


def test_the_shared_locks_that_cover_one_entry_are_bounded(shelf: Shelf) -> None:
    for _ in range(COVERING_MAX):
        shelf.lock("d", scope=Scope.SHARED)
    for path in ("d", "d/new"):
        with pytest.raises(LimitExceeded):
            shelf.lock(path, scope=Scope.SHARED)
    shelf.lock("beside", scope=Scope.SHARED)
