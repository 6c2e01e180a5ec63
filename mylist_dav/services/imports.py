"""Import: a directory or an archive becomes the tree of a flist, as one commit. Nothing is visible before.

reading    members -> contents into blocks, in groups; their tree into a scratch file   (ingest, assembly)
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
from mylist_dav.model.archives.members import Found, Limits, Member, Source
from mylist_dav.model.archives.streams import (
    MAGIC_BYTES,
    PIECE_BYTES,
    ByteReader,
    Packing,
    Read,
    Seekable,
    gunzipped,
    packing_of,
    reader_of_pieces,
    unzstd,
)
from mylist_dav.model.archives.tar_in import read_tar
from mylist_dav.model.archives.zip_in import read_zip
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.entries import Flist, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.services.ingest import Ingest
from mylist_dav.services.leases import Lease
from mylist_dav.services.publishing import Order, Published, Publisher
from mylist_dav.services.quotas import MEMBER_BYTES, Allowance, Require, allowance, any_size
from mylist_dav.services.releasing import release_given_up
from mylist_dav.services.rights import require_admin, require_creation, require_known, writable
from mylist_dav.services.staging import remove_leftovers
from mylist_dav.store.assembly import ROOT_NODE, Assembly
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.disk import Disk, turned
from mylist_dav.store.marking import Marks
from mylist_dav.store.pacing import Pace
from mylist_dav.store.scratch import Scratch
from mylist_dav.store.spool import Spool
from mylist_dav.store.walking import FolderSource

ROWS_AT_ONCE_MAX = 20_000
"""How many rows of the catalog one transaction changes at most, before trees are built out of sight instead."""


ARRIVING_MAX = 8
"""How many archives of one account are kept at a time while they arrive, in one process."""


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
        checked = _Checked(file)
        return _Archive(self._limits, self.spool, checked.read, checked if file.seekable() else None)

    def archive_pieces(self, pieces: Iterable[bytes]) -> Source:
        """An archive that comes in pieces of any size."""
        return _Archive(self._limits, self.spool, reader_of_pieces(pieces), None)

    def spool(self) -> Spool:
        """A place for an archive that has to arrive as a whole before it is read: archive(spool.file())."""
        return Spool(self._scratch, self._disk, self._limits.size_bytes)

    def arriving(self, account: str) -> Spool:
        """A place for an archive that somebody sends. Raises TooMany: an account fills only so many at a time here."""
        with self._mutex:
            accounts = [one for spool, one in self._arriving.items() if not spool.closed]
            if accounts.count(account) >= ARRIVING_MAX:
                raise TooMany(f"{account} sends {ARRIVING_MAX} archives at the moment: wait for one", 10)
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
    ) -> Imported:
        """Make the head of a flist what the source has, or, with merge, add it to what is there.

        make: also the flist, and its account, if they are new. All or nothing: an error leaves the head as it was.
        Raises BadArchive, Incomplete, LimitExceeded, Conflict (all of these name the member), NotFound, Locked, ...
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
                size_bytes, ingest = self._read(actor, source, assembly, _keeping(lease, progress), allowed)
                entries = assembly.entries
                flist, made = self._open(actor, name, make)
                order = Order(
                    actor,
                    flist,
                    conditions,
                    note,
                    merge,
                    self._rows_at_once_max,
                    self._entries_max,
                    self._clock(),
                    size_bytes,
                    lease.require,
                )
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
        self, actor: Actor, source: Source, assembly: Assembly, progress: Show, allowed: Allowance | None
    ) -> tuple[int, Ingest]:
        """Take in all members; returns the bytes of their contents, and what has taken these in."""
        size_bytes = 0
        with contextlib.closing(Ingest(self._catalog, self._blocks, actor, Pace())) as ingest:
            for member, pieces in source.members():
                digest = None
                if member.kind is Kind.FILE:
                    if allowed is not None:
                        allowed.require(size_bytes + member.size_bytes, partial(_counted, assembly, member))
                    shown = _showing(pieces, progress, assembly.entries, size_bytes)
                    digest = ingest.add(member.name, member.size_bytes, shown)
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


def archive_in_file(file: BinaryIO, limits: Limits) -> Source:
    """An archive in a file that can be read from any place; for reading it without a data directory."""
    checked = _Checked(file)
    return _Archive(limits, None, checked.read, checked)


class _Archive:
    """An archive as a source: its format is told by its first bytes."""

    def __init__(
        self, limits: Limits, spool: Callable[[], Spool] | None, read: Read, file: Seekable | None
    ) -> None:
        """file: where it can be read from any place. spool: where one that cannot is kept, should it be a zip."""
        self._limits = limits
        self._spool = spool
        self._stream = ByteReader(read)
        self._file = file

    def members(self) -> Found:
        packing = packing_of(self._stream.peek(MAGIC_BYTES))
        if packing is Packing.ZIP:
            yield from self._zip()
        elif packing is Packing.TAR:
            yield from read_tar(self._stream.read, self._limits)
        else:
            unpack = gunzipped if packing is Packing.GZIP else unzstd
            yield from read_tar(unpack(self._stream.read), self._limits)

    def _zip(self) -> Found:
        """A zip is read from its end: what cannot seek is kept in a temporary file."""
        if self._file is not None:
            yield from read_zip(self._file, self._limits)
            return
        assert self._spool is not None, "a file that can be read from any place needs none"
        with self._spool() as spool:
            while piece := self._stream.read(PIECE_BYTES):
                spool.write(piece)
            yield from read_zip(_Checked(spool.file()), self._limits)


class _Checked:
    """A file whose errors are ours, and that reads short only at its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int, /) -> bytes:
        try:
            data = self._file.read(count)
            while 0 < len(data) < count and (more := self._file.read(count - len(data))):
                data += more
            return data
        except OSError as error:
            raise turned(error, "read the archive") from error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            raise turned(error, "read the archive") from error


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
