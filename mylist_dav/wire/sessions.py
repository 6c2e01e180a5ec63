"""The session cookie of the console and the API, and how a request shows that it comes from our own pages.

A cookie is sent by the browser whoever has made the request, so on its own it proves no will to change anything. What
changes something must also say that it comes from this very origin: by Sec-Fetch-Site (Fetch Metadata), which no page
can forge, or, where a browser does not send that (plain HTTP from another machine), by Origin (RFC 6454).
"""

from __future__ import annotations

import re

from mylist_dav.wire.messages import Request

COOKIE = "mylist-session"
TOKEN_CHARS_MAX = 200
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def cookie_name(request: Request) -> str:
    """Under TLS with the prefix that browsers let nobody set but this very host, over TLS (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{COOKIE}" if request.scheme == "https" else COOKIE


def session_token(request: Request) -> str | None:
    """The token of the session cookie; None when there is none.

    Two cookies of the name are none: one of them has been set by another host of the same domain.
    """
    wanted = cookie_name(request)
    found = [
        value
        for name, sent in request.headers
        if name == "cookie"
        for key, equals, value in (pair.strip(" \t").partition("=") for pair in sent.split(";"))
        if equals and key == wanted
    ]
    if len(found) != 1 or len(found[0]) > TOKEN_CHARS_MAX or not _TOKEN.fullmatch(found[0]):
        return None
    return found[0]


def start_session(request: Request, token: str, seconds: int) -> tuple[str, str]:
    """The header that has the browser keep a token, for requests from our own pages alone."""
    return "Set-Cookie", f"{cookie_name(request)}={token}; Max-Age={seconds}{_attributes(request)}"


def end_session(request: Request) -> tuple[str, str]:
    """The header that has the browser forget it."""
    return "Set-Cookie", f"{cookie_name(request)}=; Max-Age=0{_attributes(request)}"


def comes_from_own_page(request: Request, public_url: str = "") -> bool:
    """Whether a page of this origin has made the request. public_url: how the server is known, if it is told.

    False where the browser tells nothing: then it is old, or no browser.
    """
    site = request.header("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.header("origin")
    return origin is not None and _normal(origin) in {_normal(own_origin(request)), _normal(public_url)} - {
        ""
    }


def own_origin(request: Request) -> str:
    """The origin that a request was sent to, as far as this server can see: 'http://localhost:8080'."""
    return f"{request.scheme}://{request.authority}"


def _normal(origin: str) -> str:
    """In lower case, without the port that its scheme has anyway."""
    lowered = origin.lower()
    return lowered.removesuffix(_DEFAULT_PORTS.get(lowered.partition(":")[0], "\0"))


def _attributes(request: Request) -> str:
    secure = "; Secure" if request.scheme == "https" else ""
    return f"; Path=/; HttpOnly; SameSite=Strict{secure}"
