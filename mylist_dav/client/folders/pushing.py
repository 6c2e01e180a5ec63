"""A push: a folder of this machine becomes the head of a flist, in one commit, and only what is missing is sent.

Two requests at most when nothing has changed: what the flist holds is remembered, and its revision says if that holds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mylist_dav.client.calls import Calls, Committed, Details, Lost, Missing
from mylist_dav.client.dialling import CONNECTIONS
from mylist_dav.client.folders.caches import Hashes, Trees
from mylist_dav.client.folders.crew import Crew
from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.ignoring import Ignoring
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import FILE, Tree, above
from mylist_dav.client.folders.operations import Recipes, is_large, operations, tree_lines
from mylist_dav.client.folders.planning import IsOut, Plan, changed_between, listed, plan, touching
from mylist_dav.client.folders.progress import Show
from mylist_dav.client.folders.sending import KEPT_BYTES_MAX, UNASKED_BYTES, Sending
from mylist_dav.client.folders.walking import Stamp, Walked, walk
from mylist_dav.errors import Forbidden, MylistError, NotFound, PreconditionFailed
from mylist_dav.model.contents import WHOLE_BYTES_MAX

COMMITS_MAX = 6
NOTE = "push"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked of a push or a pull.

    delete: what only the side has that changes goes. private: what a new flist is to be.
    expose: a host name or a prefix that is to show the flist. at_jid: of a pull.
    """

    delete: bool = False
    excluded: tuple[str, ...] = field(default=())
    dry_run: bool = False
    private: bool = False
    expose: str = ""
    at_jid: int | None = None


class Remote(NamedTuple):
    """A flist as it is on the server. details: None when it is not there."""

    details: Details | None
    tree: Tree


class Pushed(NamedTuple):
    """What came of a push. jid: of the head, None when nothing was done. plan: what changed, or would.

    made: the flist is new. left_out: why, by path.
    """

    jid: int | None
    plan: Plan
    made: bool
    left_out: dict[str, str]
    entries: int
    size_bytes: int
    sent_blocks: int
    sent_bytes: int
    round_trips: int
    exposures: tuple[str, ...]


def quiet(_: object) -> None:
    """Shows nothing."""


class Push:
    """One push. cache: the user's cache folder, or None."""

    def __init__(
        self, folder: Path, calls: Calls, cache: Path | None, wishes: Wishes, show: Show = quiet
    ) -> None:
        self._folder = folder
        self._calls = calls
        self._wishes = wishes
        self._show = show
        self._hashes = Hashes(cache, folder)
        self._trees = Trees(cache, calls.server, str(calls.flist))
        self._ignoring = Ignoring(wishes.excluded)

    def run(self) -> Pushed:
        """Raises MylistError; then the flist is as it was, and what was sent need not be sent again."""
        with Inside(self._folder) as inside, Crew(CONNECTIONS, self._show) as crew:
            asked: Future[Remote] = crew.network.submit(self._remote)
            walked = walk(inside, self._ignoring, crew.local, self._hashes.known)
            if "" in walked.left_out:
                raise MylistError(f"the folder {self._folder}: {walked.left_out['']}")
            crew.progress.entries = len(walked.tree)
            kept_bytes_max = 0 if self._wishes.dry_run else KEPT_BYTES_MAX
            sending = Sending(inside, self._hashes, crew, kept_bytes_max=kept_bytes_max)
            if sending.read(walked.tree, walked.unread) > UNASKED_BYTES and not self._wishes.dry_run:
                self._calls.link.dial_ahead(CONNECTIONS - 1)
            while not asked.done() and sending.go_on():
                pass
            remote = asked.result()
            if remote.details is not None and not remote.details.may_write and not self._wishes.dry_run:
                raise Forbidden(f"you may not write {self._calls.flist}; nothing was sent")
            return self._push(walked, remote, sending, crew)

    def _remote(self) -> Remote:
        """The head, its tree from the cache where that holds."""
        details = self._calls.details()
        if details is None:
            return Remote(None, {})
        return Remote(details, known_tree(self._calls, self._trees, details, details.head_jid))

    def _push(self, walked: Walked, remote: Remote, sending: Sending, crew: Crew) -> Pushed:
        known = {node.digest for node in remote.tree.values() if node.kind == FILE}
        handed_over = self._hand_over(walked, known, sending)
        made = remote.details is None and not self._wishes.dry_run
        if made:
            remote = self._send_new(sending, walked, crew)
        else:
            self._send(sending, walked, known)
        tree = {**walked.tree, **sending.nodes}
        for path in handed_over - sending.nodes.keys():
            del tree[path]
        left_out = walked.left_out | sending.left_out
        is_out = leaves_alone(self._ignoring, left_out)
        contents = _Contents(sending, self._hashes, walked.stamps)
        race = _Race(self._calls, tree, self._wishes.delete, is_out, remote, contents)
        jid = remote.details.head_jid if remote.details else None
        saved = crew.local.submit(self._hashes.save, walked.stamps)  # while the server works
        if race.plan and remote.details is not None and not self._wishes.dry_run:
            jid = race.run(remote.details.head_jid)
        saved.result()
        if remote.details is not None and jid is not None and not self._wishes.dry_run:
            self._trees.keep(remote.details.moment, jid, race.result)
        return Pushed(
            jid,
            race.plan,
            made,
            left_out,
            len(tree),
            sum(node.size_bytes for node in tree.values()),
            sending.sent_blocks,
            sending.sent_bytes,
            self._calls.link.round_trips,
            self._exposures(remote.details),
        )

    def _hand_over(self, walked: Walked, known: set[str], sending: Sending) -> set[str]:
        """Give the files to sending whose digests are remembered, but not known to the server.

        Returns the paths of all that it has to look after.
        """
        lacking = {path for path, node in walked.tree.items() if node.digest and node.digest not in known}
        for path in lacking:
            hashed = self._hashes.get(path, walked.stamps[path])
            assert hashed is not None, "what is remembered is not forgotten before it is read"
            sending.nodes[path], sending.contents[path] = walked.tree[path], hashed
        return lacking | walked.unread.keys()

    def _send_new(self, sending: Sending, walked: Walked, crew: Crew) -> Remote:
        """Make the flist, and meanwhile ask for what is missing: who has no other may send nothing before."""
        making = crew.network.submit(self._calls.create, self._wishes.private)
        self._send(sending, walked, set(), making.result)
        return Remote(making.result(), {})

    def _send(
        self, sending: Sending, walked: Walked, known: set[str], ready: Callable[[], object] = lambda: None
    ) -> None:
        try:
            sending.run(None if self._wishes.dry_run else self._calls, known, ready)
        except BaseException:
            self._hashes.save()
            raise

    def _exposures(self, details: Details | None) -> tuple[str, ...]:
        """Where the flist is shown. A place that shows it already is left as it is, with its pass phrase or list."""
        shown, wanted = details.exposures if details else (), self._wishes.expose
        if not wanted or self._wishes.dry_run or self._calls.address_of(wanted) in shown:
            return shown
        return (*shown, self._calls.expose(wanted))


class _Contents(NamedTuple):
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


class _Race:
    """Commits a plan, and makes another one when somebody else was first and changed other things than we do."""

    def __init__(
        self, calls: Calls, tree: Tree, delete: bool, is_out: IsOut, remote: Remote, contents: _Contents
    ) -> None:
        self._calls = calls
        self._tree = tree
        self._delete = delete
        self._is_out = is_out
        self._there = remote.tree
        self._contents = contents
        self.plan = plan(tree, self._there, delete=delete, is_out=is_out)

    @property
    def result(self) -> Tree:
        """What the flist holds once the plan is carried out."""
        return carried_out(self.plan, self._there)

    def run(self, base_jid: int) -> int:
        """The head afterwards. Raises PreconditionFailed when somebody else has changed the same."""
        raced = False
        for _ in range(COMMITS_MAX):
            done = self._commit(base_jid)
            if isinstance(done, Committed):
                return done.jid
            if isinstance(done, Missing):
                self._contents.send(self.plan, done.ids)
                continue
            head_jid = self._look(base_jid, done, raced)
            if not self.plan:
                return head_jid
            raced, base_jid = raced or head_jid != base_jid, head_jid
        raise MylistError(f"{self._calls.flist} cannot be committed to; nothing was changed. Try again later")

    def _commit(self, base_jid: int) -> Committed | Missing | Lost:
        recipes = self._contents.recipes(self.plan)
        if not is_large(self.plan, recipes):
            return self._calls.commit(base_jid, operations(self.plan, recipes), NOTE)
        return self._calls.put_tree(base_jid, partial(tree_lines, self.plan, recipes), NOTE)

    def _look(self, base_jid: int, lost: Lost, raced: bool) -> int:
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
        if self.plan and (clash or raced):
            raise PreconditionFailed(
                f"{self._calls.flist} went from revision {base_jid} to {details.head_jid} while this was pushed;"
                f" nothing of yours was changed there ({lost.why}). Somebody else changed:\n{listed(sorted(theirs))}\n"
                "Push again, and your files replace theirs; or pull into another folder first, and compare"
            )
        return details.head_jid


def known_tree(calls: Calls, trees: Trees, details: Details, jid: int) -> Tree:
    """The tree of a revision, from the cache if it is that one."""
    remembered = trees.get(details.moment)
    if remembered is not None and remembered[0] == jid:
        return remembered[1]
    tree = calls.tree(jid)
    if jid == details.head_jid:
        trees.keep(details.moment, jid, tree)
    return tree


def leaves_alone(ignoring: Ignoring, left_out: dict[str, str]) -> IsOut:
    """Ignored, or left out, by itself or with a folder above it."""

    def is_out(path: str, is_folder: bool) -> bool:
        if left_out and (path in left_out or any(folder in left_out for folder in above(path))):
            return True
        return ignoring.is_out(path, is_folder)

    return is_out


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
