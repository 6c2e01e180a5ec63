"""The commit of a push: what is to be changed, and what becomes of it when somebody else is first."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from mylist_dav.client.calls import Calls, Committed, Lost, Missing
from mylist_dav.client.folders.caches import Hashes
from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.nodes import FILE, Tree, above
from mylist_dav.client.folders.operations import Recipes, is_large, operations, tree_lines
from mylist_dav.client.folders.planning import IsOut, Plan, changed_between, listed, plan, touching
from mylist_dav.client.folders.sending import Sending
from mylist_dav.client.folders.walking import Stamp
from mylist_dav.errors import MylistError, NotFound, PreconditionFailed
from mylist_dav.model.contents import WHOLE_BYTES_MAX

COMMITS_MAX = 6
NOTE = "push"


class Contents(NamedTuple):
    """What the files of a walk hold. sending: has those that were read, or lacking on the server."""

    sending: Sending
    hashes: Hashes
    stamps: dict[str, Stamp]

    def recipes(self, plan: Plan) -> Recipes:
        """The blocks of the long files of a plan."""
        return {
            step.now.digest: self._hashed(step.path).blocks
            for step in plan.steps
            if step.now is not None and step.now.kind == FILE and step.now.size_bytes > WHOLE_BYTES_MAX
        }

    def send(self, plan: Plan, ids: frozenset[str]) -> None:
        """Send blocks of a plan that the server lacks after all. Raises MylistError for others."""
        for step in plan.steps:
            if step.now is not None and step.now.kind == FILE:
                self.sending.contents[step.path] = self._hashed(step.path)
        self.sending.send(ids)

    def _hashed(self, path: str) -> Hashed:
        hashed = self.sending.contents.get(path) or self.hashes.get(path, self.stamps[path])
        assert hashed is not None, "a plan has only files whose digests are known"
        return hashed


class Race:
    """Commits a plan, and makes another one when somebody else was first and changed other things than we do."""

    def __init__(
        self, calls: Calls, tree: Tree, delete: bool, is_out: IsOut, there: Tree, contents: Contents
    ) -> None:
        self._calls = calls
        self._tree = tree
        self._delete = delete
        self._is_out = is_out
        self._there = there
        self._contents = contents
        self._raced = False
        self.plan = plan(tree, self._there, delete=delete, is_out=is_out)

    @property
    def additions(self) -> Tree | None:
        """What is new or other once the plan is carried out; None when something goes, or others were first."""
        steps = self.plan.steps
        if self._raced or self.plan.removed or any(step.replaces for step in steps):
            return None
        return {step.path: step.now for step in steps if step.now is not None}

    @property
    def result(self) -> Tree:
        """What the flist holds once the plan is carried out."""
        return carried_out(self.plan, self._there)

    def run(self, base_jid: int) -> int:
        """The head afterwards. Raises PreconditionFailed when somebody else has changed the same."""
        for _ in range(COMMITS_MAX):
            done = self._commit(base_jid)
            if isinstance(done, Committed):
                return done.jid
            if isinstance(done, Missing):
                self._contents.send(self.plan, done.ids)
                continue
            head_jid = self._look(base_jid, done)
            self._raced |= head_jid != base_jid
            if not self.plan:
                return head_jid
            base_jid = head_jid
        raise MylistError(f"{self._calls.flist} cannot be committed to; nothing was changed. Try again later")

    def _commit(self, base_jid: int) -> Committed | Missing | Lost:
        recipes = self._contents.recipes(self.plan)
        if not is_large(self.plan, recipes):
            return self._calls.commit(base_jid, operations(self.plan, recipes), NOTE)
        return self._calls.put_tree(base_jid, partial(tree_lines, self.plan, recipes), NOTE)

    def _look(self, base_jid: int, lost: Lost) -> int:
        """What is there now, and a plan from there. Raises PreconditionFailed, NotFound."""
        details = self._calls.details()
        if details is None:
            raise NotFound(f"{self._calls.flist} was deleted meanwhile, or may not be seen any more")
        if details.head_jid == base_jid:
            return base_jid
        before, planned = self._there, self.plan.paths()
        self._there = self._calls.tree(details.head_jid)
        self.plan = plan(self._tree, self._there, delete=self._delete, is_out=self._is_out)
        theirs = changed_between(before, self._there)
        clash = touching(theirs, planned | self.plan.paths())
        if self.plan and (clash or self._raced):
            raise PreconditionFailed(
                f"{self._calls.flist} went from revision {base_jid} to {details.head_jid} while this was pushed;"
                f" nothing of yours was changed there ({lost.why}). Somebody else changed:\n{listed(sorted(theirs))}\n"
                "Push again, and your files replace theirs; or pull into another folder first, and compare"
            )
        return details.head_jid


def carried_out(done: Plan, there: Tree) -> Tree:
    """A tree after a plan."""
    if not done:
        return there
    gone = {step.path for step in done.removed} | {step.path for step in done.steps if step.replaces}
    after = {
        path: node
        for path, node in there.items()
        if path not in gone and (not gone or gone.isdisjoint(above(path)))
    }
    after.update((step.path, step.now) for step in done.steps if step.now is not None)
    return after
