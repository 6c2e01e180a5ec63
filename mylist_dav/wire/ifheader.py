"""The If header of WebDAV (RFC 4918, 10.4): reads it, decides nothing. Tags stay text; the front end resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import StateTest

IF_CHARS_MAX = 8192
IF_TESTS_MAX = 64

_TOKEN = re.compile(
    r"""[ \t]*(?:
        <(?P<url>[!#-;=?-~]+)>
      | \[[ \t]*(?P<etag>(?:W/)?"[\x20\x21\x23-\x7e\x80-\xff]*")[ \t]*\]
      | (?P<mark>[()])
      | (?P<not>[Nn][Oo][Tt])
    )[ \t]*""",
    re.VERBOSE,
)


class TaggedList(NamedTuple):
    """One List of the If header.

    tag: the Resource-Tag it stands under, an absolute URL or an absolute path as sent, or None: the
    request's target. tests: at least one, all of which must hold.
    """

    tag: str | None
    tests: tuple[StateTest, ...]


def parse_if(header: str) -> tuple[TaggedList, ...]:
    """The lists of an If header, in order; one of them must hold. All are tagged, or none is. Raises Invalid."""
    if len(header) > IF_CHARS_MAX:
        raise Invalid(f"an If header may have {IF_CHARS_MAX} characters, and this one has more")
    lists = _Reader(header).lists()
    if sum(len(one.tests) for one in lists) > IF_TESTS_MAX:
        raise Invalid(f"an If header may have {IF_TESTS_MAX} conditions, and this one has more")
    return lists


def submitted_tokens(lists: Iterable[TaggedList]) -> frozenset[str]:
    """Every state token that appears, negated or not: to name it is to submit it (RFC 4918, 10.4.1)."""
    return frozenset(test.token for one in lists for test in one.tests if test.token is not None)


class _Reader:
    """Reads one header from left to right. Each token is one match at the place where the last one ended."""

    def __init__(self, header: str) -> None:
        self._header = header
        self._at = 0

    def lists(self) -> tuple[TaggedList, ...]:
        """If = 1*No-tag-list | 1*Tagged-list; Tagged-list = Resource-Tag 1*List."""
        found: list[TaggedList] = []
        tag: str | None = None
        while self._at < len(self._header):
            token = self._next()
            if token["url"] and (tag is not None or not found):
                tag = token["url"]
                token = self._next()
            if token["mark"] != "(":
                raise self._malformed()
            found.append(TaggedList(tag, self._tests()))
        if not found:
            raise self._malformed()
        return tuple(found)

    def _tests(self) -> tuple[StateTest, ...]:
        """What follows '(': 1*(["Not"] (State-token | "[" entity-tag "]")) ")"."""
        tests: list[StateTest] = []
        while (token := self._next())["mark"] is None:
            negated = token["not"] is not None
            if negated:
                token = self._next()
            if not token["url"] and not token["etag"]:
                raise self._malformed()
            tests.append(StateTest(token["url"], token["etag"], negated))
        if token["mark"] != ")" or not tests:
            raise self._malformed()
        return tuple(tests)

    def _next(self) -> re.Match[str]:
        found = _TOKEN.match(self._header, self._at)
        if found is None:
            raise self._malformed()
        self._at = found.end()
        return found

    def _malformed(self) -> Invalid:
        return Invalid(f"the If header cannot be read, near character {self._at} (RFC 4918, 10.4)")
