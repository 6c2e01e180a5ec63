"""Commits of many operations: all or nothing, reduced to what they come to, with every reason for a refusal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mylist_dav.errors import (
    Forbidden,
    Invalid,
    LimitExceeded,
    MylistError,
    NotFound,
    Outdated,
    OutOfQuota,
    Refused,
)
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Actor, Role, Scope
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import (
    Change,
    Copy,
    Delete,
    Exchange,
    MakeDirectory,
    MakeSymlink,
    Move,
    Operation,
    Put,
    Reason,
    Refusal,
    SetAttributes,
)
from mylist_dav.model.paths import DEPTH_MAX, TreePath
from mylist_dav.services.audit import Audit
from tests.shelf import ADMIN, NAME, USER, Shelf, shelf_in, tokens

OTHER = FlistName("anna", "other")
WRITER = Actor("walt", Role.USER)
HALF = WHOLE_BYTES_MAX // 2 + 1000


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        for account in ("ulla", "walt"):
            made.identity.add_account(OPERATOR, account, Role.USER)
        made.grants.grant(OPERATOR, "walt", NAME, Right.WRITE)
        yield made


def p(path: str) -> TreePath:
    return TreePath.parse(path)


def put(path: str, content: bytes | str, **more: object) -> Put:
    data = content.encode() if isinstance(content, str) else content
    return Put(path=p(path), digest=Digest.of(data), size_bytes=len(data), **more)  # type: ignore[arg-type]


def move(source: str, target: str, overwrite: bool = False) -> Move:
    return Move(source=p(source), target=p(target), overwrite=overwrite)


def copy(source: str, target: str, overwrite: bool = False) -> Copy:
    return Copy(source=p(source), target=p(target), overwrite=overwrite)


def exchange(one: str, other: str) -> Exchange:
    return Exchange(one=p(one), other=p(other))


def delete(path: str) -> Delete:
    return Delete(path=p(path))


def mkdir(path: str, parents: bool = False) -> MakeDirectory:
    return MakeDirectory(path=p(path), parents=parents)


def refusals(shelf: Shelf, *operations: Operation, actor: Actor = ADMIN) -> list[tuple[int, str, Reason]]:
    """Why each operation of a commit cannot be done. Fails unless nothing has changed."""
    before = shelf.flist()
    with pytest.raises((Refused, Outdated)) as caught:
        shelf.commit(*operations, actor=actor)
    assert shelf.flist() == before
    error = caught.value
    assert isinstance(error, Refused | Outdated) and error.head_jid == before.head_jid
    found = [one for one in error.conflicts if isinstance(one, Refusal)]
    return [(one.number, str(one.path), one.reason) for one in found]


def long_content(seed: int = 1, blocks: int = 3) -> list[bytes]:
    return [random.Random(f"{seed} {number}").randbytes(HALF) for number in range(blocks)]


# -- what operations do ----------------------------------------------------------------------------------------


def test_many_operations_are_one_commit(shelf: Shelf) -> None:
    shelf.bring(b"one", b"two")
    done = shelf.commit(
        mkdir("a/b/c", parents=True),
        put("a/one", "one", mode=0o600, mtime_ns=5, content_type="text/x-one"),
        put("a/b/two", "two"),
        put("empty", ""),
        MakeSymlink(path=p("link"), target="a/one", mtime_ns=7),
        copy("a/one", "a/copy"),
        move("a/b/two", "second"),
        SetAttributes(path=p("second"), mode=0o400),
        base_jid=1,
    )
    assert done.changed
    assert done.jid == shelf.flist().head_jid == 2
    assert shelf.paths() == ["a", "a/b", "a/b/c", "a/copy", "a/one", "empty", "link", "second"]
    one, link, second = (shelf.entry(path) for path in ("a/one", "link", "second"))
    assert (one.mode, one.mtime_ns, one.content_type, one.size_bytes) == (0o600, 5, "text/x-one", 3)
    assert (link.kind, link.target, link.mtime_ns) == (Kind.SYMLINK, "a/one", 7)
    assert second.mode == 0o400
    assert shelf.content("second") == b"two"
    assert shelf.content("a/copy") == b"one"
    assert shelf.paths(1) == []


def test_a_put_on_a_file_keeps_its_id_and_what_is_not_said(shelf: Shelf) -> None:
    shelf.bring(b"new")
    before = shelf.put("f", b"old").entry
    shelf.commit(SetAttributes(path=p("f"), mode=0o600, content_type="a/b"), put("f", "new"))
    after = shelf.entry("f")
    assert (after.entry_id, after.mode, after.content_type) == (before.entry_id, 0o600, "a/b")


def test_names_are_swapped_through_a_temporary_one(shelf: Shelf) -> None:
    a, b = shelf.put("a", b"a").entry, shelf.put("b", b"b").entry
    shelf.commit(move("a", "t"), move("b", "a"), move("t", "b"))
    assert (shelf.entry("a").entry_id, shelf.entry("b").entry_id) == (b.entry_id, a.entry_id)
    assert shelf.paths() == ["a", "b"]
    assert shelf.content("a", 3) == b"a"


def test_an_exchange_swaps_two_entries_wherever_they_are(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/x", b"in d")
    shelf.mkdir("e")
    f = shelf.put("e/f", b"f").entry
    d = shelf.entry("d")
    shelf.commit(exchange("d", "e/f"))
    assert shelf.paths() == ["d", "e", "e/f", "e/f/x"]
    assert (shelf.entry("d").entry_id, shelf.entry("e/f").entry_id) == (f.entry_id, d.entry_id)


def test_an_entry_is_moved_and_edited_in_one_commit(shelf: Shelf) -> None:
    shelf.bring(b"edited")
    f = shelf.put("f", b"f").entry
    shelf.commit(mkdir("d"), move("f", "d/g"), put("d/g", "edited"), SetAttributes(path=p("d/g"), mode=0o600))
    g = shelf.entry("d/g")
    assert (g.entry_id, g.digest, g.mode) == (f.entry_id, Digest.of(b"edited"), 0o600)
    with shelf.catalog.view() as view:
        rows = view._sql.execute("SELECT name FROM entry_past WHERE entry_id = ?", (f.entry_id,)).fetchall()
    assert rows == [("f",)], "one row ended, however often it changed"


@pytest.mark.parametrize(
    "operations",
    [
        [move("f", "g"), move("g", "f")],
        [exchange("f", "d"), exchange("d", "f")],
        [mkdir("new"), delete("new")],
        [mkdir("new"), move("f", "new/f"), move("new/f", "f"), delete("new")],
        [copy("d", "e"), delete("e")],
        [mkdir("d", parents=True)],
        [SetAttributes(path=p("f"), mode=0o600), SetAttributes(path=p("f"), mode=0o644)],
        [put("f", "f", mtime_ns=11)],
    ],
)
def test_what_comes_to_nothing_is_no_commit(shelf: Shelf, operations: list[Operation]) -> None:
    shelf.put("f", b"f")
    shelf.mkdir("d")
    shelf.put("d/x", b"x")
    shelf.commit(SetAttributes(path=p("f"), mtime_ns=11))
    before, root = shelf.flist(), shelf.entry("f")
    done = shelf.commit(*operations)
    assert (done.jid, done.changed) == (before.head_jid, False)
    assert shelf.flist() == before
    assert shelf.entry("f") == root
    assert shelf.paths() == ["d", "d/x", "f"]


def test_what_is_back_where_it_was_keeps_its_row_beside_real_changes(shelf: Shelf) -> None:
    f = shelf.put("f", b"f").entry
    shelf.commit(move("f", "g"), mkdir("new"), move("g", "f"))
    assert shelf.entry("f") == f, "since_jid too: a client sees that it has not changed"


def test_a_link_is_made_to_lead_elsewhere(shelf: Shelf) -> None:
    shelf.commit(MakeSymlink(path=p("l"), target="a"))
    before = shelf.entry("l")
    shelf.commit(MakeSymlink(path=p("l"), target="b"))
    after = shelf.entry("l")
    assert (after.entry_id, after.target) == (before.entry_id, "b")


def test_what_is_in_the_way_goes_only_if_that_is_asked_for(shelf: Shelf) -> None:
    shelf.put("f", b"f")
    shelf.mkdir("d")
    shelf.put("d/x", b"x")
    assert refusals(shelf, move("f", "d")) == [(0, "d", Reason.EXISTS)]
    assert refusals(shelf, copy("f", "d")) == [(0, "d", Reason.EXISTS)]
    shelf.commit(move("f", "d", overwrite=True))
    assert shelf.paths() == ["d"]


def test_a_commit_stands_in_the_audit_with_its_note(shelf: Shelf) -> None:
    shelf.bring(b"12345")
    shelf.changes.commit(ADMIN, NAME, None, [put("f", "12345")], "a note")
    row = Audit(shelf.catalog).rows(OPERATOR, Wanted(action=Action.COMMIT))[0]
    assert (row.account, row.flist, row.size_bytes) == ("anna", str(NAME), 5)
    assert '"note":"a note"' in row.detail
    assert shelf.flists.log(ADMIN, NAME)[0].note == "a note"


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "path", "reason"),
    [
        (delete("none"), "none", Reason.MISSING),
        (delete(""), "", Reason.ROOT),
        (move("none", "x"), "none", Reason.MISSING),
        (move("d", "d/y"), "d/y", Reason.NESTED),
        (move("d/x", "d", True), "d", Reason.NESTED),
        (move("f", "f"), "f", Reason.SAME),
        (move("f", "none/f"), "none/f", Reason.NO_PARENT),
        (move("f", "f/f"), "f/f", Reason.NO_PARENT),
        (move("f", ""), "", Reason.ROOT),
        (copy("d", "d/y"), "d/y", Reason.NESTED),
        (copy("f", "f"), "f", Reason.SAME),
        (copy("none", "x"), "none", Reason.MISSING),
        (exchange("d", "d/x"), "d/x", Reason.NESTED),
        (exchange("d/x", "d"), "d/x", Reason.NESTED),
        (exchange("f", "f"), "f", Reason.SAME),
        (exchange("f", "none"), "none", Reason.MISSING),
        (mkdir("d"), "d", Reason.EXISTS),
        (mkdir("none/x"), "none/x", Reason.NO_PARENT),
        (mkdir("f/x", parents=True), "f/x", Reason.NO_PARENT),
        (mkdir("f", parents=True), "f", Reason.NOT_A_FOLDER),
        (MakeSymlink(path=p("f"), target="x"), "f", Reason.EXISTS),
        (MakeSymlink(path=p("none/l"), target="x"), "none/l", Reason.NO_PARENT),
        (put("d", ""), "d", Reason.NOT_A_FILE),
        (put("none/x", ""), "none/x", Reason.NO_PARENT),
        (put("f", "", only_if_absent=True), "f", Reason.CHANGED),
        (put("f", "", only_if=EMPTY), "f", Reason.CHANGED),
        (put("g", "", only_if=EMPTY), "g", Reason.CHANGED),
        (SetAttributes(path=p("none"), mode=0), "none", Reason.MISSING),
        (move("d", "/".join(["d"] + ["e"] * (DEPTH_MAX - 1))), "", Reason.NESTED),
    ],
)
def test_an_operation_that_cannot_be_done_says_why(
    shelf: Shelf, operation: Operation, path: str, reason: Reason
) -> None:
    shelf.put("f", b"f")
    shelf.mkdir("d")
    shelf.put("d/x", b"x")
    number, found_path, found = refusals(shelf, mkdir("fine"), operation)[0]
    assert (number, found) == (1, reason)
    if path or found is Reason.ROOT:
        assert found_path == path


def test_paths_that_would_be_too_long_are_refused(shelf: Shelf) -> None:
    deep = "/".join(["e"] * (DEPTH_MAX - 1))
    shelf.commit(mkdir(deep, parents=True), mkdir("d/x", parents=True))
    assert refusals(shelf, move("d", f"{deep}/d")) == [(0, f"{deep}/d", Reason.TOO_DEEP)]
    assert refusals(shelf, copy("d", f"{deep}/d")) == [(0, f"{deep}/d", Reason.TOO_DEEP)]
    shelf.commit(mkdir(f"{deep}/d"))
    assert refusals(shelf, exchange("d", f"{deep}/d"))[0][2] is Reason.TOO_DEEP


def test_the_deepest_paths_can_be_compared(shelf: Shelf) -> None:
    shelf.commit(mkdir("/".join(["e"] * DEPTH_MAX), parents=True))
    shelf.commit(SetAttributes(path=p("/".join(["e"] * DEPTH_MAX)), mode=0o700))
    page = shelf.differences.page(ADMIN, NAME, 2, 3)
    assert [len(one.path) for one in page.differences] == [DEPTH_MAX]


def test_every_reason_is_told_with_what_is_there(shelf: Shelf) -> None:
    f = shelf.put("f", b"f").entry
    with pytest.raises(Refused) as caught:
        shelf.commit(put("f", "", only_if_absent=True), mkdir("ok"), mkdir("f"), delete("none"))
    told = [one for one in caught.value.conflicts if isinstance(one, Refusal)]
    assert [(one.number, one.now) for one in told] == [(0, f), (2, f), (3, None)]
    assert "operation 0 on /f" in str(caught.value)


def test_conditions_alone_that_fail_are_a_failed_precondition(shelf: Shelf) -> None:
    shelf.put("f", b"f")
    with pytest.raises(Outdated):
        shelf.commit(put("f", "", only_if_absent=True), put("g", "", only_if=EMPTY))
    shelf.commit(put("f", "", only_if=Digest.of(b"f")), put("g", "", only_if_absent=True))


def test_a_commit_to_another_head_says_what_has_changed(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/x", b"x")
    shelf.move("d", "e")
    with pytest.raises(Outdated) as caught:
        shelf.commit(mkdir("new"), base_jid=2)
    assert caught.value.head_jid == 4
    told = [(one.change, str(one.path)) for one in caught.value.changes]  # type: ignore[attr-defined]
    assert told == [(Change.MOVED, "e"), (Change.ADDED, "e/x")]
    for never in (99, 0):
        with pytest.raises(Outdated) as caught:
            shelf.commit(mkdir("new"), base_jid=never)
        assert caught.value.changes == ()
    assert shelf.commit(mkdir("new"), base_jid=4).changed


def test_a_commit_that_is_overtaken_does_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = long_content()
    refs = shelf.bring(*contents)
    get = shelf.blocks.get

    def overtaken(digest: Digest) -> bytes:
        monkeypatch.setattr(shelf.blocks, "get", get)
        shelf.mkdir("overtaking")
        return get(digest)

    monkeypatch.setattr(shelf.blocks, "get", overtaken)
    with pytest.raises(Outdated):
        shelf.commit(put("f", b"".join(contents), blocks=tuple(refs)), base_jid=1)
    assert shelf.paths() == ["overtaking"]


def test_of_many_who_commit_to_one_base_one_succeeds(shelf: Shelf) -> None:
    def commit(number: int) -> bool:
        try:
            return shelf.commit(mkdir(f"d{number}"), base_jid=1).changed
        except Outdated as error:
            return error.head_jid != 2

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(commit, range(16))) == 1
    assert len(shelf.paths()) == 1


@pytest.mark.parametrize(
    "operation",
    [
        SetAttributes(path=p("f"), mode=0o10000),
        SetAttributes(path=p("f"), mtime_ns=2**63),
        SetAttributes(path=p("f"), content_type="a\nb"),
        MakeSymlink(path=p("l"), target=""),
        MakeSymlink(path=p("l"), target="a\0b"),
        MakeSymlink(path=p("l"), target="\ud800"),
        MakeSymlink(path=p("l"), target="x" * 4097),
        Put(path=p("f"), digest=EMPTY, size_bytes=-1),
        Put(path=p("f"), digest=EMPTY, size_bytes=0, only_if=EMPTY, only_if_absent=True),
    ],
)
def test_malformed_operations_are_refused(shelf: Shelf, operation: Operation) -> None:
    shelf.put("f", b"f")
    with pytest.raises(Invalid):
        shelf.commit(mkdir("a"), operation)


def test_a_commit_is_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid):
        shelf.commit()
    monkeypatch.setattr("mylist_dav.services.tree.changes.OPERATIONS_MAX", 2)
    with pytest.raises(LimitExceeded):
        shelf.commit(mkdir("a"), mkdir("b"), mkdir("c"))
    shelf.commit(mkdir("a"), mkdir("a/b"))
    monkeypatch.setattr("mylist_dav.services.tree.applying.COPIED_ENTRIES_MAX", 3)
    with pytest.raises(LimitExceeded):
        shelf.commit(copy("a", "c"), copy("a", "d"))
    with pytest.raises(Invalid):
        shelf.changes.commit(ADMIN, NAME, None, [mkdir("x")], "n" * 501)
    assert shelf.paths() == ["a", "a/b"]


def test_moving_large_folders_again_and_again_is_bounded(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.commit(mkdir("a/1/2/3", parents=True), mkdir("longer"))
    monkeypatch.setattr("mylist_dav.services.tree.applying.LOOKED_AT_MAX", 20)
    there_and_back = [move("a", "longer/a"), move("longer/a", "a")]
    shelf.commit(*there_and_back * 2, mkdir("b"))
    with pytest.raises(LimitExceeded, match="make several"):
        shelf.commit(*there_and_back * 10, mkdir("c"))


def test_no_more_than_a_hundred_reasons_are_told(shelf: Shelf) -> None:
    assert len(refusals(shelf, *[delete(f"none{number}") for number in range(150)])) == 100


def test_the_quota_holds_for_the_whole_of_a_commit(shelf: Shelf) -> None:
    shelf.bring(b"12345", b"123456")
    shelf.identity.set_quota(OPERATOR, "anna", 10)
    with pytest.raises(OutOfQuota):
        shelf.commit(put("a", "12345"), put("b", "123456"))
    shelf.commit(put("a", "12345"), put("b", "123456"), delete("a"))
    assert shelf.paths() == ["b"]


# -- locks -----------------------------------------------------------------------------------------------------


def test_a_lock_refuses_what_it_covers_unless_its_token_is_submitted(shelf: Shelf) -> None:
    shelf.mkdir("d")
    shelf.put("d/f", b"f")
    shelf.put("g", b"g")
    lock = shelf.lock("d")
    for operation, path in (
        (put("d/f", ""), "d/f"),
        (put("d/new", ""), "d/new"),
        (mkdir("d/sub"), "d/sub"),
        (delete("d/f"), "d/f"),
        (delete("d"), "d"),
        (move("g", "d/g"), "d/g"),
        (move("d/f", "f"), "d/f"),
        (move("g", "d/f", True), "d/f"),
        (copy("g", "d/g"), "d/g"),
        (exchange("g", "d/f"), "d/f"),
        (SetAttributes(path=p("d/f"), mode=0), "d/f"),
        (MakeSymlink(path=p("d/l"), target="x"), "d/l"),
    ):
        assert refusals(shelf, operation) == [(0, path, Reason.LOCKED)], operation
    shelf.commit(put("d/f", ""), delete("d"), conditions=tokens(lock))
    with shelf.catalog.view() as view:
        assert view.locks(view.flist(NAME).flist_id, shelf.clock()) == []


# -- contents --------------------------------------------------------------------------------------------------


def missing(shelf: Shelf, *operations: Operation, actor: Actor = ADMIN) -> list[object]:
    with pytest.raises(Refused) as caught:
        shelf.commit(*operations, actor=actor)
    assert caught.value.conflicts == ()
    return list(caught.value.missing)


def test_a_large_content_is_named_with_its_blocks(shelf: Shelf) -> None:
    contents = long_content()
    refs = tuple(shelf.bring(*contents))
    whole = b"".join(contents)
    shelf.commit(put("f", whole, blocks=refs))
    assert shelf.content("f") == whole
    shelf.commit(put("g", whole))
    assert shelf.content("g") == whole, "once it is known, the digest alone will do"


def test_a_wrong_recipe_is_refused_and_the_right_one_works_later(shelf: Shelf) -> None:
    contents = long_content()
    refs = tuple(shelf.bring(*contents))
    whole = b"".join(contents)
    for wrong in (
        (refs[1], refs[0], refs[2]),
        refs[:2],
        (*refs[:2], BlockRef(refs[2].digest, refs[2].size_bytes + 1)),
        (BlockRef(refs[0].digest, HALF - 1), BlockRef(refs[1].digest, HALF + 1), refs[2]),
        (*refs, BlockRef(EMPTY, 0)),
        (),
    ):
        assert refusals(shelf, mkdir("d"), put("f", whole, blocks=wrong)) == [(1, "f", Reason.RECIPE)]
        with shelf.catalog.view() as view:
            assert view.known_recipe(Digest.of(whole)) is None
    shelf.commit(put("f", whole, blocks=refs))
    assert shelf.content("f") == whole
    assert refusals(shelf, put("f", whole, blocks=refs[::-1])) == [(0, "f", Reason.RECIPE)]


def test_another_proven_recipe_takes_the_place_of_one_whose_blocks_may_be_going(shelf: Shelf) -> None:
    contents = long_content(blocks=4)
    whole = b"".join(contents)
    cut = [whole[:700_000], whole[700_000:1_500_000], whole[1_500_000:]]
    shelf.commit(put("f", whole, blocks=tuple(shelf.bring(*contents))))
    shelf.commit(put("f", whole, blocks=tuple(shelf.bring(*cut)), mtime_ns=1))
    with shelf.catalog.view() as view:
        recipe = view.known_recipe(Digest.of(whole))
        used = view._sql.execute("SELECT block_digest FROM recipe_block").fetchall()
    assert recipe is not None
    assert [ref.digest for ref in recipe.blocks] == [Digest.of(block) for block in cut]
    assert {row[0] for row in used} == {ref.digest for ref in recipe.blocks}
    assert shelf.content("f") == whole


def test_blocks_of_one_content_may_be_read_in_part_and_brought_in_part(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, OTHER)
    contents = long_content(blocks=4)
    old = [Digest.of(block) for block in contents[:3]]
    shelf.commit(put("f", b"".join(contents[:3]), blocks=tuple(shelf.bring(*contents[:3]))), name=OTHER)
    refs = tuple(BlockRef(Digest.of(block), len(block)) for block in contents)
    whole = put("f", b"".join(contents), blocks=refs)
    assert missing(shelf, whole, actor=WRITER) == [refs[3].digest]
    shelf.bring(contents[3], account="walt")
    shelf.commit(whole, actor=WRITER)
    with shelf.catalog.view() as view:
        assert view._sql.execute("SELECT * FROM upload WHERE digest = ?", (refs[3].digest,)).fetchall() == []
        recipe = view.known_recipe(Digest.of(b"".join(contents)))
    assert recipe is not None
    assert [ref.digest for ref in recipe.blocks] == [*old, refs[3].digest]


def test_recipes_of_very_small_blocks_are_refused(shelf: Shelf) -> None:
    block = b"x" * 1024
    count = WHOLE_BYTES_MAX // 1024 + 1
    refs = tuple(shelf.bring(block) * count)
    assert refusals(shelf, put("f", block * count, blocks=refs)) == [(0, "f", Reason.RECIPE)]


@pytest.mark.parametrize("size_bytes", [0, 2, 4, 2 * WHOLE_BYTES_MAX])
def test_a_content_has_one_size(shelf: Shelf, size_bytes: int) -> None:
    (ref,) = shelf.bring(b"one")
    wrong = Put(path=p("f"), digest=ref.digest, size_bytes=size_bytes)
    with pytest.raises(Refused) as caught:
        shelf.commit(wrong)
    if size_bytes <= WHOLE_BYTES_MAX:
        assert [one.reason for one in caught.value.conflicts] == [Reason.SIZE]  # type: ignore[attr-defined]
    assert refusals(shelf, Put(path=p("f"), digest=EMPTY, size_bytes=3)) == [(0, "f", Reason.SIZE)]


def test_a_short_content_is_its_own_block(shelf: Shelf) -> None:
    one, two = shelf.bring(b"one", b"two")
    shelf.commit(put("f", "one", blocks=(one,)), put("e", "", blocks=()))
    assert refusals(shelf, put("g", "onetwo", blocks=(one, two))) == [(0, "g", Reason.RECIPE)]


def test_all_blocks_that_are_missing_are_named_at_once(shelf: Shelf) -> None:
    refs = shelf.bring(*long_content())
    gone = [Digest.of(b"gone 1"), Digest.of(b"gone 2"), Digest.of(b"gone 3")]
    large = Put(
        path=p("large"),
        digest=Digest.of(b"whatever"),
        size_bytes=2 * HALF,
        blocks=(refs[0], BlockRef(gone[1], HALF)),
    )
    unknown = Put(path=p("known"), digest=gone[2], size_bytes=2 * HALF)
    assert missing(shelf, put("f", b"gone 1"), put("g", b"gone 1"), large, unknown) == gone


def test_a_digest_that_may_not_be_read_answers_like_an_unknown_one(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, OTHER)
    shelf.grants.set_private(OPERATOR, OTHER, True)
    whole = b"".join(long_content())
    upload = shelf.uploads.open(ADMIN, shelf.place("large", OTHER))
    upload.write(whole)
    entry = upload.finish().entry
    shelf.put("small", b"secret", name=OTHER)
    assert entry.digest is not None
    recipe = shelf.trees.recipe(entry)
    for content in (b"secret", b"unknown"):
        assert missing(shelf, put("f", content), actor=WRITER) == [Digest.of(content)]
    for content, blocks in ((whole, None), (whole, recipe.blocks), (b"?" * len(whole), None)):
        wanted = [ref.digest for ref in blocks] if blocks else [Digest.of(content)]
        assert missing(shelf, put("f", content, blocks=blocks), actor=WRITER) == wanted
    wrong_size = Put(path=p("f"), digest=Digest.of(b"secret"), size_bytes=1)
    assert missing(shelf, wrong_size, actor=WRITER) == [Digest.of(b"secret")]
    shelf.grants.grant(OPERATOR, "walt", OTHER, Right.READ)
    shelf.commit(put("f", b"secret"), put("g", whole), put("h", whole, blocks=recipe.blocks), actor=WRITER)
    scoped = WRITER._replace(scope=Scope(NAME))
    shelf.commit(put("i", b"secret"), actor=scoped)
    shelf.delete("f")
    shelf.commit(put("f", b"secret"), actor=scoped)


def test_what_another_account_has_brought_may_not_be_named(shelf: Shelf) -> None:
    shelf.bring(b"hers", account="ulla")
    assert missing(shelf, put("f", "hers"), actor=WRITER) == [Digest.of(b"hers")]
    shelf.bring(b"hers", account="walt")
    shelf.commit(put("f", "hers"), actor=WRITER)


def test_an_upload_that_has_expired_is_gone(shelf: Shelf) -> None:
    shelf.bring(b"late", account="walt")
    shelf.clock.advance(3601)
    assert missing(shelf, put("f", "late"), actor=WRITER) == [Digest.of(b"late")]


def test_a_condemned_block_that_is_named_stays_and_one_that_is_going_is_missing(shelf: Shelf) -> None:
    (ref,) = shelf.bring(b"block")

    def condemn(state: str) -> None:
        shelf.catalog.change(
            lambda draft: draft._sql.execute("UPDATE block SET state = ?, since_ns = 5", (state,))
        )

    condemn("deleting")
    assert missing(shelf, put("f", "block")) == [ref.digest]
    condemn("condemned")
    with pytest.raises(MylistError):
        shelf.commit(put("f", "block"), delete("none"))
    with shelf.catalog.view() as view:
        rows = "SELECT state, since_ns FROM block"
        assert view._sql.execute(rows).fetchall() == [("condemned", 5)]
    shelf.commit(put("f", "block"))
    with shelf.catalog.view() as view:
        assert view._sql.execute(rows).fetchall() == [("stored", None)]


def test_a_block_that_is_lost_or_damaged_is_missing(shelf: Shelf) -> None:
    contents = long_content()
    refs = tuple(shelf.bring(*contents))
    shelf.blocks.delete(refs[1].digest)
    assert missing(shelf, put("f", b"".join(contents), blocks=refs)) == [refs[1].digest]
    shelf.bring(contents[1])
    shelf.commit(put("f", b"".join(contents), blocks=refs))


# -- rights ----------------------------------------------------------------------------------------------------


def test_a_commit_needs_the_right_to_write(shelf: Shelf) -> None:
    with pytest.raises(Forbidden):
        shelf.commit(mkdir("a"), actor=USER)
    shelf.grants.set_private(OPERATOR, NAME, True)
    with pytest.raises(NotFound):
        shelf.commit(mkdir("a"), actor=USER)
    shelf.commit(mkdir("a"), actor=WRITER)


def test_a_right_that_is_taken_away_while_a_content_is_hashed_is_gone(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = long_content()
    refs = tuple(shelf.bring(*contents, account="walt"))
    get = shelf.blocks.get

    def revoked(digest: Digest) -> bytes:
        shelf.grants.grant(OPERATOR, "walt", NAME, Right.NONE)
        return get(digest)

    monkeypatch.setattr(shelf.blocks, "get", revoked)
    with pytest.raises(Forbidden):
        shelf.commit(put("f", b"".join(contents), blocks=refs), actor=WRITER)
    assert shelf.paths() == []


def test_what_the_quota_has_no_room_for_is_not_hashed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    block = b"\0" * (1024 * 1024)
    refs = (BlockRef(shelf.blocks.put(block), len(block)),) * 50
    shelf.bring(block)
    shelf.identity.set_quota(OPERATOR, "anna", 30 * len(block))
    monkeypatch.setattr("mylist_dav.services.tree.changes.prove", pytest.fail)
    with pytest.raises(OutOfQuota):
        shelf.commit(Put(path=p("f"), digest=Digest.of(b"?"), size_bytes=50 * len(block), blocks=refs))


def test_a_block_that_was_gone_and_is_back_while_a_content_is_hashed_is_missing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = long_content()
    refs = shelf.bring(*contents)
    read = shelf.blocks.get

    def gone_for_a_moment(digest: Digest) -> bytes:
        if digest == refs[1].digest:
            raise NotFound("no such block")
        return read(digest)

    monkeypatch.setattr(shelf.blocks, "get", gone_for_a_moment)
    with pytest.raises(Refused) as raised:
        shelf.commit(put("f", b"".join(contents), blocks=tuple(refs)))
    assert list(raised.value.missing) == [refs[1].digest]
