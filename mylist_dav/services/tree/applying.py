"""The operations of a commit, done one after the other on a draft of the tree, each as the ones before have left it."""

from __future__ import annotations

from collections.abc import Mapping

from mylist_dav.errors import Conflict, LimitExceeded, Locked
from mylist_dav.model.actors import Actor
from mylist_dav.model.conditions import Conditions
from mylist_dav.model.contents import Recipe
from mylist_dav.model.entries import DIRECTORY_MODE, FILE_MODE, SYMLINK_MODE, Entry, Kind
from mylist_dav.model.operations import (
    Copy,
    Delete,
    Exchange,
    MakeDirectory,
    MakeSymlink,
    Move,
    Operation,
    Put,
    Reason,
    Refusal,
    SetAttributes,
)
from mylist_dav.model.paths import PATH_BYTES_MAX, TreePath
from mylist_dav.services.tree.guards import guard_change, guard_removal
from mylist_dav.services.tree.naming import Content
from mylist_dav.services.tree.trees import (
    Attributes,
    refuse_cycle,
    refuse_nested,
    refuse_too_deep,
    set_attributes,
)
from mylist_dav.store.catalog import Draft, NewEntry, TreeDraft

COPIED_ENTRIES_MAX = 100_000
"""How many entries the copies of one commit may make together: its transaction holds up all who write."""

LOOKED_AT_MAX = 5_000_000
"""How many entries below folders may be looked at for their paths, at some million a second."""


LOCK_ENTRIES = 10
"""So many of these is the path of each lock, which is looked for when a folder goes or moves."""


class _Stop(Exception):
    """An operation cannot be done. Never leaves this module."""

    def __init__(self, path: TreePath, reason: Reason, now: Entry | None) -> None:
        self.path = path
        self.reason = reason
        self.now = now


class Applying:
    """For one commit, inside of its transaction. brought_bytes: the size of the contents it has put."""

    def __init__(
        self,
        draft: Draft,
        tree: TreeDraft,
        actor: Actor,
        conditions: Conditions,
        recipes: Mapping[Content, Recipe],
    ) -> None:
        """recipes: of every content that is put, and that may be."""
        self._draft = draft
        self._tree = tree
        self._actor = actor
        self._conditions = conditions
        self._recipes = recipes
        locked = draft.has_locks(tree.flist.flist_id, draft.now_ns)
        self._locks = len(draft.locks(tree.flist.flist_id, draft.now_ns)) if locked else 0
        self._copied = self._looked_at = 0
        self.brought_bytes = 0

    def apply(self, number: int, operation: Operation) -> Refusal | None:
        """Do one operation, or say why not; then the draft is good for nothing but further refusals.

        Raises LimitExceeded for what is too much at all.
        """
        try:
            match operation:
                case Put():
                    self._put(operation)
                case MakeDirectory():
                    self._make_directory(operation)
                case MakeSymlink():
                    self._make_symlink(operation)
                case Delete():
                    self._delete(operation.path)
                case Move():
                    self._move(operation)
                case Copy():
                    self._copy(operation)
                case Exchange():
                    self._exchange(operation.one, operation.other)
                case SetAttributes():
                    self._set_attributes(operation)
        except _Stop as stop:
            return Refusal(number, stop.path, stop.reason, stop.now)
        return None

    # -- one entry ---------------------------------------------------------------------------------------------

    def _put(self, put: Put) -> None:
        existing = self._place(put.path)
        there = existing.digest if existing is not None else None
        if (put.only_if_absent and existing is not None) or (
            put.only_if is not None and put.only_if != there
        ):
            raise _Stop(put.path, Reason.CHANGED, existing)
        if existing is not None and not existing.is_file:
            raise _Stop(put.path, Reason.NOT_A_FILE, existing)
        recipe = self._recipes[Content.of(put)]
        self._guard(put.path, names=existing is None)
        self.brought_bytes += recipe.size_bytes
        mtime_ns = self._tree.now_ns if put.mtime_ns is None else put.mtime_ns
        if existing is None:
            mode = FILE_MODE if put.mode is None else put.mode
            self._insert(
                put.path,
                NewEntry(
                    Kind.FILE, mode, mtime_ns, self._tree.now_ns, recipe.size_bytes, recipe.digest, None,
                    put.content_type,
                ),
            )  # fmt: skip
            return
        changed = existing._replace(
            mode=existing.mode if put.mode is None else put.mode,
            mtime_ns=mtime_ns,
            size_bytes=recipe.size_bytes,
            digest=recipe.digest,
            content_type=put.content_type or existing.content_type,
        )
        if changed != existing:
            self._tree.replace(existing, changed)

    def _make_directory(self, made: MakeDirectory) -> None:
        new = NewEntry(
            Kind.DIRECTORY,
            DIRECTORY_MODE if made.mode is None else made.mode,
            self._tree.now_ns if made.mtime_ns is None else made.mtime_ns,
            self._tree.now_ns,
        )
        if not made.parents:
            self._refuse_there(made.path, self._place(made.path))
            self._guard(made.path, names=True)
            self._insert(made.path, new)
            return
        for length in range(len(self._tree.chain(made.path)) - 1, len(made.path)):
            path = TreePath(made.path[: length + 1])
            self._place(path)
            self._guard(path, names=True)
            above = NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, self._tree.now_ns, self._tree.now_ns)
            self._insert(path, new if path == made.path else above)
        there = self._there(made.path)
        if not there.is_directory:
            raise _Stop(made.path, Reason.NOT_A_FOLDER, there)

    def _make_symlink(self, link: MakeSymlink) -> None:
        existing = self._place(link.path)
        mtime_ns = self._tree.now_ns if link.mtime_ns is None else link.mtime_ns
        if existing is not None and existing.kind is not Kind.SYMLINK:
            raise _Stop(link.path, Reason.EXISTS, existing)
        self._guard(link.path, names=existing is None)
        if existing is None:
            now_ns = self._tree.now_ns
            self._insert(
                link.path,
                NewEntry(Kind.SYMLINK, SYMLINK_MODE, mtime_ns, now_ns, 0, None, link.target),
            )
            return
        changed = existing._replace(target=link.target, mtime_ns=mtime_ns)
        if changed != existing:
            self._tree.replace(existing, changed)

    def _delete(self, path: TreePath) -> None:
        self._refuse_root(path)
        self._take_away(path, self._there(path))

    def _set_attributes(self, wanted: SetAttributes) -> None:
        entry = self._there(wanted.path)
        self._guard(wanted.path, names=False)
        set_attributes(
            self._tree,
            entry,
            Attributes(mtime_ns=wanted.mtime_ns, mode=wanted.mode, content_type=wanted.content_type),
        )

    # -- two places --------------------------------------------------------------------------------------------

    def _move(self, move: Move) -> None:
        self._refuse_root(move.source)
        entry = self._there(move.source)
        existing = self._destination(entry, move.target, move.overwrite)
        if existing is None or existing.entry_id != entry.entry_id:
            parent = self._parent(move.target)
        else:  # a rename to another normal form of the same name, or nothing at all
            if existing.name == move.target.name or move.source == move.target:
                raise _Stop(move.target, Reason.SAME, existing)
            existing, parent = None, self._parent(move.target)
        self._drop_locks(move.source, entry)
        self._make_room(move.target, existing)
        self._tree.replace(entry, entry._replace(parent_id=parent.entry_id, name=move.target.name))

    def _copy(self, copy: Copy) -> None:
        entry = self._there(copy.source)
        existing = self._destination(entry, copy.target, copy.overwrite)
        if existing is not None and existing.entry_id == entry.entry_id:
            raise _Stop(copy.target, Reason.SAME, existing)
        parent = self._parent(copy.target)
        self._copied += 1 + (self._tree.totals(entry)[0] if entry.is_directory else 0)
        if self._copied > COPIED_ENTRIES_MAX:
            raise LimitExceeded(
                f"the copies of one commit may make {COPIED_ENTRIES_MAX} entries, and these more"
            )
        self._make_room(copy.target, existing)
        copied = self._tree.insert(parent.entry_id, copy.target.name, NewEntry(*entry[3:11]))
        flist_id = self._tree.flist.flist_id
        self._draft.copy_properties(flist_id, entry.entry_id, flist_id, copied.entry_id)
        if entry.is_directory:
            self._tree.copy_members(self._tree, entry, copied)

    def _exchange(self, one_path: TreePath, other_path: TreePath) -> None:
        for path in (one_path, other_path):
            self._refuse_root(path)
        one, other = self._there(one_path), self._there(other_path)
        if one.entry_id == other.entry_id:
            raise _Stop(other_path, Reason.SAME, other)
        self._fits(one, TreePath((*other_path.parent, other.name)))
        self._fits(other, TreePath((*one_path.parent, one.name)))
        self._drop_locks(one_path, one)
        self._drop_locks(other_path, other)
        self._tree.exchange(one, other)

    def _destination(self, entry: Entry, target: TreePath, overwrite: bool) -> Entry | None:
        """What is at the place to which an entry is to come, once it is clear that it fits there."""
        self._refuse_root(target)
        self._fits(entry, target)
        existing = self._place(target)
        if existing is None or existing.entry_id == entry.entry_id:
            return existing
        if not overwrite:
            raise _Stop(target, Reason.EXISTS, existing)
        try:
            refuse_nested(self._tree, target, existing, entry)
        except Conflict as error:
            raise _Stop(target, Reason.NESTED, existing) from error
        return existing

    def _fits(self, entry: Entry, target: TreePath) -> None:
        try:
            refuse_cycle(self._tree, entry, target)
            looked_at = refuse_too_deep(self._tree, entry, self._stored(target))
        except Conflict as error:
            raise _Stop(target, Reason.NESTED, self._tree.find(target)) from error
        except LimitExceeded as error:
            raise _Stop(target, Reason.TOO_DEEP, self._tree.find(target)) from error
        self._look_at(looked_at)

    def _look_at(self, entries: int) -> None:
        self._looked_at += entries
        if self._looked_at > LOOKED_AT_MAX:
            raise LimitExceeded(
                f"one commit may look at {LOOKED_AT_MAX} entries below what it moves and takes away: make several"
            )

    def _make_room(self, target: TreePath, existing: Entry | None) -> None:
        if existing is None:
            self._guard(target, names=True)
        else:
            self._take_away(target, existing)

    # -- what is where -----------------------------------------------------------------------------------------

    def _there(self, path: TreePath) -> Entry:
        entry = self._tree.find(path)
        if entry is None:
            raise _Stop(path, Reason.MISSING, None)
        return entry

    def _place(self, path: TreePath) -> Entry | None:
        """What is at a path, or None where something can be made."""
        chain = self._tree.chain(path)
        if len(chain) == len(path) + 1:
            return chain[-1]
        if len(chain) < len(path) or not chain[-1].is_directory:
            raise _Stop(path, Reason.NO_PARENT, None)
        if not str(path).isascii() and len(str(self._stored(path)).encode()) > PATH_BYTES_MAX:
            raise _Stop(path, Reason.TOO_DEEP, None)
        return None

    def _stored(self, path: TreePath) -> TreePath:
        """A path with the folders above called as they are stored, which may be in another normal form."""
        if str(path).isascii():
            return path
        chain = self._tree.chain(path.parent)
        return TreePath((*(entry.name for entry in chain[1:]), *path[len(chain) - 1 :]))

    def _parent(self, path: TreePath) -> Entry:
        parent = self._tree.find(path.parent)
        if parent is None or not parent.is_directory:
            raise _Stop(path, Reason.NO_PARENT, None)
        return parent

    def _insert(self, path: TreePath, new: NewEntry) -> None:
        """Make an entry where _place has found that something can be made."""
        folder = self._tree.chain(path)[len(path) - 1]
        self._tree.insert(folder.entry_id, path.name, new)

    def _refuse_root(self, path: TreePath) -> None:
        if not path:
            raise _Stop(path, Reason.ROOT, self._tree.root())

    def _refuse_there(self, path: TreePath, existing: Entry | None) -> None:
        if existing is not None:
            raise _Stop(path, Reason.EXISTS, existing)

    # -- locks -------------------------------------------------------------------------------------------------

    def _guard(self, path: TreePath, *, names: bool) -> None:
        if not self._locks:
            return
        try:
            guard_change(
                self._draft, self._tree, path, self._actor, self._conditions, self._draft.now_ns, names=names
            )
        except Locked as error:
            raise _Stop(path, Reason.LOCKED, self._tree.find(path)) from error

    def _drop_locks(self, path: TreePath, entry: Entry) -> None:
        """Locks do not move with an entry, nor stay when it goes."""
        if not self._locks:
            return
        if entry.is_directory:
            self._look_at(LOCK_ENTRIES * self._locks)
        try:
            for lock in guard_removal(
                self._draft, self._tree, path, entry, self._actor, self._conditions, self._draft.now_ns
            ):
                self._draft.remove_lock(lock.token)
        except Locked as error:
            raise _Stop(path, Reason.LOCKED, entry) from error

    def _take_away(self, path: TreePath, entry: Entry) -> None:
        self._drop_locks(path, entry)
        self._tree.remove(entry)
