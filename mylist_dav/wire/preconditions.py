"""Conditional requests (RFC 9110, 13): entity tags, dates, and the order in which they count.

Reads are decided here. For writes this only reads the headers: the store checks them inside the transaction.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import EntityTags
from mylist_dav.wire.dates import parse_http_date
from mylist_dav.wire.messages import Headers

TAGS_CHARS_MAX = 8192

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ONE_TAG = re.compile(_TAG)
_TAG_LIST = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_CONDITIONAL = frozenset(
    ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range")
)


class Verdict(Enum):
    """What the preconditions of a request decide."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    FAILED = auto()


class Preconditions(NamedTuple):
    """The conditional headers of a request, and Range, as sent; repeated ones joined by ', '."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    range: str | None = None


def preconditions_of(headers: Headers) -> Preconditions | None:
    """The conditional headers among these (names in lower case), or None when there is none: the usual case."""
    found = [field for field in headers if field[0] in _CONDITIONAL]
    if not found:
        return None
    values: dict[str, str] = {}
    for name, value in found:
        key = name.replace("-", "_")
        values[key] = f"{values[key]}, {value}" if key in values else value
    return Preconditions(**values)


def parse_entity_tags(value: str) -> EntityTags:
    """Read If-Match or If-None-Match: '*' or a list of entity tags (RFC 9110, 13.1.1). Raises Invalid."""
    if len(value) > TAGS_CHARS_MAX:
        raise Invalid(f"a list of entity tags may have {TAGS_CHARS_MAX} characters, and this one has more")
    if value.strip(" \t") == "*":
        return EntityTags(any_tag=True)
    if not _TAG_LIST.fullmatch(value):
        raise Invalid(
            f'{value[:80]!r} is not a list of entity tags: each is "in quotes", perhaps with W/ before it'
        )
    return EntityTags(tuple(_ONE_TAG.findall(value)))


def evaluate(
    method: str, asked: Preconditions, etag: str | None, last_modified_s: int | None, exists: bool = True
) -> Verdict:
    """Decide in the order of RFC 9110, 13.2.2 on the selected representation; but for If-Range: range_holds.

    etag: as sent in ETag. last_modified_s: seconds since the epoch, or None where there is no date.
    GET and HEAD take a malformed If-None-Match as one that matches nothing, and so does If-Match; for other
    methods either raises Invalid, since a write must not go ahead on a condition that nobody has read.
    """
    reads = method in ("GET", "HEAD")
    if asked.if_match is not None:
        if not _tags(asked.if_match, reads).matches_strongly(etag, exists):
            return Verdict.FAILED
    elif asked.if_unmodified_since is not None and _is_modified(asked.if_unmodified_since, last_modified_s):
        return Verdict.FAILED
    if asked.if_none_match is not None:
        if not _none_match(asked.if_none_match, etag, exists, reads):
            return Verdict.NOT_MODIFIED if reads else Verdict.FAILED
    elif reads and asked.if_modified_since is not None and last_modified_s is not None:
        since = parse_http_date(asked.if_modified_since)
        if since is not None and max(last_modified_s, 0) <= since:
            return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def range_holds(if_range: str | None, etag: str | None, last_modified_s: int | None) -> bool:
    """Whether Range counts (RFC 9110, 13.1.5): the strong tag, or exactly the Last-Modified, is as it was."""
    if if_range is None:
        return True
    if if_range.startswith('"'):
        return if_range == etag
    since = parse_http_date(if_range)
    return since is not None and last_modified_s is not None and since == max(last_modified_s, 0)


def _tags(value: str, reads: bool) -> EntityTags:
    try:
        return parse_entity_tags(value)
    except Invalid:
        if reads:
            return EntityTags()
        raise


def _none_match(value: str, etag: str | None, exists: bool, reads: bool) -> bool:
    if value == etag:  # what a browser sends nearly always
        return False
    return not _tags(value, reads).matches_weakly(etag, exists)


def _is_modified(since_text: str, last_modified_s: int | None) -> bool:
    """Whether If-Unmodified-Since fails; a bad date, or none to compare with, is ignored (RFC 9110, 13.1.4)."""
    since = parse_http_date(since_text)
    return since is not None and last_modified_s is not None and max(last_modified_s, 0) > since
