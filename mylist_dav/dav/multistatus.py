"""The text of 207 Multi-Status answers (RFC 4918, 13). Everything handed in as XML is escaped already."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from mylist_dav.dav.xml import escape, xml_response
from mylist_dav.wire.messages import Response

HEAD = '<D:multistatus xmlns:D="DAV:">'
TAIL = "</D:multistatus>"

FOUND_TAIL = "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"


def status_line(status: int) -> str:
    """The content of a DAV:status element."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"


def propstat(status: int, properties: str, error: str = "") -> str:
    """A group of properties with one status; error: a precondition element (RFC 4918, 14.5)."""
    inner = f"<D:error>{error}</D:error>" if error else ""
    return f"<D:propstat><D:prop>{properties}</D:prop><D:status>{status_line(status)}</D:status>{inner}</D:propstat>"


def response(href: str, propstats: str) -> str:
    """What is said of one resource; href: quoted."""
    return f"<D:response><D:href>{escape(href)}</D:href>{propstats}</D:response>"


def status_response(href: str, status: int, error: str = "") -> str:
    """One resource with a status of its own."""
    inner = f"<D:error>{error}</D:error>" if error else ""
    return f"<D:response><D:href>{escape(href)}</D:href><D:status>{status_line(status)}</D:status>{inner}</D:response>"


def multistatus(responses: Iterable[str]) -> Response:
    """A whole 207 answer."""
    return xml_response(207, f"{HEAD}{''.join(responses)}{TAIL}")
