"""What an error looks like over WebDAV. outcomes.py gives the status; what departs from it has a name here."""

from __future__ import annotations

from mylist_dav.dav.credentials import CHALLENGE
from mylist_dav.dav.locations import SERVER_MOUNT, Mount
from mylist_dav.dav.multistatus import multistatus, status_response
from mylist_dav.dav.xml import escape, xml_response
from mylist_dav.errors import Busy, Exists, Locked, MylistError, NotFound, TooMany
from mylist_dav.model.conditions import Place
from mylist_dav.model.paths import TreePath
from mylist_dav.outcomes import outcome
from mylist_dav.wire.messages import Headers, Request, Response

METHODS = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"

CLASSES: Headers = [
    ("DAV", "1, 2"),
    ("DAV", "<http://apache.org/dav/propset/fs/1>"),  # neon: there is an executable property
    ("MS-Author-Via", "DAV"),
]
"""What every answer to OPTIONS says."""

_PLAIN: Headers = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
]
_NEEDS_A_PARENT = frozenset(("PUT", "MKCOL", "LOCK"))


def refusal(
    request: Request, error: Exception, mount: Mount = SERVER_MOUNT, methods: str = METHODS
) -> Response:
    """The answer to a request that failed. Foreign errors show nothing of themselves. methods: that there are."""
    if isinstance(error, Locked):
        place = _locked_place(request, error, mount)
        if place is not None:
            return locked(request, mount, place)
    status = _status(request, error)
    headers = list(_PLAIN)
    if status == 401:
        headers += CHALLENGE
    if status == 405:
        headers.append(("Allow", methods))
    if isinstance(error, Busy):
        headers.append(("Retry-After", "1"))
    if isinstance(error, TooMany):
        headers.append(("Retry-After", str(error.retry_after_seconds)))
    text = str(error) if isinstance(error, MylistError) else "an unexpected error"
    return Response(status, headers, f"{text}\n".encode(errors="replace"))


def locked(request: Request, mount: Mount, place: Place) -> Response:
    """423, with the precondition that names what is locked (RFC 4918, 9.10.6 and 16)."""
    condition = "no-conflicting-lock" if request.method == "LOCK" else "lock-token-submitted"
    return xml_response(423, f'<D:error xmlns:D="DAV:">{_condition(condition, mount, place)}</D:error>')


def locked_member(mount: Mount, place: Place) -> Response:
    """207: a member of the collection is locked, so that nothing of it was done (RFC 4918, 9.6.1)."""
    condition = _condition("lock-token-submitted", mount, place)
    return multistatus((status_response(mount.href(place, directory=False), 423, condition),))


def bad_gateway() -> Response:
    """The Destination is on another server (RFC 4918, 9.8.5)."""
    return Response(
        502, list(_PLAIN), b"the Destination is on another host, and this server sends nothing there\n"
    )


def _condition(name: str, mount: Mount, place: Place) -> str:
    return f"<D:{name}><D:href>{escape(mount.href(place, directory=False))}</D:href></D:{name}>"


def _status(request: Request, error: Exception) -> int:
    if _exists_already(request, error):
        return 405
    if _parent_is_missing(request, error):
        return 409
    return outcome(error).http


def _exists_already(request: Request, error: Exception) -> bool:
    """MKCOL on what exists is a method that is not allowed there (RFC 4918, 9.3.1)."""
    return isinstance(error, Exists) and request.method == "MKCOL"


def _parent_is_missing(request: Request, error: Exception) -> bool:
    """What makes a resource misses only what should hold it, here its flist (RFC 4918, 9.3.1 and 9.7.1)."""
    return isinstance(error, NotFound) and request.method in _NEEDS_A_PARENT


def _locked_place(request: Request, error: Locked, mount: Mount) -> Place | None:
    """The place of a lock that is in the way of the target of a request."""
    if error.path is None:
        return None
    try:
        return Place(mount.locate(request.target).place.flist_name, TreePath.parse(error.path))
    except MylistError:
        return None
