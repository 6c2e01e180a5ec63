"""Who may do what. The one place that decides.

For now there are two: a guest reads public exposures, an admin does everything.
"""

from __future__ import annotations

from mylist_dav.errors import Forbidden, NotFound, Unauthenticated
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.names import FlistName


def require_known(actor: Actor) -> None:
    """Raises Unauthenticated for a guest."""
    if actor.role is Role.GUEST:
        raise Unauthenticated("log in with a token first")


def require_read(actor: Actor, name: FlistName) -> None:
    """Raises Unauthenticated for a guest, NotFound for those who may not read the flist: it does not exist for them."""
    require_known(actor)
    if actor.role is not Role.ADMIN:
        raise NotFound(f"there is no flist {name}")


def require_write(actor: Actor, name: FlistName) -> None:
    """Raises Unauthenticated, NotFound (may not read it either) or Forbidden."""
    require_read(actor, name)
    require_admin(actor)


def require_admin(actor: Actor) -> None:
    """Raises Unauthenticated or Forbidden."""
    require_known(actor)
    if actor.role is not Role.ADMIN:
        raise Forbidden("only an admin may do this")


def may_list(actor: Actor, name: FlistName) -> bool:
    """Whether the flist appears in lists."""
    return actor.role is Role.ADMIN
