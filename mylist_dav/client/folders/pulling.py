"""A pull: a folder of this machine becomes as a revision of a flist is, and only what it lacks is fetched."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from mylist_dav.client.calls import Calls
from mylist_dav.client.dialling import CONNECTIONS
from mylist_dav.client.folders.caches import Hashes, Trees
from mylist_dav.client.folders.crew import Crew
from mylist_dav.client.folders.fetching import Fetching
from mylist_dav.client.folders.ignoring import Ignoring
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.names_here import refused_names, without
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Tree
from mylist_dav.client.folders.placing import Placing
from mylist_dav.client.folders.planning import Plan, Step, plan, refuse_what_lies_in_links
from mylist_dav.client.folders.progress import Show
from mylist_dav.client.folders.pushing import Wishes, known_tree, leaves_alone, quiet
from mylist_dav.client.folders.sending import Sending
from mylist_dav.client.folders.walking import Walked, walk
from mylist_dav.errors import MylistError, NotFound


class Pulled(NamedTuple):
    """What came of a pull. jid: the revision. plan: what changed here, or would. left_out: why, by path."""

    jid: int
    plan: Plan
    left_out: dict[str, str]
    entries: int
    size_bytes: int
    received_blocks: int
    received_bytes: int
    round_trips: int


class Pull:
    """One pull. cache: the user's cache folder, or None. The folder is made when it is not there."""

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

    def run(self) -> Pulled:
        """Raises MylistError; what was written by then stays, and need not be fetched again."""
        with Crew(CONNECTIONS, self._show) as crew:
            asked: Future[tuple[int, Tree]] = crew.network.submit(self._remote)
            if self._wishes.dry_run and not self._folder.exists():
                jid, wanted = asked.result()
                missing = plan(wanted, {}, delete=False, is_out=self._ignoring.is_out)
                return self._pulled(jid, missing, {}, wanted, None)
            jid_first = asked.result() if not self._folder.exists() else None
            if jid_first is not None:
                self._make()
            with Inside(self._folder) as inside:
                walked = walk(inside, self._ignoring, lambda: crew.local)
                if "" in walked.left_out:
                    raise MylistError(f"the folder {self._folder}: {walked.left_out['']}")
                crew.progress.entries = len(walked.tree)
                hashing = Sending(inside, self._hashes, crew, kept_bytes_max=0)
                there = self._hash(walked, hashing)
                jid, wanted = asked.result()
                return self._pull(inside, crew, jid, wanted, there, walked, hashing)

    def _make(self) -> None:
        try:
            self._folder.mkdir()
        except OSError as error:
            raise MylistError(f"the folder {self._folder} cannot be made: {error.strerror}") from error

    def _remote(self) -> tuple[int, Tree]:
        """The revision that is wanted, and its tree."""
        details = self._calls.details()
        if details is None:
            raise NotFound(f"there is no flist {self._calls.flist}, or you may not see it")
        jid = details.head_jid if self._wishes.at_jid is None else self._wishes.at_jid
        tree = known_tree(self._calls, self._trees, details, jid)
        refuse_what_lies_in_links(tree)
        return jid, tree

    def _hash(self, walked: Walked, hashing: Sending) -> Tree:
        there = None
        try:
            hashing.read(walked.tree, walked.stamps)
            hashing.run(None, ())
            there = walked.stamps
        finally:
            self._hashes.save(there)
        return {
            path: hashing.nodes.get(path, node)
            for path, node in walked.tree.items()
            if node.kind != FILE or path in hashing.nodes
        }

    def _pull(
        self,
        inside: Inside,
        crew: Crew,
        jid: int,
        wanted: Tree,
        there: Tree,
        walked: Walked,
        hashing: Sending,
    ) -> Pulled:
        here = walked.left_out | hashing.left_out
        is_out = leaves_alone(self._ignoring, here)
        refused = refused_names(wanted, inside)
        blocked = {path: why for path, why in here.items() if path in wanted}
        ignored = {path: "" for path, node in wanted.items() if is_out(path, node.kind == DIRECTORY)}
        wanted = without(wanted, refused | ignored)
        todo = plan(wanted, there, delete=self._wishes.delete, is_out=is_out)
        left_out = refused | blocked
        if self._wishes.dry_run:
            return self._pulled(jid, todo, left_out, wanted, None)
        placing = Placing(inside, there, walked.stamps)
        fetching = Fetching(inside, placing, crew, self._calls, hashing.contents)
        crew.progress.phase = "fetching"
        try:
            _carry_out(todo, placing, fetching)
        finally:
            placing.finish(wanted)
        return self._pulled(jid, todo, left_out | placing.left_out, wanted, fetching)

    def _pulled(
        self, jid: int, done: Plan, left_out: dict[str, str], wanted: Tree, fetching: Fetching | None
    ) -> Pulled:
        return Pulled(
            jid,
            done,
            left_out,
            len(wanted),
            sum(node.size_bytes for node in wanted.values()),
            fetching.received_blocks if fetching else 0,
            fetching.received_bytes if fetching else 0,
            self._calls.link.round_trips,
        )


def _carry_out(todo: Plan, placing: Placing, fetching: Fetching) -> None:
    """Folders, then new files, for which those that are replaced or go may hold blocks; what goes is last."""
    new: list[Step] = []
    replaced: list[Step] = []
    rest: list[Step] = []
    for step in todo.steps:
        if step.now is not None and step.now.kind == DIRECTORY:
            placing.folder(step)
        elif step.brings_content:
            (new if step.was is None else replaced).append(step)
        else:
            rest.append(step)
    fetching.run(new)
    fetching.run(replaced)
    for step in rest:
        if step.now is not None and step.now.kind == SYMLINK:
            placing.link(step)
        else:
            placing.attributes(step)
    for step in todo.removed:
        placing.remove(step)
