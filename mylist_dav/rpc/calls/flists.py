"""flist.*: flists as a whole."""

from __future__ import annotations

from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import Flist as FlistRow
from mylist_dav.model.names import FlistName
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.rpc.paging import number_after, page
from mylist_dav.services.opening import Library
from mylist_dav.wire.cursors import cursor
from mylist_dav.wire.documents.calls import (
    FlistCreate,
    FlistPrivate,
    FlistRollback,
    OfAccount,
    OfFlist,
    OneFlist,
)
from mylist_dav.wire.documents.flists import Commit, Commits, Flist, FlistDetails, Flists, Head
from mylist_dav.wire.documents.upkeep import Done


def list_flists(library: Library, actor: Actor, asked: OfAccount) -> Flists:
    """The flists that you may see, or those of one account. In order of name."""
    rows = library.flists.list(actor, asked.account)
    found, after = page(rows, lambda one: str(one.flist_name), asked.after, asked.limit)
    return Flists(flists=[_flist(one) for one in found], next=after)


def get_flist(library: Library, actor: Actor, asked: OneFlist) -> FlistDetails:
    """What there is to know of a flist."""
    return _details(library, actor, FlistName.parse(asked.flist))


def create_flist(library: Library, actor: Actor, asked: FlistCreate) -> FlistDetails:
    """Make an empty flist. For admins; with self-service, users under their own name."""
    name = FlistName.parse(asked.flist)
    library.flists.create(actor, name, make_account=asked.make_account)
    if asked.private:
        library.grants.set_private(actor, name, True)
    return _details(library, actor, name)


def delete_flist(library: Library, actor: Actor, asked: OneFlist) -> Done:
    """Delete a flist with its whole history and its exposures. It cannot be undone."""
    library.flists.delete(actor, FlistName.parse(asked.flist))
    return Done()


def log(library: Library, actor: Actor, asked: OfFlist) -> Commits:
    """The commits of a flist, newest first."""
    name, before = FlistName.parse(asked.flist), number_after(asked.after)
    rows = library.flists.log(actor, name, before, asked.limit + 1)
    shown = [Commit(jid=one.jid, at_ns=one.at_ns, actor=one.actor, note=one.note) for one in rows]
    after = cursor(shown[asked.limit - 1].jid) if len(shown) > asked.limit else None
    return Commits(commits=shown[: asked.limit], next=after)


def rollback(library: Library, actor: Actor, asked: FlistRollback) -> Head:
    """Make a flist what it was at a revision, as a new revision. Nothing is lost by it."""
    found = library.flists.rollback(actor, FlistName.parse(asked.flist), asked.jid)
    return Head(head_jid=found.head_jid)


def set_private(library: Library, actor: Actor, asked: FlistPrivate) -> Done:
    """Keep a flist from all but its own account, those with a grant, and admins; or let all accounts read it.

    For admins. What it is exposed as is not touched by this.
    """
    library.grants.set_private(actor, FlistName.parse(asked.flist), asked.private)
    return Done()


METHODS: list[AnyMethod] = [
    Method("flist.list", OfAccount, Flists, list_flists),
    Method("flist.get", OneFlist, FlistDetails, get_flist),
    Method("flist.create", FlistCreate, FlistDetails, create_flist),
    Method("flist.delete", OneFlist, Done, delete_flist),
    Method("flist.log", OfFlist, Commits, log),
    Method("flist.rollback", FlistRollback, Head, rollback),
    Method("flist.private", FlistPrivate, Done, set_private),
]


def _details(library: Library, actor: Actor, name: FlistName) -> FlistDetails:
    with library.reading():
        found = library.flists.get(actor, name)
        may_write = library.flists.may_write(actor, name)
    return FlistDetails(**_flist(found).model_dump(), may_write=may_write)


def _flist(one: FlistRow) -> Flist:
    return Flist(
        name=str(one.flist_name),
        head_jid=one.head_jid,
        oldest_jid=one.oldest_jid,
        entries=one.entries,
        size_bytes=one.size_bytes,
        private=one.private,
        created_ns=one.created_ns,
        changed_ns=one.changed_ns,
    )
