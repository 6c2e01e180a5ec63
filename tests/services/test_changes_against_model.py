"""Commits of random operations against a tree in a dict: what they come to, at every revision, and what differs."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path as FilePath

from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import MylistError
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.operations import (
    Change,
    Copy,
    Delete,
    Exchange,
    MakeDirectory,
    Move,
    Operation,
    Put,
    SetAttributes,
)
from mylist_dav.model.paths import TreePath
from tests.services.tree_model import Node, Path, Refused, TreeModel
from tests.shelf import ADMIN, NAME, Clock, Shelf, hold_invariants

NODES_MAX = 60
CONTENTS = [b"", b"one", b"two", b"three"]

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(TreePath)
flags = st.sampled_from([True, True, False])
operations = st.one_of(
    st.builds(
        lambda path, data: Put(path=path, digest=Digest.of(data), size_bytes=len(data)),
        paths,
        st.sampled_from(CONTENTS),
    ),
    st.builds(MakeDirectory, path=paths, parents=st.booleans()),
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
    Put(path=TreePath("ba"), digest=Digest.of(b"two"), size_bytes=3),
    Put(path=TreePath("c"), digest=Digest.of(b"three"), size_bytes=5),
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
            case Put():
                self.put(operation.path, ABOUT[operation.digest], True)
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

    def exchange(self, one: Path, other: Path) -> None:
        self.there(one), self.there(other)
        if one[: len(other)] == other or other[: len(one)] == one:
            raise Refused
        moved = {path: self.nodes.pop(path) for path in [one, *self.below(one)]}
        back = {path: self.nodes.pop(path) for path in [other, *self.below(other)]}
        self.nodes.update({(*other, *path[len(one) :]): node for path, node in moved.items()})
        self.nodes.update({(*one, *path[len(other) :]): node for path, node in back.items()})


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
        commit = [operation for operation in asked if model.does(operation)]
        if chance == 4 and len(commit) < len(asked):
            model.nodes = before
            _refused(shelf, asked, jid)
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
        assert {path: (e.digest, e.mode, e.mtime_ns) for path, e in found.items()} == _states(nodes)
        for path, entry in found.items():
            assert ids.setdefault(nodes[path].ident, entry.entry_id) == entry.entry_id, "ids stay"
    for earlier, later in itertools.product(sorted(revisions)[-4:], repeat=2):
        _compare(shelf, earlier, later)
    with shelf.catalog.view() as view:
        hold_invariants(view)


def _refused(shelf: Shelf, commit: list[Operation], jid: int) -> None:
    try:
        shelf.commit(*commit, base_jid=jid)
    except MylistError:
        assert shelf.flist().head_jid == jid
        return
    raise AssertionError("the services do what the model refuses")


def _states(nodes: dict[Path, Node]) -> dict[Path, tuple[object, ...]]:
    return {
        path: (None if node.content is None else Digest.of(node.content), node.mode, node.mtime_ns)
        for path, node in nodes.items()
    }


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
    told = [(one.change, tuple(one.path), one.old_path and tuple(one.old_path)) for one in found]
    assert len(set(told)) == len(told)
    assert set(told) == wanted
    for one in found:
        side = before if one.change is Change.REMOVED else after
        assert side[one.entry.entry_id] == (tuple(one.path), one.entry)
