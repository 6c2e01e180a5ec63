"""The services against a tree in a dict: any sequence of changes gives the same trees, at every revision."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path as FilePath

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from mylist_dav.errors import MylistError
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.locks import Scope
from mylist_dav.model.paths import TreePath
from mylist_dav.services.tree.trees import Attributes
from tests.services.tree_model import Node, Path, Refused, TreeModel
from tests.shelf import ADMIN, NAME, Clock, Shelf, hold_invariants

NAMES = ["a", "b", "B", unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")]
NODES_MAX = 60

names = st.sampled_from(NAMES)
anything = st.lists(names, min_size=1, max_size=3).map(tuple)
existing: st.SearchStrategy[Path] = st.runner().flatmap(
    lambda machine: st.sampled_from(sorted(machine.model.nodes) or [(NAMES[0],)])
)
new = st.one_of(
    names.map(lambda name: (name,)), st.tuples(existing, names).map(lambda two: (*two[0], two[1]))
)
mostly = st.sampled_from([True, True, True, False])
paths = st.one_of(existing, new, anything)
contents = st.sampled_from([b"", b"one", b"two", b"three"])


class Trees(RuleBasedStateMachine):
    """Each rule does the same to both; where the model refuses, the services refuse, and nothing has changed."""

    tokens = Bundle("tokens")

    @initialize()
    def begin(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.shelf = Shelf(FilePath(self._folder.name) / "catalog.sqlite", self.clock)
        self.model = TreeModel(self.clock)
        self.ids: dict[int, int] = {}
        self.revisions: dict[int, dict[Path, Node]] = {1: {}}
        for path in (("a",), ("a", "b"), ("b",), ("b", "B")):
            self.mkdir(path, False)
            self.put((*path, "a"), b"one", False)

    def teardown(self) -> None:
        try:
            for jid, nodes in self.revisions.items():
                assert self._read(jid) == _plain(nodes), f"revision {jid} has changed"
            with self.shelf.catalog.view() as view:
                hold_invariants(view)
        finally:
            self.shelf.close()
            self._folder.cleanup()

    # -- rules -------------------------------------------------------------------------------------------------

    @rule(path=paths, content=contents, submit=mostly)
    def put(self, path: Path, content: bytes, submit: bool) -> None:
        self._both(
            lambda: self.model.put(path, content, submit),
            lambda: self.shelf.put("/".join(path), content, self._conditions(submit)),
        )

    @rule(path=new, submit=mostly)
    def mkdir(self, path: Path, submit: bool) -> None:
        self._both(
            lambda: self.model.mkdir(path, submit),
            lambda: self.shelf.mkdir("/".join(path), self._conditions(submit)),
        )

    @rule(path=existing, submit=mostly)
    def delete(self, path: Path, submit: bool) -> None:
        self._both(
            lambda: self.model.delete(path, submit),
            lambda: self.shelf.delete("/".join(path), self._conditions(submit)),
        )

    @rule(path=paths, mode=st.sampled_from([0o600, 0o644, 0o755]), submit=mostly)
    def set_attributes(self, path: Path, mode: int, submit: bool) -> None:
        self._both(
            lambda: self.model.set_mode(path, mode, submit),
            lambda: self.shelf.trees.set_attributes(
                ADMIN, _place(path), Attributes(mode=mode), self._conditions(submit)
            ),
        )

    @rule(
        source=st.one_of(existing, paths),
        destination=st.one_of(new, paths),
        overwrite=mostly,
        submit=mostly,
    )
    def move(self, source: Path, destination: Path, overwrite: bool, submit: bool) -> None:
        self._both(
            lambda: self.model.move(source, destination, overwrite, submit),
            lambda: self.shelf.move(
                "/".join(source), "/".join(destination), self._conditions(submit), overwrite=overwrite
            ),
        )

    @rule(
        source=st.one_of(existing, paths),
        destination=st.one_of(new, paths),
        overwrite=mostly,
        members=st.booleans(),
        submit=mostly,
    )
    def copy(self, source: Path, destination: Path, overwrite: bool, members: bool, submit: bool) -> None:
        if len(self.model.nodes) > NODES_MAX:
            return
        self._both(
            lambda: self.model.copy(source, destination, overwrite, members, submit),
            lambda: self.shelf.copy(
                "/".join(source),
                "/".join(destination),
                self._conditions(submit),
                overwrite=overwrite,
                members=members,
            ),
        )

    @rule(data=st.data(), submit=mostly)
    def rollback(self, data: st.DataObject, submit: bool) -> None:
        jid = data.draw(st.sampled_from(sorted(self.revisions)))

        def change() -> None:
            if self.model.locks and not submit:
                raise Refused
            self.model.nodes = dict(self.revisions[jid])
            self.model.drop_lost_locks()

        self._both(change, lambda: self.shelf.flists.rollback(ADMIN, NAME, jid, self._conditions(submit)))

    @rule(target=tokens, path=paths, exclusive=st.booleans(), infinite=st.booleans(), submit=mostly)
    def lock(self, path: Path, exclusive: bool, infinite: bool, submit: bool) -> str:
        taken: list[str] = []

        def take() -> None:
            scope = Scope.EXCLUSIVE if exclusive else Scope.SHARED
            conditions = self._conditions(submit)
            locking = self.shelf.lock("/".join(path), scope=scope, infinite=infinite, conditions=conditions)
            taken.append(locking.lock.token)
            self.model.locks[taken[0]] = self.model.locks.pop("")

        self._both(lambda: self.model.lock(path, "", exclusive, infinite, submit), take)
        return taken[0] if taken else ""

    @rule(token=consumes(tokens))
    def unlock(self, token: str) -> None:
        if token in self.model.locks:
            ident = self.model.locks.pop(token).ident
            path = next(path for path, node in self.model.nodes.items() if node.ident == ident)
            self.shelf.locks.release(ADMIN, _place(path), token)

    @invariant()
    def the_head_is_that_of_the_model(self) -> None:
        assert self._read(None) == _plain(self.model.nodes)

    # -- inside ------------------------------------------------------------------------------------------------

    def _both(self, of_model: Callable[[], object], of_services: Callable[[], object]) -> None:
        """Do it to both. The model goes first; when it refuses, its state is what it was."""
        self.clock.advance(1)
        nodes, locks = dict(self.model.nodes), dict(self.model.locks)
        self._submitted = frozenset(locks)
        try:
            of_model()
        except Refused:
            self.model.nodes, self.model.locks = nodes, locks
            try:
                of_services()
            except MylistError:
                return
            raise AssertionError("the services do what the model refuses") from None
        of_services()
        jid = self.shelf.flist().head_jid
        assert jid - max(self.revisions) in (0, 1), "one commit at most"
        if jid in self.revisions:
            assert self.model.nodes == nodes, "a change is a commit"
        self.revisions[jid] = dict(self.model.nodes)

    def _conditions(self, submit: bool) -> Conditions:
        return Conditions(lock_tokens=self._submitted) if submit else UNCONDITIONAL

    def _read(self, at_jid: int | None) -> dict[Path, tuple[object, ...]]:
        found: dict[Path, tuple[object, ...]] = {}
        nodes = self.model.nodes if at_jid is None else self.revisions[at_jid]
        for path, entry in self.shelf.trees.walk(ADMIN, _place(()), at_jid):
            names = tuple(path)
            assert names in nodes, f"{path} should not be there"
            assert self.ids.setdefault(nodes[names].ident, entry.entry_id) == entry.entry_id, "ids stay"
            found[names] = entry.digest, entry.mode, entry.mtime_ns
        return found


def _plain(nodes: dict[Path, Node]) -> dict[Path, tuple[object, ...]]:
    return {
        path: (None if node.content is None else Digest.of(node.content), node.mode, node.mtime_ns)
        for path, node in nodes.items()
    }


def _place(path: Path) -> Place:
    return Place(NAME, TreePath.of(path))


TestTreesAgainstModel = Trees.TestCase
TestTreesAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
