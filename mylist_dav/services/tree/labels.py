"""Labels: names for revisions of a flist, which are kept as long as they have one."""

from __future__ import annotations

from mylist_dav.errors import LimitExceeded, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.entries import Label
from mylist_dav.model.names import FlistName, check_label_name
from mylist_dav.services.rights import readable, require_known, writable
from mylist_dav.store.catalog import Catalog, Draft

LABELS_MAX = 1_000
"""Most labels of one flist: each keeps a revision for ever."""


class Labels:
    """The verbs on labels."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self, actor: Actor, flist_name: FlistName) -> list[Label]:
        """In order of name. Raises NotFound."""
        with self._catalog.view() as view:
            return view.labels(readable(view, actor, flist_name).flist_id)

    def set(self, actor: Actor, flist_name: FlistName, label: str, jid: int | None = None) -> Label:
        """Name a revision, None: the head. A label that is there moves to it.

        Raises NotFound (flist, revision), BadName, LimitExceeded.
        """
        require_known(actor)
        check_label_name(label)

        def make(draft: Draft) -> Label:
            flist = writable(draft, actor, flist_name)
            named = flist.head_jid if jid is None else jid
            draft.tree(flist, named)
            known = {one.name for one in draft.labels(flist.flist_id)}
            if label not in known and len(known) >= LABELS_MAX:
                raise LimitExceeded(f"{flist_name} has {LABELS_MAX} labels already, and no more are allowed")
            draft.set_label(flist.flist_id, label, named)
            draft.record(actor, Action.LABEL, str(flist_name), {"name": label, "jid": named})
            return Label(label, named, draft.now_ns)

        return self._catalog.change(make)

    def remove(self, actor: Actor, flist_name: FlistName, label: str) -> None:
        """Forget a label; its revision is kept no longer than others. Raises NotFound (flist, label)."""
        require_known(actor)

        def make(draft: Draft) -> None:
            flist = writable(draft, actor, flist_name)
            if not draft.remove_label(flist.flist_id, label):
                raise NotFound(f"{flist_name} has no label {label[:80]}")
            draft.record(actor, Action.UNLABEL, str(flist_name), {"name": label})

        self._catalog.change(make)
