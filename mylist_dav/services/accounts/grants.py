"""Grants: who may read and write a flist beside its account and the admins, and whether it is private."""

from __future__ import annotations

from mylist_dav.model.accounts import GrantFacts, Right
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.names import FlistName
from mylist_dav.services.rights import readable, require_admin
from mylist_dav.store.catalog import Catalog, Draft


class Grants:
    """The verbs on grants. All are for admins; they hold from the next request on, in all processes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def grant(self, actor: Actor, account: str, flist_name: FlistName, right: Right) -> None:
        """Let an account read or write a flist, or neither. Raises NotFound (account, flist)."""
        require_admin(actor)

        def make(draft: Draft) -> None:
            draft.set_grant(readable(draft, actor, flist_name).flist_id, account, right)
            draft.record(actor, Action.GRANT, str(flist_name), {"name": account, "right": right.value})

        self._catalog.change(make)

    def grants(self, actor: Actor, flist_name: FlistName) -> list[GrantFacts]:
        """What is granted in a flist, in order of account. Raises NotFound."""
        require_admin(actor)
        with self._catalog.view() as view:
            return view.grants_on(readable(view, actor, flist_name).flist_id)

    def set_private(self, actor: Actor, flist_name: FlistName, private: bool) -> None:
        """Whether all accounts may read a flist, or its own and those with a grant. Raises NotFound."""
        require_admin(actor)

        def make(draft: Draft) -> None:
            draft.set_private(readable(draft, actor, flist_name).flist_id, private)
            draft.record(actor, Action.PRIVATE, str(flist_name), {"private": private})

        self._catalog.change(make)
