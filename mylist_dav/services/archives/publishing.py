"""An assembled tree becomes the head of a flist, as one commit.

Small changes are written directly. Large new folders are built out of sight first, and attached in the commit. When
more entries of existing folders change than one transaction should hold, the whole tree is built so, and takes the
place of the old one: its entries then have new ids; locks and dead properties follow them by path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mylist_dav.errors import Busy, NotFound, PreconditionFailed
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import Conditions
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.locks import Lock
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.archives.comparing import (
    HEAD_PAGE,
    Difference,
    ReadHead,
    changed_entry,
    complete,
    differences,
    new_entry,
)
from mylist_dav.services.archives.staging import Row, Stage, rows_below
from mylist_dav.services.rights import still_writable
from mylist_dav.services.tree.guards import check_base, check_conditions, require_tokens
from mylist_dav.store.assembly import ROOT_NODE, Assembly, Touch
from mylist_dav.store.catalog import Catalog, Draft, TreeDraft

ATTEMPTS_MAX = 8
AT_ONCE_ENTRIES_MAX = 2_000
"""Trees of so few entries are compared inside of the transaction: nobody can come in between."""


class _HeadMoved(PreconditionFailed):
    """Somebody else has committed to the flist since it was compared."""


class Order(NamedTuple):
    """What is to be published. note: of the commit. merge: what the tree has not stays in the head.

    rows_max: how many rows one transaction may change. entries_max: how many a flist may have. size_bytes: of all
    contents that came in; None: they were here, and those that are new in the tree count. require: called
    in each change that refers to these contents; it raises Busy when they may have been deleted meanwhile. action: what
    the audit calls it.
    """

    actor: Actor
    flist: Flist
    conditions: Conditions
    note: str
    merge: bool
    rows_max: int
    entries_max: int
    now_ns: int
    size_bytes: int | None = 0
    require: Callable[[Draft], None] = lambda draft: None
    action: Action = Action.IMPORT


class Published(NamedTuple):
    """jid: of the commit, or None when there was nothing to change. The others count entries."""

    jid: int | None
    added: int
    changed: int
    removed: int


@dataclass(slots=True)
class _Plan:
    """The difference to one revision. found: every difference, or None when they are too many to keep."""

    base_jid: int
    root: Entry
    found: list[Difference] | None = field(default_factory=list)
    gone: dict[int, tuple[int, int]] = field(default_factory=dict)
    rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    brought_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        return self.rows == 0

    def take(self, one: Difference, gone: tuple[int, int], rows_max: int) -> None:
        """Add a difference; gone: the totals below an entry that goes."""
        self.rows += one.rows
        if one.is_change:
            self.changed += 1
        else:
            self.added += one.rows if one.node is not None else 0
            self.removed += 1 + gone[0] if one.old is not None else 0
        self.brought_bytes += one.brought_bytes
        if self.found is not None:
            self.found.append(one)
            if one.old is not None:
                self.gone[one.old.entry_id] = gone
            if len(self.found) > rows_max:
                self.found = None

    def published(self, jid: int | None) -> Published:
        return Published(jid, self.added, self.changed, self.removed)


class Publisher:
    """Publishes one assembled tree. For one thread; close() it, whatever has happened.

    gave_up: once it is closed, whether something was built out of sight and not published.
    """

    def __init__(
        self, catalog: Catalog, assembly: Assembly, order: Order, progress: Callable[[str], None]
    ) -> None:
        self._catalog = catalog
        self._assembly = assembly
        self._order = order
        self._progress = progress
        self._stage: Stage | None = None
        self._published = self.gave_up = False

    def run(self) -> Published:
        """Compare and commit, again if others commit meanwhile. Raises Locked, LimitExceeded, Busy, NotFound, ..."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                done = self._attempt(attempt)
                self._published = True
                return done
            except _HeadMoved:
                continue
        raise Busy(f"{self._order.flist.flist_name} is being changed all the time; try again later")

    def close(self) -> None:
        """Remove what was built out of sight and not attached."""
        if self._stage is not None:
            stage, self._stage = self._stage, None
            self.gave_up = not self._published
            try:
                stage.clear()
            except NotFound:
                return  # the flist was deleted, and what was staged in it too

    def _attempt(self, attempt: int) -> Published:
        self._progress("comparing")
        self._assembly.forget_head()
        with self._catalog.view() as view:
            flist = still_writable(view, self._order.actor, self._order.flist.flist_id)
            check_base(flist, self._order.conditions)
            root = view.tree(flist).root()
        rows_max = self._order.rows_max
        at_once_max = min(AT_ONCE_ENTRIES_MAX, rows_max) if attempt < ATTEMPTS_MAX // 2 else rows_max
        if flist.entries + self._assembly.entries <= at_once_max:
            self._progress("writing")
            return self._catalog.change(self._compare_and_apply)
        plan = self._plan(flist.head_jid, root, self._read_head(flist))
        self._progress("writing")
        if plan.is_empty:
            return self._catalog.change(lambda draft: self._confirm(draft, plan))
        new_folders = {
            one.node.node_id: one.node for one in plan.found or [] if one.node is not None and one.below[0]
        }
        if self._stage is not None and not self._stage.serves(new_folders):
            self.close()
        if plan.found is None:
            return self._replace_all(plan, self._read_head(flist))
        if plan.rows > self._order.rows_max:
            self._begin_stage().build(new_folders.values())
        return self._catalog.change(lambda draft: self._apply(draft, plan))

    # -- comparing ---------------------------------------------------------------------------------------------

    def _read_head(self, flist: Flist) -> ReadHead:
        """Reads the head page by page, in a view of its own each; a long one would hold up the catalog's upkeep."""

        def read(folder_id: int, after: str) -> list[Entry]:
            with self._catalog.view() as view:
                now = view.flist_by_id(flist.flist_id)
                if now.head_jid != flist.head_jid:
                    raise _HeadMoved("the head has moved on")
                return view.tree(now).children(folder_id, after, HEAD_PAGE)

        return read

    def _plan(self, base_jid: int, root: Entry, read_head: ReadHead, tree: TreeDraft | None = None) -> _Plan:
        """Compare with the head; tree: inside of a transaction."""
        self._assembly.forget_head()
        plan = _Plan(base_jid, root)
        for one in differences(self._assembly, root, read_head, merge=self._order.merge):
            gone = (0, 0)
            if one.old is not None and one.old.is_directory and not one.is_change:
                gone = tree.totals(one.old) if tree is not None else self._totals(one.old)
            plan.take(one, gone, self._order.rows_max)
        return plan

    def _totals(self, folder: Entry) -> tuple[int, int]:
        with self._catalog.view() as view:
            return view.tree(view.flist_by_id(self._order.flist.flist_id)).totals(folder)

    # -- writing -----------------------------------------------------------------------------------------------

    def _compare_and_apply(self, draft: Draft) -> Published:
        """All in one transaction, for small trees."""
        tree = self._tree(draft)
        plan = self._plan(
            tree.flist.head_jid,
            tree.root(),
            lambda folder_id, after: tree.children(folder_id, after, HEAD_PAGE),
            tree,
        )
        if plan.is_empty:
            return self._confirm(draft, plan)
        return self._apply(draft, plan)

    def _confirm(self, draft: Draft, plan: _Plan) -> Published:
        """There is nothing to change, if the conditions hold."""
        tree = self._tree(draft)
        check_conditions(draft, tree, ROOT, self._order.actor, self._order.conditions, draft.now_ns)
        return plan.published(None)

    def _apply(self, draft: Draft, plan: _Plan) -> Published:
        """Write the differences one by one; new folders that were built before are attached."""
        tree = self._begin(draft, plan)
        for lock in self._locks_that_go(draft, tree):
            draft.remove_lock(lock.token)
        assert plan.found is not None, "too many differences are not applied one by one"
        first_id = self._stage.first_id if self._stage else tree.take_ids(self._assembly.last_node_id + 1)
        for one in plan.found:
            if one.old is not None and one.node is not None and one.is_change:
                tree.replace(one.old, changed_entry(one.old, one.node))
            elif one.old is not None:
                tree.remove(one.old, plan.gone[one.old.entry_id])
        for one in plan.found:
            if one.node is not None and not one.is_change and self._is_staged(one):
                assert self._stage is not None
                tree.attach(self._stage.staged(one.node.node_id), one.parent_id, one.node.name, *one.below)
        tree.graft(self._new_rows(plan.found, first_id, draft.now_ns), first_id)
        return plan.published(tree.jid)

    def _new_rows(self, found: list[Difference], first_id: int, now_ns: int) -> Iterator[Row]:
        for one in found:
            if one.node is not None and not one.is_change and not self._is_staged(one):
                yield one.parent_id, one.node.node_id, one.node.name, new_entry(one.node, now_ns)
                if one.below[0]:
                    yield from rows_below(self._assembly, one.node.node_id, first_id, now_ns)

    def _is_staged(self, one: Difference) -> bool:
        return self._stage is not None and one.node is not None and self._stage.holds(one.node.node_id)

    def _replace_all(self, plan: _Plan, read_head: ReadHead) -> Published:
        """Build the whole tree out of sight, and let it take the place of the old one."""
        self.close()
        complete(self._assembly, plan.root, read_head, merge=self._order.merge)
        entries, size_bytes = self._assembly.totals(ROOT_NODE)
        stage = self._begin_stage()
        root = stage.build_root(plan.root)
        if not stage.is_whole():
            raise _HeadMoved("an old revision was brought back meanwhile")

        def publish(draft: Draft) -> Published:
            tree = self._begin(draft, plan)
            self._move_locks(draft, tree, stage.first_id)
            tree.attach_root(root, entries, size_bytes)
            self._carry_properties(draft, stage.first_id)
            return plan.published(tree.jid)

        return self._catalog.change(publish)

    def _begin_stage(self) -> Stage:
        order = self._order
        self._stage = self._stage or Stage(
            self._catalog, order.actor, order.flist, self._assembly, order.now_ns, order.require
        )
        return self._stage

    def _tree(self, draft: Draft) -> TreeDraft:
        flist = still_writable(draft, self._order.actor, self._order.flist.flist_id)
        return draft.draft_tree(flist, self._order.actor, self._order.entries_max)

    def _begin(self, draft: Draft, plan: _Plan) -> TreeDraft:
        """The tree to write to. Raises _HeadMoved unless it is still what was compared, Busy."""
        tree = self._tree(draft)
        self._order.require(draft)
        check_conditions(draft, tree, ROOT, self._order.actor, self._order.conditions, draft.now_ns)
        if tree.flist.head_jid != plan.base_jid:
            raise _HeadMoved("the head has moved on")
        tree.action, tree.note = self._order.action, self._order.note
        sent_bytes = self._order.size_bytes
        tree.brought_bytes = plan.brought_bytes if sent_bytes is None else sent_bytes
        return tree

    # -- locks, properties -------------------------------------------------------------------------------------

    def _locks_that_go(self, draft: Draft, tree: TreeDraft) -> list[Lock]:
        """The locks on what is removed. Raises Locked if any lock that is touched was not submitted."""
        gone = []
        touched: dict[TreePath, list[Lock]] = {}
        for lock in draft.locks(tree.flist.flist_id, draft.now_ns):
            way = tree.path_of(lock.entry_id)
            if way is None:
                continue
            path, ids = way
            own = self._assembly.touched(ids[-1])
            goes = any(self._assembly.touched(entry_id) & Touch.REMOVED for entry_id in ids)
            if goes or own & (Touch.CHANGED | Touch.NAMES) or (lock.infinite and own & Touch.BELOW):
                touched.setdefault(path, []).append(lock)
            if goes:
                gone.append(lock)
        for path, locks in touched.items():
            require_tokens(locks, self._order.actor, self._order.conditions, path)
        return gone

    def _move_locks(self, draft: Draft, tree: TreeDraft, first_id: int) -> None:
        """Let the locks of the old tree hold what has taken the places of their entries."""
        for lock in self._locks_that_go(draft, tree):
            draft.remove_lock(lock.token)
        for lock in draft.locks(tree.flist.flist_id, draft.now_ns):
            node_id = self._assembly.matched(lock.entry_id)
            if node_id is not None:
                draft.move_lock(lock.token, first_id + node_id)

    def _carry_properties(self, draft: Draft, first_id: int) -> None:
        """Give the new entries the dead properties of those in whose places they are."""
        flist_id = self._order.flist.flist_id
        after_id = 0
        while page := draft.entries_with_properties(flist_id, after_id):
            for entry_id in page:
                node_id = self._assembly.matched(entry_id)
                if node_id is not None:
                    draft.copy_properties(flist_id, entry_id, flist_id, first_id + node_id)
            after_id = page[-1]
