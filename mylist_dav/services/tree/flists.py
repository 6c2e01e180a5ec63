"""Flists as a whole: make, list, log, roll back, delete."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.entries import Commit, Flist
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.services.rights import (
    is_admin,
    may_write,
    readable,
    removable,
    require_admin,
    require_creation,
    require_known,
    visible,
    writable,
)
from mylist_dav.services.tree.guards import check_conditions, guard_whole
from mylist_dav.store.catalog import Catalog, Draft

_SEARCH_PAGE = 1_000


class Wanted(NamedTuple):
    """Which flists are looked for. None and '': whatever it is. exposed: shown on a host name or prefix."""

    account: str | None = None
    name_contains: str = ""
    private: bool | None = None
    exposed: bool | None = None


ALL = Wanted()


class Page(NamedTuple):
    """Some flists. next: the last of them if there are more, or None."""

    flists: list[Flist]
    next: FlistName | None


class Flists:
    """The verbs on flists and on the accounts that hold them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def accounts(self, actor: Actor) -> list[str]:
        """The accounts of which the caller may see anything, and their own; in order of name."""
        require_known(actor)
        with self._catalog.view() as view:
            if is_admin(actor):
                return view.accounts()
            seen = {flist.flist_name.account for flist in visible(view, actor, view.flists())}
            return sorted(seen | _own(actor))

    def has_account(self, actor: Actor, account: str) -> bool:
        """Whether an account is among those."""
        require_known(actor)
        with self._catalog.view() as view:
            if is_admin(actor):
                return view.has_account(account)
            return account in _own(actor) or bool(visible(view, actor, view.flists(account)))

    def get(self, actor: Actor, name: FlistName) -> Flist:
        """Raises NotFound."""
        with self._catalog.view() as view:
            return readable(view, actor, name)

    def may_write(self, actor: Actor, name: FlistName) -> bool:
        """Whether what is in a flist may be changed: for pages that offer it. Raises NotFound."""
        with self._catalog.view() as view:
            return may_write(view, actor, readable(view, actor, name))

    def room_bytes(self, actor: Actor, name: FlistName) -> int | None:
        """How much more its account may hold, below 0 when that is too much; None: no quota. Raises NotFound."""
        with self._catalog.view() as view:
            return view.room_bytes(readable(view, actor, name))

    def create(
        self, actor: Actor, name: FlistName, *, make_account: bool = False, private: bool = False
    ) -> Flist:
        """Make an empty flist. make_account: also its account, as a user, if that is new. Raises Exists, NotFound.

        private: whoever may make it may keep it from others from the beginning.
        """
        require_creation(actor, name)
        checked = FlistName.checked(*name)

        def make(draft: Draft) -> Flist:
            if make_account and is_admin(actor) and not draft.has_account(checked.account):
                draft.add_account(checked.account, Role.USER)
                draft.record(
                    actor, Action.ACCOUNT_ADD, "", {"name": checked.account, "role": Role.USER.value}
                )
            flist = draft.add_flist(checked, actor)
            if private:
                draft.set_private(flist.flist_id, True)
                draft.record(actor, Action.PRIVATE, str(checked), {"private": True})
            return draft.flist(checked)

        return self._catalog.change(make)

    def rename(
        self, actor: Actor, name: FlistName, new_name: FlistName, *, private: bool | None = None
    ) -> Flist:
        """Give a flist another name; its history, exposures, grants and labels stay with it.

        It stays with its account: Invalid for another one. private: also who may read it, which is for admins.
        Raises NotFound, Exists, Forbidden, BadName.
        """
        require_known(actor)
        checked = FlistName.checked(*new_name)

        def make(draft: Draft) -> Flist:
            flist = removable(draft, actor, name)
            if checked.account != name.account:
                raise Invalid(
                    f"{name} stays with its account: choose a name that begins with {name.account}/"
                )
            renamed = draft.rename_flist(flist, checked.name)
            draft.record(actor, Action.RENAME, str(checked), {"from": str(name)})
            if private is not None:
                require_admin(actor)
                draft.set_private(renamed.flist_id, private)
                draft.record(actor, Action.PRIVATE, str(checked), {"private": private})
            return draft.flist(checked)

        return self._catalog.change(make)

    def delete(self, actor: Actor, name: FlistName) -> None:
        """Delete a flist with its whole history. Raises NotFound."""
        require_known(actor)

        def remove(draft: Draft) -> None:
            flist = removable(draft, actor, name)
            draft.remove_flist(flist)
            detail = {"jid": flist.head_jid, "entries": flist.entries}
            draft.record(actor, Action.DELETE_FLIST, str(name), detail, flist.size_bytes)

        self._catalog.change(remove)

    def log(
        self, actor: Actor, name: FlistName, before_jid: int | None = None, limit: int = 100
    ) -> list[Commit]:
        """The commits of a flist, newest first. Raises NotFound."""
        with self._catalog.view() as view:
            return view.commits(readable(view, actor, name), before_jid, limit)

    def rollback(
        self, actor: Actor, name: FlistName, jid: int, conditions: Conditions = UNCONDITIONAL
    ) -> Flist:
        """Make the head what it was at a revision, as one new commit. Raises NotFound, PreconditionFailed, Locked.

        No commit is made when nothing was changed since. Every lock in the flist is in the way, unless its token is
        submitted; those on entries that are not there any more go.
        """
        require_known(actor)

        def make(draft: Draft) -> None:
            flist = writable(draft, actor, name)
            draft.tree(flist, jid)
            tree = draft.draft_tree(flist, actor)
            check_conditions(draft, tree, ROOT, actor, conditions, draft.now_ns)
            locks = guard_whole(draft, tree, actor, conditions, draft.now_ns)
            tree.action, tree.note = Action.ROLLBACK, f"rollback to {jid}"
            tree.restore(jid)
            for lock in locks:
                if tree.path_of(lock.entry_id) is None:
                    draft.remove_lock(lock.token)

        self._catalog.change(make)
        return self.get(actor, name)

    def page(
        self, actor: Actor, wanted: Wanted = ALL, after: FlistName | None = None, limit: int = 100
    ) -> Page:
        """Some of the flists that are wanted and that the caller may see, in order of account and name.

        after: the last one of the page before. An account of which nothing is seen has none.
        """
        require_known(actor)
        found: list[Flist] = []
        with self._catalog.view() as view:
            while len(found) <= limit:
                some = view.flists_page(
                    after,
                    _SEARCH_PAGE,
                    account=wanted.account,
                    name_contains=wanted.name_contains,
                    private=wanted.private,
                    exposed=wanted.exposed,
                )
                found += visible(view, actor, some)
                if len(some) < _SEARCH_PAGE:
                    break
                after = some[-1].flist_name
        return Page(found[:limit], found[limit - 1].flist_name if len(found) > limit else None)

    def list(self, actor: Actor, account: str | None = None) -> list[Flist]:
        """The flists that the caller may see, in order of name. Raises NotFound for an account that is not there.

        For those who may not see all accounts, one of which they see nothing is not there either.
        """
        require_known(actor)
        with self._catalog.view() as view:
            found = visible(view, actor, view.flists(account))
            if account is not None and not found and not self.has_account(actor, account):
                raise NotFound(f"there is no account {account}")
            return found


def _own(actor: Actor) -> set[str]:
    """The account of the caller: it is there also without a flist. A token for one flist does not show it."""
    return {actor.account} if actor.account and actor.scope.flist_name is None else set()
