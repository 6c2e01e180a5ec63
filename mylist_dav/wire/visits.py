"""The cookie by which a browser that was let in to a protected site comes in again.

It lets one look, and change nothing; so it goes along when somebody follows a link from elsewhere (SameSite=Lax). But
not for what pages of other origins include, be they of the same site, as browsers call all hosts of one domain: an
image or script of a protected site is not for them.
"""

from __future__ import annotations

from mylist_dav.wire.messages import Request

COOKIE = "mylist-visit"
VISITS_MAX = 4
"""Cookies of the name that are looked at: other hosts of the domain may set some, though none that holds."""

_OWN = (None, "same-origin", "none")


def visits_of(request: Request) -> list[str]:
    """The values of the cookie. Empty where a page of another origin includes the address, and nobody goes there."""
    site = request.header("sec-fetch-site")
    if site not in _OWN and request.header("sec-fetch-dest") != "document":
        return []
    wanted = _cookie_name(request)
    found = [
        value.strip(" \t")
        for name, sent in request.headers
        if name == "cookie"
        for key, equals, value in (pair.strip(" \t").partition("=") for pair in sent.split(";"))
        if equals and key == wanted
    ]
    return found[:VISITS_MAX]


def keep_visit(request: Request, value: str, seconds: int) -> tuple[str, str]:
    """The header that has the browser keep it, for this host alone."""
    secure = "; Secure" if request.scheme == "https" else ""
    return (
        "Set-Cookie",
        f"{_cookie_name(request)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}",
    )


def is_from_own_page(request: Request) -> bool:
    """Whether a form was sent by a page of this origin, as far as the browser tells (Fetch Metadata, RFC 6454).

    Behind a proxy the scheme may be another one here than there; host and port are the same.
    """
    site = request.header("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.header("origin")
    return origin is None or origin.partition("://")[2].lower() == request.authority.lower()


def _cookie_name(request: Request) -> str:
    """Under TLS with the prefix that nobody but this very host can set, over TLS (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{COOKIE}" if request.scheme == "https" else COOKIE
