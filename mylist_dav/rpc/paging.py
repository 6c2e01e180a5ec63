"""Pages of lists that a service gives whole: an answer has a bound, whatever there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import TypeVar

T = TypeVar("T")


def page(
    rows: Iterable[T], key: Callable[[T], str], after: str | None, limit: int
) -> tuple[list[T], str | None]:
    """At most limit rows in order of their keys, past `after`; and the `after` of the next page, None at the end.

    A key tells a row from all others. Rows that come and go between two pages shift none of the rest.
    """
    wanted = rows if after is None else (row for row in rows if key(row) > after)
    found = nsmallest(limit + 1, wanted, key=key)
    return found[:limit], key(found[limit - 1]) if len(found) > limit else None
