"""Headers of published files: what they are, how long they stay fresh, and what their scripts may do.

A site on a host name of its own is an origin of its own: the browser keeps it apart. Sites on prefixes share one origin
with each other and with the server's own pages. There the browser is told to treat each page as an origin of its own
that nobody shares (CSP sandbox without allow-same-origin): its scripts run, but read neither cookies nor storage nor
any page of this server. What such a page loads by CORS (fonts, modules) comes with `Origin: null`; files of those
kinds may be read by everybody, which says little more than that they can be included by everybody. Pages and plain
data may not: any page in the world can send `Origin: null`.
"""

from __future__ import annotations

import re

from mylist_dav.model.entries import Entry
from mylist_dav.model.exposures import Exposure
from mylist_dav.wire.media import UNKNOWN, media_type
from mylist_dav.wire.messages import Headers, Request

REVALIDATE = ("Cache-Control", "max-age=0, must-revalidate")
NO_STORE = ("Cache-Control", "no-store")
SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-downloads allow-modals"

_SHARED_ORIGIN: Headers = [
    ("Content-Security-Policy", SANDBOX),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
]
_READABLE = ("Access-Control-Allow-Origin", "*")
_READABLE_TYPES = ("text/javascript", "text/css", "font/", "application/vnd.ms-fontobject")
_MEDIA_TYPE = re.compile(
    r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+(?:[ \t]*;[ \t]*[!#-'*+.0-9A-Z^-z|~-]+=(?:[!#-'*+.0-9A-Z^-z|~-]+"
    r'|"[ !#-\[\]-~]*"))*',
    re.IGNORECASE,
)


def content_type(entry: Entry, name: str) -> str:
    """The Content-Type of a file: as given by whoever wrote it, else by the name it was asked for, else by its own.

    application/octet-stream, and what is no media type, counts as not given: clients send it for want of knowledge.
    """
    given = entry.content_type
    if given and _MEDIA_TYPE.fullmatch(given) and not given.lower().startswith(UNKNOWN):
        return with_charset(given)
    by_name = media_type(name)
    return by_name if by_name != UNKNOWN else media_type(entry.name)


def with_charset(given: str) -> str:
    """Text is UTF-8 unless it says otherwise."""
    if given[:5].lower() == "text/" and "charset" not in given.lower():
        return f"{given}; charset=utf-8"
    return given


def site_headers(exposure: Exposure, file_type: str, max_age_seconds: int) -> Headers:
    """What goes with a file beside its own description. max_age_seconds: for all but pages, which are always asked for
    again, so that a change is seen at once and a page never loads files of another revision from memory first."""
    headers = [_freshness(file_type, max_age_seconds), *origin_headers(exposure)]
    if exposure.prefix and file_type.lower().startswith(_READABLE_TYPES):
        headers.append(_READABLE)
    return headers


def origin_headers(exposure: Exposure) -> Headers:
    """What keeps the sites of a shared origin apart; nothing for a site on a host name of its own."""
    return _SHARED_ORIGIN if exposure.prefix else []


def asks_for_service_worker(request: Request) -> bool:
    """Whether the script is to be installed as a service worker, which would see what other sites of its origin get."""
    return ("service-worker", "script") in request.headers


def _freshness(file_type: str, max_age_seconds: int) -> tuple[str, str]:
    if max_age_seconds == 0 or file_type.startswith(("text/html", "application/xhtml+xml")):
        return REVALIDATE
    return "Cache-Control", f"max-age={max_age_seconds}"
