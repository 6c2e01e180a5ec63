"""Files that strangers have stored, on the server's own hosts: they share the origin of the console.

So what is sent of them runs nothing and reaches nothing there.
"""

from __future__ import annotations

from mylist_dav.errors import Forbidden
from mylist_dav.wire.messages import Headers, Request

FILE_HEADERS: Headers = [
    ("Content-Security-Policy", "sandbox"),
    ("Cache-Control", "private, no-cache"),
]
"""Beside nosniff, which the responder of files always sends."""


def refuse_service_worker(request: Request) -> None:
    """Raises Forbidden for a script that is to become a service worker: it would see all requests of its origin."""
    if request.header("service-worker") is not None:
        raise Forbidden("stored files do not serve as service workers")
