"""Conditions of a change. They are values: the store checks them inside the transaction that makes the change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath


class EntityTags(NamedTuple):
    """A list of entity tags from If-Match or If-None-Match; any_tag for '*'. Each as sent: W/"…" or "…"."""

    tags: tuple[str, ...] = ()
    any_tag: bool = False

    def matches_strongly(self, etag: str | None, exists: bool) -> bool:
        """Strong comparison (RFC 9110, 8.8.3.2): for If-Match."""
        if self.any_tag:
            return exists
        return etag is not None and not etag.startswith("W/") and etag in self.tags

    def matches_weakly(self, etag: str | None, exists: bool) -> bool:
        """Weak comparison: for If-None-Match."""
        if self.any_tag:
            return exists
        return etag is not None and etag.removeprefix("W/") in {t.removeprefix("W/") for t in self.tags}


class Place(NamedTuple):
    """One resource: a path in a flist."""

    flist_name: FlistName
    path: TreePath


class StateTest(NamedTuple):
    """One Condition of the If header (RFC 4918, 10.4): a lock token (URI) or an entity tag, perhaps negated."""

    token: str | None
    etag: str | None
    negated: bool


class StateList(NamedTuple):
    """One List of the If header: all its tests must hold.

    place: the tagged resource, or None for an untagged list, which means the target of the request.
    elsewhere: the tag names something that is no entry of this server: every etag or token test on it is false.
    """

    place: Place | None
    tests: tuple[StateTest, ...]
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """All that must hold for a change to be made.

    if_match, if_none_match, if_unmodified_since_s: on the target (RFC 9110, 13.1); seconds since the epoch.
    base_jid: the head the caller has seen; the change fails if the flist has moved on.
    state_lists: the If header: at least one list must hold, if there are any.
    lock_tokens: every token the request has submitted. A lock on what is changed must be among them.
    """

    if_match: EntityTags | None = None
    if_none_match: EntityTags | None = None
    if_unmodified_since_s: int | None = None
    base_jid: int | None = None
    state_lists: tuple[StateList, ...] = ()
    lock_tokens: frozenset[str] = field(default_factory=frozenset)


UNCONDITIONAL = Conditions()
