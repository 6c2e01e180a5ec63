"""WebDAV locks (RFC 4918, 6 and 9.10): in the catalog, so that all processes agree."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import BadName, Conflict, LimitExceeded, Locked, PreconditionFailed
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import Recipe
from mylist_dav.model.digest import EMPTY
from mylist_dav.model.entries import Entry
from mylist_dav.model.locks import Lock, Scope
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.uploads import put_content
from mylist_dav.services.rights import readable, require_known, writable
from mylist_dav.services.tree.guards import below, check_conditions, covering, guard_change
from mylist_dav.store.catalog import Catalog, Draft, TreeDraft

OWNER_BYTES_MAX = 4096
COVERING_MAX = 32
"""Shared locks that may cover one entry when another is taken on it: a listing tells all of them of each member."""


class Locking(NamedTuple):
    """A lock and the path it is rooted at; created: locking has made an empty file (RFC 4918, 7.3)."""

    lock: Lock
    root: TreePath
    created: bool


class Locks:
    """Take, refresh, release and list write locks. seconds_max bounds every timeout, locks_max the locks of a flist."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], int],
        seconds_max: int,
        locks_max: int = 10_000,
        new_token: Callable[[], str] = lambda: f"urn:uuid:{uuid.uuid4()}",
        entries_max: int = 10_000_000,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._seconds_max = seconds_max
        self._locks_max = locks_max
        self._new_token = new_token
        self._entries_max = entries_max

    def take(
        self,
        actor: Actor,
        place: Place,
        *,
        scope: Scope,
        infinite: bool,
        owner_xml: str,
        timeout_seconds: int,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Locking:
        """Lock an entry; where there is none, an empty file is made in the same transaction.

        Raises Locked when another lock is in the way, on it, above, or (infinite) below; then nothing is made.
        """
        require_known(actor)
        if len(owner_xml.encode(errors="surrogatepass")) > OWNER_BYTES_MAX:
            raise BadName(f"a lock owner of more than {OWNER_BYTES_MAX} bytes is not kept")

        def make(draft: Draft) -> Locking:
            tree = draft.draft_tree(writable(draft, actor, place.flist_name), actor, self._entries_max)
            check_conditions(draft, tree, place.path, actor, conditions, draft.now_ns)
            entry = tree.find(place.path)
            self._refuse_conflicts(draft, tree, place, entry, scope, infinite)
            created = entry is None
            if entry is None:
                entry = self._make_empty(draft, tree, place, actor, conditions)
            if draft.lock_count(tree.flist.flist_id, draft.now_ns) >= self._locks_max:
                raise LimitExceeded(
                    f"{place.flist_name} has {self._locks_max} locks, and more are not allowed"
                )
            lock = self._lock(entry, scope, infinite, owner_xml, actor, timeout_seconds, draft.now_ns)
            draft.add_lock(tree.flist.flist_id, lock)
            return Locking(lock, place.path, created)

        return self._catalog.change(make)

    def refresh(self, actor: Actor, place: Place, timeout_seconds: int, conditions: Conditions) -> Locking:
        """Let the submitted lock on a place, or one that covers it, live on (RFC 4918, 9.10.2).

        Raises PreconditionFailed when none of the submitted tokens is a lock of the caller here.
        """
        require_known(actor)

        def make(draft: Draft) -> Locking:
            tree = draft.tree(writable(draft, actor, place.flist_name))
            check_conditions(draft, tree, place.path, actor, conditions, draft.now_ns)
            lock = self._submitted(draft, place, actor, conditions.lock_tokens)
            seconds = self._bounded(timeout_seconds)
            expires_ns = draft.now_ns + seconds * 1_000_000_000
            draft.refresh_lock(lock.token, seconds, expires_ns)
            way = tree.path_of(lock.entry_id)
            fresh = lock._replace(timeout_seconds=seconds, expires_ns=expires_ns)
            return Locking(fresh, way[0] if way else place.path, False)

        return self._catalog.change(make)

    def release(self, actor: Actor, place: Place, token: str) -> None:
        """Release a lock that covers a place (RFC 4918, 9.11).

        Raises Conflict when the caller has no such lock.
        """
        require_known(actor)

        def make(draft: Draft) -> None:
            writable(draft, actor, place.flist_name)
            try:
                lock = self._submitted(draft, place, actor, frozenset({token}))
            except PreconditionFailed as error:
                raise Conflict("no such lock covers this place, or it is not yours") from error
            draft.remove_lock(lock.token)

        self._catalog.change(make)

    def covering(self, actor: Actor, place: Place) -> list[tuple[Lock, TreePath]]:
        """The locks that cover a place, each with the path of its root. Empty when there is nothing."""
        with self._catalog.view() as view:
            tree = view.tree(readable(view, actor, place.flist_name))
            chain = tree.chain(place.path)
            if len(chain) != len(place.path) + 1:
                return []
            locks = covering(view, tree.flist, chain, self._clock(), parent_counts=False)
            depth = {entry.entry_id: index for index, entry in enumerate(chain)}
            return [(lock, TreePath(place.path[: depth[lock.entry_id]])) for lock in locks]

    def all(self, actor: Actor, place: Place) -> list[tuple[Lock, TreePath]]:
        """Every lock in the flist, each with the path of its root: for a listing of many entries at once."""
        with self._catalog.view() as view:
            tree = view.tree(readable(view, actor, place.flist_name))
            found = []
            for lock in view.locks(tree.flist.flist_id, self._clock()):
                way = tree.path_of(lock.entry_id)
                if way is not None:
                    found.append((lock, way[0]))
            return found

    def _bounded(self, seconds: int) -> int:
        return max(1, min(seconds, self._seconds_max))

    def _lock(
        self,
        entry: Entry,
        scope: Scope,
        infinite: bool,
        owner_xml: str,
        actor: Actor,
        timeout_seconds: int,
        now_ns: int,
    ) -> Lock:
        seconds = self._bounded(timeout_seconds)
        expires_ns = now_ns + seconds * 1_000_000_000
        deep = infinite and entry.is_directory
        return Lock(
            self._new_token(), entry.entry_id, scope, deep, owner_xml, actor.account, seconds, expires_ns
        )

    def _refuse_conflicts(
        self, draft: Draft, tree: TreeDraft, place: Place, entry: Entry | None, scope: Scope, infinite: bool
    ) -> None:
        chain = tree.chain(place.path)
        held = covering(
            draft, tree.flist, chain, draft.now_ns, parent_counts=False, complete=entry is not None
        )
        if len(held) >= COVERING_MAX:
            raise LimitExceeded(f"/{place.path} has {len(held)} locks, and more are not allowed")
        rooted = [(lock, place.path) for lock in held]
        if infinite and entry is not None and entry.is_directory:
            rooted += below(draft, tree, entry, draft.now_ns)
        for lock, path in rooted:
            if scope is Scope.EXCLUSIVE or lock.scope is Scope.EXCLUSIVE:
                raise Locked(f"/{path} is locked already", str(path))

    def _make_empty(
        self, draft: Draft, tree: TreeDraft, place: Place, actor: Actor, conditions: Conditions
    ) -> Entry:
        guard_change(draft, tree, place.path, actor, conditions, draft.now_ns, names=True)
        tree.action, tree.note = Action.UPLOAD, f"lock /{place.path}"
        return put_content(tree, place, None, Recipe(EMPTY, 0, "", ()), draft.now_ns, None).entry

    def _submitted(self, draft: Draft, place: Place, actor: Actor, tokens: frozenset[str]) -> Lock:
        tree = draft.tree(draft.flist(place.flist_name))
        chain = tree.chain(place.path)
        complete = len(chain) == len(place.path) + 1
        for lock in covering(draft, tree.flist, chain, draft.now_ns, parent_counts=False, complete=complete):
            if lock.token in tokens and lock.principal == actor.account:
                return lock
        raise PreconditionFailed("none of the submitted lock tokens is a lock of yours on this place")
