"""Who may do what. The one place that decides; every verb asks here, in the view or draft in which it reads the flist.

                                   guest   user                                              admin
  read a flist                       -     those not private, those under the own name,      all
                                           private ones with a grant
  write in a flist                   -     with a write grant; own ones (self-service)       all
  bring blocks                       -     who may write in any flist                        yes
  make, delete a flist               -     own ones (self-service)                           all
  own keys and tokens                -     yes                                               yes, those of all
  accounts, grants, exposures, ...   -     -                                                 yes

Self-service is a setting, off by default; an actor knows of it. What a token may is less: one limited to a flist sees
and changes this one only, one for reading changes nothing, and neither manages anything, whatever its account may.
What somebody may not read does not exist for them: it answers as what is not there, by the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from mylist_dav.errors import Forbidden, NotFound, Unauthenticated
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import EVERYTHING, Actor, Reach, Role
from mylist_dav.model.entries import Flist
from mylist_dav.model.jobs import Job, JobsWanted
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import View

_ADMIN = Role.ADMIN
_NO_FLIST = 0
"""An id that no flist has."""

# -- of nothing in particular ----------------------------------------------------------------------------------


def require_known(actor: Actor) -> None:
    """Raises Unauthenticated for a guest."""
    if actor.role is Role.GUEST:
        raise Unauthenticated("log in with a token first")


def require_unlimited(actor: Actor) -> None:
    """Raises Unauthenticated for a guest, Forbidden for a token that may less than its account."""
    require_known(actor)
    if actor.scope != EVERYTHING:
        raise Forbidden("this token is for reading or for one flist, and not for this")


def require_admin(actor: Actor) -> None:
    """Raises Unauthenticated or Forbidden."""
    require_known(actor)
    if not is_admin(actor):
        raise Forbidden("only an admin may do this")


def is_admin(actor: Actor) -> bool:
    """Whether nothing at all is kept from the actor."""
    return actor.role is _ADMIN and actor.scope == EVERYTHING


def require_own(actor: Actor, account: str) -> None:
    """For the keys and tokens of an account. Raises Unauthenticated, Forbidden (another account, a limited token)."""
    require_unlimited(actor)
    if actor.role is not _ADMIN and actor.account != account:
        raise Forbidden("only an admin may do this for another account")


# -- of one flist ----------------------------------------------------------------------------------------------


def readable(view: View, actor: Actor, name: FlistName) -> Flist:
    """The flist, for reading. Raises Unauthenticated for a guest, NotFound: it is not there, or may not be read.

    Where there is none, grants are looked up as for one that is kept from the actor: else time would tell.
    """
    require_known(actor)
    try:
        flist = view.flist(name) if _is_in_scope(actor, name) else None
    except NotFound:
        flist = None
        view.granted(_NO_FLIST, actor.account)
    if flist is None or not may_read(view, actor, flist):
        raise NotFound(f"there is no flist {name}")
    return flist


def writable(view: View, actor: Actor, name: FlistName) -> Flist:
    """The flist, for changing what is in it. Raises what readable raises, and Forbidden."""
    return _for_writing(view, actor, readable(view, actor, name))


def removable(view: View, actor: Actor, name: FlistName) -> Flist:
    """The flist, for deleting it as a whole. Raises what readable raises, and Forbidden."""
    flist = readable(view, actor, name)
    require_creation(actor, name)
    return flist


def require_creation(actor: Actor, name: FlistName) -> None:
    """For making a flist, whether there is one or not. Raises Unauthenticated or Forbidden."""
    require_unlimited(actor)
    if actor.role is not _ADMIN and not _owns(actor, name):
        raise Forbidden("only an admin may make and delete flists here")


def still_readable(view: View, actor: Actor, flist_id: int) -> Flist:
    """The flist as it is by now, for reading on. Raises NotFound."""
    flist = view.flist_by_id(flist_id)
    if not may_read(view, actor, flist):
        raise NotFound("the flist is gone")
    return flist


def still_writable(view: View, actor: Actor, flist_id: int) -> Flist:
    """The flist as it is by now, for a change that was prepared before. Raises NotFound, Forbidden."""
    return _for_writing(view, actor, still_readable(view, actor, flist_id))


def may_read(view: View, actor: Actor, flist: Flist) -> bool:
    """Whether the flist is there for the actor."""
    return _may_read(actor, flist, lambda flist_id: view.granted(flist_id, actor.account))


def may_write(view: View, actor: Actor, flist: Flist) -> bool:
    """Whether the actor, who may read the flist, may change what is in it."""
    if actor.scope.read_only or not _is_in_scope(actor, flist.flist_name):
        return False
    if actor.role is _ADMIN or _owns(actor, flist.flist_name):
        return True
    return actor.role is Role.USER and view.granted(flist.flist_id, actor.account) is Right.WRITE


def reach(actor: Actor) -> Reach:
    """All that the actor may read, for the catalog to look for contents in. Raises Unauthenticated for a guest.

    The catalog asks the same of each flist as may_read does; a test compares the two.
    """
    require_known(actor)
    return Reach(actor.account, actor.role is _ADMIN, actor.scope.flist_name)


def visible(view: View, actor: Actor, flists: Iterable[Flist]) -> list[Flist]:
    """Those flists that may be read, in the same order. It asks for all grants at once."""
    granted = {} if actor.role is not Role.USER else view.granted_to(actor.account)
    return [flist for flist in flists if _may_read(actor, flist, granted.get)]


def require_bringing(view: View, actor: Actor) -> None:
    """For storing blocks: whoever may not write in any flist has no use for them. Raises Unauthenticated, Forbidden."""
    require_known(actor)
    if not _may_bring(view, actor):
        raise Forbidden("you may not write in any flist, and so bring no blocks")


# -- of jobs ---------------------------------------------------------------------------------------------------


def jobs_of(actor: Actor, wanted: JobsWanted) -> JobsWanted:
    """Of the jobs that are wanted those that the actor may list: the own ones, and for an admin all.

    Raises Unauthenticated for a guest.
    """
    require_known(actor)
    if not is_admin(actor):
        only = actor.scope.flist_name
        wanted = wanted._replace(account=actor.account, flist=wanted.flist if only is None else str(only))
    return wanted


def require_job(actor: Actor, job: Job) -> None:
    """For ending a job that was begun. Raises Unauthenticated, Forbidden (of another account, a limited token)."""
    require_known(actor)
    if is_admin(actor):
        return
    only = actor.scope.flist_name
    in_scope = not actor.scope.read_only and (only is None or str(only) == job.flist)
    if actor.account != job.account or not in_scope:
        raise Forbidden("only who began a job may end it, or an admin")


# -- inside ----------------------------------------------------------------------------------------------------


def _may_read(actor: Actor, flist: Flist, granted: Callable[[int], Right | None]) -> bool:
    """granted: what the account of the actor is granted, by flist id."""
    name = flist.flist_name
    if actor.role is Role.GUEST or not _is_in_scope(actor, name):
        return False
    if actor.role is _ADMIN or not flist.private or name.account == actor.account:
        return True
    return granted(flist.flist_id) in (Right.READ, Right.WRITE)


def _may_bring(view: View, actor: Actor) -> bool:
    if actor.scope.read_only:
        return False
    if actor.scope.flist_name is not None:
        with contextlib.suppress(NotFound):
            return may_write(view, actor, readable(view, actor, actor.scope.flist_name))
        return False
    if actor.role is _ADMIN or actor.self_service:
        return True
    return Right.WRITE in view.granted_to(actor.account).values()


def _for_writing(view: View, actor: Actor, flist: Flist) -> Flist:
    if not may_write(view, actor, flist):
        raise Forbidden(f"you may read {flist.flist_name}, and not change it")
    return flist


def _is_in_scope(actor: Actor, name: FlistName) -> bool:
    only = actor.scope.flist_name
    return only is None or only == name


def _owns(actor: Actor, name: FlistName) -> bool:
    """Whether a user does what an admin does with this flist, or would with a new one of this name."""
    return actor.self_service and actor.role is Role.USER and actor.account == name.account
