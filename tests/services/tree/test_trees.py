"""The verbs on entries: what each does, refuses, and leaves alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import (
    BadName,
    Conflict,
    Exists,
    Forbidden,
    Invalid,
    LimitExceeded,
    MylistError,
    NotAllowed,
    NotFound,
    PreconditionFailed,
)
from mylist_dav.model.conditions import Conditions, EntityTags, Place, StateList, StateTest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import DEPTH_MAX, TreePath
from mylist_dav.services.tree.properties import PropertyChange
from mylist_dav.services.tree.trees import Attributes
from tests.shelf import ADMIN, NAME, SECOND_NS, Shelf, shelf_in

OTHER = FlistName("anna", "other")
NFC = unicodedata.normalize("NFC", "Grün")
NFD = unicodedata.normalize("NFD", "Grün")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


@pytest.fixture
def two(shelf: Shelf) -> Shelf:
    """With a second flist, in which the entry ids are those of the first."""
    shelf.flists.create(ADMIN, OTHER)
    for name in (NAME, OTHER):
        shelf.mkdir("d", name=name)
        shelf.put("d/f", str(name).encode(), name=name)
        shelf.mkdir("e", name=name)
    return shelf


def matching(etag: str | None) -> Conditions:
    return Conditions(if_match=EntityTags((etag or "",)))


ABSENT = Conditions(if_none_match=EntityTags(any_tag=True))
PRESENT = Conditions(if_match=EntityTags(any_tag=True))


# -- reading ---------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(shelf: Shelf) -> None:
    shelf.put("f")
    for path in ("x", "f/x", "x/y"):
        with pytest.raises(NotFound):
            shelf.entry(path)
        with pytest.raises(NotFound):
            shelf.delete(path)
        with pytest.raises(NotFound):
            shelf.trees.set_attributes(ADMIN, shelf.place(path), Attributes(mode=0))
        with pytest.raises(NotFound):
            shelf.copy(path, "y")


def test_only_folders_are_listed(shelf: Shelf) -> None:
    shelf.put("f")
    with pytest.raises(NotAllowed):
        shelf.trees.list(ADMIN, shelf.place("f"))
    folder, members = shelf.trees.list(ADMIN, shelf.place(""))
    assert folder.is_directory
    assert [entry.name for entry in members] == ["f"]


def test_a_walk_shows_one_revision_whatever_is_done_on_the_way(shelf: Shelf) -> None:
    for folder in "abc":
        shelf.mkdir(folder)
        shelf.put(f"{folder}/f")
    walk = shelf.trees.walk(ADMIN, shelf.place(""))
    seen = [str(next(walk)[0])]
    shelf.delete("b")
    shelf.move("a", "z")
    shelf.put("c/g")
    assert shelf.paths() == ["c", "c/f", "c/g", "z", "z/f"]
    seen += [str(path) for path, _ in walk]
    assert sorted(seen) == ["a", "a/f", "b", "b/f", "c", "c/f"]


def test_a_walk_ends_when_its_flist_is_deleted(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.services.tree.trees.WALK_PAGE", 1)
    shelf.mkdir("a")
    shelf.put("a/f")
    walk = shelf.trees.walk(ADMIN, shelf.place(""))
    next(walk)
    shelf.flists.delete(ADMIN, NAME)
    with pytest.raises(NotFound):
        list(walk)


def test_a_walk_that_is_given_up_holds_nothing(shelf: Shelf) -> None:
    shelf.mkdir("a")
    walk = shelf.trees.walk(ADMIN, shelf.place(""))
    next(walk)
    shelf.mkdir("b")
    assert shelf.entry("b").is_directory, "reads of the same thread are not those of the walk"
    walk.close()  # type: ignore[attr-defined]
    with shelf.catalog.view() as view:
        assert view.flist(NAME).head_jid == 3


# -- making, deleting ------------------------------------------------------------------------------------------


def test_a_folder_needs_a_parent_and_a_free_name(shelf: Shelf) -> None:
    shelf.put("f")
    for path in ("x/y", "f/y"):
        with pytest.raises(Conflict):
            shelf.mkdir(path)
    for path in ("f", ""):
        with pytest.raises(Exists):
            shelf.mkdir(path)
    assert shelf.flist().head_jid == 2


def test_a_name_in_its_other_normal_form_is_the_same_name(shelf: Shelf) -> None:
    shelf.put(NFC, b"1")
    with pytest.raises(Exists):
        shelf.mkdir(NFD)
    stored = shelf.put(NFD, b"2")
    assert not stored.created
    assert shelf.paths() == [NFC], "the entry keeps the form it was made with"
    shelf.delete(NFD)
    assert shelf.paths() == []


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 10, 20])
def test_a_path_of_any_length_is_found_in_any_mixture_of_forms(shelf: Shelf, length: int) -> None:
    made = [NFC if depth % 3 else "plain" for depth in range(length)]
    for depth in range(1, length):
        shelf.mkdir("/".join(made[:depth]))
    shelf.put("/".join(made), b"1")
    for other in range(length):
        asked = [NFD if name == NFC and depth % (other + 1) else name for depth, name in enumerate(made)]
        assert shelf.content("/".join(asked)) == b"1"
        for absent in ([*asked[:-1], "gone"], [*asked, "below"]):
            with pytest.raises(NotFound):
                shelf.content("/".join(absent))


def test_a_name_can_be_moved_to_its_other_normal_form(shelf: Shelf) -> None:
    before = shelf.put(NFC).entry
    assert shelf.move(NFC, NFD).entry_id == before.entry_id
    assert shelf.paths() == [NFD]


def test_the_root_cannot_be_deleted_moved_or_replaced(shelf: Shelf) -> None:
    shelf.mkdir("d")
    for refused in (
        lambda: shelf.delete(""),
        lambda: shelf.move("", "x"),
        lambda: shelf.move("d", "", overwrite=True),
        lambda: shelf.copy("d", "", overwrite=True),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert shelf.flist().head_jid == 2


def test_a_folder_that_takes_the_place_of_a_file_is_another_entry(shelf: Shelf) -> None:
    file = shelf.put("x").entry
    shelf.mkdir("d")
    shelf.move("d", "x", overwrite=True)
    assert shelf.entry("x").is_directory
    assert shelf.entry("x", at_jid=2) == file


# -- moving, copying -------------------------------------------------------------------------------------------


def test_a_moved_entry_keeps_its_id_and_a_copied_one_gets_another(shelf: Shelf) -> None:
    entry = shelf.put("f").entry
    assert shelf.copy("f", "g").entry_id != entry.entry_id
    assert shelf.move("f", "h").entry_id == entry.entry_id


def test_a_destination_is_replaced_only_if_that_is_allowed(shelf: Shelf) -> None:
    shelf.put("f", b"1")
    shelf.put("g", b"2")
    for verb in (shelf.move, shelf.copy):
        with pytest.raises(PreconditionFailed):
            verb("f", "g")
    moved = shelf.trees.copy(ADMIN, shelf.place("f"), shelf.place("g"), overwrite=True)
    assert not moved.created
    assert shelf.entry("g").digest == shelf.entry("f").digest


def test_a_destination_needs_a_parent_folder(shelf: Shelf) -> None:
    shelf.put("f")
    for target in ("x/y", "f/y"):
        for verb in (shelf.move, shelf.copy):
            with pytest.raises(Conflict):
                verb("f", target)


def test_a_folder_is_put_neither_inside_of_itself_nor_in_the_place_of_what_holds_it(shelf: Shelf) -> None:
    shelf.mkdir("a")
    shelf.mkdir("a/b")
    shelf.mkdir("a/b/c")
    for source, target in (("a", "a/x"), ("a", "a/b/x"), ("a", "a/b"), ("a/b/c", "a"), ("a/b", "a")):
        for verb in (shelf.move, shelf.copy):
            with pytest.raises(Conflict):
                verb(source, target, overwrite=True)
    assert shelf.paths() == ["a", "a/b", "a/b/c"]


def test_the_same_place_is_no_destination_in_whatever_form(shelf: Shelf) -> None:
    shelf.mkdir(NFC)
    shelf.put(f"{NFC}/f")
    for source, target in ((f"{NFC}/f", f"{NFC}/f"), (f"{NFC}/f", f"{NFD}/f")):
        for verb in (shelf.move, shelf.copy):
            with pytest.raises(Forbidden):
                verb(source, target, overwrite=True)
    assert shelf.flist().head_jid == 3


def test_a_shallow_copy_has_no_members_and_may_lie_inside_of_its_source(shelf: Shelf) -> None:
    shelf.mkdir("a")
    shelf.put("a/f")
    shelf.copy("a", "a/b", members=False)
    assert shelf.paths() == ["a", "a/b", "a/f"]


def test_a_copy_takes_dead_properties_along_and_replaces_those_of_what_was_there(shelf: Shelf) -> None:
    shelf.put("f")
    shelf.put("g")
    shelf.properties.change(ADMIN, shelf.place("f"), [PropertyChange("{n}a", "<a/>")])
    shelf.properties.change(ADMIN, shelf.place("g"), [PropertyChange("{n}b", "<b/>")])
    shelf.copy("f", "g", overwrite=True)
    assert shelf.properties.get(ADMIN, shelf.place("g")) == {"{n}a": "<a/>"}


def test_entries_of_two_flists_are_never_taken_for_the_same(two: Shelf) -> None:
    here, there = two.entry("d/f"), two.trees.stat(ADMIN, two.place("d/f", OTHER))
    assert here.entry_id == there.entry_id
    two.copy("d/f", "d/f", overwrite=True, to=OTHER)
    assert two.trees.stat(ADMIN, two.place("d/f", OTHER)).digest == here.digest
    two.copy("d", "d/inner", to=OTHER)
    two.copy("d/f", "d", overwrite=True, to=OTHER)
    assert two.paths(name=OTHER) == ["d", "e"]


def test_a_move_to_another_flist_is_a_commit_in_each(two: Shelf) -> None:
    heads = two.flist().head_jid, two.flist(OTHER).head_jid
    two.trees.move(ADMIN, two.place("d"), Place(OTHER, TreePath.parse("e")), overwrite=True)
    assert two.paths() == ["e"]
    assert two.paths(name=OTHER) == ["d", "d/f", "e", "e/f"]
    assert (two.flist().head_jid, two.flist(OTHER).head_jid) == (heads[0] + 1, heads[1] + 1)


def test_paths_below_what_is_moved_or_copied_stay_within_their_limits(shelf: Shelf) -> None:
    deep = "/".join(["d"] * (DEPTH_MAX - 1))
    for length in range(1, DEPTH_MAX):
        shelf.mkdir("/".join(["d"] * length))
    shelf.put(f"{deep}/f")
    shelf.mkdir("x")
    for verb in (shelf.move, shelf.copy):
        with pytest.raises(LimitExceeded):
            verb("d", "x/d")
    shelf.delete(f"{deep}/f")
    shelf.move("d", "x/d")
    with pytest.raises(BadName):
        shelf.place(f"x/{deep}/f/g")
    assert len(max((path for path, _ in shelf.trees.walk(ADMIN, shelf.place(""))), key=len)) == DEPTH_MAX


def test_long_names_below_what_is_moved_count_in_bytes(shelf: Shelf) -> None:
    long = "ü" * 125
    path = ""
    for _ in range(16):
        path = f"{path}/{long}".removeprefix("/")
        shelf.mkdir(path)
    shelf.mkdir("0123456789" * 10)
    with pytest.raises(LimitExceeded):
        shelf.move(long, f"{'0123456789' * 10}/{long}")
    shelf.move(long, f"{'0123456789' * 10}/x")


def test_a_flist_has_its_limit_of_entries_whoever_makes_them(tmp_path: Path) -> None:
    with shelf_in(tmp_path, entries_max=3) as shelf:
        shelf.mkdir("d")
        shelf.put("d/f")
        for refused in (
            lambda: shelf.copy("d", "e"),
            lambda: (shelf.put("g"), shelf.put("h")),
            lambda: shelf.mkdir("h"),
            lambda: shelf.lock("h"),
        ):
            with pytest.raises(LimitExceeded):
                refused()
        assert shelf.flist().entries == 3


# -- attributes ------------------------------------------------------------------------------------------------


def test_attributes_are_set_as_one_commit_and_none_if_they_are_so_already(shelf: Shelf) -> None:
    shelf.put("f")
    wanted = Attributes(mtime_ns=-5 * SECOND_NS, mode=0o600, content_type="text/x-thing")
    entry = shelf.trees.set_attributes(ADMIN, shelf.place("f"), wanted)
    assert (entry.mtime_ns, entry.mode, entry.content_type) == (-5 * SECOND_NS, 0o600, "text/x-thing")
    assert shelf.flist().head_jid == 3
    assert shelf.trees.set_attributes(ADMIN, shelf.place("f"), wanted) == entry
    assert shelf.flist().head_jid == 3


@pytest.mark.parametrize(
    "attributes",
    [
        Attributes(mode=-1),
        Attributes(mode=0o10000),
        Attributes(mtime_ns=2**63),
        Attributes(mtime_ns=-(2**63) - 1),
        Attributes(content_type="text/html\r\nX: y"),
        Attributes(content_type="text/ü"),
        Attributes(content_type="x" * 256),
    ],
    ids=str,
)
def test_attributes_out_of_range_are_invalid(shelf: Shelf, attributes: Attributes) -> None:
    shelf.put("f")
    with pytest.raises(Invalid):
        shelf.trees.set_attributes(ADMIN, shelf.place("f"), attributes)
    assert shelf.flist().head_jid == 2


# -- conditions ------------------------------------------------------------------------------------------------


def test_every_verb_checks_the_conditions_of_its_request(shelf: Shelf) -> None:
    shelf.put("f")
    shelf.mkdir("d")
    head = shelf.flist().head_jid
    for wrong in (
        matching('"other"'),
        Conditions(base_jid=head - 1),
        Conditions(if_unmodified_since_s=shelf.clock.now_ns // SECOND_NS - 1),
        Conditions(state_lists=(StateList(None, (StateTest("urn:uuid:none", None, False),)),)),
    ):
        for refused in (
            lambda: shelf.delete("f", wrong),  # noqa: B023
            lambda: shelf.move("f", "g", wrong),  # noqa: B023
            lambda: shelf.copy("f", "g", wrong),  # noqa: B023
            lambda: shelf.trees.set_attributes(ADMIN, shelf.place("f"), Attributes(mode=0), wrong),  # noqa: B023
            lambda: shelf.properties.change(ADMIN, shelf.place("f"), [], conditions=wrong),  # noqa: B023
            lambda: shelf.put("f", b"new", wrong),  # noqa: B023
            lambda: shelf.lock("f", conditions=wrong),  # noqa: B023
        ):
            with pytest.raises(PreconditionFailed):
                refused()
    with pytest.raises(PreconditionFailed):
        shelf.mkdir("new", PRESENT)
    with pytest.raises(PreconditionFailed):
        shelf.flists.rollback(ADMIN, NAME, 1, Conditions(base_jid=head - 1))
    assert shelf.flist().head_jid == head


@pytest.mark.parametrize(
    ("path", "conditions", "holds"),
    [
        ("f", PRESENT, True),
        ("x", PRESENT, False),
        ("f", ABSENT, False),
        ("x", ABSENT, True),
        ("f", Conditions(if_match=EntityTags(("ETAG", '"y"'))), True),
        ("f", Conditions(if_match=EntityTags(("W/ETAG",))), False),
        ("f", Conditions(if_none_match=EntityTags(("W/ETAG",))), False),
        ("f", Conditions(if_none_match=EntityTags(('"y"',))), True),
        ("x", Conditions(if_match=EntityTags(("ETAG",))), False),
        ("f", Conditions(if_unmodified_since_s=1_000_000), True),
        ("f", Conditions(if_unmodified_since_s=999_999), False),
        ("x", Conditions(if_unmodified_since_s=0), True),
        ("f", Conditions(if_match=EntityTags(("ETAG",)), if_unmodified_since_s=0), True),
        ("f", Conditions(base_jid=2), True),
        ("f", Conditions(base_jid=3), False),
        ("f", Conditions(state_lists=(StateList(None, (StateTest(None, "ETAG", False),)),)), True),
        ("f", Conditions(state_lists=(StateList(None, (StateTest(None, "W/ETAG", False),)),)), False),
        ("f", Conditions(state_lists=(StateList(None, (StateTest(None, "ETAG", True),)),)), False),
        ("x", Conditions(state_lists=(StateList(None, (StateTest(None, "ETAG", True),)),)), True),
        ("f", Conditions(state_lists=(StateList(None, (StateTest("DAV:no-lock", None, True),)),)), True),
        ("f", Conditions(state_lists=(StateList(None, (StateTest("DAV:no-lock", None, False),)),)), False),
        (
            "x",
            Conditions(
                state_lists=(StateList(Place(NAME, TreePath(("f",))), (StateTest(None, "ETAG", False),)),)
            ),
            True,
        ),
        (
            "f",
            Conditions(state_lists=(StateList(Place(OTHER, TreePath()), (StateTest(None, "ETAG", False),)),)),
            False,
        ),
        (
            "f",
            Conditions(state_lists=(StateList(None, (StateTest(None, "ETAG", False),), elsewhere=True),)),
            False,
        ),
        (
            "f",
            Conditions(
                state_lists=(
                    StateList(None, (StateTest("urn:no", None, False),)),
                    StateList(None, (StateTest(None, "ETAG", False), StateTest("urn:no", None, True))),
                )
            ),
            True,
        ),
    ],
)
def test_conditions(shelf: Shelf, path: str, conditions: Conditions, holds: bool) -> None:
    etag = shelf.put("f").entry.etag or ""
    conditions = _with_etag(conditions, etag)
    if holds:
        shelf.put(path, b"new", conditions)
    else:
        with pytest.raises(PreconditionFailed):
            shelf.put(path, b"new", conditions)


def _with_etag(conditions: Conditions, etag: str) -> Conditions:
    """ETAG in it replaced by the entity tag."""

    def tags(found: EntityTags | None) -> EntityTags | None:
        return found and EntityTags(tuple(tag.replace("ETAG", etag) for tag in found.tags), found.any_tag)

    def test(found: StateTest) -> StateTest:
        return found._replace(etag=found.etag and found.etag.replace("ETAG", etag))

    return Conditions(
        if_match=tags(conditions.if_match),
        if_none_match=tags(conditions.if_none_match),
        if_unmodified_since_s=conditions.if_unmodified_since_s,
        base_jid=conditions.base_jid,
        state_lists=tuple(
            one._replace(tests=tuple(test(each) for each in one.tests)) for one in conditions.state_lists
        ),
    )


def test_a_refused_change_leaves_no_trace(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f")
    before = shelf.flist()
    for refused in (
        lambda: shelf.move("d", "d/x"),
        lambda: shelf.copy("d", "x/y"),
        lambda: shelf.put("d", b"x"),
        lambda: shelf.delete("no"),
    ):
        with pytest.raises(MylistError):
            refused()
    assert shelf.flist() == before


def test_recipes_are_told_until_they_have_many_blocks(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [shelf.put(f"f{n}", b"%d" % n * 3_000_000).entry.digest for n in range(3)]
    asked = iter([digest for digest in digests if digest is not None])
    monkeypatch.setattr("mylist_dav.services.tree.trees.RECIPE_BLOCKS_MAX", 1)
    found = shelf.trees.recipes(ADMIN, NAME, asked)
    assert list(found) == digests[:1], "the first, however many blocks it has"
    assert list(asked) == digests[1:]
