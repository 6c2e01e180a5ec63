"""Errors as problem documents (RFC 9457). The type of a problem never changes its meaning; docs/login.md lists them."""

from __future__ import annotations

import json
import re

from mylist_dav.errors import Busy, MylistError, TooMany
from mylist_dav.outcomes import OUTCOMES, outcome
from mylist_dav.wire.messages import Headers, Response

TYPE_PREFIX = "urn:mylist:problem:"


def problem(error: Exception, allowed: str = "") -> Response:
    """The answer for an error; foreign ones show nothing of themselves. allowed: the methods there are, for 405."""
    status = outcome(error).http
    name = _name(error)
    document = {
        "type": TYPE_PREFIX + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": str(error) if isinstance(error, MylistError) else "an unexpected error",
    }
    return Response(status, _headers(error, status, allowed), json.dumps(document).encode() + b"\n")


def _name(error: Exception) -> str:
    """The class of an error as words with hyphens: TooMany gives too-many; anything foreign is mylist-error."""
    known = next((cls for cls in type(error).__mro__ if cls in OUTCOMES), MylistError)
    return re.sub(r"(?<!^)(?=[A-Z])", "-", known.__name__).lower()


def _headers(error: Exception, status: int, allowed: str) -> Headers:
    headers: Headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="mylist"'))
    if status == 405 and allowed:
        headers.append(("allow", allowed))
    if isinstance(error, TooMany):
        headers.append(("retry-after", str(error.retry_after_seconds)))
    if isinstance(error, Busy):
        headers.append(("retry-after", "1"))
    return headers
