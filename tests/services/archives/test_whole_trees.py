"""Whole trees whose entries name their contents: what a commit of the same comes to, in one commit of any size."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Node, Tree, above
from mylist_dav.client.folders.operations import operations, tree_lines
from mylist_dav.client.folders.planning import plan
from mylist_dav.errors import (
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    LimitExceeded,
    Locked,
    MylistError,
    NotFound,
    Outdated,
    OutOfQuota,
    Queued,
    Refused,
)
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.archives.members import Found, Limits, Source
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Reason
from mylist_dav.services.archives import named_contents, sources
from mylist_dav.services.archives.imports import ROWS_AT_ONCE_MAX, Imports
from mylist_dav.services.archives.whole_trees import Put, WholeTrees
from mylist_dav.services.audit import Audit
from mylist_dav.services.upkeep.leases import LEASE_NS
from mylist_dav.wire.documents.changes import CommitAsked
from mylist_dav.wire.documents.trees import added_member_of, member_of
from tests.shelf import ADMIN, NAME, Shelf, shelf_in, tokens

OTHER = FlistName("anna", "other")
WRITER = Actor("walt", Role.USER)
HALF = WHOLE_BYTES_MAX // 2 + 1000
LINES_MAX = 1_000


class Desk:
    """A shelf with the verb under test."""

    def __init__(self, shelf: Shelf, path: Path, rows_at_once_max: int = ROWS_AT_ONCE_MAX) -> None:
        self.shelf = shelf
        self.path = path
        self.imports = Imports(
            shelf.catalog, shelf.blocks, shelf.clock, path, Limits(LINES_MAX, 2**40), 10_000,
            rows_at_once_max=rows_at_once_max,
        )  # fmt: skip
        self.whole_trees = WholeTrees(shelf.catalog, self.imports, shelf.changes)

    def source(self, *lines: dict[str, Any], merge: bool = True) -> Source:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return self.imports.lines(io.BytesIO(text.encode()), member_of if merge else added_member_of)

    def put(
        self,
        *lines: dict[str, Any],
        actor: Actor = ADMIN,
        merge: bool = True,
        base_jid: int | None = None,
        name: FlistName = NAME,
        conditions: Conditions = UNCONDITIONAL,
        note: str = "",
    ) -> Put:
        return self.whole_trees.put(
            actor, name, self.source(*lines, merge=merge), base_jid=base_jid, merge=merge, note=note,
            conditions=conditions,
        )  # fmt: skip

    def refused(self, *lines: dict[str, Any], actor: Actor = ADMIN) -> Refused:
        """Fails unless nothing has changed."""
        before = self.shelf.flist()
        with pytest.raises(Refused) as caught:
            self.put(*lines, actor=actor)
        assert self.shelf.flist() == before
        assert caught.value.head_jid == before.head_jid
        return caught.value

    def tree(self, name: FlistName = NAME) -> Tree:
        found = self.shelf.trees.walk(OPERATOR, self.shelf.place("", name))
        return {
            str(path): Node(
                entry.kind.name.lower(), entry.size_bytes, entry.mode if entry.kind is not Kind.SYMLINK else 0,
                entry.mtime_ns, str(entry.digest or ""), entry.target or "",
            )
            for path, entry in found
        }  # fmt: skip

    def close(self) -> None:
        self.imports.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with shelf_in(tmp_path) as shelf:
        shelf.identity.add_account(OPERATOR, "walt", Role.USER)
        shelf.grants.grant(OPERATOR, "walt", NAME, Right.WRITE)
        made = Desk(shelf, tmp_path)
        yield made
        made.close()


def file(path: str, content: bytes, **more: object) -> dict[str, Any]:
    named = {"kind": "file", "path": path, "digest": str(Digest.of(content)), "size_bytes": len(content)}
    return {**named, "mtime_ns": 1, **more}


def folder(path: str, **more: object) -> dict[str, Any]:
    return {"kind": "directory", "path": path, **more}


def link(path: str, target: str) -> dict[str, Any]:
    return {"kind": "symlink", "path": path, "target": target, "mtime_ns": 1}


def absent(path: str) -> dict[str, Any]:
    return {"kind": "absent", "path": path}


def recipe(*refs: BlockRef) -> list[dict[str, Any]]:
    return [{"id": str(ref.digest), "size_bytes": ref.size_bytes} for ref in refs]


def long_content(seed: int = 1) -> list[bytes]:
    return [random.Random(f"{seed} {number}").randbytes(HALF) for number in range(3)]


# -- what it comes to ------------------------------------------------------------------------------------------

CONTENTS = (b"a", b"bb", b"")
names = st.sampled_from(["a", "b", "a-b", "c"])
nodes = st.sampled_from(
    [
        Node(DIRECTORY, 0, 0o755, 1),
        Node(DIRECTORY, 0, 0o700, 2),
        *(Node(FILE, len(one), 0o644, 1, str(Digest.of(one))) for one in CONTENTS),
        Node(FILE, 1, 0o600, 3, str(Digest.of(b"a"))),
        Node(SYMLINK, 0, 0, 1, "", "a"),
        Node(SYMLINK, 0, 0, 2, "", "b"),
    ]
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    tree: Tree = {}
    for path in draw(st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8)):
        parents = reversed(above(path))
        if all(tree.setdefault(each, Node(DIRECTORY, 0, 0o755, 1)).kind == DIRECTORY for each in parents):
            tree.setdefault(path, draw(nodes))
    return tree


@pytest.fixture(scope="module", params=[0, 2, ROWS_AT_ONCE_MAX], ids=["aside", "some aside", "at once"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with two flists."""
    path = tmp_path_factory.mktemp("pair")
    with shelf_in(path) as shelf:
        shelf.flists.create(ADMIN, OTHER)
        shelf.bring(*CONTENTS[:2])
        made = Desk(shelf, path, request.param)
        yield made
        made.close()


@settings(max_examples=40)
@given(there=trees(), wanted=trees(), delete=st.booleans())
def test_it_does_what_a_commit_of_the_same_plan_does(
    pair: Desk, there: Tree, wanted: Tree, delete: bool
) -> None:
    for name in (NAME, OTHER):
        clean = plan(there, pair.tree(name), delete=True, is_out=lambda path, is_folder: False)
        if clean:
            pair.put(*map(json.loads, b"".join(tree_lines(clean, {})).splitlines()), name=name)
        assert pair.tree(name) == there
    try:
        todo = plan(wanted, there, delete=delete, is_out=lambda path, is_folder: False)
    except Conflict:
        return
    if not todo:
        return
    asked = CommitAsked.model_validate({"operations": operations(todo, {})})
    pair.shelf.commit(*(one.operation() for one in asked.operations), name=NAME)
    head_jid = pair.shelf.flists.get(ADMIN, OTHER).head_jid
    lines = map(json.loads, b"".join(tree_lines(todo, {})).splitlines())
    assert pair.put(*lines, name=OTHER, base_jid=head_jid).jid == head_jid + 1
    assert pair.tree(OTHER) == pair.tree(NAME)
    counted = [pair.shelf.flists.get(ADMIN, name) for name in (NAME, OTHER)]
    assert len({(one.entries, one.size_bytes) for one in counted}) == 1


@settings(max_examples=25)
@given(there=trees(), wanted=trees())
def test_without_merge_the_tree_is_what_was_named(pair: Desk, there: Tree, wanted: Tree) -> None:
    for tree in (there, wanted):
        if tree:
            whole = plan(tree, {}, delete=False, is_out=lambda path, is_folder: False)
            pair.put(*map(json.loads, b"".join(tree_lines(whole, {})).splitlines()), merge=False)
            assert pair.tree() == tree


def test_what_is_left_out_stays_and_what_is_named_keeps_its_id(desk: Desk) -> None:
    shelf = desk.shelf
    shelf.bring(b"new")
    before = shelf.put("d/f" if shelf.mkdir("d") else "", b"old").entry
    desk.put(file("d/f", b"old", mode=0o600, content_type="a/b"), folder("d", mode=0o700))
    desk.put(file("d/f", b"new", mtime_ns=5))
    after = shelf.entry("d/f")
    assert (after.entry_id, after.mode, after.mtime_ns, after.content_type) == (
        before.entry_id, 0o600, 5, "a/b"
    )  # fmt: skip
    assert shelf.entry("d").mode == 0o700
    desk.put(file("d/f", b"new", content_type=""))
    assert shelf.entry("d/f").content_type is None


def test_nothing_to_change_is_no_commit(desk: Desk) -> None:
    desk.shelf.put("f", b"old")
    head_jid = desk.shelf.flist().head_jid
    lines = [file("f", b"old", mtime_ns=desk.shelf.entry("f").mtime_ns)]
    done = desk.put(*lines, base_jid=head_jid)
    assert (done.jid, done.imported.jid) == (head_jid, None)


def test_folders_above_are_made_and_the_last_line_of_a_path_counts(desk: Desk) -> None:
    desk.shelf.bring(b"one", b"two")
    desk.shelf.put("old", b"one")
    desk.put(
        file("a/b/c", b"one"), folder("a/b/c"), file("a/b/c", b"two"), absent("old"), file("old", b"two"),
        file("gone", b"one"), absent("old"), file("old", b"one"), folder("gone"), link("gone", "x"),
    )  # fmt: skip
    assert desk.shelf.paths() == ["a", "a/b", "a/b/c", "gone", "old"]
    assert desk.shelf.content("a/b/c") == b"two"
    assert desk.shelf.content("old") == b"one"


@pytest.mark.parametrize(
    "lines",
    [
        [absent("none")],
        [absent("d/none")],
        [absent("d/none"), absent("d/f")],
        [absent("d/zz")],
        [absent("none/deeper/still")],
        [absent("f/below")],
        [link("d", "x"), absent("f"), absent("none")],
    ],
)
def test_what_is_to_go_must_be_there(desk: Desk, lines: list[dict[str, Any]]) -> None:
    desk.shelf.mkdir("d")
    desk.shelf.put("d/f")
    desk.shelf.put("f")
    before = desk.shelf.flist()
    with pytest.raises(Conflict, match="is to go"):
        desk.put(*lines)
    assert desk.shelf.flist() == before


@pytest.mark.parametrize(
    "lines",
    [
        [absent("d"), folder("d/e")],
        [folder("d/e"), absent("d")],
        [absent("d/f"), absent("d")],
        [absent("d/f"), link("d", "x")],
        [link("d", "x"), folder("d/e")],
        [link("d", "x"), absent("d/f")],
    ],
)
def test_what_cannot_stand_together_is_refused(desk: Desk, lines: list[dict[str, Any]]) -> None:
    desk.shelf.mkdir("d")
    desk.shelf.put("d/f")
    before = desk.shelf.flist()
    with pytest.raises(Invalid, match="is refused"):
        desk.put(*lines)
    assert desk.shelf.flist() == before


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{}", "line 2: .*kind"),
        (b"[]", "line 2"),
        (b"", "line 2: the body is not JSON"),
        (b'{"kind": "directory", "path": "a", "path": "b"}', "line 2: the"),
        (b'{"kind": "directory", "path": "../a"}', r"line 2: '\.\.'"),
        (b'{"kind": "directory", "path": "/"}', "line 2: the root"),
        (b'{"kind": "directory", "path": "a", "more": 1}', "line 2: .*'directory.more' is no field"),
        (b'{"kind": "symlink", "path": "a", "mtime_ns": 1, "target": "a\\u0000"}', "line 2: the target"),
        (b'{"kind": "symlink", "path": "a", "mtime_ns": 1, "target": "\\ud800"}', "line 2: .*target"),
        (b'{"kind": "directory", "path": "' + b"x" * 2000 + b'"}', "line 2 has more than the 1000 bytes"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    desk: Desk, line: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LINE_BYTES_MAX", 1_000)
    body = b'{"kind": "directory", "path": "first"}\n' + line + b"\n"
    with pytest.raises(Invalid, match=why):
        desk.whole_trees.put(ADMIN, NAME, desk.imports.lines(io.BytesIO(body), member_of))
    assert desk.shelf.paths() == []


def test_nothing_at_all_is_no_tree(desk: Desk) -> None:
    desk.shelf.put("f")
    with pytest.raises(Invalid, match="there is no line"):
        desk.put(merge=False)
    with pytest.raises(Invalid, match="line 1: 'absent' is for merge=1"):
        desk.put(absent("f"), merge=False)


def test_lines_have_a_limit(desk: Desk) -> None:
    with pytest.raises(LimitExceeded):
        desk.put(*(folder(str(n)) for n in range(LINES_MAX + 1)))
    assert desk.shelf.paths() == []


def test_a_content_type_that_cannot_be_sent_is_refused(desk: Desk) -> None:
    desk.shelf.bring(b"one")
    with pytest.raises(Invalid, match="content type"):
        desk.put(file("f", b"one", content_type="a\nb"))


# -- contents --------------------------------------------------------------------------------------------------


def test_a_wrong_recipe_is_refused_and_the_right_one_works_later(desk: Desk) -> None:
    contents = long_content()
    refs = desk.shelf.bring(*contents)
    whole = b"".join(contents)
    for wrong in ((refs[1], refs[0], refs[2]), refs[:2], ()):
        error = desk.refused(folder("d"), file("d/f", whole, blocks=recipe(*wrong)))
        assert [(one.number, str(one.path), one.reason) for one in error.conflicts] == [  # type: ignore[attr-defined]
            (1, "d/f", Reason.RECIPE)
        ]
        with desk.shelf.catalog.view() as view:
            assert view.known_recipe(Digest.of(whole)) is None
    desk.put(file("f", whole, blocks=recipe(*refs)))
    assert desk.shelf.content("f") == whole
    desk.put(file("g", whole))
    assert desk.shelf.content("g") == whole, "once it is known, the digest alone will do"


def test_a_digest_that_may_not_be_read_answers_like_an_unknown_one(desk: Desk) -> None:
    shelf = desk.shelf
    shelf.flists.create(ADMIN, OTHER)
    shelf.grants.set_private(OPERATOR, OTHER, True)
    shelf.put("small", b"secret", name=OTHER)
    whole = b"".join(long_content())
    upload = shelf.uploads.open(ADMIN, shelf.place("large", OTHER))
    upload.write(whole)
    known = shelf.trees.recipe(upload.finish().entry)
    for known_line, unknown_line in (
        (file("f", b"secret"), file("f", b"hidden")),
        (file("f", whole), file("f", whole[::-1])),
        (
            file("f", whole, blocks=recipe(*known.blocks)),
            file("f", whole, blocks=recipe(*(BlockRef(Digest.of(ref.digest), ref.size_bytes) for ref in known.blocks))),
        ),
    ):  # fmt: skip
        errors = [desk.refused(line, actor=WRITER) for line in (known_line, unknown_line)]
        assert str(errors[0]) == str(errors[1])
        assert len(errors[0].missing) == len(errors[1].missing) > 0
        assert errors[0].conflicts == errors[1].conflicts == ()
    shelf.grants.grant(OPERATOR, "walt", OTHER, Right.READ)
    desk.put(file("f", b"secret"), file("g", whole), actor=WRITER)
    assert shelf.content("g") == whole


def test_missing_blocks_are_told_in_order_and_so_many_only(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [b"%d" % n for n in range(9)]
    lines = [file(f"f{n}", content) for n, content in enumerate(gone)]
    assert desk.refused(*lines).missing == tuple(map(Digest.of, gone))
    monkeypatch.setattr(named_contents, "MISSING_MAX", 5)
    monkeypatch.setattr(named_contents, "GROUP_CONTENTS_MAX", 2)
    assert desk.refused(*lines).missing == tuple(map(Digest.of, gone[:5]))


def test_wrong_contents_are_told_so_many_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.shelf.bring(b"one")
    lines = [{**file(f"f{n}", b"one"), "size_bytes": 4} for n in range(9)]
    monkeypatch.setattr(named_contents, "REFUSALS_MAX", 3)
    monkeypatch.setattr(named_contents, "GROUP_CONTENTS_MAX", 2)
    conflicts = desk.refused(*lines).conflicts
    assert [(one.number, one.reason) for one in conflicts] == [(n, Reason.SIZE) for n in range(3)]  # type: ignore[attr-defined]


def test_nothing_is_hashed_once_something_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = long_content()
    refs = desk.shelf.bring(*contents)
    monkeypatch.setattr(desk.shelf.blocks, "get", lambda digest: pytest.fail("nothing of this is needed"))
    desk.refused(file("a", b"gone"), file("f", b"".join(contents), blocks=recipe(*refs)))


def test_what_is_to_be_hashed_has_a_limit(desk: Desk) -> None:
    contents = [long_content(seed) for seed in range(3)]
    lines = [
        file(f"f{n}", b"".join(each), blocks=recipe(*desk.shelf.bring(*each)))
        for n, each in enumerate(contents)
    ]
    desk.close()
    desk.imports = Imports(
        desk.shelf.catalog, desk.shelf.blocks, desk.shelf.clock, desk.path, Limits(LINES_MAX, 6 * HALF), 10_000
    )  # fmt: skip
    desk.whole_trees = WholeTrees(desk.shelf.catalog, desk.imports, desk.shelf.changes)
    with pytest.raises(LimitExceeded):
        desk.put(*lines)
    desk.put(*lines[:2])
    desk.put(*lines)
    assert desk.shelf.paths() == ["f0", "f1", "f2"]


def test_a_condemned_block_that_is_named_stays_and_one_that_is_going_is_missing(desk: Desk) -> None:
    (ref,) = desk.shelf.bring(b"block")

    def condemn(state: str) -> None:
        desk.shelf.catalog.change(
            lambda draft: draft._sql.execute("UPDATE block SET state = ?, since_ns = 5", (state,))
        )

    condemn("deleting")
    assert desk.refused(file("f", b"block")).missing == (ref.digest,)
    condemn("condemned")
    desk.put(file("f", b"block"))
    with desk.shelf.catalog.view() as view:
        assert view._sql.execute("SELECT state, since_ns FROM block").fetchall() == [("stored", None)]


def test_what_was_brought_is_counted_once_when_it_is_in_the_flist(desk: Desk) -> None:
    contents = long_content()
    refs = desk.shelf.bring(*contents, b"small", b"other", account="walt")
    desk.put(file("f", b"".join(contents), blocks=recipe(*refs[:3])), file("s", b"small"), actor=WRITER)
    with desk.shelf.catalog.view() as view:
        left = view._sql.execute("SELECT digest FROM upload").fetchall()
    assert left == [(Digest.of(b"other"),)]


# -- who else is there -----------------------------------------------------------------------------------------


class Interrupted:
    """A source in which something happens after its last member."""

    def __init__(self, source: Source, happens: Callable[[], object]) -> None:
        self._source = source
        self._happens = happens

    def members(self) -> Found:
        yield from self._source.members()
        self._happens()


def test_a_lost_race_says_what_has_changed_and_changes_nothing(desk: Desk) -> None:
    base_jid = desk.shelf.flist().head_jid
    for_it = Interrupted(desk.source(folder("d")), lambda: desk.shelf.put("theirs"))
    with pytest.raises(Outdated) as caught:
        desk.whole_trees.put(ADMIN, NAME, for_it, base_jid=base_jid, merge=True)
    assert caught.value.head_jid == base_jid + 1
    assert [str(one.path) for one in caught.value.changes] == ["theirs"]  # type: ignore[attr-defined]
    assert desk.shelf.paths() == ["theirs"]
    with pytest.raises(Outdated):
        desk.whole_trees.check(ADMIN, NAME, base_jid, "")
    desk.put(folder("d"), base_jid=base_jid + 1)
    assert desk.shelf.paths() == ["d", "theirs"]


def test_a_race_that_is_lost_while_much_is_built_aside_leaves_nothing(tmp_path: Path) -> None:
    with shelf_in(tmp_path) as shelf:
        desk = Desk(shelf, tmp_path, rows_at_once_max=2)
        shelf.bring(b"one", b"two")
        lines = [file(f"d/{n}", b"one") for n in range(10)]
        desk.put(*lines)
        lines += [file(f"e/{n}", b"two") for n in range(10)]
        with pytest.raises(Outdated):
            desk.whole_trees.put(
                ADMIN, NAME, Interrupted(desk.source(*lines), lambda: shelf.put("theirs")), merge=True,
                base_jid=shelf.flist().head_jid,
            )  # fmt: skip
        assert len(shelf.paths()) == 12
        with shelf.catalog.view() as view:
            assert list(view.stages()) == []
            held = "SELECT 1 FROM held WHERE digest = ?"
            assert view._sql.execute(held, (Digest.of(b"two"),)).fetchall() == []
        desk.close()


def test_without_a_base_others_may_write_meanwhile(desk: Desk) -> None:
    for_it = Interrupted(desk.source(folder("d")), lambda: desk.shelf.put("theirs"))
    desk.whole_trees.put(ADMIN, NAME, for_it, merge=True)
    assert desk.shelf.paths() == ["d", "theirs"]


def test_who_may_not_write_is_refused_and_who_may_no_longer_too(desk: Desk) -> None:
    reader = Actor("rita", Role.USER)
    with pytest.raises(Forbidden):
        desk.put(folder("d"), actor=reader)
    with pytest.raises(NotFound):
        desk.put(folder("d"), name=FlistName("anna", "none"))

    def revoke() -> None:
        desk.shelf.grants.grant(OPERATOR, "walt", NAME, Right.NONE)

    with pytest.raises(Forbidden):
        desk.whole_trees.put(WRITER, NAME, Interrupted(desk.source(folder("d")), revoke), merge=True)
    assert desk.shelf.paths() == []


def test_a_quota_holds_before_anything_is_hashed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = long_content()
    refs = desk.shelf.bring(*contents, account="walt")
    desk.shelf.identity.set_quota(ADMIN, "anna", 3 * HALF - 1)
    line = file("f", b"".join(contents), blocks=recipe(*refs))
    get = desk.shelf.blocks.get
    monkeypatch.setattr(desk.shelf.blocks, "get", lambda digest: pytest.fail("it is too much anyway"))
    with pytest.raises(OutOfQuota):
        desk.put(line, actor=WRITER)
    monkeypatch.setattr(desk.shelf.blocks, "get", get)
    desk.shelf.identity.set_quota(ADMIN, "anna", 3 * HALF)
    desk.put(line, actor=WRITER)
    with pytest.raises(OutOfQuota):
        desk.put({**line, "path": "g"}, actor=WRITER)
    assert desk.shelf.paths() == ["f"]


def test_a_lock_must_be_named(desk: Desk) -> None:
    desk.shelf.bring(b"one")
    desk.shelf.put("f")
    locked = desk.shelf.lock("f")
    for lines in ([file("f", b"one")], [absent("f")]):
        with pytest.raises(Locked):
            desk.put(*lines)
    desk.put(file("f", b"one"), conditions=tokens(locked))
    assert desk.shelf.content("f") == b"one"


def test_it_is_recorded_as_a_commit_with_its_note(desk: Desk) -> None:
    desk.shelf.bring(b"one")
    desk.put(file("f", b"one"), file("g", b"one"), note="release 7")
    (row, *_) = Audit(desk.shelf.catalog).rows(OPERATOR, Wanted(action=Action.COMMIT))
    assert (row.flist, row.size_bytes, row.detail) == (str(NAME), 6, '{"jid":2,"note":"release 7"}')
    desk.put(file("f", b"one", mode=0o600), file("d/h", b"one"))
    (row, *_) = Audit(desk.shelf.catalog).rows(OPERATOR, Wanted(action=Action.COMMIT))
    assert row.size_bytes == 3, "another mode brings nothing"
    with pytest.raises(Invalid, match="note"):
        desk.put(folder("d"), note="two\nlines")


def test_the_collector_waits_and_who_stood_still_for_too_long_begins_again(desk: Desk) -> None:
    desk.shelf.bring(b"one")

    def waits() -> None:
        assert desk.shelf.catalog.change(lambda draft: draft.reaper.must_wait())

    desk.whole_trees.put(ADMIN, NAME, Interrupted(desk.source(file("f", b"one")), waits), merge=True)

    def stand_still() -> None:
        desk.shelf.clock.now_ns += LEASE_NS + 1
        assert not desk.shelf.catalog.change(lambda draft: draft.reaper.must_wait())

    desk.shelf.bring(b"two")
    with pytest.raises(Busy):
        desk.whole_trees.put(
            ADMIN, NAME, Interrupted(desk.source(file("g", b"two")), stand_still), merge=True
        )
    assert desk.shelf.paths() == ["f"]


def test_of_one_account_one_is_taken_in_at_a_time_and_two_of_all(desk: Desk) -> None:
    def others() -> None:
        with pytest.raises(Queued):
            desk.put(folder("mine"))
        wait = Interrupted(desk.source(folder("theirs")), third)
        desk.whole_trees.put(WRITER, NAME, wait, merge=True)

    def third() -> None:
        with pytest.raises(Queued):
            desk.put(folder("nobodys"), actor=Actor("otto", Role.ADMIN))

    desk.whole_trees.put(ADMIN, NAME, Interrupted(desk.source(folder("first")), others), merge=True)
    assert desk.shelf.paths() == ["first", "theirs"]
    with pytest.raises(Queued):  # otto has asked before
        desk.put(folder("mine"))
    desk.put(folder("nobodys"), actor=Actor("otto", Role.ADMIN))
    desk.put(folder("mine"))


def test_whatever_goes_wrong_the_lease_ends(desk: Desk) -> None:
    for lines in ([file("f", b"gone")], [absent("none")], [folder("..")]):
        with pytest.raises(MylistError):
            desk.put(*lines)
    assert not desk.shelf.catalog.change(lambda draft: draft.reaper.must_wait())
