"""Copying to a peer, as a job: blocks, or a flist at a revision. It stands here because only here both are known: the
services, which read, and the client, which sends.

Whatever breaks is begun again with the question what is missing, so nothing is sent twice and nothing is remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, islice
from typing import TypeVar

from mylist_dav.client.answers import printable
from mylist_dav.client.calls import BlockCalls, Calls, Committed, Listed, Lost, Missing
from mylist_dav.client.copying import Bundle, Line, bundles, gone_lines, line, packed
from mylist_dav.client.dialling import Patience, Pinned, Resolve, resolve_by_system
from mylist_dav.client.link import Link
from mylist_dav.client.peer import logged_in
from mylist_dav.errors import Busy, Conflict, LimitExceeded, MylistError, NotFound, TooMany, Unauthenticated
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.model.peers import Peer, peer_called, refuse_private
from mylist_dav.services.jobs.asking import SYNC, check_sync
from mylist_dav.services.jobs.jobs import Fields, Kind, Run
from mylist_dav.services.opening import Library

ENTRIES_MAX = 1_000_000
"""Most entries of a flist that is copied: the tree of the peer is held in memory while it is compared."""

PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0)
"""Between attempts to reach a peer, which may be restarted: five minutes in all. It begins anew whenever something was
sent in between."""

TURNS_MAX = 500
"""Most attempts of one job, whatever was sent: a peer that forgets what it takes must not keep it for ever."""

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
    """The kind `sync`. What is asked is made by services/jobs/asking.py."""

    def __init__(
        self,
        library: Library,
        *,
        resolve: Resolve = resolve_by_system,
        pauses_seconds: tuple[float, ...] = PAUSES_SECONDS,
        patience: Patience | None = None,
    ) -> None:
        self._library = library
        self._patience = patience
        self._resolve = resolve
        self._pauses_seconds = pauses_seconds

    def kind(self) -> Kind:
        return Kind(SYNC, partial(check_sync, self._library), self.run)

    def run(self, run: Run) -> Fields:
        """Copy. Raises Forbidden, MylistError, ... with the words of the peer."""
        peer = peer_called(self._library.peers, run.asked["peer"])
        sent = Sent()
        if run.asked.get("flist") is not None:
            work: Callable[[Link], Fields] = _Flist(self._library, run, sent).copy
        else:
            work = partial(_copy_blocks, self._library, run, sent)
        told = self._repeat(run, peer, sent, work)
        return {
            "peer": peer.name,
            **told,
            **{name: count for name, count in vars(sent).items() if name != "absent"},
        }

    def _repeat(self, run: Run, peer: Peer, sent: Sent, work: Callable[[Link], Fields]) -> Fields:
        """Log in and work, again after a while when the peer is away or its tree has changed meanwhile."""
        dial = Pinned((lambda host, addresses: None) if peer.private else refuse_private, self._resolve)
        attempt = 0
        for turn in range(1, TURNS_MAX + 1):
            before = sent.arrived
            try:
                with logged_in(peer, dial, self._library.server_key, self._patience) as link:
                    return _worked(work, link)
            except (Busy, TooMany, _Changed):
                attempt = 0 if sent.arrived != before else attempt + 1
                if attempt > len(self._pauses_seconds) or turn == TURNS_MAX:
                    raise
            run.progress("waiting", done_bytes=sent.sent_bytes)
            _pause(run, self._pauses_seconds[max(attempt - 1, 0)] if self._pauses_seconds else 0.0)
        raise AssertionError("the last turn returns or raises")


class _Changed(Conflict):
    """The peer's tree is another by now, or blocks have gone from it."""


def _worked(work: Callable[[Link], Fields], link: Link) -> Fields:
    try:
        return work(link)
    except Unauthenticated as error:
        raise Busy(str(error)) from error  # a login has ended, and the next one begins anew


# -- blocks ------------------------------------------------------------------------------------------------------


def _copy_blocks(library: Library, run: Run, sent: Sent, link: Link) -> Fields:
    calls = BlockCalls(link)
    ids = [Digest.parse(each) for each in run.asked["blocks"]]
    sent.absent, sent.absent_blocks = [], 0
    done = 0

    def show(_: int = 0) -> None:
        run.progress("sending", done_bytes=sent.sent_bytes, done_entries=done, total_entries=len(ids))

    for piece in _slices(ids, _ASK_AT_ONCE):
        refs = [BlockRef(each, 0) for each in piece]
        _send_missing(library, run, sent, calls, refs, show, skip_absent=True)
        done += len(piece)
        show()
    return {"blocks": len(ids), "absent": sent.absent}


def _send_missing(
    library: Library,
    run: Run,
    sent: Sent,
    calls: BlockCalls,
    refs: list[BlockRef],
    show: Callable[[int], None],
    *,
    skip_absent: bool = False,
) -> None:
    """Send those of these blocks that the peer does not have. show: told how many bytes of them were sent, so far."""
    missing = calls.missing([str(ref.digest) for ref in refs])
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
        _upload(calls, bundle)
        sent.sent_blocks += len(bundle.ids)
        sent.sent_bytes += bundle.size_bytes
        show(sent.sent_bytes - before_bytes)


def _upload(calls: BlockCalls, bundle: Bundle) -> None:
    """Raises MylistError unless the peer says of each block that it has it now."""
    refused = calls.upload(len(bundle.ids), len(bundle.tar), lambda: iter((bundle.tar,)))
    for block_id, why in refused.items():
        raise MylistError(f"{calls.link.where} does not take block {printable(block_id)}: {why}")


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

    def copy(self, link: Link) -> Fields:
        """Make the head of the peer's flist what the revision is."""
        calls = Calls(link, self._name)
        self._run.progress("comparing")
        head_jid = began_jid = self._open(calls)
        there = self._tree(calls, head_jid)
        self._compare(there)
        self._send_contents(calls, there)
        if next(self._changes(there), None) is not None:
            head_jid = self._commit(calls, head_jid, there)
        return {
            "flist": str(self._name),
            "jid": self._jid,
            "peer_jid": head_jid,
            "changed": head_jid != began_jid or self._sent.commits > 0,
            "entries": self._entries,
            "size_bytes": self._bytes,
        }

    def _open(self, calls: Calls) -> int:
        if (found := calls.details()) is not None:
            return found.head_jid
        private = self._library.flists.get(self._run.actor, self._name).private
        return calls.create(private).head_jid

    def _tree(self, calls: Calls, head_jid: int) -> dict[str, Listed]:
        there: dict[str, Listed] = {}
        for number, (path, node) in enumerate(chain.from_iterable(calls.pages(head_jid)), 1):
            there[path] = node
            self._run.raise_if_cancelled()
            if number > ENTRIES_MAX:
                raise LimitExceeded(f"flists of more than {ENTRIES_MAX} entries are not copied to peers")
        return there

    def _compare(self, there: dict[str, Listed]) -> None:
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

    def _send_contents(self, calls: Calls, there: dict[str, Listed]) -> None:
        """See to it that the peer has the blocks of all contents that are new there."""
        refs: dict[Digest, BlockRef] = {}
        for path, entry in self._walk():
            recipe = self._new_recipe(entry, there.get(path))
            if recipe is not None:
                refs.update({ref.digest: ref for ref in recipe.blocks})
            if len(refs) >= _ASK_AT_ONCE:
                self._send(calls, refs)
            self._done_entries += 1
            self._done_bytes += entry.size_bytes
        self._send(calls, refs)

    def _changes(self, there: dict[str, Listed]) -> Iterator[Line]:
        """What is to be changed there. Made anew by each call: it is not kept in memory."""
        yield from gone_lines(self._gone, self._replaced)
        for path, entry in self._walk():
            was = there.get(path)
            made = line(path, was, entry, self._new_recipe(entry, was))
            if made is not None:
                yield made

    def _new_recipe(self, entry: Entry, was: Listed | None) -> Recipe | None:
        """The recipe of a file's content, unless that is there already."""
        if not entry.is_file or (was is not None and was.digest == str(entry.digest)):
            return None
        return self._library.trees.recipe(entry)

    def _send(self, calls: Calls, refs: dict[Digest, BlockRef]) -> None:
        for piece in _slices(list(refs.values()), _ASK_AT_ONCE):
            _send_missing(
                self._library, self._run, self._sent, calls, piece, lambda sent: self._show("sending", sent)
            )
        refs.clear()

    def _commit(self, calls: Calls, base_jid: int, there: dict[str, Listed]) -> int:
        self._show("committing")
        counted = count()
        lines = (each for each, _ in zip(self._changes(there), counted, strict=False))
        done = calls.put_tree(base_jid, lambda: packed(lines), f"copy of revision {self._jid}")
        if not isinstance(done, Committed):
            raise _Changed(f"{calls.link.where}: {_why(done)}")
        self._sent.commits += 1
        self._sent.operations += next(counted)
        return done.jid

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


def _why(done: Missing | Lost) -> str:
    return done.why if isinstance(done, Lost) else f"{len(done.ids)} blocks that it had are missing"


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
