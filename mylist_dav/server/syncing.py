"""Copying to a peer, as a job: blocks, or a flist at a revision. It stands here because only here both are known: the
services, which read, and the client, which sends.

Whatever breaks is begun again with the question what is missing, so nothing is sent twice and nothing is remembered.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, islice
from typing import TypeVar

import httpx

from mylist_dav.client.copying import Operation, bundles, must_go, node_of, operation, topmost
from mylist_dav.client.peer import Lost, Node, PeerSession, Unreachable
from mylist_dav.client.pinned import Resolve, pinned_client, resolve_by_system
from mylist_dav.errors import LimitExceeded, NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.model.peers import Peer, peer_called, refuse_private
from mylist_dav.services.job_asking import SYNC, check_sync
from mylist_dav.services.jobs import Fields, Kind, Run
from mylist_dav.services.opening import Library

ENTRIES_MAX = 1_000_000
"""Most entries of a flist that is copied: the tree of the peer is held in memory while it is compared."""

OPERATIONS_MAX = 50_000
"""Most operations of one commit. A larger change is several commits, which others may see one by one."""

COMMIT_BYTES_MAX = 30 * 1024 * 1024
"""A little less than what a peer takes."""

TIMEOUT_SECONDS = 60.0
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Between attempts to reach a peer. Whenever something was sent in between, it begins anew."""

_ASK_AT_ONCE = 5_000
_NOTED_MAX = 100

T = TypeVar("T")


@dataclass
class Sent:
    """What a job has done so far, over all its attempts in this process."""

    asked_blocks: int = 0
    sent_blocks: int = 0
    sent_bytes: int = 0
    operations: int = 0
    commits: int = 0
    absent_blocks: int = 0
    absent: list[str] = field(default_factory=list)

    @property
    def arrived(self) -> tuple[int, int]:
        """What tells whether anything has come to the peer since: to be asked what it has does not count."""
        return self.sent_blocks, self.commits


class Syncing:
    """The kind `sync`. What is asked is made by services/job_asking.py."""

    def __init__(
        self,
        library: Library,
        *,
        resolve: Resolve = resolve_by_system,
        pauses_seconds: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        self._library = library
        self._resolve = resolve
        self._pauses_seconds = pauses_seconds

    def kind(self) -> Kind:
        return Kind(SYNC, partial(check_sync, self._library), self.run)

    def run(self, run: Run) -> Fields:
        """Copy. Raises Forbidden, MylistError, ... with the words of the peer."""
        peer = peer_called(self._library.peers, run.asked["peer"])
        sent = Sent()
        if run.asked.get("flist") is not None:
            work: Callable[[PeerSession], Fields] = _Flist(self._library, run, sent).copy
        else:
            work = partial(_copy_blocks, self._library, run, sent)
        told = self._repeat(run, peer, sent, work)
        return {
            "peer": peer.name,
            **told,
            **{name: count for name, count in vars(sent).items() if name != "absent"},
        }

    def _repeat(self, run: Run, peer: Peer, sent: Sent, work: Callable[[PeerSession], Fields]) -> Fields:
        """Log in and work, again after a while when the peer is away or its tree has changed meanwhile."""
        attempt = 0
        for turn in count():
            before = sent.arrived
            try:
                with contextlib.closing(self._log_in(peer, turn)) as session:
                    return work(session)
            except (Unreachable, Lost):
                attempt = 0 if sent.arrived != before else attempt + 1
                if attempt > len(self._pauses_seconds):
                    raise
            _pause(run, self._pauses_seconds[max(attempt - 1, 0)] if self._pauses_seconds else 0.0)
        raise AssertionError("turns do not end")

    def _log_in(self, peer: Peer, turn: int) -> PeerSession:
        """turn: its addresses are taken one after the other."""
        http: httpx.Client = pinned_client(
            peer.url,
            (lambda host, addresses: None) if peer.private else refuse_private,
            timeout_seconds=TIMEOUT_SECONDS,
            resolve=self._resolve,
            turn=turn,
        )
        return PeerSession(peer, http, self._library.server_key)


# -- blocks ------------------------------------------------------------------------------------------------------


def _copy_blocks(library: Library, run: Run, sent: Sent, session: PeerSession) -> Fields:
    ids = [Digest.parse(each) for each in run.asked["blocks"]]
    sent.absent, sent.absent_blocks = [], 0
    done = 0

    def show(_: int = 0) -> None:
        run.progress("sending", done_bytes=sent.sent_bytes, done_entries=done, total_entries=len(ids))

    for piece in _slices(ids, _ASK_AT_ONCE):
        refs = [BlockRef(each, 0) for each in piece]
        _send_missing(library, run, sent, session, refs, show, skip_absent=True)
        done += len(piece)
        show()
    return {"blocks": len(ids), "absent": sent.absent}


def _send_missing(
    library: Library,
    run: Run,
    sent: Sent,
    session: PeerSession,
    refs: list[BlockRef],
    show: Callable[[int], None],
    *,
    skip_absent: bool = False,
) -> None:
    """Send those of these blocks that the peer does not have. show: told how many bytes of them were sent, so far."""
    missing = set(session.missing([str(ref.digest) for ref in refs]))
    sent.asked_blocks += len(refs)

    def read() -> Iterator[tuple[BlockRef, bytes]]:
        for ref in refs:
            if str(ref.digest) not in missing:
                continue
            run.raise_if_cancelled()
            try:
                yield ref, library.blocks.get(ref.digest)
            except NotFound:
                if not skip_absent:
                    raise
                sent.absent_blocks += 1
                if len(sent.absent) < _NOTED_MAX:
                    sent.absent.append(str(ref.digest))

    before_bytes = sent.sent_bytes
    for bundle in bundles(read()):
        session.upload(bundle.tar, bundle.ids)
        sent.sent_blocks += len(bundle.ids)
        sent.sent_bytes += bundle.size_bytes
        show(sent.sent_bytes - before_bytes)


# -- a flist -----------------------------------------------------------------------------------------------------


class _Flist:
    """A flist on its way to a peer, where it has the same name."""

    def __init__(self, library: Library, run: Run, sent: Sent) -> None:
        self._library = library
        self._run = run
        self._sent = sent
        self._name = FlistName.parse(run.asked["flist"])
        self._jid: int = run.asked["at"]
        self._entries = self._bytes = 0
        self._done_entries = self._done_bytes = 0

    def copy(self, session: PeerSession) -> Fields:
        """Make the head of the peer's flist what the revision is."""
        self._run.progress("comparing")
        head_jid = began_jid = self._open(session)
        there = self._tree(session, head_jid)
        gone = self._gone(there)
        for path in gone:
            there.pop(path, None)
        removals: list[Operation] = [{"op": "delete", "path": path} for path in topmost(gone)]
        for operations in _commits(chain(removals, self._made(session, there))):
            head_jid = self._commit(session, head_jid, operations)
        return {
            "flist": str(self._name),
            "jid": self._jid,
            "peer_jid": head_jid,
            "changed": head_jid != began_jid or self._sent.commits > 0,
            "entries": self._entries,
            "size_bytes": self._bytes,
        }

    def _open(self, session: PeerSession) -> int:
        try:
            return session.head(self._name)
        except NotFound:
            private = self._library.flists.get(self._run.actor, self._name).private
            return session.create(self._name, private=private)

    def _tree(self, session: PeerSession, head_jid: int) -> dict[str, Node]:
        there: dict[str, Node] = {}
        for number, (path, node) in enumerate(session.tree(self._name, head_jid), 1):
            there[path] = node
            self._run.raise_if_cancelled()
            if number > ENTRIES_MAX:
                raise LimitExceeded(f"flists of more than {ENTRIES_MAX} entries are not copied to peers")
        return there

    def _gone(self, there: dict[str, Node]) -> set[str]:
        """What is there and has to go first. Counts what is to be copied on the way."""
        gone = set(there)
        self._entries = self._bytes = self._done_entries = self._done_bytes = 0
        for path, entry in self._walk():
            self._entries += 1
            self._bytes += entry.size_bytes
            if self._entries > ENTRIES_MAX:
                raise LimitExceeded(f"flists of more than {ENTRIES_MAX} entries are not copied to peers")
            was = there.get(path)
            if was is not None and not must_go(was, node_of(entry)):
                gone.discard(path)
        return gone

    def _made(self, session: PeerSession, there: dict[str, Node]) -> Iterator[Operation]:
        """The operations, each when all blocks it names are at the peer."""
        for page in _slices(self._walk(), 1_000):
            found: list[Operation] = []
            refs: dict[Digest, BlockRef] = {}
            for path, entry in page:
                self._run.raise_if_cancelled()
                now, was = node_of(entry), there.get(path)
                recipe = None
                if entry.is_file and (was is None or was.digest != now.digest):
                    recipe = self._library.trees.recipe(entry)
                    refs.update({ref.digest: ref for ref in recipe.blocks})
                if (made := operation(path, was, now, recipe)) is not None:
                    found.append(made)
                if len(refs) >= _ASK_AT_ONCE:
                    self._send(session, refs)
            self._send(session, refs)
            self._done_entries += len(page)
            self._done_bytes += sum(entry.size_bytes for _, entry in page)
            yield from found

    def _send(self, session: PeerSession, refs: dict[Digest, BlockRef]) -> None:
        for piece in _slices(list(refs.values()), _ASK_AT_ONCE):
            _send_missing(
                self._library, self._run, self._sent, session, piece, lambda sent: self._show("sending", sent)
            )
        refs.clear()

    def _commit(self, session: PeerSession, base_jid: int, operations: list[Operation]) -> int:
        self._show("committing")
        note = f"copy of revision {self._jid}"
        head_jid = session.commit(self._name, base_jid, operations, note)
        self._sent.commits += 1
        self._sent.operations += len(operations)
        return head_jid

    def _walk(self) -> Iterator[tuple[str, Entry]]:
        for path, entry in self._library.trees.walk(self._run.actor, Place(self._name, ROOT), self._jid):
            self._run.raise_if_cancelled()
            yield str(path), entry

    def _show(self, phase: str, more_bytes: int = 0) -> None:
        self._run.progress(
            phase,
            done_bytes=self._done_bytes + more_bytes,
            total_bytes=self._bytes,
            done_entries=self._done_entries,
            total_entries=self._entries,
        )


def _commits(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """As many at once as one commit takes, by their number and by the size of their JSON."""
    found: list[Operation] = []
    size_bytes = 0
    for each in operations:
        added_bytes = len(json.dumps(each)) + 1
        if found and (len(found) >= OPERATIONS_MAX or size_bytes + added_bytes > COMMIT_BYTES_MAX):
            yield found
            found, size_bytes = [], 0
        found.append(each)
        size_bytes += added_bytes
    if found:
        yield found


def _slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while piece := list(islice(source, size)):
        yield piece


def _pause(run: Run, seconds: float) -> None:
    """Wait, and look now and then whether the job is to end."""
    never = threading.Event()
    left = seconds
    while left > 0:
        run.raise_if_cancelled()
        never.wait(min(0.5, left))
        left -= 0.5
    run.raise_if_cancelled()
