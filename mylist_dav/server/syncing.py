"""Copying to a peer, as a job: blocks, or a flist at a revision. It stands here because only here both are known: the
services, which read, and the client, which sends.

Whatever breaks is begun again with the question what is missing, so nothing is sent twice and nothing is remembered.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import TypeVar

import httpx

from mylist_dav.client.copying import Line, bundles, gone_lines, line, packed
from mylist_dav.client.peer import Lost, Node, PeerSession, Unreachable
from mylist_dav.client.pinned import Resolve, pinned_client, resolve_by_system
from mylist_dav.errors import LimitExceeded, NotFound
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockRef, Recipe
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
        self._gone: set[str] = set()
        self._replaced: set[str] = set()

    def copy(self, session: PeerSession) -> Fields:
        """Make the head of the peer's flist what the revision is."""
        self._run.progress("comparing")
        head_jid = began_jid = self._open(session)
        there = self._tree(session, head_jid)
        self._compare(there)
        self._send_contents(session, there)
        if next(self._changes(there), None) is not None:
            head_jid = self._commit(session, head_jid, there)
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

    def _compare(self, there: dict[str, Node]) -> None:
        """Find what is there and has to go; count what is to be copied on the way."""
        self._gone, self._replaced = set(there), set()
        self._entries = self._bytes = self._done_entries = self._done_bytes = 0
        for path, entry in self._walk():
            self._entries += 1
            self._bytes += entry.size_bytes
            if self._entries > ENTRIES_MAX:
                raise LimitExceeded(f"flists of more than {ENTRIES_MAX} entries are not copied to peers")
            self._gone.discard(path)
            was = there.get(path)
            if was is not None and was.kind == "directory" and not entry.is_directory:
                self._replaced.add(path)

    def _send_contents(self, session: PeerSession, there: dict[str, Node]) -> None:
        """See to it that the peer has the blocks of all contents that are new there."""
        refs: dict[Digest, BlockRef] = {}
        for path, entry in self._walk():
            recipe = self._new_recipe(entry, there.get(path))
            if recipe is not None:
                refs.update({ref.digest: ref for ref in recipe.blocks})
            if len(refs) >= _ASK_AT_ONCE:
                self._send(session, refs)
            self._done_entries += 1
            self._done_bytes += entry.size_bytes
        self._send(session, refs)

    def _changes(self, there: dict[str, Node]) -> Iterator[Line]:
        """What is to be changed there. Made anew by each call: it is not kept in memory."""
        yield from gone_lines(self._gone, self._replaced)
        for path, entry in self._walk():
            was = there.get(path)
            made = line(path, was, entry, self._new_recipe(entry, was))
            if made is not None:
                yield made

    def _new_recipe(self, entry: Entry, was: Node | None) -> Recipe | None:
        """The recipe of a file's content, unless that is there already."""
        if not entry.is_file or (was is not None and was.digest == str(entry.digest)):
            return None
        return self._library.trees.recipe(entry)

    def _send(self, session: PeerSession, refs: dict[Digest, BlockRef]) -> None:
        for piece in _slices(list(refs.values()), _ASK_AT_ONCE):
            _send_missing(
                self._library, self._run, self._sent, session, piece, lambda sent: self._show("sending", sent)
            )
        refs.clear()

    def _commit(self, session: PeerSession, base_jid: int, there: dict[str, Node]) -> int:
        self._show("committing")
        counted = count()
        lines = (each for each, _ in zip(self._changes(there), counted, strict=False))
        head_jid = session.put_tree(self._name, base_jid, packed(lines), f"copy of revision {self._jid}")
        self._sent.commits += 1
        self._sent.operations += next(counted)
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
