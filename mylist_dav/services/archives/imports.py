"""Import: a directory or an archive becomes the tree of a flist, as one commit. Nothing is visible before.

reading    members -> contents into blocks, or found there; their tree into a scratch file
           (sources, ingest, named_contents, assembly)
comparing  with the head: what is new, changed, gone                                    (comparing)
writing    one transaction, or large parts built out of sight and attached by it        (publishing, staging)
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from mylist_dav.errors import Busy, MylistError, NotFound, TooMany
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.archives.members import Limits, Member, Source
from mylist_dav.model.archives.streams import reader_of_pieces
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.entries import Flist, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.ingest import Ingest
from mylist_dav.services.archives.named_contents import NamedContents
from mylist_dav.services.archives.publishing import Order, Published, Publisher
from mylist_dav.services.archives.sources import ArchiveSource, CheckedFile, LineSource
from mylist_dav.services.archives.staging import remove_leftovers
from mylist_dav.services.limits.quotas import MEMBER_BYTES, Allowance, Require, allowance, any_size
from mylist_dav.services.rights import require_admin, require_creation, require_known, writable
from mylist_dav.services.upkeep.leases import Lease
from mylist_dav.services.upkeep.releasing import release_given_up
from mylist_dav.store.assembly import ROOT_NODE, Assembly
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.disk import Disk
from mylist_dav.store.marking import Marks
from mylist_dav.store.pacing import Pace
from mylist_dav.store.processes.scratch import Scratch
from mylist_dav.store.spool import Spool
from mylist_dav.store.walking import FolderSource

ROWS_AT_ONCE_MAX = 20_000
"""How many rows of the catalog one transaction changes at most, before trees are built out of sight instead."""


ARRIVING_MAX = 8
"""How many archives and trees of one account are kept at a time while they arrive, in one process."""


class Progress(NamedTuple):
    """How far an import is. phase: reading, comparing or writing."""

    phase: str
    entries: int
    size_bytes: int


class Imported(NamedTuple):
    """What an import has done. jid: of its commit, None when everything was so already.

    entries, size_bytes: what the source had. added, changed, removed: entries of the flist.
    new_blocks, new_bytes: what the block store did not have, as far as the actor may know. made: the flist is new.
    """

    jid: int | None
    entries: int
    size_bytes: int
    added: int
    changed: int
    removed: int
    new_blocks: int
    new_bytes: int
    made: bool


Show = Callable[[Progress], None]
T = TypeVar("T")


def show_nothing(progress: Progress) -> None:
    """For those who do not want to see how far it is."""


class Imports:
    """The verb import. It may be used by several threads and processes at once, on one flist too."""

    def __init__(
        self,
        catalog: Catalog,
        blocks: BlockStore,
        clock: Callable[[], int],
        data: Path,
        limits: Limits,
        entries_max: int,
        *,
        rows_at_once_max: int = ROWS_AT_ONCE_MAX,
    ) -> None:
        """data: the data directory; its tmp/ takes what is needed for the time of an import."""
        self._catalog = catalog
        self._blocks = blocks
        self._clock = clock
        self._disk = Disk()
        self._scratch = Scratch(data / "tmp", self._disk)
        self._limits = limits
        self._entries_max = entries_max
        self._rows_at_once_max = rows_at_once_max
        self._mutex = threading.Lock()
        self._arriving: WeakKeyDictionary[Spool, str] = WeakKeyDictionary()

    # -- sources -----------------------------------------------------------------------------------------------

    def folder(self, folder: Path) -> Source:
        """A directory of this machine. Raises NotFound."""
        return FolderSource(folder, self._limits)

    def archive(self, file: BinaryIO) -> Source:
        """An archive in a file, or coming through a pipe."""
        checked = CheckedFile(file)
        return ArchiveSource(self._limits, self.spool, checked.read, checked if file.seekable() else None)

    def archive_pieces(self, pieces: Iterable[bytes]) -> Source:
        """An archive that comes in pieces of any size."""
        return ArchiveSource(self._limits, self.spool, reader_of_pieces(pieces), None)

    def lines(self, file: BinaryIO, parse: Callable[[bytes], Member]) -> Source:
        """A file of lines, each of which names what is to be at one path; parse: what a line says."""
        return LineSource(self._limits, CheckedFile(file), parse)

    def spool(self) -> Spool:
        """A place for an archive that has to arrive as a whole before it is read: archive(spool.file())."""
        return Spool(self._scratch, self._disk, self._limits.size_bytes)

    def arriving(self, account: str) -> Spool:
        """A place for an archive or a tree that somebody sends. Raises TooMany: an account fills only so many here."""
        with self._mutex:
            accounts = [one for spool, one in self._arriving.items() if not spool.closed]
            if accounts.count(account) >= ARRIVING_MAX:
                raise TooMany(
                    f"{account} sends {ARRIVING_MAX} archives or trees at the moment: wait for one", 10
                )
            spool = self.spool()
            self._arriving[spool] = account
        return spool

    @property
    def limits(self) -> Limits:
        """What an archive may have."""
        return self._limits

    # -- the verb ----------------------------------------------------------------------------------------------

    def run(
        self,
        actor: Actor,
        name: FlistName,
        source: Source,
        *,
        merge: bool = False,
        make: bool = False,
        note: str = "import",
        conditions: Conditions = UNCONDITIONAL,
        progress: Show = show_nothing,
        action: Action = Action.IMPORT,
    ) -> Imported:
        """Make the head of a flist what the source has, or, with merge, add it to what is there.

        make: also the flist, and its account, if they are new. All or nothing: an error leaves the head as it was.
        action: what the audit calls it.
        Raises BadArchive, Incomplete, LimitExceeded, Conflict (all of these name the member), Refused (with the
        contents that are named, and missing or wrong), NotFound, Locked, ...
        """
        name = FlistName.checked(*name)
        allowed = self.check(actor, name, make=make)
        remove_leftovers(self._catalog, actor, self._scratch)
        publisher: Publisher | None = None
        try:
            with (
                Lease(self._catalog, self._clock, "import", actor) as lease,
                contextlib.closing(Assembly(self._scratch, self._disk, self._entries_max)) as assembly,
            ):
                named = NamedContents(
                    self._catalog, self._blocks, self._clock, actor, lease, self._limits.size_bytes
                )
                size_bytes, ingest = self._read(
                    actor, source, assembly, named, _keeping(lease, progress), allowed
                )
                named.finish(name)
                entries = assembly.entries
                flist, made = self._open(actor, name, make)
                order = Order(
                    actor, flist, conditions, note, merge, self._rows_at_once_max, self._entries_max, self._clock(),
                    None if named.any else size_bytes, lease.require, action,
                )  # fmt: skip
                publisher = Publisher(
                    self._catalog,
                    assembly,
                    order,
                    lambda phase: progress(Progress(phase, entries, size_bytes)),
                )
                done = self._publish(publisher, actor, flist, made)
        finally:
            if publisher is not None and publisher.gave_up:
                self._release(flist.flist_id)
        return Imported(
            done.jid, entries, size_bytes, done.added, done.changed, done.removed, ingest.new_blocks,
            ingest.new_bytes, made,
        )  # fmt: skip

    def remove_leftovers(self, actor: Actor) -> int:
        """Remove what imports that were killed have left out of sight; returns how many there were."""
        require_admin(actor)
        return remove_leftovers(self._catalog, actor, self._scratch)

    def close(self) -> None:
        """Let go of the folder of temporary files. Imports that still run end with an error."""
        self._scratch.close()

    def _release(self, flist_id: int) -> None:
        """The flist is not to hold what was built in it and given up: who reads it could name these contents.

        While others import, or when it is too busy, this is left to the collector.
        """
        with (
            contextlib.suppress(MylistError),
            contextlib.closing(Marks(self._scratch, self._disk)) as marks,
        ):
            for _ in release_given_up(self._catalog, marks, self._change_alone, Pace(), {flist_id}):
                pass

    def _change_alone(self, make: Callable[[Draft], T]) -> T:
        """Raises Busy while anybody keeps contents that no flist has yet."""

        def alone(draft: Draft) -> T:
            if draft.reaper.must_wait():
                raise Busy("others import")
            return make(draft)

        return self._catalog.change(alone)

    def check(self, actor: Actor, name: FlistName, *, make: bool) -> Allowance | None:
        """What can be known before anything is read; returns how much may come.

        Raises NotFound, Forbidden, Unauthenticated.
        """
        require_known(actor)
        with self._catalog.view() as view:
            flist = None
            try:
                flist = writable(view, actor, name)
            except NotFound:
                if not make:
                    raise
                require_creation(actor, name)
            return allowance(view, name.account, flist)

    def check_archive(self, actor: Actor, name: FlistName, *, make: bool) -> Require:
        """The same for an archive that is kept as a whole before it is read; what it says and has goes through this.

        An archive far larger than any tree that there is room for is refused, also when it names members twice.
        """
        allowed = self.check(actor, name, make=make)
        if allowed is None:
            return any_size
        return partial(allowed.require_body, beside_bytes=MEMBER_BYTES * self._limits.members)

    def _read(
        self,
        actor: Actor,
        source: Source,
        assembly: Assembly,
        named: NamedContents,
        progress: Show,
        allowed: Allowance | None,
    ) -> tuple[int, Ingest]:
        """Take in all members; returns the bytes of their contents, and what has taken these in."""
        size_bytes = 0
        with contextlib.closing(Ingest(self._catalog, self._blocks, actor, Pace())) as ingest:
            for number, (member, pieces) in enumerate(source.members()):
                digest = member.digest
                if member.kind is Kind.FILE:
                    if allowed is not None:
                        allowed.require(size_bytes + member.size_bytes, partial(_counted, assembly, member))
                    if digest is None:
                        shown = _showing(pieces, progress, assembly.entries, size_bytes)
                        digest = ingest.add(member.name, member.size_bytes, shown)
                    elif not named.add(number, member):
                        break
                    size_bytes += member.size_bytes
                assembly.add(member, digest)
                progress(Progress("reading", assembly.entries, size_bytes))
            ingest.finish()
        return size_bytes, ingest

    def _open(self, actor: Actor, name: FlistName, make: bool) -> tuple[Flist, bool]:
        """The flist, and whether it was made just now."""

        def open_or_make(draft: Draft) -> tuple[Flist, bool]:
            try:
                return writable(draft, actor, name), False
            except NotFound:
                if not make:
                    raise
            require_creation(actor, name)
            if not draft.has_account(name.account):
                draft.add_account(name.account, Role.USER)
                draft.record(actor, Action.ACCOUNT_ADD, "", {"name": name.account, "role": Role.USER.value})
            return draft.add_flist(name, actor), True

        with self._catalog.view() as view, contextlib.suppress(NotFound):
            return writable(view, actor, name), False
        return self._catalog.change(open_or_make)

    def _publish(self, publisher: Publisher, actor: Actor, flist: Flist, made: bool) -> Published:
        """Publish, and clean up after it. A flist that was made for an import that fails is taken away again."""
        done = None
        try:
            done = publisher.run()
            return done
        finally:
            publisher.close()
            if done is None and made:
                self._catalog.change(lambda draft: _remove_unused(draft, actor, flist))


def _counted(assembly: Assembly, coming: Member) -> int:
    """The bytes of a tree with a member that is still to come, and takes the place of what has its name."""
    return assembly.totals(ROOT_NODE)[1] - assembly.size_at(coming.path) + coming.size_bytes


def _showing(pieces: Iterator[bytes], progress: Show, entries: int, size_bytes: int) -> Iterator[bytes]:
    """The pieces, with progress inside of long contents."""
    for number, piece in enumerate(pieces):
        size_bytes += len(piece)
        if number:
            progress(Progress("reading", entries, size_bytes))
        yield piece


def _keeping(lease: Lease, progress: Show) -> Show:
    """Show progress, and keep the lease meanwhile."""

    def show(made: Progress) -> None:
        lease.keep()
        progress(made)

    return show


def _remove_unused(draft: Draft, actor: Actor, flist: Flist) -> None:
    """Delete a flist if nobody has committed to it since it was made."""
    with contextlib.suppress(NotFound):
        if draft.flist_by_id(flist.flist_id).head_jid == flist.head_jid:
            draft.remove_flist(flist)
            draft.record(actor, Action.DELETE_FLIST, str(flist.flist_name), {"note": "the import failed"})
