"""A push: a folder of this machine becomes the head of a flist, in one commit, and only what is missing is sent.

Two requests at most when nothing has changed: what the flist holds is remembered, and its revision says if that holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mylist_dav.client.calls import Calls, Details
from mylist_dav.client.dialling import CONNECTIONS
from mylist_dav.client.folders.caches import Hashes, Trees
from mylist_dav.client.folders.crew import Asked, Crew
from mylist_dav.client.folders.ignoring import Ignoring
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import FILE, Tree, above
from mylist_dav.client.folders.planning import IsOut, Plan
from mylist_dav.client.folders.progress import Show
from mylist_dav.client.folders.walking import Walked, walk
from mylist_dav.errors import Forbidden, MylistError

if TYPE_CHECKING:  # what has not changed is neither sent nor committed: it need not be imported
    from mylist_dav.client.folders.racing import Race
    from mylist_dav.client.folders.sending import Sending


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


_Head = tuple[Details | None, Tree | None]
"""A flist, and its tree; None for one that is remembered, or that there is none of."""


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
            asked = Asked(self._ask)
            walked = walk(inside, self._ignoring, lambda: crew.local, self._hashes.known)
            if "" in walked.left_out:
                raise MylistError(f"the folder {self._folder}: {walked.left_out['']}")
            crew.progress.entries = len(walked.tree)
            if not walked.unread:
                remote = self._remote(asked)
                if remote.details is not None and remote.tree == walked.tree:
                    return self._unchanged(walked, remote.details)
            return self._change(inside, crew, walked, asked)

    def _ask(self) -> _Head:
        """The head, and its tree unless that is remembered: to read it beside the walk would hold up both."""
        details = self._calls.details()
        if details is None or self._trees.is_of(details.moment, details.head_jid):
            return details, None
        return details, known_tree(self._calls, self._trees, details, details.head_jid)

    def _remote(self, asked: Asked[_Head]) -> Remote:
        """The head, its tree from the cache where that holds."""
        details, tree = asked.result()
        if details is not None and tree is None:
            tree = known_tree(self._calls, self._trees, details, details.head_jid)
        return Remote(details, tree or {})

    def _require_write(self, details: Details | None) -> None:
        if details is not None and not details.may_write and not self._wishes.dry_run:
            raise Forbidden(f"you may not write {self._calls.flist}; nothing was sent")

    def _unchanged(self, walked: Walked, details: Details) -> Pushed:
        self._require_write(details)
        self._hashes.save(walked.stamps)
        sums = len(walked.tree), _size_bytes(walked.tree), 0, 0
        trips, exposures = self._calls.link.round_trips, self._exposures(details)
        return Pushed(details.head_jid, Plan([], []), False, walked.left_out, *sums, trips, exposures)

    def _change(self, inside: Inside, crew: Crew, walked: Walked, asked: Asked[_Head]) -> Pushed:
        """Read what is not known, send what is missing, and commit."""
        from mylist_dav.client.folders.sending import KEPT_BYTES_MAX, UNASKED_BYTES, Sending

        kept_bytes_max = 0 if self._wishes.dry_run else KEPT_BYTES_MAX
        sending = Sending(inside, self._hashes, crew, kept_bytes_max=kept_bytes_max)
        if sending.read(walked.tree, walked.unread) > UNASKED_BYTES and not self._wishes.dry_run:
            self._calls.link.dial_ahead(CONNECTIONS - 1)
        while not asked.done() and sending.go_on():
            pass
        remote = self._remote(asked)
        self._require_write(remote.details)
        return self._push(walked, remote, sending, crew)

    def _push(self, walked: Walked, remote: Remote, sending: Sending, crew: Crew) -> Pushed:
        from mylist_dav.client.folders.racing import Contents, Race

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
        contents = Contents(sending, self._hashes, walked.stamps)
        race = Race(self._calls, tree, self._wishes.delete, is_out, remote.tree, contents)
        jid = remote.details.head_jid if remote.details else None
        saved = crew.local.submit(self._hashes.save, walked.stamps)  # while the server works
        if race.plan and remote.details is not None and not self._wishes.dry_run:
            jid = race.run(remote.details.head_jid)
        saved.result()
        if remote.details is not None and jid is not None and not self._wishes.dry_run:
            self._keep(remote.details, jid, race)
        return Pushed(
            jid,
            race.plan,
            made,
            left_out,
            len(tree),
            _size_bytes(tree),
            sending.sent_blocks,
            sending.sent_bytes,
            self._calls.link.round_trips,
            self._exposures(remote.details),
        )

    def _keep(self, before: Details, jid: int, race: Race) -> None:
        """Remember what the flist holds now."""
        changed = race.additions
        if changed is None or not self._trees.keep_changed(before.moment, before.head_jid, jid, changed):
            self._trees.keep(before.moment, jid, race.result)

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


def _size_bytes(tree: Tree) -> int:
    return sum(node.size_bytes for node in tree.values())
