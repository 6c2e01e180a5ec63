"""What a commit leaves in the catalog, and what its answer tells of what others have: no more than is meant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import LimitExceeded, Queued, Refused
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Copy, Delete, MakeDirectory, Move, Operation, Put, Reason, Refusal
from mylist_dav.model.paths import PATH_BYTES_MAX, TreePath
from mylist_dav.services.tree.applying import LOCK_ENTRIES
from mylist_dav.services.tree.naming import Content, Named, prove
from mylist_dav.store.blocks import BlockStore
from tests.shelf import ADMIN, NAME, Shelf, shelf_in

OTHER = FlistName("anna", "other")
WRITER = Actor("walt", Role.USER)
KOREAN_NFC, KOREAN_NFD = "\uac01" * 20, "\u1100\u1161\u11a8" * 20


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        made.identity.add_account(OPERATOR, "walt", Role.USER)
        made.grants.grant(OPERATOR, "walt", NAME, Right.WRITE)
        yield made


def p(path: str) -> TreePath:
    return TreePath.parse(path)


def put(path: str, content: bytes) -> Put:
    return Put(path=p(path), digest=Digest.of(content), size_bytes=len(content))


def mkdir(path: str) -> MakeDirectory:
    return MakeDirectory(path=p(path), parents=True)


def move(source: str, target: str) -> Move:
    return Move(source=p(source), target=p(target))


def unseen(shelf: Shelf) -> list[str]:
    """Rows of the tree that no revision shows."""
    with shelf.catalog.view() as view:
        flist = view.flist(NAME)
        rows = view._sql.execute(
            "SELECT entry_id, name, since_jid FROM entry WHERE flist_id = ?", (flist.flist_id,)
        ).fetchall()
        shown = {
            jid: {entry.entry_id for _, entry in view.tree(flist, jid).walk(view.tree(flist, jid).root())}
            for jid in range(1, flist.head_jid + 1)
        }
        root = view.tree(flist).root().entry_id
    return [name for entry_id, name, jid in rows if entry_id not in {*shown[jid], root}]


@pytest.mark.parametrize(
    "operations",
    [
        [mkdir("new/deep"), put("new/deep/f", b"one"), Delete(path=p("new"))],
        [put("old/in/new", b"one"), Delete(path=p("old"))],
        [Copy(source=p("old"), target=p("copy")), Delete(path=p("copy"))],
        [mkdir("new"), move("old", "new/old"), put("new/old/f", b"one"), Delete(path=p("new"))],
        [mkdir("new"), put("new/f", b"one"), move("f", "new/g"), move("new", "x"), Delete(path=p("x"))],
        [put("old/f", b"one"), Move(source=p("f"), target=p("old"), overwrite=True)],
        [put("old/f", b"one"), Copy(source=p("f"), target=p("old"), overwrite=True)],
        [mkdir("new"), move("old/in", "new/in"), move("new/in", "in"), Delete(path=p("new"))],
    ],
)
def test_what_is_made_and_taken_away_by_one_commit_leaves_nothing(
    shelf: Shelf, operations: list[Operation]
) -> None:
    """Or contents that no revision shows are kept for ever, and count to no quota."""
    shelf.bring(b"one", b"more")
    shelf.mkdir("old")
    shelf.mkdir("old/in")
    shelf.put("old/in/f")
    shelf.put("f")
    before = shelf.paths()
    shelf.commit(*operations, mkdir("kept"))
    assert unseen(shelf) == []
    assert shelf.paths(shelf.flist().head_jid - 1) == before
    shelf.flists.rollback(ADMIN, NAME, shelf.flist().head_jid - 1)
    assert shelf.paths() == before


@pytest.mark.parametrize(
    "operations",
    [
        [put("f", b"one"), put("f", b"more")],
        [put("new", b"one"), Delete(path=p("new")), put("f", b"more")],
        [mkdir("new"), put("new/f", b"one"), Delete(path=p("new")), put("f", b"more")],
        [put("new", b"one"), put("g", b"more"), Move(source=p("g"), target=p("new"), overwrite=True)],
        [put("g", b"one"), Copy(source=p("g"), target=p("h")), put("g", b"more"), Delete(path=p("h"))],
        [mkdir("d"), put("d/g", b"more"), Copy(source=p("d"), target=p("e")), put("d/g", b"content")],
    ],
)
def test_a_flist_holds_no_content_that_none_of_its_revisions_has(
    shelf: Shelf, operations: list[Operation]
) -> None:
    """Or whoever may read the flist could name it."""
    shelf.bring(b"one", b"more")
    shelf.put("f")
    shelf.commit(*operations)
    with shelf.catalog.view() as view:
        held = {row[0] for row in view._sql.execute("SELECT digest FROM held").fetchall()}
    assert held == {Digest.of(b"content"), Digest.of(b"more")}


def test_nothing_done_is_told_with_the_revision_in_which_there_was_nothing_to_do(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.mkdir("a")
    change = shelf.catalog.change

    def overtaken(make: object) -> object:
        try:
            return change(make)  # type: ignore[arg-type]
        finally:
            monkeypatch.undo()
            shelf.delete("a")

    monkeypatch.setattr(shelf.catalog, "change", overtaken)
    done = shelf.commit(mkdir("a"), base_jid=2)
    assert (done.jid, done.changed) == (2, False)
    assert shelf.flist().head_jid == 3


def test_a_content_that_others_have_is_hashed_like_one_that_nobody_has(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever has a file learns by the time of the answer that somebody else has it too."""
    blocks = [random.Random(number).randbytes(WHOLE_BYTES_MAX) for number in range(2)]
    whole, refs = b"".join(blocks), tuple(BlockRef(Digest.of(block), len(block)) for block in blocks)
    large = Put(path=p("f"), digest=Digest.of(whole), size_bytes=len(whole), blocks=refs)
    shelf.flists.create(ADMIN, OTHER)
    shelf.grants.set_private(OPERATOR, OTHER, True)
    shelf.bring(*blocks)
    shelf.commit(large, name=OTHER)
    shelf.bring(*blocks, account="walt")
    hashed: list[Content] = []

    def noted(store: BlockStore, unproven: dict[Content, object], *more: object) -> Named:
        hashed.extend(unproven)
        return prove(store, unproven, *more)  # type: ignore[arg-type]

    monkeypatch.setattr("mylist_dav.services.tree.changes.prove", noted)
    shelf.commit(large, actor=WRITER)
    assert hashed == [Content.of(large)]
    shelf.commit(large, actor=WRITER)
    assert len(hashed) == 1, "what one may read is not hashed again"


def test_a_short_content_of_which_a_long_one_is_asked_for_has_another_size(shelf: Shelf) -> None:
    """And is not missing: it would be brought again and again."""
    shelf.bring(b"short")
    wrong = Put(path=p("f"), digest=Digest.of(b"short"), size_bytes=WHOLE_BYTES_MAX + 1)
    with pytest.raises(Refused) as caught:
        shelf.commit(wrong)
    assert caught.value.missing == ()
    assert [one.reason for one in caught.value.conflicts if isinstance(one, Refusal)] == [Reason.SIZE]


def test_a_large_content_of_one_block_needs_no_recipe(shelf: Shelf) -> None:
    block = random.Random(1).randbytes(2 * WHOLE_BYTES_MAX)
    shelf.bring(block)
    shelf.commit(put("f", block))
    assert shelf.content("f") == block


def test_a_name_in_another_normal_form_makes_no_path_too_long(shelf: Shelf) -> None:
    """The names that are stored count, not those that were asked for."""
    shelf.commit(mkdir(KOREAN_NFC), mkdir("b"))
    deep, left = TreePath((KOREAN_NFC,)), PATH_BYTES_MAX - len(KOREAN_NFC.encode()) - 1
    while left > 1:
        deep = deep.child("d" * min(left - 1, 200))
        left -= len(deep.name) + 1
    shelf.commit(MakeDirectory(path=deep.parent, parents=True), put(str(deep), b""))
    assert len(str(deep).encode()) >= PATH_BYTES_MAX - 1
    longer = "x" * (len(KOREAN_NFC.encode()) + 5)
    with pytest.raises(Refused) as caught:
        shelf.commit(move(KOREAN_NFD, longer))
    assert [one.reason for one in caught.value.conflicts if isinstance(one, Refusal)] == [Reason.TOO_DEEP]
    shelf.commit(mkdir(f"b/{KOREAN_NFD}"))
    left = PATH_BYTES_MAX - 2 - len(KOREAN_NFC.encode()) - 1
    asked = f"b/{KOREAN_NFC}/" + "/".join(["f" * 200] * (left // 201))
    with pytest.raises(Refused) as caught:
        shelf.commit(mkdir(asked))
    assert [one.reason for one in caught.value.conflicts if isinstance(one, Refusal)] == [Reason.TOO_DEEP]


def test_folders_that_go_beside_many_locks_are_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each of them the paths of all locks are looked for, while everybody who writes waits."""
    for name in "abcd":
        shelf.mkdir(name)
    for number in range(5):
        shelf.put(f"locked{number}")
        shelf.lock(f"locked{number}")
    monkeypatch.setattr("mylist_dav.services.tree.applying.LOOKED_AT_MAX", 3 * 5 * LOCK_ENTRIES)
    with pytest.raises(LimitExceeded, match="make several"):
        shelf.commit(*(Delete(path=p(name)) for name in "abcd"))
    shelf.commit(*(Delete(path=p(name)) for name in "abc"))


def test_a_commit_that_waits_for_its_turn_to_be_hashed_reads_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = random.Random(1).randbytes(WHOLE_BYTES_MAX)
    refs = tuple(shelf.bring(block, account="walt") * 20)
    large = Put(path=p("f"), digest=Digest.of(block * 20), size_bytes=20 * len(block), blocks=refs)
    with shelf.hashing.turn("anna", large.size_bytes), shelf.hashing.turn("ulla", large.size_bytes):
        with pytest.raises(Queued):
            shelf.commit(large, actor=WRITER)
        with monkeypatch.context() as patched:
            patched.setattr("mylist_dav.services.tree.changes.look_up", pytest.fail)
            with pytest.raises(Queued):
                shelf.commit(large, actor=WRITER)
    shelf.commit(large, actor=WRITER)
    assert shelf.content("f") == block * 20
