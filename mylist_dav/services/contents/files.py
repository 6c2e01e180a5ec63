"""Single files by the digest of their content.

A digest is no right to its bytes. Whoever asks for one must be able to read a flist of which some revision shows a file
of that content; to everybody else it is unknown. Where the settings say so, a digest of a flist that is not private
opens what it names for whoever knows it.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from mylist_dav.errors import Busy, Corrupt, Exists, LimitExceeded, NotFound, Unauthenticated
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import BlockRef, BlockSlice, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.services.contents.uploads import Upload, Uploads
from mylist_dav.services.limits.quotas import Require, allowance, any_size
from mylist_dav.services.rights import require_creation, require_known, visible, writable
from mylist_dav.services.tree.flists import Flists
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog, Shown, View
from mylist_dav.store.contents import read_slices

FLIST = "files"
"""The flist of each account that single files go to."""

HARD_BYTES_MAX = 4 * 1024**3
"""The largest content whose bytes are read for one question: some seconds of reading. Larger ones are for a job."""

HARD_AT_ONCE_MAX = 2
PAGE = 100
LISTED_MAX = 1_000
"""Most blocks that an answer names."""

FILE_JOB = "file"
"""The kind of the jobs that store a file."""

CHECK_JOB = "file-check"
"""The kind of the jobs that read one again."""

_KNOWN_MAX = 20_000
_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,20}$")


class File(NamedTuple):
    """A content that may be read, with an entry that shows it and the flist that holds that."""

    flist_name: FlistName
    entry: Entry
    recipe: Recipe

    def pieces(self, offset: int, length: int) -> Iterator[BlockSlice]:
        """A stretch of its bytes, as slices of blocks."""
        return read_slices(self.recipe, offset, length)


def address_of(entry: Entry) -> str:
    """What a file is asked for by: its digest, and the extension of its name if that is one."""
    extension = _EXTENSION.search(entry.name)
    return f"{entry.digest}{extension[0]}" if extension else str(entry.digest)


class Checked(NamedTuple):
    """What is wrong with a content: blocks that are not there, and blocks that are not what they should be.

    Each list names at most LISTED_MAX; missing_count and bad_count count all.
    """

    recipe: Recipe
    missing: list[Digest]
    bad: list[Digest]
    missing_count: int
    bad_count: int

    def told(self, digest: Digest, *, hard: bool, named_max: int = LISTED_MAX) -> dict[str, Any]:
        """As it is told outside. named_max: how many blocks of each list."""
        return {
            "digest": str(digest),
            "size": self.recipe.size_bytes,
            "blocks": len(self.recipe.blocks),
            "hard": hard,
            "whole": not (self.missing_count or self.bad_count),
            "missing": list(map(str, self.missing[:named_max])),
            "bad": list(map(str, self.bad[:named_max])),
            "missing_count": self.missing_count,
            "bad_count": self.bad_count,
        }


class Files:
    """The verbs on single files. stored: the blocks as they are on disk, behind no cache."""

    def __init__(
        self,
        catalog: Catalog,
        stored: BlockStore,
        flists: Flists,
        uploads: Uploads,
        *,
        digests_are_keys: bool,
    ) -> None:
        self._catalog = catalog
        self._stored = stored
        self._flists = flists
        self._uploads = uploads
        self._digests_are_keys = digests_are_keys
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, Digest], Shown] = OrderedDict()
        self._hard = threading.BoundedSemaphore(HARD_AT_ONCE_MAX)

    def open(
        self,
        actor: Actor,
        name: str,
        *,
        size_bytes: int | None = None,
        content_type: str | None = None,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Upload:
        """Begin to receive a file into the flist for files of the account; see Uploads.open.

        The flist is made if it is not there, by those who may. Raises Forbidden, BadName, OutOfQuota, ...
        """
        place = self.require_place(actor, name)
        begin = partial(
            self._uploads.open,
            actor,
            place,
            size_bytes=size_bytes,
            content_type=content_type,
            conditions=conditions,
        )
        try:
            return begin()
        except NotFound:
            with contextlib.suppress(Exists):  # another request was faster
                self._flists.create(actor, place.flist_name)
            return begin()

    def require_place(self, actor: Actor, name: str) -> Place:
        """Where a file of the account goes, before it is here. Raises what can be known: Forbidden, BadName, ..."""
        require_known(actor)
        if not actor.account:
            raise Unauthenticated("a file is stored for an account: log in with a token")
        place = Place(FlistName(actor.account, FLIST), ROOT.child(name))
        with self._catalog.view() as view:
            try:
                writable(view, actor, place.flist_name)
            except NotFound:
                require_creation(actor, place.flist_name)
        return place

    def check_body(self, actor: Actor, name: str) -> Require:
        """The same for a file that is kept before it is stored; its size goes through what is returned."""
        place = self.require_place(actor, name)
        with self._catalog.view() as view:
            existing = None
            with contextlib.suppress(NotFound):
                existing = view.tree(view.flist(place.flist_name)).find(place.path)
            allowed = allowance(view, actor.account, existing)
        return any_size if allowed is None else allowed.require_body

    def find(self, actor: Actor, digest: Digest) -> File:
        """A content by its digest. Raises NotFound for what is not there and what may not be read, alike.

        Raises Unauthenticated for a guest, unless digests open what they name.
        """
        if actor.role is Role.GUEST and not self._digests_are_keys:
            raise Unauthenticated("log in with a token first")
        with self._catalog.view() as view:
            after_id: int | None = 0
            while after_id is not None:
                page = view.holders.flists(digest, after_id, PAGE)
                after_id = page[-1].flist_id if len(page) == PAGE else None
                for flist in self._open_to(view, actor, page):  # for none as well: else time would tell
                    shown = self._shown(view, flist, digest)
                    if shown is not None:
                        recipe = view.recipe(digest, shown.entry.size_bytes)
                        return File(flist.flist_name, shown.entry, recipe)
        raise NotFound(f"there is no file {digest}")

    def check(self, actor: Actor, digest: Digest, *, hard: bool) -> Checked:
        """Whether all blocks of a content are there with their sizes; hard: and have the right bytes, read anew.

        Raises NotFound as find does, LimitExceeded (too large to be read for one question), Busy.
        """
        require_known(actor)
        recipe = self.find(actor, digest).recipe
        if not hard:
            return self._judged(recipe, self._has_size)
        if recipe.size_bytes > HARD_BYTES_MAX:
            raise LimitExceeded(
                f"a content of {recipe.size_bytes} bytes is too large to be read for one question:"
                f" {HARD_BYTES_MAX} are allowed"
            )
        if not self._hard.acquire(blocking=False):
            raise Busy("several files are being read again already: try a little later")
        try:
            return self._judged(recipe, self._has_bytes)
        finally:
            self._hard.release()

    def takes_long(self, actor: Actor, digest: Digest) -> bool:
        """Whether a hard check is for a job. Raises Unauthenticated, NotFound."""
        require_known(actor)
        return self.find(actor, digest).recipe.size_bytes > HARD_BYTES_MAX

    def reread(self, actor: Actor, digest: Digest, show: Callable[[int, int], None]) -> Checked:
        """A hard check of any size. show: told how many bytes were read, and of how many. Raises NotFound."""
        require_known(actor)
        recipe = self.find(actor, digest).recipe
        read_bytes = 0

        def judge(ref: BlockRef) -> bool | None:
            nonlocal read_bytes
            show(read_bytes, recipe.size_bytes)
            read_bytes += ref.size_bytes
            return self._has_bytes(ref)

        return self._judged(recipe, judge)

    # -- inside ------------------------------------------------------------------------------------------------

    def _open_to(self, view: View, actor: Actor, flists: list[Flist]) -> list[Flist]:
        """Those that the actor may read, or that are open to whoever knows a digest."""
        seen = visible(view, actor, flists)
        if not self._digests_are_keys:
            return seen
        return [*seen, *(flist for flist in flists if not flist.private and flist not in seen)]

    def _shown(self, view: View, flist: Flist, digest: Digest) -> Shown | None:
        """A revision never changes: what one was found to show, it shows as long as the flist still has it."""
        key = flist.flist_id, digest
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
        if known is not None and known.jid >= flist.oldest_jid:
            return known
        found = view.holders.shown(flist, digest)
        if found is not None:
            with self._lock:
                self._known[key] = found
                if len(self._known) > _KNOWN_MAX:
                    self._known.popitem(last=False)
        return found

    def _judged(self, recipe: Recipe, judge: Callable[[BlockRef], bool | None]) -> Checked:
        """judge: whether a block is right; None when it is not there."""
        missing: dict[Digest, None] = {}
        bad: dict[Digest, None] = {}
        for ref in dict.fromkeys(recipe.blocks):
            right = judge(ref)
            if right is None:
                missing[ref.digest] = None
            elif not right:
                bad[ref.digest] = None
        return Checked(recipe, list(missing)[:LISTED_MAX], list(bad)[:LISTED_MAX], len(missing), len(bad))

    def _has_size(self, ref: BlockRef) -> bool | None:
        try:
            size_bytes = self._stored.stored_bytes(ref.digest)
        except Corrupt:
            return False
        return None if size_bytes is None else size_bytes == ref.size_bytes

    def _has_bytes(self, ref: BlockRef) -> bool | None:
        try:
            return len(self._stored.get(ref.digest)) == ref.size_bytes
        except NotFound:
            return None
        except Corrupt:
            return False
