"""Signed manifests: what a published revision holds, signed by the server's own key."""

from __future__ import annotations

import threading
from collections import OrderedDict

from mylist_dav.errors import Busy
from mylist_dav.model.actors import Actor
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.manifest import Manifest, Part, Roots, Signed, TreeDigest
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts.server_key import ServerKey
from mylist_dav.services.rights import readable
from mylist_dav.services.tree.revisions import Revision
from mylist_dav.store.catalog import Catalog

AT_ONCE_MAX = 2
"""How many trees are digested at once: each reads all of a revision."""

KEPT_MAX = 1_000


class Manifests:
    """The verb on manifests. server: the address that the server calls itself by, '' if it has none."""

    def __init__(self, catalog: Catalog, server_key: ServerKey, server: str) -> None:
        self._catalog = catalog
        self._server_key = server_key
        self._server = server
        self._turns = threading.BoundedSemaphore(AT_ONCE_MAX)
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, int, int], Roots] = OrderedDict()

    def manifest(self, actor: Actor, name: FlistName, at_jid: int | None = None) -> Signed:
        """The manifest of a revision; None is the head. Reads all of its tree, some 5 s for a million entries.

        Raises Unauthenticated, NotFound, Busy when several others are being made.
        """
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            jid = flist.head_jid if at_jid is None else at_jid
            view.tree(flist, jid)
            at_ns = view.committed_ns(flist.flist_id, jid)
        manifest = Manifest(self._server, flist.flist_name, jid, at_ns, self._roots(flist, jid))
        key = self._server_key.public
        return Signed(manifest, key, self._server_key.sign(manifest.text.encode()))

    def _roots(self, flist: Flist, jid: int) -> Roots:
        """A revision never changes; created_ns tells a flist from one that took the number of a deleted one."""
        which = flist.flist_id, flist.created_ns, jid
        with self._lock:
            known = self._known.get(which)
            if known is not None:
                self._known.move_to_end(which)
                return known
        if not self._turns.acquire(blocking=False):
            raise Busy("several manifests are being made already: ask again in some seconds")
        try:
            roots = roots_of(Revision(self._catalog, flist, jid))
        finally:
            self._turns.release()
        with self._lock:
            self._known[which] = roots
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return roots


def roots_of(revision: Revision) -> Roots:
    """Digest the tree of a revision."""
    digest = TreeDigest()
    for path, entry in revision.walk():
        digest.add(len(path), part_of(entry))
    return digest.finish()


def part_of(entry: Entry) -> Part:
    """What a manifest says of an entry."""
    return Part(
        entry.name, entry.kind, entry.mode, entry.mtime_ns, entry.size_bytes, entry.digest, entry.target
    )
