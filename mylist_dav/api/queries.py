"""The query of a URL: known names, each at most once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from mylist_dav.errors import Invalid
from mylist_dav.wire.documents import INTEGER_MAX


def query_of(query: str, known: Collection[str]) -> dict[str, str]:
    """The fields of a query. Raises Invalid for what is not known, repeated, or not UTF-8."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise Invalid("the query of the address cannot be read") from error
    for name, _ in pairs:
        if name not in known:
            raise Invalid(f"{name[:40]!r} is not asked for here; known are: {', '.join(sorted(known))}")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Invalid("a name stands in the query twice")
    return found


def time_ns(text: str | None, name: str) -> int | None:
    """A time such as 2026-01-31T12:00:00Z (RFC 3339; UTC if it says nothing) in nanoseconds. Raises Invalid.

    name: of the field that says it.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{name!r} is a time such as 2026-01-31T12:00:00Z") from error
    return max(-INTEGER_MAX, min(seconds * 1_000_000_000, INTEGER_MAX))
