"""Conditions and locks, checked against the tree as it is inside the transaction that makes the change.

Preconditions are RFC 9110, 13.2.2; the If header and lock tokens RFC 4918, 10.4 and 6 to 7.
"""

from __future__ import annotations

from collections.abc import Iterable

from mylist_dav.errors import Locked, NotFound, PreconditionFailed
from mylist_dav.model.actors import Actor
from mylist_dav.model.conditions import Conditions, Place, StateList, StateTest
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.locks import Lock
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.rights import readable
from mylist_dav.store.catalog import TreeView, View


def check_conditions(
    view: View, tree: TreeView, path: TreePath, actor: Actor, conditions: Conditions, now_ns: int
) -> None:
    """Check all conditions of a request whose target is path in tree. Raises PreconditionFailed."""
    check_base(tree.flist, conditions)
    _check_entity(tree, path, conditions)
    lists, target = conditions.state_lists, Place(tree.flist.flist_name, path)
    if lists and not any(_holds(view, target, actor, one, now_ns) for one in lists):
        raise PreconditionFailed("the If header does not hold: none of its lists is true")


def check_base(flist: Flist, conditions: Conditions) -> None:
    """Raises PreconditionFailed when the head is not the one that the caller has seen."""
    if conditions.base_jid is not None and conditions.base_jid != flist.head_jid:
        raise PreconditionFailed(
            f"{flist.flist_name} is at revision {flist.head_jid}, not at {conditions.base_jid} any more"
        )


def _check_entity(tree: TreeView, path: TreePath, conditions: Conditions) -> None:
    wanted, unwanted, since = conditions.if_match, conditions.if_none_match, conditions.if_unmodified_since_s
    if wanted is None and unwanted is None and since is None:
        return
    entry = tree.find(path)
    etag = entry.etag if entry else None
    if wanted is not None:
        if not wanted.matches_strongly(etag, entry is not None):
            raise PreconditionFailed("If-Match does not hold: there is another state of the file, or none")
    elif since is not None and entry is not None and entry.mtime_ns // 1_000_000_000 > since:
        raise PreconditionFailed("If-Unmodified-Since does not hold: it was modified later")
    if unwanted is not None and unwanted.matches_weakly(etag, entry is not None):
        raise PreconditionFailed("If-None-Match does not hold: there is already such a state")


def _holds(view: View, target: Place, actor: Actor, one: StateList, now_ns: int) -> bool:
    etag, tokens = None, frozenset[str]()
    if not one.elsewhere:
        etag, tokens = _state_of(view, one.place or target, actor, now_ns)
    return all(_test(test, etag, tokens) for test in one.tests)


def _test(test: StateTest, etag: str | None, tokens: frozenset[str]) -> bool:
    met = test.token in tokens if test.token is not None else etag is not None and test.etag == etag
    return met is not test.negated


def _state_of(view: View, place: Place, actor: Actor, now_ns: int) -> tuple[str | None, frozenset[str]]:
    """The entity tag of a place, and the tokens of all locks that cover it; nothing of what may not be read."""
    try:
        tree = view.tree(readable(view, actor, place.flist_name))
    except NotFound:
        return None, frozenset()
    chain = tree.chain(place.path)
    complete = len(chain) == len(place.path) + 1
    tokens = frozenset(
        lock.token
        for lock in covering(view, tree.flist, chain, now_ns, parent_counts=False, complete=complete)
    )
    return (chain[-1].etag if complete else None), tokens


def covering(
    view: View, flist: Flist, chain: list[Entry], now_ns: int, *, parent_counts: bool, complete: bool = True
) -> list[Lock]:
    """The locks that cover the last entry of a chain: its own, and those of Depth: infinity above it.

    parent_counts: also those of depth 0 on its parent, which guard the names in it. complete=False: the target
    itself does not exist, and the chain ends with the folder that is nearest to it.
    """
    if not view.has_locks(flist.flist_id, now_ns):
        return []
    direct = {chain[-1].entry_id} if complete or parent_counts else set()
    if complete and parent_counts and len(chain) > 1:
        direct.add(chain[-2].entry_id)
    locks = view.locks_on(flist.flist_id, [entry.entry_id for entry in chain], now_ns)
    return [lock for lock in locks if lock.infinite or lock.entry_id in direct]


def below(view: View, tree: TreeView, folder: Entry, now_ns: int) -> list[tuple[Lock, TreePath]]:
    """The locks on entries below a folder, with the paths of those."""
    found = []
    for lock in view.locks(tree.flist.flist_id, now_ns):
        way = tree.path_of(lock.entry_id)
        if way is not None and folder.entry_id in way[1][:-1]:
            found.append((lock, way[0]))
    return found


def require_tokens(locks: Iterable[Lock], actor: Actor, conditions: Conditions, path: TreePath) -> None:
    """Raises Locked unless for each lock its token was submitted by who took it.

    Of several shared locks on one resource one token is enough.
    """
    by_entry: dict[int, list[Lock]] = {}
    for lock in locks:
        by_entry.setdefault(lock.entry_id, []).append(lock)
    for held in by_entry.values():
        if not any(lock.token in conditions.lock_tokens and lock.principal == actor.account for lock in held):
            raise Locked(
                f"/{path} is locked; submit the lock token, or wait until the lock is released", str(path)
            )


def guard_change(
    view: View,
    tree: TreeView,
    path: TreePath,
    actor: Actor,
    conditions: Conditions,
    now_ns: int,
    *,
    names: bool,
) -> None:
    """The locks that a change of the entry at path must respect; names: also its name in its parent (RFC 4918, 7.5)."""
    if not view.has_locks(tree.flist.flist_id, now_ns):
        return
    chain = tree.chain(path)
    complete = len(chain) == len(path) + 1
    locks = covering(view, tree.flist, chain, now_ns, parent_counts=names, complete=complete)
    require_tokens(locks, actor, conditions, path)


def guard_removal(
    view: View,
    tree: TreeView,
    path: TreePath,
    entry: Entry,
    actor: Actor,
    conditions: Conditions,
    now_ns: int,
) -> list[Lock]:
    """The locks that taking away an entry and all below it must respect; returns those that go with it."""
    guard_change(view, tree, path, actor, conditions, now_ns, names=True)
    if not view.has_locks(tree.flist.flist_id, now_ns):
        return []
    gone = view.locks_on(tree.flist.flist_id, [entry.entry_id], now_ns)
    if entry.is_directory:
        gone += require_all(below(view, tree, entry, now_ns), actor, conditions)
    return gone


def guard_whole(view: View, tree: TreeView, actor: Actor, conditions: Conditions, now_ns: int) -> list[Lock]:
    """The locks that a change of anything in a flist must respect: all there are. Returns them."""
    root = tree.root()
    held = [(lock, ROOT) for lock in view.locks_on(tree.flist.flist_id, [root.entry_id], now_ns)]
    return require_all([*held, *below(view, tree, root, now_ns)], actor, conditions)


def require_all(locks: Iterable[tuple[Lock, TreePath]], actor: Actor, conditions: Conditions) -> list[Lock]:
    """require_tokens for locks at several paths; returns the locks."""
    by_path: dict[TreePath, list[Lock]] = {}
    for lock, path in locks:
        by_path.setdefault(path, []).append(lock)
    for path, held in by_path.items():
        require_tokens(held, actor, conditions, path)
    return [lock for held in by_path.values() for lock in held]
