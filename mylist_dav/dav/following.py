"""Where a change lands when symbolic links are on the way. The usual way, without links, costs no look-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mylist_dav.dav.calls import Call
from mylist_dav.errors import Conflict, NotAllowed, NotFound, PreconditionFailed
from mylist_dav.model.conditions import Place

T = TypeVar("T")


def following(call: Call, place: Place, act: Callable[[Place], T], *, last: bool) -> T:
    """act at a place; if that fails as a link would make it fail, act at the place that the links lead to.

    last=False: act is on a link itself, and only those above it are followed.
    """
    try:
        return act(place)
    except (Conflict, NotAllowed, NotFound, PreconditionFailed):
        followed, _ = call.library.trees.resolve(call.actor, place, last=last)
        if followed == place:
            raise
    return act(followed)
