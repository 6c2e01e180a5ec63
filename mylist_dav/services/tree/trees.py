"""Reading and changing the tree of a flist. Every change is one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mylist_dav.errors import (
    Conflict,
    Exists,
    Forbidden,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotFound,
    PreconditionFailed,
)
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import BlockSlice, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import DIRECTORY_MODE, Entry, Kind
from mylist_dav.model.names import NAME_BYTES_MAX, FlistName
from mylist_dav.model.paths import DEPTH_MAX, PATH_BYTES_MAX, TreePath
from mylist_dav.services.rights import readable, require_known, still_readable, writable
from mylist_dav.services.tree.following import resolve
from mylist_dav.services.tree.going_on import entries_after
from mylist_dav.services.tree.guards import check_conditions, guard_change, guard_removal
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import WALK_PAGE, Ahead, Catalog, Draft, NewEntry, TreeDraft, TreeView, View
from mylist_dav.store.contents import read_slices

CONTENT_TYPE_CHARS_MAX = 255


class Moved(NamedTuple):
    """What COPY or MOVE has done: the entry at the destination, and whether there was none before."""

    entry: Entry
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributes:
    """What may be set of an entry; None leaves it as it is."""

    mtime_ns: int | None = None
    mode: int | None = None
    content_type: str | None = None


class TreePage(NamedTuple):
    """Some entries of the tree of a revision, with their paths. next: the last of these if there are more, or None."""

    jid: int
    entries: list[tuple[TreePath, Entry]]
    next: TreePath | None


RECIPE_BLOCKS_MAX = 100_000
"""Recipes are told until they have so many blocks together: some 10 MB of JSON. One may have more."""


class Trees:
    """The verbs on entries. Paths are given as Place(flist name, path)."""

    def __init__(
        self, catalog: Catalog, blocks: BlockStore, clock: Callable[[], int], entries_max: int
    ) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._clock = clock
        self._entries_max = entries_max

    # -- reading -----------------------------------------------------------------------------------------------

    def stat(self, actor: Actor, place: Place, at_jid: int | None = None) -> Entry:
        """The entry at a place. Raises NotFound."""
        with self._catalog.view() as view:
            entry = view.tree(readable(view, actor, place.flist_name), at_jid).find(place.path)
        return _there(entry, place)

    def resolve(
        self, actor: Actor, place: Place, at_jid: int | None = None, *, last: bool = True
    ) -> tuple[Place, Entry | None]:
        """Where a place really lies once symbolic links are followed, and what is there; see following.resolve.

        Raises NotFound for the flist only.
        """
        with self._catalog.view() as view:
            tree = view.tree(readable(view, actor, place.flist_name), at_jid)
            path, entry = resolve(tree, place.path, last=last)
        return Place(place.flist_name, path), entry

    def list(
        self, actor: Actor, place: Place, at_jid: int | None = None, after: str = "", limit: int = -1
    ) -> tuple[Entry, list[Entry]]:
        """A folder and its members in order of name. Raises NotFound, NotAllowed (it is no folder)."""
        with self._catalog.view() as view:
            tree = view.tree(readable(view, actor, place.flist_name), at_jid)
            folder = _there(tree.find(place.path), place)
            if not folder.is_directory:
                raise NotAllowed(f"/{place.path} is not a folder")
            return folder, tree.children(folder.entry_id, after, limit)

    def walk(self, actor: Actor, place: Place, at_jid: int | None = None) -> Iterator[tuple[TreePath, Entry]]:
        """Everything below a folder, parents first, as one consistent state: that of the revision. Raises NotFound.

        Nothing is held while the caller is busy with an entry; so it also ends in NotFound when the flist, or the right
        to read it, is taken away on the way.
        """
        with self._catalog.view() as view:
            flist = readable(view, actor, place.flist_name)
            jid = flist.head_jid if at_jid is None else at_jid
            folder = _there(view.tree(flist, jid).find(place.path), place)
        ahead: Ahead = [(place.path, folder.entry_id, "")] if folder.is_directory else []
        while ahead:
            found: list[tuple[TreePath, Entry]] = []
            with self._catalog.view() as view:
                tree = view.tree(still_readable(view, actor, flist.flist_id), jid)
                while ahead and len(found) < WALK_PAGE:
                    found += tree.walk_on(ahead)
            yield from found

    def page(
        self,
        actor: Actor,
        name: FlistName,
        at_jid: int | None = None,
        after: TreePath | None = None,
        limit: int = 1000,
    ) -> TreePage:
        """Some of a whole tree in order of path, folders before their members; past a path that is in it.

        Raises NotFound, Invalid for a path that is not.
        """
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            found = entries_after(view.tree(flist, at_jid), after, limit + 1)
            jid = flist.head_jid if at_jid is None else at_jid
        return TreePage(jid, found[:limit], found[limit - 1][0] if len(found) > limit else None)

    def recipes(self, actor: Actor, name: FlistName, digests: Iterator[Digest]) -> dict[Digest, Recipe]:
        """The blocks of contents that a flist holds in any of its revisions; others are left out. Raises NotFound.

        It ends once there are RECIPE_BLOCKS_MAX blocks: what is left of digests is for another call.
        """
        found: dict[Digest, Recipe] = {}
        blocks = 0
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            for digest in digests:
                recipe = view.recipe_held(flist.flist_id, digest)
                if recipe is not None:
                    found[digest] = recipe
                    blocks += len(recipe.blocks)
                    if blocks >= RECIPE_BLOCKS_MAX:
                        break
        return found

    def recipe(self, entry: Entry) -> Recipe:
        """The blocks of a file that the caller has been given. Raises NotAllowed for what is no file."""
        if entry.digest is None:
            raise NotAllowed(f"{entry.name!r} is not a file")
        with self._catalog.view() as view:
            return view.recipe(entry.digest, entry.size_bytes)

    def pieces(self, entry: Entry) -> Callable[[int, int], Iterator[BlockSlice]]:
        """A reader of a file that the caller has been given: (offset, length) to slices of blocks, lazily."""

        def read(offset: int, length: int) -> Iterator[BlockSlice]:
            return read_slices(self.recipe(entry), offset, length)

        return read

    # -- changing ----------------------------------------------------------------------------------------------

    def make_directory(self, actor: Actor, place: Place, conditions: Conditions = UNCONDITIONAL) -> Entry:
        """Make one folder. Raises Exists (anything is there), Conflict (no parent folder), Locked, ..."""
        # Sync programs ask for a folder with each file: a refusal should not queue behind writers.
        with self._catalog.view() as view:
            there = view.tree(writable(view, actor, place.flist_name))
            _check_free(view, there, place, actor, conditions, self._clock())

        def make(draft: Draft) -> Entry:
            tree = self._tree(draft, actor, place)
            parent = _check_free(draft, tree, place, actor, conditions, draft.now_ns)
            new = NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, draft.now_ns, draft.now_ns)
            tree.action, tree.note = Action.MKDIR, f"mkdir /{place.path}"
            return tree.insert(parent.entry_id, place.path.name, new)

        return self._catalog.change(make)

    def delete(self, actor: Actor, place: Place, conditions: Conditions = UNCONDITIONAL) -> None:
        """Delete an entry and all that is below it. Raises NotFound, Locked, Forbidden (the root), ..."""
        require_known(actor)
        refuse_root(place)

        def make(draft: Draft) -> None:
            tree = self._tree(draft, actor, place)
            check_conditions(draft, tree, place.path, actor, conditions, draft.now_ns)
            entry = _there(tree.find(place.path), place)
            self._take_away(draft, tree, place.path, entry, actor, conditions)
            tree.action, tree.note = Action.DELETE, f"delete /{place.path}"

        self._catalog.change(make)

    def set_attributes(
        self, actor: Actor, place: Place, attributes: Attributes, conditions: Conditions = UNCONDITIONAL
    ) -> Entry:
        """Set attributes of an entry; no commit if they are so already. Raises NotFound, Locked, ..."""
        require_known(actor)

        def make(draft: Draft) -> Entry:
            tree = self._tree(draft, actor, place)
            check_conditions(draft, tree, place.path, actor, conditions, draft.now_ns)
            entry = _there(tree.find(place.path), place)
            guard_change(draft, tree, place.path, actor, conditions, draft.now_ns, names=False)
            return set_attributes(tree, entry, attributes)

        return self._catalog.change(make)

    def move(
        self,
        actor: Actor,
        source: Place,
        target: Place,
        *,
        overwrite: bool,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Moved:
        """Move an entry, within its flist or to another. Raises NotFound, Conflict, PreconditionFailed, Locked, ...

        Within a flist it keeps its id. To another it is a copy and a deletion: two commits in one transaction.
        """
        _refuse_places(actor, source, target)
        refuse_root(source)

        def make(draft: Draft) -> Moved:
            return self._move(draft, actor, source, target, overwrite, conditions)

        return self._catalog.change(make)

    def copy(
        self,
        actor: Actor,
        source: Place,
        target: Place,
        *,
        overwrite: bool,
        members: bool = True,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Moved:
        """Copy an entry; members=False leaves out what is in a folder (Depth: 0). No content is touched."""
        _refuse_places(actor, source, target)

        def make(draft: Draft) -> Moved:
            return self._copy(draft, actor, source, target, overwrite, members, conditions)

        return self._catalog.change(make)

    # -- inside ------------------------------------------------------------------------------------------------

    def _tree(self, draft: Draft, actor: Actor, place: Place) -> TreeDraft:
        return draft.draft_tree(writable(draft, actor, place.flist_name), actor, self._entries_max)

    def _move(
        self,
        draft: Draft,
        actor: Actor,
        source: Place,
        target: Place,
        overwrite: bool,
        conditions: Conditions,
    ) -> Moved:
        tree = self._tree(draft, actor, source)
        check_conditions(draft, tree, source.path, actor, conditions, draft.now_ns)
        entry = _there(tree.find(source.path), source)
        if source.flist_name != target.flist_name:
            moved = self._copy(draft, actor, source, target, overwrite, True, conditions)
            self._take_away(draft, tree, source.path, entry, actor, conditions)
            tree.action, tree.note = Action.MOVE, f"move /{source.path} to {target.flist_name}/{target.path}"
            return moved
        refuse_cycle(tree, entry, target.path)
        refuse_too_deep(tree, entry, target.path)
        for lock in guard_removal(draft, tree, source.path, entry, actor, conditions, draft.now_ns):
            draft.remove_lock(lock.token)
        existing = self._make_room(draft, tree, target, actor, conditions, overwrite, keep=entry)
        parent = parent_folder(tree, target.path)
        if (parent.entry_id, target.path.name) == (entry.parent_id, entry.name):
            raise Forbidden("the source and the destination are the same")
        placed = tree.replace(entry, entry._replace(parent_id=parent.entry_id, name=target.path.name))
        tree.action, tree.note = Action.MOVE, f"move /{source.path} to /{target.path}"
        return Moved(placed, existing is None)

    def _copy(
        self,
        draft: Draft,
        actor: Actor,
        source: Place,
        target: Place,
        overwrite: bool,
        members: bool,
        conditions: Conditions,
    ) -> Moved:
        source_tree = self._tree(draft, actor, source) if source.flist_name == target.flist_name else None
        reading = source_tree or draft.tree(readable(draft, actor, source.flist_name))
        check_conditions(draft, reading, source.path, actor, conditions, draft.now_ns)
        entry = _there(reading.find(source.path), source)
        tree = source_tree or self._tree(draft, actor, target)
        if members and source_tree is not None:
            refuse_cycle(tree, entry, target.path)
        if source_tree is not None and (there := tree.find(target.path)) and there.entry_id == entry.entry_id:
            raise Forbidden("the source and the destination are the same")
        if members:
            refuse_too_deep(reading, entry, target.path)
        keep = entry if source_tree is not None else None
        existing = self._make_room(draft, tree, target, actor, conditions, overwrite, keep=keep)
        parent = parent_folder(tree, target.path)
        copied = tree.insert(parent.entry_id, target.path.name, NewEntry(*entry[3:11]))
        draft.copy_properties(reading.flist.flist_id, entry.entry_id, tree.flist.flist_id, copied.entry_id)
        if members and entry.is_directory:
            tree.copy_members(reading, entry, copied)
        tree.action, tree.note = Action.COPY, f"copy {source.flist_name}/{source.path} to /{target.path}"
        return Moved(copied, existing is None)

    def _make_room(
        self,
        draft: Draft,
        tree: TreeDraft,
        target: Place,
        actor: Actor,
        conditions: Conditions,
        overwrite: bool,
        keep: Entry | None,
    ) -> Entry | None:
        """Take away what is at the destination; returns it. Raises PreconditionFailed unless overwrite.

        keep: the source, if it is in the same flist.
        """
        existing = tree.find(target.path)
        if existing is None:
            guard_change(draft, tree, target.path, actor, conditions, draft.now_ns, names=True)
            return None
        if keep is not None and existing.entry_id == keep.entry_id:
            return None  # a rename to another normal form of the same name
        if not overwrite:
            raise PreconditionFailed(f"there is already something at /{target.path}")
        if keep is not None:
            refuse_nested(tree, target.path, existing, keep)
        self._take_away(draft, tree, target.path, existing, actor, conditions)
        return existing

    def _take_away(
        self,
        draft: Draft,
        tree: TreeDraft,
        path: TreePath,
        entry: Entry,
        actor: Actor,
        conditions: Conditions,
    ) -> None:
        for lock in guard_removal(draft, tree, path, entry, actor, conditions, draft.now_ns):
            draft.remove_lock(lock.token)
        tree.remove(entry)


def _refuse_places(actor: Actor, source: Place, target: Place) -> None:
    """What can be said of a copy before anything is read."""
    require_known(actor)
    if source == target:
        raise Forbidden("the source and the destination are the same")
    refuse_root(target)


def parent_folder(tree: TreeView, path: TreePath) -> Entry:
    """The folder that an entry at path would be in. Raises Conflict when there is none (RFC 4918, 9.3.1)."""
    parent = tree.find(path.parent)
    if parent is None or not parent.is_directory:
        raise Conflict(f"there is no folder /{path.parent}: make it first")
    return parent


def refuse_root(place: Place) -> None:
    """Raises Forbidden for the root of a flist: it is neither replaced nor taken away by a change of its tree."""
    if not place.path:
        raise Forbidden(f"{place.flist_name} itself cannot be moved, replaced or deleted this way")


def refuse_cycle(tree: TreeDraft, entry: Entry, target: TreePath) -> None:
    """Raises Conflict when target lies inside of the entry."""
    if entry.is_directory and any(e.entry_id == entry.entry_id for e in tree.chain(target.parent)):
        raise Conflict("a folder cannot be put inside of itself")


def refuse_too_deep(tree: TreeView, entry: Entry, target: TreePath) -> int:
    """Raises LimitExceeded when something below a folder would have too long a path at its new place.

    Folders alone are looked at first: they are few, and mostly that is enough to know. Returns how many entries were
    looked at.
    """
    names, size_bytes = len(target), len(str(target).encode())
    if not entry.is_directory:
        return 0
    way = tree.path_of(entry.entry_id)  # it may have been asked for in another normal form, which is longer
    if way is not None and names <= len(way[0]) and size_bytes <= len(str(way[0]).encode()):
        return 0
    below, below_bytes, folders = tree.folders_reach(entry)
    if names + below < DEPTH_MAX and size_bytes + below_bytes + 1 + NAME_BYTES_MAX <= PATH_BYTES_MAX:
        return folders
    below, below_bytes, looked_at = tree.reach(entry)
    if names + below > DEPTH_MAX or size_bytes + below_bytes > PATH_BYTES_MAX:
        raise LimitExceeded(
            f"paths below /{target} would be too long: {DEPTH_MAX} names and {PATH_BYTES_MAX} bytes are allowed"
        )
    return folders + looked_at


def refuse_nested(tree: TreeDraft, path: TreePath, existing: Entry, keep: Entry) -> None:
    """Raises Conflict when the entry at path lies in what is to be put there, or holds it."""
    if keep.entry_id in {ancestor.entry_id for ancestor in tree.chain(path)[:-1]}:
        raise Conflict(f"/{path} lies inside of what is to be put there")
    source_way = tree.path_of(keep.entry_id)
    if source_way is not None and existing.entry_id in source_way[1][:-1]:
        raise Conflict(f"/{path} holds what is to be put in its place")


def set_attributes(tree: TreeDraft, entry: Entry, attributes: Attributes) -> Entry:
    """Set what is not None; writes nothing if all is so already. Raises Invalid for what is out of range."""
    if attributes.mode is not None and not 0 <= attributes.mode <= 0o7777:
        raise Invalid(f"{attributes.mode:o} is not a mode: 0 to 7777 is allowed")
    check_time(attributes.mtime_ns)
    check_content_type(attributes.content_type)
    changed = entry._replace(
        mtime_ns=entry.mtime_ns if attributes.mtime_ns is None else attributes.mtime_ns,
        mode=entry.mode if attributes.mode is None else attributes.mode,
        content_type=entry.content_type if attributes.content_type is None else attributes.content_type,
    )
    if changed == entry:
        return entry
    way = tree.path_of(entry.entry_id)
    tree.action, tree.note = Action.ATTRIBUTES, f"attributes of /{way[0] if way else entry.name}"
    return tree.replace(entry, changed)


def check_time(time_ns: int | None) -> None:
    """Raises Invalid for a time that does not fit into 64 bits: some 292 years around 1970."""
    if time_ns is not None and not -(2**63) <= time_ns < 2**63:
        raise Invalid("a time must lie between the years 1677 and 2262")


def check_content_type(content_type: str | None) -> None:
    """Raises Invalid for what cannot be sent as a Content-Type header: it must be printable ASCII, and short."""
    if content_type is None:
        return
    if len(content_type) > CONTENT_TYPE_CHARS_MAX or not (
        content_type.isascii() and content_type.isprintable()
    ):
        raise Invalid(
            f"a content type is at most {CONTENT_TYPE_CHARS_MAX} printable characters of ASCII, not"
            f" {content_type[:80]!r}"
        )


def _check_free(
    view: View, tree: TreeView, place: Place, actor: Actor, conditions: Conditions, now_ns: int
) -> Entry:
    """All that must hold for something new to be made at place; returns the folder it will be in."""
    check_conditions(view, tree, place.path, actor, conditions, now_ns)
    if tree.find(place.path) is not None:
        raise Exists(f"there is already something at /{place.path}")
    parent = parent_folder(tree, place.path)
    guard_change(view, tree, place.path, actor, conditions, now_ns, names=True)
    return parent


def _there(entry: Entry | None, place: Place) -> Entry:
    if entry is None:
        raise NotFound(f"there is nothing at /{place.path} in {place.flist_name}")
    return entry
