"""Pages of lists that a service gives whole: an answer has a bound, whatever there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import TypeVar

from mylist_dav.wire.cursors import cursor, read_cursor

T = TypeVar("T")


def page(
    rows: Iterable[T], key: Callable[[T], str], after: str | None, limit: int
) -> tuple[list[T], str | None]:
    """At most limit rows in order of their keys, past `after`; and the `after` of the next page, None at the end.

    A key tells a row from all others. Rows that come and go between two pages shift none of the rest. Raises Invalid.
    """
    past = "" if after is None else str(read_cursor(after, str)[0])
    wanted = rows if after is None else (row for row in rows if key(row) > past)
    found = nsmallest(limit + 1, wanted, key=key)
    return found[:limit], cursor(key(found[limit - 1])) if len(found) > limit else None


def number_after(after: str | None) -> int | None:
    """The number in the cursor of a list that goes by numbers. Raises Invalid."""
    return None if after is None else int(read_cursor(after, int)[0])
