"""Commits of random operations against a tree in a dict: what they come to, at every revision, and what differs."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path as FilePath

from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import Outdated
from mylist_dav.errors import Refused as RefusedCommit
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import SYMLINK_MODE, Entry
from mylist_dav.model.operations import (
    Change,
    Copy,
    Delete,
    Difference,
    Exchange,
    MakeDirectory,
    MakeSymlink,
    Move,
    Operation,
    Put,
    Refusal,
    SetAttributes,
)
from mylist_dav.model.paths import TreePath
from mylist_dav.services.tree.differences import Differences
from tests.services.tree_model import Node, Path, Refused, TreeModel
from tests.shelf import ADMIN, NAME, Clock, Shelf, hold_invariants

NODES_MAX = 60
CONTENTS = [b"", b"one", b"two", b"three"]

NAMES = ["a", "b", "c", "\u00e9", "e\u0301"]
"""The last two are one name in two normal forms."""
LINK = b"a link to "

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(TreePath)
flags = st.sampled_from([True, True, False])
operations = st.one_of(
    st.builds(
        lambda path, data, only_if, absent: Put(
            path=path,
            digest=Digest.of(data),
            size_bytes=len(data),
            only_if=only_if,
            only_if_absent=absent and only_if is None,
        ),
        paths,
        st.sampled_from(CONTENTS),
        st.sampled_from([None, None, None, *map(Digest.of, CONTENTS[1:3])]),
        st.sampled_from([False, False, True]),
    ),
    st.builds(MakeDirectory, path=paths, parents=st.booleans()),
    st.builds(MakeSymlink, path=paths, target=st.sampled_from("ab")),
    st.builds(Delete, path=paths),
    st.builds(Move, source=paths, target=paths, overwrite=flags),
    st.builds(Copy, source=paths, target=paths, overwrite=flags),
    st.builds(Exchange, one=paths, other=paths),
    st.builds(SetAttributes, path=paths, mode=st.sampled_from([0o600, 0o644, 0o755])),
)
there_and_back = st.builds(
    lambda one, other, between: [Move(source=one, target=other), *between, Move(source=other, target=one)],
    paths,
    paths,
    st.lists(operations, max_size=1),
)
several = st.lists(st.one_of(operations.map(lambda one: [one]), there_and_back), min_size=1, max_size=5)
commits = st.lists(
    st.tuples(several.map(lambda lists: [one for some in lists for one in some]), st.integers(0, 4)),
    min_size=3,
    max_size=12,
)
START = [
    MakeDirectory(path=TreePath("ab"), parents=True),
    MakeDirectory(path=TreePath("b")),
    Put(path=TreePath("aba"), digest=Digest.of(b"one"), size_bytes=3),
    Put(path=TreePath("ba"), digest=Digest.of(b"one"), size_bytes=3),
    Put(path=TreePath("c"), digest=Digest.of(b"one"), size_bytes=3),
]
ABOUT = {Digest.of(data): data for data in CONTENTS}


class Model(TreeModel):
    """With operations as values."""

    def does(self, operation: Operation) -> bool:
        """Whether it could be done; else nothing has changed."""
        nodes = dict(self.nodes)
        try:
            self.apply(operation)
        except Refused:
            self.nodes = nodes
            return False
        return True

    def apply(self, operation: Operation) -> None:
        match operation:
            case Put(path=path):
                found = self.resolve(path)
                there = None if found is None else self.nodes[found].content
                changed = operation.only_if is not None and ABOUT[operation.only_if] != there
                if changed or _is_link(there) or (operation.only_if_absent and found is not None):
                    raise Refused
                self.put(path, ABOUT[operation.digest], True)
            case MakeSymlink(path=path, target=target):
                self.link(path, LINK + target.encode())
            case MakeDirectory(path=path, parents=True):
                for length in range(1, len(path) + 1):
                    if self.resolve(path[:length]) is None:
                        self.mkdir(path[:length], True)
                self.folder(path)
            case MakeDirectory():
                self.mkdir(operation.path, True)
            case Delete():
                self.delete(operation.path, True)
            case Move(source=source, target=target, overwrite=overwrite):
                self.move(source, target, overwrite, True)
            case Copy(source=source, target=target, overwrite=overwrite):
                self.copy(source, target, overwrite, True, True)
            case Exchange(one=one, other=other):
                self.exchange(one, other)
            case SetAttributes(path=path, mode=int(mode)):
                self.set_mode(path, mode, True)

    def link(self, path: Path, content: bytes) -> None:
        found = self.resolve(path)
        if found is not None and not _is_link(self.nodes[found].content):
            raise Refused
        self.put(path, content, True)
        if found is None:
            self.set_mode(path, SYMLINK_MODE, True)

    def exchange(self, one: Path, other: Path) -> None:
        one, other = self.there(one), self.there(other)
        if one[: len(other)] == other or other[: len(one)] == one:
            raise Refused
        moved = {path: self.nodes.pop(path) for path in [one, *self.below(one)]}
        back = {path: self.nodes.pop(path) for path in [other, *self.below(other)]}
        self.nodes.update({(*other, *path[len(one) :]): node for path, node in moved.items()})
        self.nodes.update({(*one, *path[len(other) :]): node for path, node in back.items()})


def _is_link(content: bytes | None) -> bool:
    return content is not None and content.startswith(LINK)


@settings(max_examples=120, deadline=None)
@given(commits)
def test_commits_do_what_they_do_to_a_dict(history: list[tuple[list[Operation], int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        shelf = Shelf(FilePath(folder) / "catalog.sqlite", clock)
        try:
            shelf.bring(*filter(None, CONTENTS))
            _run(shelf, clock, [(START, 0), *history])
        finally:
            shelf.close()


def _run(shelf: Shelf, clock: Clock, history: list[tuple[list[Operation], int]]) -> None:
    """Of most commits only what can be done is kept; of one in five everything, so that it may be refused."""
    model = Model(clock)
    revisions = {1: dict(model.nodes)}
    ids: dict[int, int] = {}
    for asked, chance in history:
        clock.advance(1)
        before, jid = dict(model.nodes), max(revisions)
        can = [model.does(operation) for operation in asked]
        commit = [operation for operation, is_done in zip(asked, can, strict=True) if is_done]
        if chance == 4 and len(commit) < len(asked):
            model.nodes = before
            _refused(shelf, asked, jid, can.index(False))
            continue
        if len(model.nodes) > NODES_MAX or not commit:
            model.nodes = before
            continue
        done = shelf.commit(*commit, base_jid=jid)
        # A put makes a change even of what is the same, for its time is now.
        assert done.changed == (model.nodes != before)
        assert done.jid == jid + done.changed
        revisions[done.jid] = dict(model.nodes)
    for jid, nodes in revisions.items():
        found = _read(shelf, jid)
        told = {path: (e.digest, e.target, e.mode, e.mtime_ns) for path, e in found.items()}
        assert told == _states(nodes)
        for path, entry in found.items():
            assert ids.setdefault(nodes[path].ident, entry.entry_id) == entry.entry_id, "ids stay"
    assert len(set(ids.values())) == len(ids), "what is made anew has another id"
    for earlier, later in itertools.product(sorted(revisions)[-4:], repeat=2):
        _compare(shelf, earlier, later)
    with shelf.catalog.view() as view:
        hold_invariants(view)
        rows = view._sql.execute("SELECT entry_id, since_jid FROM entry WHERE parent_id <> 0").fetchall()
    seen = {(entry.entry_id, jid) for jid in revisions for entry in _read(shelf, jid).values()}
    assert set(rows) <= seen, "every row is shown by the revision that it is of"


def _refused(shelf: Shelf, commit: list[Operation], jid: int, first: int) -> None:
    try:
        shelf.commit(*commit, base_jid=jid)
    except (RefusedCommit, Outdated) as error:
        assert shelf.flist().head_jid == error.head_jid == jid
        assert isinstance(error.conflicts[0], Refusal)
        assert error.conflicts[0].number == first
        return
    raise AssertionError("the services do what the model refuses")


def _states(nodes: dict[Path, Node]) -> dict[Path, tuple[object, ...]]:
    return {path: (*_content(node.content), node.mode, node.mtime_ns) for path, node in nodes.items()}


def _content(content: bytes | None) -> tuple[Digest | None, str | None]:
    """The digest, and where a link leads."""
    if content is None:
        return None, None
    if _is_link(content):
        return None, content.removeprefix(LINK).decode()
    return Digest.of(content), None


def _read(shelf: Shelf, jid: int) -> dict[Path, Entry]:
    return {tuple(path): entry for path, entry in shelf.trees.walk(ADMIN, shelf.place(""), jid)}


def _compare(shelf: Shelf, earlier: int, later: int) -> None:
    """The differences of two revisions, against both trees compared by the ids of their entries."""
    before = {entry.entry_id: (path, entry) for path, entry in _read(shelf, earlier).items()}
    after = {entry.entry_id: (path, entry) for path, entry in _read(shelf, later).items()}
    wanted = set()
    for entry_id, (path, entry) in after.items():
        old_path, old = before.get(entry_id, (None, None))
        if old is None:
            wanted.add((Change.ADDED, path, None))
        elif (old.parent_id, old.name) != (entry.parent_id, entry.name):
            wanted.add((Change.MOVED, path, old_path))
        elif old._replace(since_jid=0) != entry._replace(since_jid=0):
            wanted.add((Change.CHANGED, path, None))
    root_id = shelf.trees.stat(ADMIN, shelf.place("")).entry_id
    for entry_id, (path, entry) in before.items():
        if entry_id not in after and (entry.parent_id == root_id or entry.parent_id in after):
            wanted.add((Change.REMOVED, path, None))
    found = shelf.differences.page(ADMIN, NAME, earlier, later).differences
    walking, mark, walked = Differences(shelf.catalog, kept_max=-1), None, list[Difference]()
    while (page := walking.page(ADMIN, NAME, earlier, later, mark, 2)).next is not None:
        walked += page.differences
        mark = page.next
    assert walked + page.differences == found
    told = [(one.change, tuple(one.path), one.old_path and tuple(one.old_path)) for one in found]
    assert len(set(told)) == len(told)
    assert set(told) == wanted
    for one in found:
        side = before if one.change is Change.REMOVED else after
        assert side[one.entry.entry_id] == (tuple(one.path), one.entry)
