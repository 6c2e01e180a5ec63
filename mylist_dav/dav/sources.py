"""What the reading methods read: a flist for those who may read it, or what an exposure shows to its visitors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mylist_dav.model.actors import Actor
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.locks import Lock
from mylist_dav.model.paths import TreePath
from mylist_dav.services.exposing.gates import Admission
from mylist_dav.services.opening import Library

Held = list[tuple[Lock, TreePath]]
"""Locks with the path of the root of each."""

DeadOfEntries = dict[int, dict[str, str]]


class Source(Protocol):
    """Reads of entries. at_jid: None is what the source shows now."""

    def resolve(self, place: Place, at_jid: int | None = None) -> tuple[Place, Entry | None]:
        """Where a place really lies, and what is there. Raises NotFound for the flist only."""
        ...

    def list(
        self, place: Place, at_jid: int | None = None, after: str = "", limit: int = -1
    ) -> tuple[Entry, list[Entry]]:
        """A folder and its members in order of name. Raises NotFound, NotAllowed, Forbidden."""
        ...

    def jid(self, place: Place) -> int:
        """The revision that is shown now."""
        ...

    def flist(self, place: Place) -> Flist | None:
        """The flist as a whole; None where that is not for the caller to see, and so nothing without an end."""
        ...

    def dead_of_entry(self, place: Place, entry: Entry) -> dict[str, str]:
        """Dead properties, Clark name to XML."""
        ...

    def dead_of_members(self, place: Place, folder: Entry) -> DeadOfEntries:
        """Those of all members of a folder that have any, by entry id."""
        ...

    def locks(self, place: Place) -> Held:
        """Every lock in the flist, each with the path of its root."""
        ...


@dataclass(frozen=True, slots=True)
class FlistSource:
    """All of a flist, with the rights of the actor. pinned_jid: a revision that it stays at; it has no locks."""

    library: Library
    actor: Actor
    pinned_jid: int | None = None

    def resolve(self, place: Place, at_jid: int | None = None) -> tuple[Place, Entry | None]:
        return self.library.trees.resolve(self.actor, place, self._at(at_jid))

    def list(
        self, place: Place, at_jid: int | None = None, after: str = "", limit: int = -1
    ) -> tuple[Entry, list[Entry]]:
        return self.library.trees.list(self.actor, place, self._at(at_jid), after, limit)

    def jid(self, place: Place) -> int:
        if self.pinned_jid is not None:
            return self.pinned_jid
        return self.library.flists.get(self.actor, place.flist_name).head_jid

    def flist(self, place: Place) -> Flist | None:
        return self.library.flists.get(self.actor, place.flist_name)

    def dead_of_entry(self, place: Place, entry: Entry) -> dict[str, str]:
        return self.library.properties.of_entry(self.actor, place, entry)

    def dead_of_members(self, place: Place, folder: Entry) -> DeadOfEntries:
        return self.library.properties.of_members(self.actor, place, folder)

    def locks(self, place: Place) -> Held:
        return self.library.locks.all(self.actor, place) if self.pinned_jid is None else []

    def _at(self, at_jid: int | None) -> int | None:
        return self.pinned_jid if at_jid is None else at_jid


@dataclass(frozen=True, slots=True)
class VisitorSource:
    """What an exposure shows. Locks and dead properties are between those who write: visitors do not see them."""

    library: Library
    exposure: Exposure
    admission: Admission

    def resolve(self, place: Place, at_jid: int | None = None) -> tuple[Place, Entry | None]:
        path, entry = self.library.exposed.resolve(self.exposure, self.admission, place.path, at_jid)
        return Place(place.flist_name, path), entry

    def list(
        self, place: Place, at_jid: int | None = None, after: str = "", limit: int = -1
    ) -> tuple[Entry, list[Entry]]:
        bounded = limit if limit >= 0 else self.library.settings.limits.propfind_entries_max
        return self.library.exposed.list(self.exposure, self.admission, place.path, at_jid, after, bounded)

    def jid(self, place: Place) -> int:
        return self.library.exposed.jid(self.exposure, self.admission)

    def flist(self, place: Place) -> Flist | None:
        return None

    def dead_of_entry(self, place: Place, entry: Entry) -> dict[str, str]:
        return {}

    def dead_of_members(self, place: Place, folder: Entry) -> DeadOfEntries:
        return {}

    def locks(self, place: Place) -> Held:
        return []
