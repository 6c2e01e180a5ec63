"""Errors as problem documents (RFC 9457). The type of a problem never changes its meaning; docs/api.md lists them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from mylist_dav.api.bodies import model_response
from mylist_dav.errors import MylistError, PreconditionFailed, RangeNotSatisfiable, problem_name
from mylist_dav.outcomes import OUTCOMES, PROBLEM_PREFIX, problem_document
from mylist_dav.wire.documents import Told
from mylist_dav.wire.messages import Response
from mylist_dav.wire.refusals import refusal_headers


class Problem(Told):
    """What went wrong. Some types have further members, which say it in a way that programs read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="what kind of problem, for programs", pattern=f"^{PROBLEM_PREFIX}[a-z-]+$")
    title: str
    status: int
    detail: str = Field(description="what, which, and what to do next, for people")


PROBLEMS = {problem_name(cls): found.http for cls, found in OUTCOMES.items()}
"""The status of each type."""


def problem_types() -> list[str]:
    """All types that there are."""
    return [PROBLEM_PREFIX + name for name in PROBLEMS]


def problem(error: Exception, allowed: str = "", members: dict[str, Any] | None = None) -> Response:
    """The answer for an error; foreign ones show nothing of themselves.

    allowed: the methods there are, for 405. members: further ones of the document.
    """
    document = Problem.model_validate({**problem_document(error), **(members or {})})
    response = model_response(document, document.status, *refusal_headers(error, allowed))
    response.headers[0] = ("content-type", "application/problem+json")
    return response


def in_words_of_the_api(response: Response) -> Response:
    """A 412 or 416 of whoever sends files, which is a line of text, as a problem; any other answer as it is."""
    if response.status not in (412, 416):
        return response
    headers = {name.lower(): value for name, value in response.headers}
    size_text = headers.get("content-range", "").removeprefix("bytes */")
    error: MylistError = PreconditionFailed("a condition of the request does not hold: read it anew")
    if response.status == 416:
        error = RangeNotSatisfiable(int(size_text))
    told = problem(error)
    known = {name.lower() for name, _ in told.headers} | {"content-length"}
    told.headers += [field for field in response.headers if field[0].lower() not in known]
    told.meter = response.meter
    return told
