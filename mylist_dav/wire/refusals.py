"""The header fields that an error brings with it, whatever the body of its answer is."""

from __future__ import annotations

from mylist_dav.errors import Busy, TooMany
from mylist_dav.outcomes import outcome
from mylist_dav.wire.messages import Headers


def refusal_headers(error: Exception, allowed: str = "") -> Headers:
    """For an API. allowed: the methods there are, for 405 (RFC 9110, 10.2.1, 10.2.3 and 11.6.1)."""
    status = outcome(error).http
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
