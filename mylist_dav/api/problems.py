"""Errors as problem documents (RFC 9457). The type of a problem never changes its meaning; docs/api.md lists them."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, Field

from mylist_dav.api.bodies import model_response
from mylist_dav.errors import Busy, MylistError, TooMany
from mylist_dav.outcomes import OUTCOMES, outcome
from mylist_dav.wire.documents import Told
from mylist_dav.wire.messages import Headers, Response

TYPE_PREFIX = "urn:mylist:problem:"


class Problem(Told):
    """What went wrong. Some types have further members, which say it in a way that programs read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="what kind of problem, for programs", pattern=f"^{TYPE_PREFIX}[a-z-]+$")
    title: str
    status: int
    detail: str = Field(description="what, which, and what to do next, for people")


def name_of(cls: type[MylistError]) -> str:
    """The class of an error as words with hyphens: TooMany gives too-many."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


PROBLEMS = {name_of(cls): found.http for cls, found in OUTCOMES.items()}
"""The status of each type."""


def problem_types() -> list[str]:
    """All types that there are."""
    return [TYPE_PREFIX + name for name in PROBLEMS]


def problem(error: Exception, allowed: str = "", members: dict[str, Any] | None = None) -> Response:
    """The answer for an error; foreign ones show nothing of themselves.

    allowed: the methods there are, for 405. members: further ones of the document.
    """
    status = outcome(error).http
    name = name_of(next((cls for cls in type(error).__mro__ if cls in OUTCOMES), MylistError))
    document = Problem(
        type=TYPE_PREFIX + name,
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=str(error) if isinstance(error, MylistError) else "an unexpected error",
        **(members or {}),
    )
    response = model_response(document, status, *_headers(error, status, allowed))
    response.headers[0] = ("content-type", "application/problem+json")
    return response


def _headers(error: Exception, status: int, allowed: str) -> Headers:
    headers: Headers = []
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="mylist"'))
    if status == 405 and allowed:
        headers.append(("allow", allowed))
    if isinstance(error, TooMany):
        headers.append(("retry-after", str(error.retry_after_seconds)))
    if isinstance(error, Busy):
        headers.append(("retry-after", "1"))
    return headers
