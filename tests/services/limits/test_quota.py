"""What the flists of an account may hold together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import OutOfQuota
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import Role
from mylist_dav.model.names import FlistName
from mylist_dav.outcomes import outcome
from tests.shelf import ADMIN, NAME, USER, Shelf, shelf_in

SECOND = FlistName("anna", "second")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        made.flists.create(ADMIN, SECOND)
        made.put("f", b"12345")
        made.identity.set_quota(ADMIN, "anna", 10)
        yield made


def test_a_file_past_the_quota_is_refused_and_nothing_of_it_is_kept(shelf: Shelf) -> None:
    shelf.put("g", b"12345", name=SECOND)
    for name in (NAME, SECOND):
        with pytest.raises(OutOfQuota, match="anna may hold 10 bytes"):
            shelf.put("one more", b"x", name=name)
    assert shelf.paths() == ["f"]
    assert outcome(OutOfQuota()).http == 507
    assert shelf.flists.room_bytes(ADMIN, NAME) == 0


def test_a_declared_size_past_the_quota_is_refused_before_the_body(shelf: Shelf) -> None:
    shelf.uploads.open(ADMIN, shelf.place("g"), size_bytes=5).abort()
    shelf.uploads.open(ADMIN, shelf.place("f"), size_bytes=10).abort()
    for path, size_bytes in (("g", 6), ("f", 11)):
        with pytest.raises(OutOfQuota):
            shelf.uploads.open(ADMIN, shelf.place(path), size_bytes=size_bytes)


def test_what_makes_a_full_account_no_larger_is_allowed(shelf: Shelf) -> None:
    shelf.put("g", b"12345")
    shelf.identity.set_quota(ADMIN, "anna", 3)
    shelf.uploads.open(ADMIN, shelf.place("f"), size_bytes=5).abort()
    shelf.put("f", b"54321")
    shelf.put("g", b"1")
    shelf.put("empty", b"")
    shelf.mkdir("d")
    shelf.move("f", "d/f")
    shelf.trees.move(ADMIN, shelf.place("d/f"), shelf.place("f", SECOND), overwrite=False)
    shelf.delete("g")
    assert shelf.flists.room_bytes(ADMIN, NAME) == -2


def test_a_copy_counts_and_other_accounts_do_not(shelf: Shelf) -> None:
    other = FlistName("otto", "o")
    shelf.flists.create(ADMIN, other, make_account=True)
    shelf.copy("f", "g")
    with pytest.raises(OutOfQuota):
        shelf.copy("f", "h")
    shelf.copy("f", "h", to=other)
    assert shelf.flists.room_bytes(ADMIN, other) is None


def test_a_body_of_no_declared_size_is_refused_as_soon_as_it_is_past_the_quota(shelf: Shelf) -> None:
    upload = shelf.uploads.open(ADMIN, shelf.place("g"))
    upload.write(b"12345")
    with pytest.raises(
        OutOfQuota, match="anna may hold 10 bytes together, and there is no room for a file of 6"
    ):
        upload.write(b"6")
    upload.abort()
    replacing = shelf.uploads.open(ADMIN, shelf.place("f"))
    replacing.write(b"1234567890")
    assert replacing.finish().entry.size_bytes == 10


def test_of_a_file_past_the_quota_no_block_is_stored(shelf: Shelf) -> None:
    large = bytes(range(256)) * 4096 * 3
    before = list(shelf.blocks.digests())
    shelf.identity.add_account(ADMIN, "ulla", Role.USER)
    shelf.grants.grant(ADMIN, "ulla", NAME, Right.WRITE)
    for check_now in (True, False):
        upload = shelf.uploads.open(USER, shelf.place("g"), check_now=check_now)
        with pytest.raises(OutOfQuota):
            upload.write(large)
        upload.abort()
    assert list(shelf.blocks.digests()) == before
