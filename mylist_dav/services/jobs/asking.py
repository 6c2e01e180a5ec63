"""What a job of the kind `sync` is asked, and who may ask it. What it does stands where HTTP is spoken to others."""

from __future__ import annotations

from collections.abc import Iterable

from mylist_dav.errors import Invalid
from mylist_dav.model.actors import Actor
from mylist_dav.model.conditions import Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.model.peers import Peer, peer_called
from mylist_dav.services.jobs.jobs import Fields
from mylist_dav.services.opening import Library
from mylist_dav.services.rights import require_admin

SYNC = "sync"
BLOCKS_MAX = 10_000


def known_peers(library: Library, actor: Actor) -> tuple[Peer, ...]:
    """The servers that this one is set up to copy to. For admins. Raises Unauthenticated, Forbidden."""
    require_admin(actor)
    return library.peers


def sync_asked(
    library: Library,
    actor: Actor,
    peer: str,
    *,
    flist: FlistName | None = None,
    at: int | None = None,
    blocks: Iterable[Digest] | None = None,
) -> tuple[Fields, str]:
    """What a job is to be asked, and the flist it is about. The revision is that of now, however late it begins.

    peer: its name, or exactly its address. Raises Forbidden (no admin, no such peer), NotFound.
    """
    require_admin(actor)
    found = peer_called(library.peers, peer)
    if flist is not None and at is None:
        at = library.flists.get(actor, flist).head_jid
    ids = None if blocks is None else list(dict.fromkeys(map(str, blocks)))
    name = str(flist) if flist is not None else None
    return {"peer": found.name, "flist": name, "at": at, "blocks": ids}, name or ""


def check_sync(library: Library, actor: Actor, asked: Fields) -> None:
    """Raises Forbidden (no admin, no such peer), NotFound (no such flist or revision), Invalid.

    Only admins: it is this server that logs in at the peer, whoever asks.
    """
    require_admin(actor)
    peer_called(library.peers, asked["peer"])
    if (asked["flist"] is None) == (asked["blocks"] is None):
        raise Invalid("either a flist is copied or blocks are")
    if asked["flist"] is not None:
        next(library.trees.walk(actor, Place(FlistName.parse(asked["flist"]), ROOT), asked["at"]), None)
    elif asked["at"] is not None:
        raise Invalid("blocks have no revisions")
    elif not 0 < len(asked["blocks"]) <= BLOCKS_MAX:
        raise Invalid(f"1 to {BLOCKS_MAX} blocks are copied at once")
