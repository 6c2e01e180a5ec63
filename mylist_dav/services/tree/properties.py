"""WebDAV dead properties: kept as they came, not versioned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mylist_dav.errors import LimitExceeded, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.entries import Entry
from mylist_dav.services.rights import readable, require_known, writable
from mylist_dav.services.tree.guards import check_conditions, guard_change
from mylist_dav.services.tree.trees import Attributes, set_attributes
from mylist_dav.store.catalog import Catalog, Draft

PROPERTIES_MAX = 100
VALUE_BYTES_MAX = 64 * 1024
PROPERTIES_CHARS_MAX = 256 * 1024
"""Of all names and values of an entry: a listing of a folder reads those of all its members."""

NAME_CHARS_MAX = 1024


class PropertyChange(NamedTuple):
    """Set a property to serialised XML, or remove it (value_xml None). name: Clark notation, {namespace}local."""

    name: str
    value_xml: str | None


class Properties:
    """Reads and changes of dead properties."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, actor: Actor, place: Place) -> dict[str, str]:
        """All dead properties of an entry. Raises NotFound."""
        with self._catalog.view() as view:
            tree = view.tree(readable(view, actor, place.flist_name))
            entry = tree.find(place.path)
            if entry is None:
                raise NotFound(f"there is nothing at /{place.path}")
            return view.properties(tree.flist.flist_id, entry.entry_id)

    def of_entry(self, actor: Actor, place: Place, entry: Entry) -> dict[str, str]:
        """All dead properties of an entry that the caller has been given from there."""
        with self._catalog.view() as view:
            return view.properties(readable(view, actor, place.flist_name).flist_id, entry.entry_id)

    def of_members(self, actor: Actor, place: Place, folder: Entry) -> dict[int, dict[str, str]]:
        """The dead properties of all members of a folder that have any, by entry id, in one query."""
        with self._catalog.view() as view:
            return view.properties_of_members(
                readable(view, actor, place.flist_name).flist_id, folder.entry_id
            )

    def change(
        self,
        actor: Actor,
        place: Place,
        changes: Sequence[PropertyChange],
        attributes: Attributes = Attributes(),  # noqa: B008 - frozen
        conditions: Conditions = UNCONDITIONAL,
    ) -> Entry:
        """Make all changes, in order, or none; attributes are set in the same transaction.

        Raises NotFound, Locked, LimitExceeded (more than 100 on an entry, one of more than 64 KiB, or 256 Ki
        characters in all).
        """
        require_known(actor)
        for one in changes:
            if len(one.name) > NAME_CHARS_MAX:
                raise LimitExceeded(
                    f"a property name of more than {NAME_CHARS_MAX} characters is not kept: {one.name[:200]}"
                )
            if (
                one.value_xml is not None
                and len(one.value_xml.encode(errors="surrogatepass")) > VALUE_BYTES_MAX
            ):
                raise LimitExceeded(
                    f"a property of more than {VALUE_BYTES_MAX} bytes is not kept: {one.name[:200]}"
                )

        def make(draft: Draft) -> Entry:
            tree = draft.draft_tree(writable(draft, actor, place.flist_name), actor)
            check_conditions(draft, tree, place.path, actor, conditions, draft.now_ns)
            entry = tree.find(place.path)
            if entry is None:
                raise NotFound(f"there is nothing at /{place.path}")
            guard_change(draft, tree, place.path, actor, conditions, draft.now_ns, names=False)
            self._write(draft, tree.flist.flist_id, entry, changes)
            return set_attributes(tree, entry, attributes)

        return self._catalog.change(make)

    def _write(self, draft: Draft, flist_id: int, entry: Entry, changes: Sequence[PropertyChange]) -> None:
        for one in changes:
            if one.value_xml is None:
                draft.remove_property(flist_id, entry.entry_id, one.name)
            else:
                draft.set_property(flist_id, entry.entry_id, one.name, one.value_xml)
        kept = draft.properties(flist_id, entry.entry_id)
        if len(kept) > PROPERTIES_MAX:
            raise LimitExceeded(
                f"an entry may have {PROPERTIES_MAX} properties, and this one would have more"
            )
        if sum(len(name) + len(value) for name, value in kept.items()) > PROPERTIES_CHARS_MAX:
            raise LimitExceeded(
                f"the properties of an entry may have {PROPERTIES_CHARS_MAX} characters in all, and these have more"
            )
