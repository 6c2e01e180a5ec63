"""Releasing: rows that say that a flist holds a content, where no row of an entry does any more.

`held` never lacks what a flist has, but an import that failed, or a content that was replaced within its own commit,
leaves rows behind. There is no index of entries by content, so the rows of all flists are gone through, page by page,
into a scratch table; what `held` has beyond that is looked at once more. Entries as they are now come before entries as
they were: a row only ever moves from the one to the other while it is looked for. Whatever was written meanwhile is of
a later commit, and the last step needs the head to be the one that was looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Protocol, TypeVar

from mylist_dav.errors import NotFound
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.catalog.collecting import FIRST_ENTRY, FIRST_PAST, HeldRow
from mylist_dav.store.marking import Marks
from mylist_dav.store.pacing import Pace

PAGE = 4000
RELEASED_AT_ONCE = 2000
ATTEMPTS_MAX = 20
"""How often a flist that is changed all the time is looked at again, before it is left for another day."""

T = TypeVar("T")


class Change(Protocol):
    """One transaction, which is refused while anybody has a lease."""

    def __call__(self, make: Callable[[Draft], T]) -> T: ...


def release_unheld(catalog: Catalog, marks: Marks, change: Change, pace: Pace) -> Iterator[int]:
    """Remove the rows of `held` that hold nothing; yields how many, time and again."""
    with catalog.view() as view:
        heads = view.finder.heads()
    for flist_id in heads:
        _see(catalog, marks, pace, flist_id)
    for strange in _believe(catalog, marks, pace, heads):
        yield change(partial(_release_gone, strange))
    yield from _release_loose(catalog, marks, change, pace, heads)


def release_given_up(
    catalog: Catalog, marks: Marks, change: Change, pace: Pace, flist_ids: set[int]
) -> Iterator[int]:
    """The same for some flists, in which imports have built what they could not publish."""
    with catalog.view() as view:
        heads = {each: head for each in flist_ids if (head := view.finder.head_of(each)) is not None}
    if not heads:
        return
    for flist_id in heads:
        _see(catalog, marks, pace, flist_id)
    for _strange in _believe(catalog, marks, pace, heads):
        pass  # of other flists
    yield from _release_loose(catalog, marks, change, pace, heads)


def _release_loose(
    catalog: Catalog, marks: Marks, change: Change, pace: Pace, heads: dict[int, int]
) -> Iterator[int]:
    for flist_id in marks.flists():
        yield from _release(catalog, marks, change, pace, flist_id, heads[flist_id])


def _see(catalog: Catalog, marks: Marks, pace: Pace, flist_id: int) -> None:
    """Note all that a flist holds."""
    now: tuple[int, str] | None = FIRST_ENTRY
    while now is not None:
        began = time.monotonic()
        with catalog.view() as view:
            now, digests = view.finder.entry_digests(flist_id, now, PAGE)
        marks.see(flist_id, digests)
        pace.rest(time.monotonic() - began, PAGE)
    past: tuple[int, str, int] | None = FIRST_PAST
    while past is not None:
        began = time.monotonic()
        with catalog.view() as view:
            past, digests = view.finder.past_digests(flist_id, past, PAGE)
        marks.see(flist_id, digests)
        pace.rest(time.monotonic() - began, PAGE)


def _believe(catalog: Catalog, marks: Marks, pace: Pace, heads: dict[int, int]) -> Iterator[list[HeldRow]]:
    """Compare with `held`; yields what it has of other flists: they are gone, or new."""
    after: HeldRow = (b"", 0)
    while True:
        began = time.monotonic()
        with catalog.view() as view:
            rows = view.finder.held_page(after, PAGE)
        if not rows:
            return
        marks.believe(row for row in rows if row[1] in heads)
        strange = [row for row in rows if row[1] not in heads]
        if strange:
            yield strange
        after = rows[-1]
        pace.rest(time.monotonic() - began, PAGE)


def _release_gone(rows: list[HeldRow], draft: Draft) -> int:
    return draft.reaper.release_gone(rows)


def _release(
    catalog: Catalog, marks: Marks, change: Change, pace: Pace, flist_id: int, seen_jid: int
) -> Iterator[int]:
    """Release what was not seen of one flist, once nothing that was written since holds it."""
    for _ in range(ATTEMPTS_MAX):
        try:
            with catalog.view() as view:
                head_jid = view.flist_by_id(flist_id).head_jid
                if head_jid != seen_jid:
                    marks.drop(flist_id, view.finder.digests_since(flist_id, seen_jid))
        except NotFound:
            return  # the flist is gone, and what it held does not count any more
        seen_jid = head_jid
        released = yield from _release_at(marks, change, pace, flist_id, head_jid)
        if released:
            return


def _release_at(
    marks: Marks, change: Change, pace: Pace, flist_id: int, head_jid: int
) -> Generator[int, None, bool]:
    """Release as long as the head is this one; False when it is another before all is done."""
    while digests := marks.page(flist_id, min(RELEASED_AT_ONCE, pace.rows)):
        began = time.monotonic()
        if not change(partial(_release_these, flist_id, head_jid, digests)):
            return False
        marks.drop(flist_id, digests)
        yield len(digests)
        pace.rest(time.monotonic() - began, len(digests))
    return True


def _release_these(flist_id: int, head_jid: int, digests: list[bytes], draft: Draft) -> bool:
    return draft.reaper.release(flist_id, head_jid, digests)
