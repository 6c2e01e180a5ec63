"""flist.*, label.*: flists as a whole, their commits, and names for their revisions."""

from __future__ import annotations

from itertools import groupby

from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import Flist as FlistRow
from mylist_dav.model.names import FlistName
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.rpc.paging import number_after, page
from mylist_dav.services.opening import Library
from mylist_dav.services.tree.flists import Wanted
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents.calls import (
    FlistCommit,
    FlistCreate,
    FlistDiff,
    FlistList,
    FlistPrivate,
    FlistRename,
    FlistRollback,
    LabelSet,
    OfFlist,
    OneFlist,
    OneLabel,
)
from mylist_dav.wire.documents.changes import CommitTold, DiffTold, goes_on, values_of
from mylist_dav.wire.documents.flists import (
    AccountFlists,
    Commit,
    Commits,
    ExposureTold,
    Flist,
    FlistDetails,
    FlistsFound,
    Head,
    LabelPage,
    LabelTold,
    flist_fields,
)
from mylist_dav.wire.documents.upkeep import Done


def list_flists(library: Library, actor: Actor, asked: FlistList) -> FlistsFound:
    """The flists that you may see, by account. In order of account and name."""
    wanted = Wanted(asked.account, asked.name_contains or "", asked.private, asked.exposed)
    after = None
    if asked.after is not None:
        account, name = read_cursor(asked.after, str, str)
        after = FlistName(str(account), str(name))
    some = library.flists.page(actor, wanted, after, asked.limit)
    groups = groupby(some.flists, lambda flist: flist.flist_name.account)
    return FlistsFound(
        accounts=[
            AccountFlists(account=account, flists=list(map(Flist.of, flists))) for account, flists in groups
        ],
        next=None if some.next is None else cursor(*some.next),
    )


def get_flist(library: Library, actor: Actor, asked: OneFlist) -> FlistDetails:
    """What there is to know of a flist. Where it is shown and its labels too."""
    return _details(library, actor, FlistName.parse(asked.flist))


def create_flist(library: Library, actor: Actor, asked: FlistCreate) -> FlistDetails:
    """Make an empty flist. For admins; with self-service, users under their own name."""
    name = FlistName.parse(asked.flist)
    library.flists.create(actor, name, make_account=asked.make_account, private=asked.private)
    return _details(library, actor, name)


def rename_flist(library: Library, actor: Actor, asked: FlistRename) -> FlistDetails:
    """Give a flist another name in its account. Its history, exposures, grants and labels stay with it."""
    renamed = library.flists.rename(actor, FlistName.parse(asked.flist), FlistName.parse(asked.new_name))
    return _details(library, actor, renamed.flist_name)


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


def commit(library: Library, actor: Actor, asked: FlistCommit) -> CommitTold:
    """Do many operations as one commit, or none of them. What is in the way stands in the data of the error."""
    done = library.changes.commit(
        actor,
        FlistName.parse(asked.flist),
        asked.base_jid,
        values_of(asked.operations),
        asked.note,
    )
    return CommitTold(jid=done.jid, head_jid=done.jid, changed=done.changed)


def diff(library: Library, actor: Actor, asked: FlistDiff) -> DiffTold:
    """How two revisions of a flist differ. The cursor holds both, so pages fit together when the head moves on."""
    to_jid, after = goes_on(asked.after, asked.from_jid, asked.to_jid)
    name = FlistName.parse(asked.flist)
    return DiffTold.of(
        library.differences.page(actor, name, asked.from_jid, to_jid, after=after, limit=asked.limit)
    )


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


def list_labels(library: Library, actor: Actor, asked: OfFlist) -> LabelPage:
    """The named revisions of a flist, in order of name."""
    rows = library.labels.list(actor, FlistName.parse(asked.flist))
    found, after = page(rows, lambda one: one.name, asked.after, asked.limit)
    return LabelPage(labels=list(map(LabelTold.of, found)), next=after)


def set_label(library: Library, actor: Actor, asked: LabelSet) -> LabelTold:
    """Name a revision, which is kept from then on. A label that is there moves."""
    return LabelTold.of(library.labels.set(actor, FlistName.parse(asked.flist), asked.label, asked.jid))


def remove_label(library: Library, actor: Actor, asked: OneLabel) -> Done:
    """Forget a label. Its revision is kept no longer than others."""
    library.labels.remove(actor, FlistName.parse(asked.flist), asked.label)
    return Done()


METHODS: list[AnyMethod] = [
    Method("flist.list", FlistList, FlistsFound, list_flists),
    Method("flist.get", OneFlist, FlistDetails, get_flist),
    Method("flist.create", FlistCreate, FlistDetails, create_flist),
    Method("flist.rename", FlistRename, FlistDetails, rename_flist),
    Method("flist.delete", OneFlist, Done, delete_flist),
    Method("flist.log", OfFlist, Commits, log),
    Method("flist.commit", FlistCommit, CommitTold, commit),
    Method("flist.diff", FlistDiff, DiffTold, diff),
    Method("flist.rollback", FlistRollback, Head, rollback),
    Method("flist.private", FlistPrivate, Done, set_private),
    Method("label.list", OfFlist, LabelPage, list_labels),
    Method("label.set", LabelSet, LabelTold, set_label),
    Method("label.remove", OneLabel, Done, remove_label),
]


def _details(library: Library, actor: Actor, name: FlistName) -> FlistDetails:
    with library.reading():
        found: FlistRow = library.flists.get(actor, name)
        return FlistDetails(
            **flist_fields(found),
            may_write=library.flists.may_write(actor, name),
            exposures=list(map(ExposureTold.of, library.exposures.of_flist(actor, name))),
            labels=list(map(LabelTold.of, library.labels.list(actor, name))),
        )
