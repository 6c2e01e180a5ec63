"""Flists as a whole, and the accounts that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import BadName, Exists, Forbidden, Invalid, LimitExceeded, NotFound
from mylist_dav.model.actors import Role
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName
from mylist_dav.services.tree.properties import (
    NAME_CHARS_MAX,
    PROPERTIES_MAX,
    VALUE_BYTES_MAX,
    PropertyChange,
)
from mylist_dav.services.tree.trees import Attributes
from tests.shelf import ADMIN, NAME, Shelf, shelf_in

OTHER = FlistName("anna", "other")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


# -- flists ----------------------------------------------------------------------------------------------------


def test_flists_are_listed_in_order_of_their_names(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, FlistName("zoe", "b"), make_account=True)
    shelf.flists.create(ADMIN, FlistName("anna", "Z"))
    assert [str(one.flist_name) for one in shelf.flists.list(ADMIN)] == ["anna/Z", "anna/photos", "zoe/b"]
    assert [str(one.flist_name) for one in shelf.flists.list(ADMIN, "zoe")] == ["zoe/b"]
    assert shelf.flists.accounts(ADMIN) == ["anna", "zoe"]


def test_an_account_without_flists_is_not_one_that_is_not_there(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "zoe", Role.USER)
    assert shelf.flists.list(ADMIN, "zoe") == []
    with pytest.raises(NotFound):
        shelf.flists.list(ADMIN, "nobody")


def test_a_flist_is_made_once_and_under_an_account(shelf: Shelf) -> None:
    with pytest.raises(Exists):
        shelf.flists.create(ADMIN, NAME)
    with pytest.raises(NotFound):
        shelf.flists.create(ADMIN, FlistName("nobody", "x"))
    for bad in (
        FlistName("Anna", "x"),
        FlistName("anna", ".x"),
        FlistName("anna", "a/b"),
        FlistName("anna", "\ud800"),
    ):
        with pytest.raises(BadName):
            shelf.flists.create(ADMIN, bad, make_account=True)
    assert len(shelf.flists.list(ADMIN)) == 1


def test_a_deleted_flist_is_gone_with_its_history(shelf: Shelf) -> None:
    shelf.put("f")
    shelf.lock("f")
    shelf.exposures.expose(ADMIN, NAME, prefix="/x")
    shelf.flists.delete(ADMIN, NAME)
    assert shelf.exposures.list(ADMIN) == []
    for gone in (
        lambda: shelf.flist(),
        lambda: shelf.flists.log(ADMIN, NAME),
        lambda: shelf.paths(),
        lambda: shelf.put("f"),
        lambda: shelf.flists.delete(ADMIN, NAME),
        lambda: shelf.flists.rollback(ADMIN, NAME, 1),
    ):
        with pytest.raises(NotFound):
            gone()
    with shelf.catalog.view() as view:
        for table in ("entry", "entry_past", "commit_", "held", "lock", "property", "exposure", "flist"):
            assert view._sql.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)], table


def test_the_log_says_what_was_done_newest_first(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    shelf.move("d/f", "g")
    shelf.delete("d")
    log = shelf.flists.log(ADMIN, NAME)
    assert [commit.note for commit in log] == [
        "delete /d", "move /d/f to /g", "put /d/f", "mkdir /d", "created",
    ]  # fmt: skip
    assert [commit.jid for commit in shelf.flists.log(ADMIN, NAME, before_jid=4, limit=2)] == [3, 2]
    assert log[0].actor == "anna"


def test_a_rollback_is_a_commit_that_brings_back_ids_and_contents(shelf: Shelf) -> None:
    shelf.mkdir("d")
    file = shelf.put("d/f").entry
    shelf.delete("d")
    flist = shelf.flists.rollback(ADMIN, NAME, 3)
    assert flist.head_jid == 5
    assert shelf.entry("d/f") == file
    assert shelf.flists.log(ADMIN, NAME)[0].note == "rollback to 3"
    shelf.flists.rollback(ADMIN, NAME, 4)
    assert shelf.paths() == []
    for jid in range(1, 7):
        assert shelf.paths(jid) == {1: [], 2: ["d"], 3: ["d", "d/f"], 4: [], 5: ["d", "d/f"], 6: []}[jid]


def test_a_rollback_to_what_is_there_is_no_commit(shelf: Shelf) -> None:
    shelf.put("f")
    assert shelf.flists.rollback(ADMIN, NAME, 2).head_jid == 2


@pytest.mark.parametrize("jid", [-1, 0, 3, 2**40])
def test_a_rollback_to_a_revision_that_is_not_there_is_refused(shelf: Shelf, jid: int) -> None:
    shelf.put("f")
    with pytest.raises(NotFound):
        shelf.flists.rollback(ADMIN, NAME, jid)
    assert shelf.flist().head_jid == 2


# -- exposures -------------------------------------------------------------------------------------------------


def test_an_exposure_takes_the_place_of_the_one_before(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, OTHER)
    shelf.exposures.expose(ADMIN, NAME, host="Example.ORG.")
    shelf.exposures.expose(ADMIN, OTHER, host="example.org", at_jid=1, listing=False)
    [found] = shelf.exposures.list(ADMIN)
    assert (found.host, found.flist_name, found.at_jid, found.listing) == ("example.org", OTHER, 1, False)
    shelf.exposures.unexpose(ADMIN, host="EXAMPLE.org")
    with pytest.raises(NotFound):
        shelf.exposures.unexpose(ADMIN, host="example.org")


def test_what_cannot_be_exposed_is_refused(shelf: Shelf) -> None:
    for error, where in (
        (Invalid, {}),
        (Invalid, {"host": "a.b", "prefix": "/x"}),
        (BadName, {"host": "no host"}),
        (BadName, {"prefix": "x"}),
        (BadName, {"prefix": "/DAV/x"}),
        (BadName, {"prefix": "/a/../b"}),
    ):
        with pytest.raises(error):
            shelf.exposures.expose(ADMIN, NAME, **where)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        shelf.exposures.expose(ADMIN, NAME, prefix="/x", at_jid=2)
    with pytest.raises(NotFound):
        shelf.exposures.expose(ADMIN, OTHER, prefix="/x")
    with pytest.raises(Forbidden):
        shelf.exposures.expose(ADMIN, NAME, prefix="/x", mode=Mode.SECRET)
    with pytest.raises(Invalid):
        shelf.exposures.expose(ADMIN, NAME, prefix="/x", dav="rw", at_jid=1)
    with pytest.raises(Invalid):
        shelf.exposures.unexpose(ADMIN)
    assert shelf.exposures.list(ADMIN) == []


# -- properties ------------------------------------------------------------------------------------------------


def test_properties_change_all_or_none_and_make_no_commit(shelf: Shelf) -> None:
    shelf.put("f")
    place = shelf.place("f")
    shelf.properties.change(ADMIN, place, [PropertyChange("{n}a", "<a/>"), PropertyChange("{n}b", "<b/>")])
    shelf.properties.change(ADMIN, place, [PropertyChange("{n}a", None), PropertyChange("{n}no", None)])
    assert shelf.properties.get(ADMIN, place) == {"{n}b": "<b/>"}
    with pytest.raises(Invalid):
        shelf.properties.change(ADMIN, place, [PropertyChange("{n}b", None)], Attributes(mode=-1))
    assert shelf.properties.get(ADMIN, place) == {"{n}b": "<b/>"}
    assert shelf.flist().head_jid == 2
    shelf.properties.change(ADMIN, place, [], Attributes(mtime_ns=5))
    assert shelf.entry("f").mtime_ns == 5


def test_properties_of_all_members_are_read_at_once(shelf: Shelf) -> None:
    shelf.mkdir("d")
    for name in ("a", "b"):
        shelf.put(f"d/{name}")
    root, folder = shelf.entry(""), shelf.entry("d")
    assert shelf.properties.of_members(ADMIN, shelf.place("d"), folder) == {}
    shelf.properties.change(ADMIN, shelf.place("d/b"), [PropertyChange("{n}b", "<b/>")])
    found = shelf.properties.of_members(ADMIN, shelf.place("d"), folder)
    assert found == {shelf.entry("d/b").entry_id: {"{n}b": "<b/>"}}
    assert shelf.properties.of_members(ADMIN, shelf.place(""), root) == {}


def test_properties_are_bounded(shelf: Shelf) -> None:
    shelf.put("f")
    place = shelf.place("f")
    for change in (
        PropertyChange("{n}a", "x" * (VALUE_BYTES_MAX + 1)),
        PropertyChange("{n}a", "ü" * (VALUE_BYTES_MAX // 2 + 1)),
        PropertyChange("x" * (NAME_CHARS_MAX + 1), "<a/>"),
    ):
        with pytest.raises(LimitExceeded):
            shelf.properties.change(ADMIN, place, [change])
    many = [PropertyChange(f"{{n}}{number}", "<a/>") for number in range(PROPERTIES_MAX)]
    shelf.properties.change(ADMIN, place, many)
    with pytest.raises(LimitExceeded):
        shelf.properties.change(ADMIN, place, [PropertyChange("{n}one more", "<a/>")])
    assert len(shelf.properties.get(ADMIN, place)) == PROPERTIES_MAX


def test_the_properties_of_an_entry_are_bounded_together(shelf: Shelf) -> None:
    shelf.put("f")
    place = shelf.place("f")
    fitting = [PropertyChange(f"{{n}}{number}", "x" * (VALUE_BYTES_MAX - 8)) for number in range(4)]
    shelf.properties.change(ADMIN, place, fitting)
    with pytest.raises(LimitExceeded):
        shelf.properties.change(ADMIN, place, [PropertyChange("{n}one more", "x" * 64)])
    assert len(shelf.properties.get(ADMIN, place)) == 4


@pytest.mark.parametrize("text", ["\ud800", "x\udfff"])
def test_text_that_is_not_unicode_is_refused_wherever_it_comes(shelf: Shelf, text: str) -> None:
    shelf.put("f")
    place = shelf.place("f")
    for refused in (
        lambda: shelf.properties.change(ADMIN, place, [PropertyChange("{n}a", text)]),
        lambda: shelf.properties.change(ADMIN, place, [PropertyChange(text, "<a/>")]),
        lambda: shelf.identity.new_token(ADMIN, "anna", label=text),
        lambda: shelf.identity.new_token(ADMIN, text),
        lambda: shelf.place(text),
        lambda: shelf.flists.list(ADMIN, text),
        lambda: shelf.trees.list(ADMIN, shelf.place(""), after=text),
        lambda: shelf.trees.set_attributes(ADMIN, place, Attributes(content_type=text)),
    ):
        with pytest.raises(Invalid):
            refused()
