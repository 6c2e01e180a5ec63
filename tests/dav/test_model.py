"""Any sequence of changes leaves what a dict of paths would hold, with the statuses of RFC 4918."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.dav.conftest import Clock
from tests.dav.driver import ROOT, Driver

PATHS = st.lists(st.sampled_from(["a", "b", "é"]), min_size=1, max_size=3).map(tuple)
BODIES = st.binary(max_size=3)

Path_ = tuple[str, ...]


def url(path: Path_) -> str:
    return "/".join(path).replace("é", "%C3%A9")


def is_within(path: Path_, top: Path_) -> bool:
    return path[: len(top)] == top


class Changes(RuleBasedStateMachine):
    """tree: path to content, None for a folder."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        store = {"store.data": str(Path(self._folder.name) / "store"), "store.durability": "os"}
        self._library = Library(load(given=store), Clock())
        self._dav = Driver(self._library)
        self._tree: dict[Path_, bytes | None] = {}

    def teardown(self) -> None:
        self._library.close()
        self._folder.cleanup()

    def _has_parent(self, path: Path_) -> bool:
        return len(path) == 1 or (path[:-1] in self._tree and self._tree[path[:-1]] is None)

    def _drop(self, top: Path_) -> None:
        self._tree = {path: body for path, body in self._tree.items() if not is_within(path, top)}

    @rule(path=PATHS, body=BODIES)
    def put(self, path: Path_, body: bytes) -> None:
        if path in self._tree:
            expected = 405 if self._tree[path] is None else 204
        else:
            expected = 201 if self._has_parent(path) else 409
        assert self._dav.put(url(path), body).status == expected
        if expected < 300:
            self._tree[path] = body

    @rule(path=PATHS)
    def mkcol(self, path: Path_) -> None:
        expected = 405 if path in self._tree else 201 if self._has_parent(path) else 409
        assert self._dav.mkcol(url(path)).status == expected
        if expected == 201:
            self._tree[path] = None

    @rule(path=PATHS)
    def delete(self, path: Path_) -> None:
        assert self._dav.send("DELETE", url(path)).status == (204 if path in self._tree else 404)
        self._drop(path)

    @rule(source=PATHS, destination=PATHS, overwrite=st.booleans(), moves=st.booleans())
    def copy_or_move(self, source: Path_, destination: Path_, overwrite: bool, moves: bool) -> None:
        expected = self._expected(source, destination, overwrite)
        act = self._dav.move if moves else self._dav.copy
        assert act(url(source), url(destination), Overwrite="T" if overwrite else "F").status == expected
        if expected >= 300:
            return
        taken = {path: body for path, body in self._tree.items() if is_within(path, source)}
        if moves:
            self._drop(source)
        self._drop(destination)
        self._tree |= {destination + path[len(source) :]: body for path, body in taken.items()}

    def _expected(self, source: Path_, target: Path_, overwrite: bool) -> int:
        if source == target:
            return 403
        if source not in self._tree:
            return 404
        if not self._has_parent(target) or is_within(target, source):
            return 409
        if target not in self._tree:
            return 201
        if not overwrite:
            return 412
        return 409 if is_within(source, target) else 204

    @invariant()
    def the_tree_is_as_expected(self) -> None:
        prefix = f"{ROOT}/"
        listed = {href.removeprefix(prefix) for href in self._dav.propfind("", depth="infinity").hrefs()} - {
            ""
        }
        assert listed == {url(path) + ("/" if body is None else "") for path, body in self._tree.items()}
        for path, body in self._tree.items():
            if body is not None:
                assert self._dav.get(url(path)).body == body


Changes.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestChanges = Changes.TestCase
