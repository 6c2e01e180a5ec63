"""The verb put tree: a whole tree, or any number of changes, in one commit, by entries that name their contents.

It is an import whose members carry nothing, held to what a commit is held to.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from mylist_dav.errors import BadArchive, Invalid, MylistError, PreconditionFailed, Queued
from mylist_dav.model.actors import Actor
from mylist_dav.model.archives.members import Source
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.imports import Imported, Imports
from mylist_dav.services.archives.named_contents import settle_uploads
from mylist_dav.services.limits.turns import Turns
from mylist_dav.services.rights import writable
from mylist_dav.services.tree.changes import Changes, check_note
from mylist_dav.store.catalog import Catalog

AT_ONCE = 2
"""In one process: each keeps a thread busy for as long as a million entries take, or a terabyte that is hashed."""


class Put(NamedTuple):
    """What has been done. jid: of the head after it. imported: what it came to."""

    jid: int
    imported: Imported


class WholeTrees:
    """Large commits. They hold up nobody who writes meanwhile."""

    def __init__(
        self, catalog: Catalog, imports: Imports, changes: Changes, turns: Turns | None = None
    ) -> None:
        self._turns = turns or Turns(AT_ONCE)
        self._catalog = catalog
        self._imports = imports
        self._changes = changes

    def check(self, actor: Actor, name: FlistName, base_jid: int | None, note: str) -> None:
        """What can be known before the entries are here. Raises NotFound, Forbidden, Outdated, Invalid, ..."""
        check_note(note)
        self._imports.check(actor, name, make=False)
        self._refuse_outdated(actor, name, base_jid)

    def put(
        self,
        actor: Actor,
        name: FlistName,
        source: Source,
        *,
        base_jid: int | None = None,
        merge: bool = False,
        note: str = "",
        conditions: Conditions = UNCONDITIONAL,
    ) -> Put:
        """Make the head what the source says, or, with merge, change it by that; if that changes nothing there is no
        commit. base_jid: the head must be this revision still. conditions: only the lock tokens of it count.

        Raises Refused (contents that are missing or wrong), Outdated, Conflict (what is to go is not there), NotFound,
        Forbidden, Invalid, Locked, LimitExceeded, OutOfQuota, Busy; Queued when it is the turn of others, before
        anything is read.
        """
        check_note(note)
        if not self._turns.take(actor.account, 1):
            raise Queued("other trees are being taken in: ask again, your turn is kept for some seconds")
        try:
            done = self._imports.run(
                actor,
                name,
                source,
                merge=merge,
                note=note or "a tree",
                conditions=Conditions(base_jid=base_jid, lock_tokens=conditions.lock_tokens),
                action=Action.COMMIT,
            )
            if done.jid is not None:
                with contextlib.suppress(MylistError):  # the commit is made, whatever becomes of this
                    settle_uploads(self._catalog, actor, name)
        except BadArchive as error:
            raise Invalid(str(error)) from error
        except PreconditionFailed:
            self._refuse_outdated(actor, name, base_jid)
            raise
        finally:
            self._turns.give_back(actor.account)
        return Put(self._head_jid(actor, name) if done.jid is None else done.jid, done)

    def _refuse_outdated(self, actor: Actor, name: FlistName, base_jid: int | None) -> None:
        head_jid = self._head_jid(actor, name)
        if base_jid not in (None, head_jid):
            raise self._changes.outdated(actor, name, base_jid or 0, head_jid)

    def _head_jid(self, actor: Actor, name: FlistName) -> int:
        with self._catalog.view() as view:
            return writable(view, actor, name).head_jid
