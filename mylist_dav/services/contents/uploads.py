"""Receiving the bytes of one file: blocks first and durable, then one transaction. Nothing is visible before.

The block of a small file travels in that transaction itself where an intake is open (store/blockstore/intake.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import Conflict, Incomplete, NotAllowed, OutOfQuota
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import BlockRef, Recipe
from mylist_dav.model.entries import FILE_MODE, Entry, Flist, Kind
from mylist_dav.services.rights import is_admin, require_known, writable
from mylist_dav.services.tree.guards import check_conditions, guard_change
from mylist_dav.services.tree.trees import check_content_type, check_time, parent_folder
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.blockstore.intake import INTAKE_BLOCK_BYTES_MAX, Intake
from mylist_dav.store.catalog import Catalog, Draft, NewEntry, TreeDraft, TreeView, View
from mylist_dav.store.contents import ContentWriter


class Stored(NamedTuple):
    """A file that has been committed; created: there was none before."""

    entry: Entry
    created: bool


class _Room(NamedTuple):
    """free_bytes: the largest file that there is room for, when the upload begins."""

    free_bytes: int
    quota_bytes: int


class _Content(NamedTuple):
    """A content that has arrived; unstored: its one block, if that is still to be taken in."""

    recipe: Recipe
    unstored: bytes = b""


class Uploads:
    """Opens uploads."""

    def __init__(
        self,
        catalog: Catalog,
        blocks: BlockStore,
        clock: Callable[[], int],
        entries_max: int,
        intake: Intake | None = None,
    ) -> None:
        """intake: where the blocks of small files may go, when it is open; without it all go to blocks."""
        self._catalog = catalog
        self._blocks = blocks
        self._clock = clock
        self._entries_max = entries_max
        self._intake = intake

    def open(
        self,
        actor: Actor,
        place: Place,
        *,
        size_bytes: int | None = None,
        mtime_ns: int | None = None,
        content_type: str | None = None,
        conditions: Conditions = UNCONDITIONAL,
        check_now: bool = True,
    ) -> Upload:
        """Begin to receive a file. size_bytes: what must arrive, if it was declared.

        check_now: what can be known is checked now, so that nobody sends a body in vain. It is checked when the file
        is committed in any case: False saves looking twice when the body is here already.
        Raises NotFound, Conflict (no parent folder), NotAllowed (a folder is there), Locked, PreconditionFailed, ...
        """
        require_known(actor)
        if not place.path:
            raise NotAllowed(f"{place.flist_name} is a folder: it has no content")
        check_time(mtime_ns)
        check_content_type(content_type)
        room = None
        if check_now or not is_admin(actor):  # who may not write here leaves no block behind, however small
            with self._catalog.view() as view:
                tree = view.tree(writable(view, actor, place.flist_name))
                if check_now or tree.flist.quota_bytes is not None:
                    existing = _check(view, tree, place, actor, conditions, self._clock())
                    room = _room(view, tree.flist, existing)
        upload = Upload(self, actor, place, size_bytes, mtime_ns, content_type, conditions, room)
        upload.require_room(size_bytes or 0)
        return upload

    def writer(self) -> ContentWriter:
        """A writer of content into the block store."""
        return ContentWriter(self._blocks)

    def keep(self, writer: ContentWriter) -> _Content:
        """Make what was written durable, or have it ready to become so with its commit."""
        block = writer.unstored(INTAKE_BLOCK_BYTES_MAX)
        if self._intake is not None and block is not None:
            digest = self._intake.takes(block)
            if digest is not None:
                size_bytes = len(block)
                return _Content(Recipe(digest, size_bytes, "", (BlockRef(digest, size_bytes),)), block)
        return _Content(writer.finish())

    def commit(self, upload: Upload, place: Place, content: _Content) -> Stored:
        """Make a received content the file at a place."""
        return self._catalog.change(lambda draft: self._put(draft, upload, place, content))

    def _put(self, draft: Draft, upload: Upload, place: Place, content: _Content) -> Stored:
        recipe = content.recipe
        tree = draft.draft_tree(
            writable(draft, upload.actor, place.flist_name), upload.actor, self._entries_max
        )
        existing = _check(draft, tree, place, upload.actor, upload.conditions, draft.now_ns)
        if content.unstored and self._intake is not None:
            self._intake.came(draft.take_in({recipe.digest: content.unstored}))
        draft.register(recipe)
        tree.action, tree.note = Action.UPLOAD, f"put /{place.path}"
        tree.brought_bytes = recipe.size_bytes
        draft.leave(tree)
        mtime_ns = draft.now_ns if upload.mtime_ns is None else upload.mtime_ns
        return put_content(tree, place, existing, recipe, mtime_ns, upload.content_type)


class Upload:
    """One file that is being received. write any number of times, then finish or abort; by one thread at a time."""

    def __init__(
        self,
        uploads: Uploads,
        actor: Actor,
        place: Place,
        size_bytes: int | None,
        mtime_ns: int | None,
        content_type: str | None,
        conditions: Conditions,
        room: _Room | None = None,
    ) -> None:
        self._uploads = uploads
        self._room = room
        self.actor = actor
        self.place = place
        self.size_bytes = size_bytes
        self.mtime_ns = mtime_ns
        self.content_type = content_type
        self.conditions = conditions
        self._writer = uploads.writer()
        self._received_bytes = 0
        self._content: _Content | None = None

    def write(self, piece: bytes) -> None:
        """The next bytes. Raises Incomplete past the declared size, OutOfSpace, WritesStopped."""
        self._received_bytes += len(piece)
        if self.size_bytes is not None and self._received_bytes > self.size_bytes:
            raise Incomplete(f"more than the declared {self.size_bytes} bytes arrived; nothing was kept")
        self.require_room(self._received_bytes)
        self._writer.write(piece)

    def require_room(self, size_bytes: int) -> None:
        """Raises OutOfQuota when it is clear that a file of so many bytes cannot be committed."""
        if self._room is not None and size_bytes > self._room.free_bytes:
            raise OutOfQuota(
                f"the flists of {self.place.flist_name.account} may hold {self._room.quota_bytes} bytes together, and"
                f" there is no room for a file of {size_bytes}"
            )

    def finish(self, place: Place | None = None) -> Stored:
        """Everything has arrived: commit it. Raises Incomplete when it is less than declared; nothing is kept then.

        place: somewhere else; so it can be tried again after it was refused where it was meant to go.
        """
        if self._content is None:
            self._require_whole()
            self._content = self._uploads.keep(self._writer)
        return self._uploads.commit(self, place or self.place, self._content)

    def _require_whole(self) -> None:
        if self.size_bytes is not None and self._received_bytes != self.size_bytes:
            self.abort()
            raise Incomplete(
                f"{self._received_bytes} of the declared {self.size_bytes} bytes arrived; nothing was kept"
            )

    def abort(self) -> None:
        """Drop what has arrived. The file stays as it was."""
        self._writer.abort()


def put_content(
    tree: TreeDraft,
    place: Place,
    existing: Entry | None,
    recipe: Recipe,
    mtime_ns: int,
    content_type: str | None,
) -> Stored:
    """Write the entry: a new one, or new content for the one that is there, which keeps its id and mode."""
    if existing is None:
        parent = parent_folder(tree, place.path)
        new = NewEntry(
            Kind.FILE, FILE_MODE, mtime_ns, tree.now_ns, recipe.size_bytes, recipe.digest, None, content_type
        )
        return Stored(tree.insert(parent.entry_id, place.path.name, new), True)
    changed = existing._replace(
        mtime_ns=mtime_ns,
        size_bytes=recipe.size_bytes,
        digest=recipe.digest,
        content_type=content_type or existing.content_type,
    )
    return Stored(existing if changed == existing else tree.replace(existing, changed), False)


def _room(view: View, flist: Flist, existing: Entry | None) -> _Room | None:
    """What the quota leaves for a file in the place of what is there; None: there is no quota.

    What makes the flists no larger is allowed, however large they are.
    """
    room_bytes = view.room_bytes(flist)
    if room_bytes is None or flist.quota_bytes is None:
        return None
    freed_bytes = existing.size_bytes if existing is not None else 0
    return _Room(max(room_bytes, 0) + freed_bytes, flist.quota_bytes)


def _check(
    view: View, tree: TreeView, place: Place, actor: Actor, conditions: Conditions, now_ns: int
) -> Entry | None:
    """All that must hold for a file to be written at place; returns what is there now."""
    check_conditions(view, tree, place.path, actor, conditions, now_ns)
    chain = tree.chain(place.path)
    existing = chain[-1] if len(chain) == len(place.path) + 1 else None
    if existing is None and (len(chain) != len(place.path) or not chain[-1].is_directory):
        raise Conflict(f"there is no folder /{place.path.parent}: make it first")
    if existing is not None and not existing.is_file:
        raise NotAllowed(f"/{place.path} is a {existing.kind.name.lower()}: it cannot be written as a file")
    guard_change(view, tree, place.path, actor, conditions, now_ns, names=existing is None)
    return existing
