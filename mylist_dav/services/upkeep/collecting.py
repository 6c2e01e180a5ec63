"""Collecting: blocks that no flist needs any more are condemned, and deleted after a grace.

leftovers   trees that imports of dead processes have built out of sight
released    contents that a flist is noted to hold, and does not: found by going through all entries, or those of
            flists with such leftovers
recipes     of contents that no flist holds
condemned   blocks that nothing refers to, and that were stored longer than the grace ago
deleted     blocks that have been condemned for the grace: their files go, then their rows
orphans     block files that the catalog does not know, older than the grace

All of it goes in slices, and others write in between; each slice looks again, inside of its transaction, whether what
it takes away is needed. store/catalog/collecting.py says why nothing that is needed can go.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from mylist_dav.errors import Busy, MylistError, NotFound, WritesStopped
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.services.archives.staging import given_up, remove_leftovers
from mylist_dav.services.contents.holdings import UPLOAD_NS
from mylist_dav.services.rights import require_admin
from mylist_dav.services.upkeep.releasing import release_given_up, release_unheld
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.catalog.turns import Turn
from mylist_dav.store.disk import Disk
from mylist_dav.store.marking import Marks
from mylist_dav.store.pacing import SLICE_SECONDS, Pace
from mylist_dav.store.processes.scratch import Scratch

PAGE = 1000
DELETED_AT_ONCE_MAX = 500
UPLOADS_AT_ONCE = 5_000
QUICKLY = "collected"
WHOLLY = "collected-wholly"

T = TypeVar("T")
Stage = tuple[Flist, Entry]


class Collected(NamedTuple):
    """What was done, or with a dry run would be. Counts of rows and blocks, and bytes of blocks.

    waiting: blocks that are condemned now and not deleted yet. busy: others keep contents that no flist has yet, so
    that nothing more could be done.
    """

    leftovers: int = 0
    released: int = 0
    recipes: int = 0
    condemned: int = 0
    condemned_bytes: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    busy: bool = False


class _Waiting(Exception):
    """There is a lease: the rest is done another time."""


class _Stopped(Exception):
    """Somebody wants this to end: the rest is done another time."""


def do_not_stop() -> bool:
    """For those who want all of it."""
    return False


class Collector:
    """The verb collect. One process at a time does it, and one thread in it."""

    def __init__(
        self, catalog: Catalog, files: FileBlocks, clock: Callable[[], int], data: Path, grace_ns: int
    ) -> None:
        """files: where blocks have their files. data: the data directory; its tmp/ takes what is needed meanwhile."""
        self._catalog = catalog
        self._files = files
        self._clock = clock
        self._disk = Disk()
        self._scratch = Scratch(data / "tmp", self._disk)
        self._turn_path = data / "collect-turn"
        self._mutex = threading.Lock()
        self._grace_ns = grace_ns

    def run(
        self,
        actor: Actor,
        *,
        dry_run: bool = False,
        wholly: bool = True,
        stop: Callable[[], bool] = do_not_stop,
        pace: Pace | None = None,
    ) -> Collected:
        """Collect once. wholly: also go through all entries and all files, which takes a while.

        stop: asked between slices; True ends it early. Raises Busy when another process is at it.
        A dry run changes nothing; of blocks it does not count those that only going through all entries would find.
        """
        require_admin(actor)
        round_ = _Round(self._catalog, self._files, self._clock, self._grace_ns, stop, pace or Pace())
        if dry_run:
            return round_.look()
        with self._alone():
            return round_.run(actor, self._scratch, lambda: Marks(self._scratch, self._disk), wholly=wholly)

    def last_ns(self, *, wholly: bool) -> int:
        """When any process did it last; 0: never."""
        with self._catalog.view() as view:
            return view.finder.collected_ns(WHOLLY if wholly else QUICKLY)

    def close(self) -> None:
        """Let go of the folder of temporary files."""
        self._scratch.close()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one. Raises Busy."""
        if not self._mutex.acquire(blocking=False):
            raise Busy("blocks are being collected already")
        try:
            with contextlib.closing(Turn(self._turn_path, 0)) as turn, turn.tried() as mine:
                if not mine:
                    raise Busy("another process is collecting blocks already")
                yield
        finally:
            self._mutex.release()


class _Round:
    """Collecting once. For one thread."""

    def __init__(
        self,
        catalog: Catalog,
        files: FileBlocks,
        clock: Callable[[], int],
        grace_ns: int,
        stop: Callable[[], bool],
        pace: Pace,
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._clock = clock
        self._grace_ns = grace_ns
        self._stop = stop
        self._pace = pace
        self._done = Collected()
        self._refused: MylistError | None = None

    # -- the whole ---------------------------------------------------------------------------------------------

    def run(
        self, actor: Actor, scratch: Scratch, make_marks: Callable[[], Marks], *, wholly: bool
    ) -> Collected:
        self._catalog.change(lambda draft: draft.reaper.shorten_leases())
        self._add(leftovers=remove_leftovers(self._catalog, actor, scratch))
        finished = False
        with contextlib.suppress(_Stopped):
            try:
                self._collect(actor, make_marks, given_up(self._catalog, scratch), wholly=wholly)
                finished = True
            except _Waiting:
                self._add(busy=True)
        self._count_waiting()
        self._catalog.change(lambda draft: self._note(draft, actor, wholly=wholly, finished=finished))
        if self._refused is not None:
            raise self._refused  # all else is done, and this will be tried again
        return self._done

    def _collect(
        self, actor: Actor, make_marks: Callable[[], Marks], left: list[Stage], *, wholly: bool
    ) -> None:
        """left: the empty stages of killed imports."""
        self._forget_uploads()
        if wholly or left:
            with contextlib.closing(make_marks()) as marks:
                for count in self._release(marks, None if wholly else {flist.flist_id for flist, _ in left}):
                    self._add(released=count)
        for flist, folder in left:
            self._remove_stage(actor, flist, folder)
        self._drop_recipes()
        self._condemn()
        self._take_back()
        self._begin_deleting()
        self._delete()
        if wholly:
            self._delete_orphans()

    def _release(self, marks: Marks, flist_ids: set[int] | None) -> Iterator[int]:
        """flist_ids: None for all."""
        if flist_ids is None:
            return release_unheld(self._catalog, marks, self._change, self._pace)
        return release_given_up(self._catalog, marks, self._change, self._pace, flist_ids)

    def _remove_stage(self, actor: Actor, flist: Flist, folder: Entry) -> None:
        with contextlib.suppress(NotFound):  # the flist is gone meanwhile
            self._change(lambda draft: draft.draft_tree(flist, actor).unstage(folder, 1))

    def look(self) -> Collected:
        """What would be done."""
        now_ns = self._clock()
        recipes = sum(len(page) for page in self._unheld_recipes())
        condemned = [ref.size_bytes for page in self._unneeded() for ref in page]
        orphans = [ref.size_bytes for page in self._orphans() for ref in page]
        with self._catalog.view() as view:
            deleted = view.finder.condemned(now_ns - self._grace_ns, now_ns)
            waiting = view.finder.condemned(now_ns, now_ns)
            busy = view.finder.leases(now_ns) > 0
        return Collected(
            0, 0, recipes, len(condemned), sum(condemned), *deleted, len(orphans), sum(orphans),
            waiting[0] - deleted[0] + len(condemned), waiting[1] - deleted[1] + sum(condemned), busy,
        )  # fmt: skip

    def _note(self, draft: Draft, actor: Actor, *, wholly: bool, finished: bool) -> None:
        """What was broken off does not count as done: it is begun again soon."""
        done = self._done
        if finished:
            for kind in (QUICKLY, WHOLLY) if wholly else (QUICKLY,):
                draft.reaper.note_collected(kind)
            draft.note_upkept("collect", {name: int(number) for name, number in done._asdict().items()})
        if done._replace(waiting=0, waiting_bytes=0, busy=False) != Collected():
            draft.record(actor, Action.COLLECT, "", done._asdict(), done.deleted_bytes + done.orphan_bytes)

    def _count_waiting(self) -> None:
        now_ns = self._clock()
        with self._catalog.view() as view:
            waiting, waiting_bytes = view.finder.condemned(now_ns, now_ns)
        self._add(waiting=waiting, waiting_bytes=waiting_bytes)

    def _add(self, **counts: int) -> None:
        """Add to what was done."""
        self._done = self._done._replace(
            **{name: getattr(self._done, name) + count for name, count in counts.items()}
        )

    def _change(self, make: Callable[[Draft], T]) -> T:
        """A slice. Raises _Waiting, _Stopped."""

        def alone(draft: Draft) -> T:
            if draft.reaper.must_wait():
                raise _Waiting
            return make(draft)

        if self._stop():
            raise _Stopped
        return self._catalog.change(alone)

    # -- finding -----------------------------------------------------------------------------------------------

    def _unneeded(self) -> Iterator[list[BlockRef]]:
        """Stored blocks that nothing refers to and that are older than the grace, page by page."""
        after: bytes | None = b""
        while after is not None:
            now_ns, began = self._clock(), time.monotonic()
            with self._catalog.view() as view:
                page = view.finder.unneeded_blocks(after, PAGE, now_ns, now_ns - self._grace_ns)
            yield page.found
            after = page.last
            self._pace.rest(time.monotonic() - began, PAGE)

    def _unheld_recipes(self) -> Iterator[list[BlockRef]]:
        """Contents of several blocks that no flist holds, page by page."""
        after: bytes | None = b""
        while after is not None:
            began = time.monotonic()
            with self._catalog.view() as view:
                page = view.finder.unheld_recipes(after, PAGE)
            yield page.found
            after = page.last
            self._pace.rest(time.monotonic() - began, PAGE)

    def _orphans(self) -> Iterator[list[BlockRef]]:
        """Files of blocks that the catalog does not know, older than the grace, page by page."""
        old_ns = self._clock() - self._grace_ns
        digests = self._files.digests()
        while page := list(itertools.islice(digests, PAGE)):
            began = time.monotonic()
            with self._catalog.view() as view:
                unknown = view.finder.unregistered(page)
            yield [
                BlockRef(digest, found.size_bytes)
                for digest in unknown
                if (found := self._files.stat(digest)) is not None and found.written_ns <= old_ns
            ]
            self._pace.rest(time.monotonic() - began, PAGE)

    # -- doing -------------------------------------------------------------------------------------------------

    def _forget_uploads(self) -> None:
        while self._change(lambda draft: draft.reaper.shorten_uploads(UPLOAD_NS, UPLOADS_AT_ONCE)):
            pass  # the clock was put back since they came
        while self._change(lambda draft: draft.reaper.forget_uploads(UPLOADS_AT_ONCE)):
            pass

    def _drop_recipes(self) -> None:
        for page in self._unheld_recipes():
            for piece in self._pace.slices(ref.digest for ref in page):
                self._drop_these(piece)

    def _drop_these(self, digests: list[Digest]) -> None:
        self._add(recipes=self._change(lambda draft: draft.reaper.drop_recipes(digests)))

    def _condemn(self) -> None:
        for page in self._unneeded():
            for piece in self._pace.slices(ref.digest for ref in page):
                self._condemn_these(piece)

    def _condemn_these(self, digests: list[Digest]) -> None:
        refs = self._change(lambda draft: draft.reaper.condemn(digests, draft.now_ns - self._grace_ns))
        self._add(condemned=len(refs), condemned_bytes=sum(ref.size_bytes for ref in refs))

    def _take_back(self) -> None:
        """Files that an operator has put back are found again."""
        after: bytes | None = b""
        while after is not None:
            after = self._take_back_after(after)

    def _take_back_after(self, after: bytes) -> bytes | None:
        return self._change(lambda draft: draft.reaper.take_back(after, DELETED_AT_ONCE_MAX, draft.is_there))

    def _begin_deleting(self) -> None:
        while self._change(
            lambda draft: draft.reaper.begin_deleting(draft.now_ns - self._grace_ns, DELETED_AT_ONCE_MAX)
        ):
            self._pace.rest(SLICE_SECONDS / 4, 1)

    def _delete(self) -> None:
        """Remove files inside of transactions, as long as a slice may take."""
        while True:
            began = time.monotonic()
            refs = self._change(
                lambda draft: draft.reaper.delete(self._removes, _for(SLICE_SECONDS), DELETED_AT_ONCE_MAX)
            )
            if not refs:
                return
            self._add(deleted=len(refs), deleted_bytes=sum(ref.size_bytes for ref in refs))
            self._pace.rest(time.monotonic() - began, len(refs))

    def _delete_orphans(self) -> None:
        for page in self._orphans():
            for piece in self._pace.slices(page):
                self._delete_these(piece)

    def _delete_these(self, orphans: list[BlockRef]) -> None:
        refs = self._change(lambda draft: self._remove_unknown(draft, orphans))
        self._add(orphans=len(refs), orphan_bytes=sum(ref.size_bytes for ref in refs))

    def _remove_unknown(self, draft: Draft, refs: list[BlockRef]) -> list[BlockRef]:
        """Those that are still unknown: nobody can register them before this transaction has ended."""
        unknown = set(draft.finder.unregistered([ref.digest for ref in refs]))
        return [ref for ref in refs if ref.digest in unknown and self._removes(ref.digest)]

    def _removes(self, digest: Digest) -> bool:
        """Remove a file. One that the disk does not let go of must not keep all others: it stays, and is told later."""
        try:
            self._files.delete(digest)
        except WritesStopped:
            raise
        except MylistError as error:
            self._refused = self._refused or error
            return False
        return True


def _for(seconds: float) -> Callable[[], bool]:
    """True until so much time has passed."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline
