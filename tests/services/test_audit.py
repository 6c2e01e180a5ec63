"""Every change is recorded with who, from where, and in the transaction of the change itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Forbidden, Invalid, MylistError, Unauthenticated
from mylist_dav.model.actors import GUEST, OPERATOR, Actor, Role
from mylist_dav.model.audit import Action, Audited, Wanted
from mylist_dav.model.names import FlistName
from mylist_dav.services.audit import Audit
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.store.catalog import Draft
from tests.shelf import ADMIN, NAME, USER, Shelf, shelf_in

FROM_AFAR = ADMIN._replace(address="192.0.2.1", request_id="0123456789ab")
EVERYTHING = Wanted(limit=1000)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


def rows(shelf: Shelf, wanted: Wanted = EVERYTHING, actor: Actor = OPERATOR) -> list[Audited]:
    return Audit(shelf.catalog).rows(actor, wanted)


def newest(shelf: Shelf) -> Audited:
    return rows(shelf, Wanted(limit=1))[0]


def test_an_upload_says_who_from_where_what_and_how_much(shelf: Shelf) -> None:
    shelf.put("a", b"12345", actor=FROM_AFAR)
    row = newest(shelf)
    assert row[1:7] == (
        shelf.clock.now_ns, "anna", "192.0.2.1", "0123456789ab", "upload", "anna/photos",
    )  # fmt: skip
    assert json.loads(row.detail) == {"jid": 2, "note": "put /a"}
    assert (row.repeats, row.size_bytes) == (1, 5)


CHANGES: dict[Action, Callable[[Shelf], object]] = {
    Action.MKDIR: lambda shelf: shelf.mkdir("new"),
    Action.DELETE: lambda shelf: shelf.delete("f"),
    Action.MOVE: lambda shelf: shelf.move("f", "g"),
    Action.COPY: lambda shelf: shelf.copy("f", "g"),
    Action.ATTRIBUTES: lambda shelf: shelf.trees.set_attributes(
        ADMIN, shelf.place("f"), Attributes(mode=0o600)
    ),
    Action.ROLLBACK: lambda shelf: shelf.flists.rollback(ADMIN, NAME, 1),
    Action.UPLOAD: lambda shelf: shelf.lock("lock-makes-a-file"),
    Action.CREATE: lambda shelf: shelf.flists.create(ADMIN, FlistName("anna", "other")),
}


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_of_a_tree_is_one_row_with_its_revision(shelf: Shelf, action: Action) -> None:
    shelf.put("f")
    before = len(rows(shelf))
    CHANGES[action](shelf)
    assert len(rows(shelf)) == before + 1
    row = newest(shelf)
    assert (row.action, row.account) == (action.value, "anna")
    assert json.loads(row.detail)["jid"] == (1 if action is Action.CREATE else 3)


def test_a_change_of_attributes_names_the_path(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    shelf.trees.set_attributes(ADMIN, shelf.place("d/f"), Attributes(mode=0o600))
    assert json.loads(newest(shelf).detail)["note"] == "attributes of /d/f"


def test_a_move_to_another_flist_is_a_row_in_each(shelf: Shelf) -> None:
    other = FlistName("anna", "other")
    shelf.flists.create(ADMIN, other)
    shelf.put("f")
    shelf.trees.move(ADMIN, shelf.place("f"), shelf.place("f", other), overwrite=False)
    assert {(row.action, row.flist) for row in rows(shelf, Wanted(limit=2))} == {
        ("move", "anna/photos"), ("copy", "anna/other"),
    }  # fmt: skip


def test_the_record_of_a_deleted_flist_stays(shelf: Shelf) -> None:
    shelf.put("f", b"123")
    shelf.flists.delete(FROM_AFAR, NAME)
    found = rows(shelf, Wanted(flist="anna/photos"))
    assert [row.action for row in found] == ["delete-flist", "upload", "create"]
    assert (found[0].address, found[0].size_bytes, json.loads(found[0].detail)) == (
        "192.0.2.1", 3, {"jid": 2, "entries": 1},
    )  # fmt: skip


def test_what_is_refused_leaves_no_row(shelf: Shelf) -> None:
    before = rows(shelf)
    with pytest.raises(MylistError):
        shelf.put("no folder/f")
    with pytest.raises(MylistError):
        shelf.delete("not there")
    assert rows(shelf) == before


def test_a_change_that_fails_after_it_was_recorded_leaves_no_row(shelf: Shelf) -> None:
    def fail(draft: Draft) -> None:
        draft.record(ADMIN, Action.GRANT, "anna/photos")
        raise Invalid("not this way")

    before = rows(shelf)
    with pytest.raises(Invalid):
        shelf.catalog.change(fail)
    assert rows(shelf) == before


def test_nothing_is_recorded_where_nothing_changes(shelf: Shelf) -> None:
    shelf.put("f")
    before = rows(shelf)
    shelf.trees.set_attributes(ADMIN, shelf.place("f"), Attributes(mode=0o644))
    shelf.flists.rollback(ADMIN, NAME, 2)
    assert [row.action for row in rows(shelf)] == [row.action for row in before]


# -- asking ----------------------------------------------------------------------------------------------------


def test_rows_are_found_by_account_flist_action_and_time(shelf: Shelf) -> None:
    shelf.clock.advance(100)
    shelf.put("f", actor=FROM_AFAR)
    shelf.clock.advance(100)
    shelf.flists.create(OPERATOR, FlistName("anna", "second"))
    now_ns = shelf.clock.now_ns
    assert [row.action for row in rows(shelf, Wanted(account="anna"))] == ["upload"]
    assert [row.action for row in rows(shelf, Wanted(flist="anna/second"))] == ["create"]
    assert [row.flist for row in rows(shelf, Wanted(action=Action.CREATE))] == ["anna/second", "anna/photos"]
    assert [row.action for row in rows(shelf, Wanted(since_ns=now_ns))] == ["create"]
    assert [row.action for row in rows(shelf, Wanted(since_ns=now_ns - 100 * 10**9, until_ns=now_ns))] == [
        "upload"
    ]
    assert rows(shelf, Wanted(account="anna", action=Action.CREATE)) == []


def test_pages_follow_each_other_without_a_gap(shelf: Shelf) -> None:
    for number in range(25):
        shelf.put(f"{number}")
        shelf.clock.advance(number % 3)
    whole = rows(shelf)
    found: list[Audited] = []
    before_id = None
    while page := rows(shelf, Wanted(before_id=before_id, limit=4)):
        found += page
        before_id = page[-1].audit_id
    assert found == whole
    assert len(found) >= 26


@pytest.mark.parametrize("limit", [0, -1, 10**9])
def test_a_limit_that_is_none_is_refused(shelf: Shelf, limit: int) -> None:
    with pytest.raises(Invalid):
        rows(shelf, Wanted(limit=limit))


def test_users_see_what_they_did_themselves_and_guests_nothing(shelf: Shelf) -> None:
    shelf.put("f")
    assert rows(shelf, actor=USER) == []
    assert [row.action for row in rows(shelf, actor=Actor("anna", Role.USER))] == ["upload"]
    with pytest.raises(Forbidden):
        rows(shelf, Wanted(account="anna"), USER)
    with pytest.raises(Unauthenticated):
        rows(shelf, actor=GUEST)
