"""Flists as a whole: make, list, log, roll back, delete."""

from __future__ import annotations

from mylist_dav.errors import NotFound
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.entries import Commit, Flist
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.services.guards import check_conditions, guard_whole
from mylist_dav.services.rights import may_list, require_admin, require_known, require_read, require_write
from mylist_dav.store.catalog import Catalog, Draft


class Flists:
    """The verbs on flists and on the accounts that hold them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def accounts(self, actor: Actor) -> list[str]:
        """The accounts of which the caller may see anything."""
        require_known(actor)
        if actor.role is Role.ADMIN:
            with self._catalog.view() as view:
                return view.accounts()
        return sorted({flist.flist_name.account for flist in self.list(actor)})

    def get(self, actor: Actor, name: FlistName) -> Flist:
        """Raises NotFound."""
        require_read(actor, name)
        with self._catalog.view() as view:
            return view.flist(name)

    def create(self, actor: Actor, name: FlistName, *, make_account: bool = False) -> Flist:
        """Make an empty flist. make_account: also its account, as a user, if that is new. Raises Exists, NotFound."""
        require_admin(actor)
        checked = FlistName.checked(*name)

        def make(draft: Draft) -> Flist:
            if make_account and not draft.has_account(checked.account):
                draft.add_account(checked.account, Role.USER)
                draft.record(
                    actor, Action.ACCOUNT_ADD, "", {"name": checked.account, "role": Role.USER.value}
                )
            return draft.add_flist(checked, actor)

        return self._catalog.change(make)

    def delete(self, actor: Actor, name: FlistName) -> None:
        """Delete a flist with its whole history. Raises NotFound."""
        require_admin(actor)

        def remove(draft: Draft) -> None:
            flist = draft.flist(name)
            draft.remove_flist(flist)
            detail = {"jid": flist.head_jid, "entries": flist.entries}
            draft.record(actor, Action.DELETE_FLIST, str(name), detail, flist.size_bytes)

        self._catalog.change(remove)

    def log(
        self, actor: Actor, name: FlistName, before_jid: int | None = None, limit: int = 100
    ) -> list[Commit]:
        """The commits of a flist, newest first. Raises NotFound."""
        require_read(actor, name)
        with self._catalog.view() as view:
            return view.commits(view.flist(name), before_jid, limit)

    def rollback(
        self, actor: Actor, name: FlistName, jid: int, conditions: Conditions = UNCONDITIONAL
    ) -> Flist:
        """Make the head what it was at a revision, as one new commit. Raises NotFound, PreconditionFailed, Locked.

        No commit is made when nothing was changed since. Every lock in the flist is in the way, unless its token is
        submitted; those on entries that are not there any more go.
        """
        require_write(actor, name)

        def make(draft: Draft) -> None:
            flist = draft.flist(name)
            draft.tree(flist, jid)
            tree = draft.draft_tree(flist, actor)
            check_conditions(draft, tree, ROOT, conditions, draft.now_ns)
            locks = guard_whole(draft, tree, actor, conditions, draft.now_ns)
            tree.action, tree.note = Action.ROLLBACK, f"rollback to {jid}"
            tree.restore(jid)
            for lock in locks:
                if tree.path_of(lock.entry_id) is None:
                    draft.remove_lock(lock.token)

        self._catalog.change(make)
        return self.get(actor, name)

    def list(self, actor: Actor, account: str | None = None) -> list[Flist]:
        """The flists that the caller may see, in order of name. Raises NotFound for an account that is not there.

        For those who may not see all accounts, one of which they see nothing is not there either.
        """
        require_known(actor)
        with self._catalog.view() as view:
            may_list_all = actor.role is Role.ADMIN
            found = [flist for flist in view.flists(account) if may_list(actor, flist.flist_name)]
            if account is not None and not found and not (may_list_all and view.has_account(account)):
                raise NotFound(f"there is no account {account}")
            return found
