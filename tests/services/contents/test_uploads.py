"""Receiving a file: nothing is visible before it is whole, and what was checked first is checked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, Incomplete, Invalid, Locked, NotAllowed, NotFound, PreconditionFailed
from mylist_dav.model.conditions import Conditions, EntityTags
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.services.tree.trees import Attributes
from tests.shelf import ADMIN, NAME, OTHER_ADMIN, Shelf, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


def content(shelf: Shelf, path: str) -> bytes:
    recipe = shelf.trees.recipe(shelf.entry(path))
    return b"".join(shelf.blocks.get(ref.digest) for ref in recipe.blocks)


@pytest.mark.parametrize("data", [b"", b"x", bytes(WHOLE_BYTES_MAX), bytes(range(256)) * 20_000], ids=len)
def test_what_was_received_is_what_is_there(shelf: Shelf, data: bytes) -> None:
    upload = shelf.uploads.open(ADMIN, shelf.place("f"), size_bytes=len(data))
    for start in range(0, len(data), 700_000):
        upload.write(data[start : start + 700_000])
    stored = upload.finish()
    assert stored.created
    assert stored.entry.digest == (Digest.of(data) if data else EMPTY)
    assert stored.entry.size_bytes == len(data)
    assert content(shelf, "f") == data


def test_nothing_is_visible_before_the_end(shelf: Shelf) -> None:
    upload = shelf.uploads.open(ADMIN, shelf.place("f"))
    upload.write(b"x")
    assert shelf.paths() == []
    upload.abort()
    upload.abort()
    assert shelf.flist().head_jid == 1


@pytest.mark.parametrize("size_bytes", [0, 2, 4])
def test_another_size_than_was_declared_keeps_nothing(shelf: Shelf, size_bytes: int) -> None:
    upload = shelf.uploads.open(ADMIN, shelf.place("f"), size_bytes=size_bytes)
    with pytest.raises(Incomplete):
        upload.write(b"abc")
        upload.finish()
    with pytest.raises(Incomplete):
        upload.finish()
    upload.abort()
    assert shelf.flist().head_jid == 1


def test_new_content_leaves_the_id_the_mode_and_the_type_of_a_file(shelf: Shelf) -> None:
    before = shelf.put("f").entry
    shelf.trees.set_attributes(ADMIN, shelf.place("f"), Attributes(mode=0o700, content_type="text/x-a"))
    stored = shelf.put("f", b"new")
    assert not stored.created
    assert stored.entry.entry_id == before.entry_id
    assert (stored.entry.mode, stored.entry.content_type) == (0o700, "text/x-a")
    assert shelf.entry("f", at_jid=2) == before


def test_the_same_content_at_the_same_time_is_no_commit(shelf: Shelf) -> None:
    shelf.put("f")
    shelf.put("f")
    assert shelf.flist().head_jid == 2
    shelf.clock.advance(1)
    shelf.put("f")
    assert shelf.flist().head_jid == 3


def test_time_and_type_can_be_given_within_their_bounds(shelf: Shelf) -> None:
    upload = shelf.uploads.open(ADMIN, shelf.place("f"), mtime_ns=-1, content_type="text/x-a")
    entry = upload.finish().entry
    assert (entry.mtime_ns, entry.content_type) == (-1, "text/x-a")
    with pytest.raises(Invalid):
        shelf.uploads.open(ADMIN, shelf.place("f"), mtime_ns=2**63)
    with pytest.raises(Invalid):
        shelf.uploads.open(ADMIN, shelf.place("f"), content_type="a\nb")


def test_what_can_be_known_is_refused_before_the_body(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("f")
    shelf.lock("l", actor=OTHER_ADMIN)
    for path, error in (
        ("", NotAllowed),
        ("d", NotAllowed),
        ("x/y", Conflict),
        ("f/y", Conflict),
        ("l", Locked),
    ):
        with pytest.raises(error):
            shelf.uploads.open(ADMIN, shelf.place(path))
    with pytest.raises(PreconditionFailed):
        shelf.uploads.open(
            ADMIN, shelf.place("f"), conditions=Conditions(if_none_match=EntityTags(any_tag=True))
        )


Meanwhile = Callable[[Shelf], object]


@pytest.mark.parametrize(
    ("path", "conditions", "meanwhile", "error"),
    [
        ("d/f", Conditions(), lambda shelf: shelf.delete("d"), Conflict),
        ("d/f", Conditions(), lambda shelf: (shelf.delete("d"), shelf.put("d")), Conflict),
        ("d/f", Conditions(), lambda shelf: shelf.mkdir("d/f"), NotAllowed),
        ("d/f", Conditions(), lambda shelf: shelf.lock("d/f", actor=OTHER_ADMIN), Locked),
        ("d/f", Conditions(), lambda shelf: shelf.lock("d", actor=OTHER_ADMIN, infinite=False), Locked),
        ("d/f", Conditions(), lambda shelf: shelf.flists.delete(ADMIN, NAME), NotFound),
        (
            "d/f",
            Conditions(if_none_match=EntityTags(any_tag=True)),
            lambda shelf: shelf.put("d/f"),
            PreconditionFailed,
        ),
        (
            "g",
            Conditions(if_match=EntityTags(any_tag=True)),
            lambda shelf: shelf.delete("g"),
            PreconditionFailed,
        ),
        (
            "g",
            Conditions(if_match=EntityTags((f'"{Digest.of(b"content").hex()[:40]}"',))),
            lambda shelf: shelf.put("g", b"newer"),
            PreconditionFailed,
        ),
        ("d/f", Conditions(base_jid=3), lambda shelf: shelf.mkdir("x"), PreconditionFailed),
    ],
)
def test_what_has_changed_between_the_check_and_the_commit_is_seen(
    shelf: Shelf, path: str, conditions: Conditions, meanwhile: Meanwhile, error: type[Exception]
) -> None:
    shelf.mkdir("d")
    shelf.put("g")
    upload = shelf.uploads.open(ADMIN, shelf.place(path), conditions=conditions)
    upload.write(b"lost")
    meanwhile(shelf)
    with shelf.catalog.view() as view:
        before = view.flists()
    with pytest.raises(error):
        upload.finish()
    with shelf.catalog.view() as view:
        assert view.flists() == before
