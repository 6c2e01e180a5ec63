"""An exposed tree as a visitor may see it, entry by entry: without hidden names, and links never lead to one.

What sites.py answers for browsers this gives to WebDAV: the same files under the same names.
"""

from __future__ import annotations

from mylist_dav.errors import Forbidden, NotAllowed, NotFound, Unauthenticated
from mylist_dav.model.entries import Entry
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.paths import TreePath
from mylist_dav.services.exposing.gates import Admission
from mylist_dav.services.exposing.sites import visible_after
from mylist_dav.services.tree.following import follow, way_to_root
from mylist_dav.store.catalog import Catalog, TreeView, View


class Exposed:
    """Reads for visitors. Each takes the admission that the gate gave, and raises Unauthenticated for any other."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def resolve(
        self, exposure: Exposure, admission: Admission, path: TreePath, at_jid: int | None = None
    ) -> tuple[TreePath, Entry | None]:
        """Where a path leads, and what is there; None when there is nothing that may be seen."""
        with self._catalog.view() as view:
            tree = _tree(view, exposure, admission, at_jid)
            way = follow(tree, way_to_root(tree), path)
            return (way.path, way.entry) if way is not None else (path, None)

    def list(
        self,
        exposure: Exposure,
        admission: Admission,
        path: TreePath,
        at_jid: int | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> tuple[Entry, list[Entry]]:
        """A folder and at most limit of its members, in order of name.

        Raises NotFound, NotAllowed (it is no folder), Forbidden (its folders may not be listed).
        """
        if not exposure.listing:
            raise Forbidden("the folders of this site are not listed")
        with self._catalog.view() as view:
            tree = _tree(view, exposure, admission, at_jid)
            way = follow(tree, way_to_root(tree), path)
            if way is None:
                raise NotFound("there is no such folder")
            if not way.entry.is_directory:
                raise NotAllowed(f"/{path} is not a folder")
            return way.entry, visible_after(tree, way.entry, after, limit)

    def jid(self, exposure: Exposure, admission: Admission) -> int:
        """The revision that is shown now."""
        with self._catalog.view() as view:
            tree = _tree(view, exposure, admission, None)
            return tree.flist.head_jid if exposure.at_jid is None else exposure.at_jid


def _tree(view: View, exposure: Exposure, admission: Admission, at_jid: int | None) -> TreeView:
    """Raises Unauthenticated, NotFound (the flist is gone, or the revision)."""
    if not admission.is_for(exposure):
        raise Unauthenticated("this site is not open to everybody")
    flist = view.flist_by_id(exposure.flist_id)
    return view.tree(flist, exposure.at_jid if at_jid is None else at_jid)
