"""Blocks by their ids: which of them somebody may know of, taking them out, bringing new ones.

To know the id of a block is no right to it: a block is there for those who may read a flist that holds it, as a content
or as a part of one, in any revision, and for who has brought it and may commit it still. For everybody else it is not
there, and answers like one that is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from mylist_dav.errors import (
    BlocksGone,
    BlocksMissing,
    Busy,
    Corrupt,
    LimitExceeded,
    NotFound,
    OutOfQuota,
    OutOfSpace,
    WritesStopped,
)
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.services.rights import is_admin, reach, require_admin, require_bringing
from mylist_dav.store.blocks import BLOCK_BYTES_MAX, BlockStore
from mylist_dav.store.blockstore.intake import Intake
from mylist_dav.store.catalog import Catalog, Draft, View
from mylist_dav.store.catalog.holdings import Holdings as KnownTo

IDS_MAX = 10_000
"""Most blocks that one call names."""

UPLOAD_NS = 24 * 3600 * 1_000_000_000
"""How long blocks that somebody has brought wait for a commit; bringing them again begins anew."""

GROUP_BLOCKS_MAX = 1_000
GROUP_BYTES_MAX = 16 * 1024 * 1024
"""What is kept in memory while blocks are brought: so much becomes durable together. Digests are spread over the whole
of an index, so that a group of 250 writes nearly as many pages of the catalog as one of a thousand."""

DELETED_TOGETHER_MAX = 500
"""Blocks whose files are removed in one transaction."""

ATTEMPTS_MAX = 3


class Existing(NamedTuple):
    """Which of the asked blocks are there, each once, in the order they were asked for."""

    present: list[Digest]
    missing: list[Digest]


class Offered(NamedTuple):
    """A block that somebody brings. name: as it came; problem: why it is none, '' when it may be one."""

    name: str
    data: bytes
    problem: str = ""


class State(StrEnum):
    """What became of a block that was brought, or what one that was read is."""

    STORED = "stored"
    PRESENT = "present"
    BAD = "bad"
    OK = "ok"
    MISSING = "missing"
    CORRUPT = "corrupt"


class Brought(NamedTuple):
    """digest: None when it was bad. detail: what is wrong with it."""

    name: str
    digest: Digest | None
    state: State
    detail: str = ""


class Reread(NamedTuple):
    """A block that was read from disk and hashed: ok, missing or corrupt."""

    digest: Digest
    state: State


class Deletion(NamedTuple):
    """deleted and missing: in the order they were named. refused: each with the reason."""

    deleted: list[Digest]
    missing: list[Digest]
    refused: list[tuple[Digest, str]]


class Holdings:
    """The verbs on blocks."""

    def __init__(
        self,
        catalog: Catalog,
        blocks: BlockStore,
        remove_file: Callable[[Digest], object],
        clock: Callable[[], int],
        grace_ns: int,
        intake: Intake,
    ) -> None:
        """blocks: a store that reads from disk, not a cache. remove_file: removes the file of a block.

        grace_ns: how long a condemned block stays. intake: where small blocks may go, when it is open.
        """
        self._catalog = catalog
        self._blocks = blocks
        self._remove_file = remove_file
        self._clock = clock
        self._grace_ns = grace_ns
        self._intake = intake

    # -- asking ------------------------------------------------------------------------------------------------

    def exists(self, actor: Actor, ids: Sequence[Digest]) -> Existing:
        """Which of these blocks need not be brought. A pure read. Raises LimitExceeded, Unauthenticated.

        What is present stays for half of the grace at least: a condemned block is only while it has so much left.
        """
        wanted = _once(ids)
        with self._catalog.view() as view:
            lasting = self._holdings(view, actor).lasting(wanted, self._clock() - self._grace_ns // 2)
        return Existing(
            [digest for digest in wanted if digest in lasting],
            [digest for digest in wanted if digest not in lasting],
        )

    def find(self, actor: Actor, ids: Sequence[Digest]) -> list[BlockRef]:
        """These blocks, each once, in the order they were named, for taking them out.

        Raises BlocksMissing, which names those that are not there or may not be known of.
        """
        wanted = _once(ids)
        with self._catalog.view() as view:
            known = self._holdings(view, actor).known(wanted)
        missing = [digest for digest in wanted if digest not in known]
        if missing:
            raise BlocksMissing(missing)
        return [BlockRef(digest, known[digest]) for digest in wanted]

    def verify(self, actor: Actor, ids: Sequence[Digest]) -> Iterator[Reread]:
        """Read blocks from disk and hash them, one after the other; what is corrupt is set aside by the store.

        What is missing or corrupt counts as missing from then on, until somebody brings it again. The caller is checked
        before this returns. Raises Unauthenticated, Forbidden, LimitExceeded.
        """
        require_admin(actor)
        wanted = _once(ids)
        with self._catalog.view() as view:
            known = self._holdings(view, actor).known(wanted)
        return (Reread(digest, self._state(digest, known.get(digest))) for digest in wanted)

    def _holdings(self, view: View, actor: Actor) -> KnownTo:
        """What is there for the actor. A token for reading shows nothing that was only brought."""
        return view.holdings(
            reach(actor), self._clock(), unlimited=is_admin(actor), uploads=not actor.scope.read_only
        )

    def _state(self, digest: Digest, size_bytes: int | None) -> State:
        try:
            found_bytes = len(self._blocks.get(digest))
        except (NotFound, Corrupt) as error:
            if size_bytes is not None:
                with contextlib.suppress(Busy, OutOfSpace, WritesStopped):  # it is told all the same
                    self._catalog.change(lambda draft: draft.doubt_blocks([digest]))
            return State.MISSING if isinstance(error, NotFound) else State.CORRUPT
        return State.OK if size_bytes in (None, found_bytes) else State.CORRUPT

    # -- bringing ----------------------------------------------------------------------------------------------

    def upload(self, actor: Actor, offered: Iterable[Offered]) -> Iterator[Brought]:
        """Take in blocks, a group at a time: each group is durable before what became of it is told.

        A bad block is told, and the others are kept. The caller is checked before this returns.
        Raises Unauthenticated, Forbidden; then, while it is used, OutOfQuota (blocks told before are kept), OutOfSpace,
        WritesStopped, Busy.
        """
        with self._catalog.view() as view:
            require_bringing(view, actor)
        return self._upload(actor, offered)

    def receive(self, actor: Actor) -> Receiving:
        """The same for blocks that come one by one. Raises Unauthenticated, Forbidden."""
        with self._catalog.view() as view:
            require_bringing(view, actor)
        return Receiving(lambda group: self._store_group(actor, group))

    def _upload(self, actor: Actor, offered: Iterable[Offered]) -> Iterator[Brought]:
        receiving = Receiving(lambda group: self._store_group(actor, group))
        for one in offered:
            yield from receiving.add(one)
        yield from receiving.finish()

    def _store_group(self, actor: Actor, group: dict[Digest, bytes]) -> set[Digest]:
        """Make blocks durable and note who brought them; returns those new to the actor. Raises OutOfQuota, ..."""
        refs = [BlockRef(digest, len(data)) for digest, data in group.items()]
        with self._catalog.view() as view:
            self._refuse_over_quota(view, actor, refs)
        taken = self._intake.share(group)
        for attempt in range(ATTEMPTS_MAX):
            with self._blocks.batch() as batch:
                for digest, data in group.items():
                    if digest not in taken:
                        batch.put(data, digest)
                batch.commit()
            try:
                return self._catalog.change(lambda draft: self._note(draft, actor, refs, taken))
            except BlocksGone:
                if attempt == ATTEMPTS_MAX - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _note(
        self, draft: Draft, actor: Actor, refs: list[BlockRef], taken: dict[Digest, bytes]
    ) -> set[Digest]:
        """taken: those of the blocks that have no file yet, and are stored by this very transaction."""
        require_bringing(draft, actor)
        known = self._holdings(draft, actor).known(ref.digest for ref in refs)  # of others' nothing is told
        new = {ref.digest for ref in refs if ref.digest not in known}
        self._refuse_over_quota(draft, actor, refs)
        self._intake.came(draft.take_in(taken))
        draft.register_blocks(refs)
        draft.add_uploads(actor.account, refs, draft.now_ns + UPLOAD_NS)
        size_bytes = sum(ref.size_bytes for ref in refs)
        draft.record(actor, Action.UPLOAD_BLOCKS, "", {"blocks": len(refs), "new": len(new)}, size_bytes)
        return new

    def _refuse_over_quota(self, view: View, actor: Actor, refs: list[BlockRef]) -> None:
        """What was brought and not committed counts to the quota of the account. Raises OutOfQuota."""
        pending = view.pending(actor.account, self._clock())
        if pending.quota_bytes is None:
            return
        brought = view.brought(actor.account, [ref.digest for ref in refs], self._clock())
        room_bytes = pending.quota_bytes - pending.held_bytes
        if room_bytes < 0:
            brought = set()  # or it would last another day, each day
        more_bytes = sum(ref.size_bytes for ref in refs if ref.digest not in brought)
        if more_bytes > max(0, room_bytes):
            raise OutOfQuota(
                f"{actor.account} may have {pending.quota_bytes} bytes, flists and blocks that are not committed yet"
                f" together, and there is no room for {more_bytes} more"
            )

    # -- deleting ----------------------------------------------------------------------------------------------

    def delete(self, actor: Actor, ids: Sequence[Digest]) -> Deletion:
        """Delete blocks now, without a grace; those that somebody needs are refused. For admins.

        Nothing is deleted while imports are running: they may need what no flist has yet. Raises Unauthenticated,
        Forbidden, LimitExceeded.
        """
        require_admin(actor)
        wanted = _once(ids)
        found = Deletion([], [], [])
        for start in range(0, len(wanted), DELETED_TOGETHER_MAX):
            self._delete_group(actor, wanted[start : start + DELETED_TOGETHER_MAX], found)
        return found

    def _delete_group(self, actor: Actor, ids: list[Digest], found: Deletion) -> None:
        with self._catalog.view() as view:
            known = self._holdings(view, actor).known(ids)
        missing = {digest for digest in ids if digest not in known and not self._blocks.has(digest)}
        there = [digest for digest in ids if digest not in missing]
        refused = self._catalog.change(lambda draft: _let_go(draft, there))
        going = [digest for digest in there if digest not in refused]
        gone = self._catalog.change(lambda draft: self._remove(draft, actor, going))
        found.missing.extend(digest for digest in ids if digest in missing)
        found.refused.extend(refused.items())
        found.refused.extend((digest, "it has just been used") for digest in going if digest not in gone)
        found.deleted.extend(digest for digest in going if digest in gone)

    def _remove(self, draft: Draft, actor: Actor, digests: list[Digest]) -> set[Digest]:
        """Remove what was let go; what somebody has begun to use since stays."""
        refs = draft.reaper.delete_these(digests, self._remove_file)
        gone = set(draft.finder.unregistered(digests))
        for digest in gone:  # also files that the catalog never knew
            self._remove_file(digest)
        if gone:
            size_bytes = sum(ref.size_bytes for ref in refs)
            draft.record(actor, Action.DELETE_BLOCKS, "", {"blocks": len(gone)}, size_bytes)
        return gone


class Receiving:
    """Blocks that come one by one, and are stored in groups. add() any number of times, then finish()."""

    def __init__(self, store: Callable[[dict[Digest, bytes]], set[Digest]]) -> None:
        self._store = store
        self._group: dict[Digest, bytes] = {}
        self._waiting: list[tuple[str, Digest | None, str]] = []  # names, digests, and what is wrong
        self._bytes = 0

    def add(self, offered: Offered) -> list[Brought]:
        """The next block; returns what became of those before, in order, as far as that is known."""
        name, data, problem = offered
        digest = Digest.of(data)
        if problem := problem or _problem(name, data, digest):
            self._waiting.append((name, None, problem))
        else:
            self._waiting.append((name, digest, ""))
            if digest not in self._group:
                self._group[digest] = data
                self._bytes += len(data)
        if self._bytes >= GROUP_BYTES_MAX or len(self._waiting) >= GROUP_BLOCKS_MAX:
            return self.finish()
        return []

    def finish(self) -> list[Brought]:
        """Store what is waiting, and say what became of it."""
        new = self._store(self._group) if self._group else set()
        told = [Brought(name, digest, _state(digest, new), why) for name, digest, why in self._waiting]
        self._group, self._waiting, self._bytes = {}, [], 0
        return told


def _state(digest: Digest | None, new: set[Digest]) -> State:
    """What became of a block that was brought; without a digest it was bad."""
    if digest is None:
        return State.BAD
    return State.STORED if digest in new else State.PRESENT


def _problem(name: str, data: bytes, digest: Digest) -> str:
    """What is wrong with a block that is brought; '' when nothing is. digest: of its bytes."""
    if not data:
        return "a block has at least one byte"
    if len(data) > BLOCK_BYTES_MAX:
        return f"a block has at most {BLOCK_BYTES_MAX} bytes"
    if name != digest.hex():
        return "its bytes have another digest than its name says"
    return ""


def _let_go(draft: Draft, digests: list[Digest]) -> dict[Digest, str]:
    """Let go of those of these blocks that nobody needs; returns the others, with who does."""
    if draft.reaper.must_wait():
        return dict.fromkeys(digests, "work is going on that may need it: try again later")
    refused = {digest: why for digest in digests if (why := draft.reaper.needed_by(digest))}
    draft.reaper.mark_deleting([digest for digest in digests if digest not in refused])
    return refused


def _once(ids: Sequence[Digest]) -> list[Digest]:
    """Each of them once. Raises LimitExceeded."""
    if len(ids) > IDS_MAX:
        raise LimitExceeded(f"{len(ids)} blocks are named, and {IDS_MAX} may be in one call")
    return list(dict.fromkeys(ids))
