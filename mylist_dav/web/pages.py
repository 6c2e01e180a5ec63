"""The pages this server makes itself, from templates: listings and errors. They load nothing and run no script."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mylist_dav.model.digest import Digest
from mylist_dav.web.policy import NO_STORE
from mylist_dav.wire.messages import Headers, Response

HTML = ("Content-Type", "text/html; charset=utf-8")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
RETRY_SECONDS = 2

_TEXTS = {
    400: ("This address cannot be read", "It holds something that no address may hold."),
    403: ("This is not allowed here", "The server understood, and says no."),
    404: ("There is nothing here", "The address may be mistyped, or the page is gone."),
    405: ("That cannot be done here", "Pages can be read, and nothing else."),
    408: ("That took too long", "The request did not arrive in time."),
    413: ("That is too large", "The server does not take so much at once."),
    414: ("This address is too long", "The server does not read so far."),
    431: ("Too many headers", "The browser sent more than the server reads. Deleting cookies may help."),
    500: ("Something broke", "It is not your fault, and it has been noted."),
    503: ("Too busy just now", "Try again in a moment."),
}


@cache
def environment() -> Environment:
    """Templates, compiled once a process. Everything put into them is escaped."""
    loader = PackageLoader("mylist_dav.web")
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals["style"] = Markup(style())
    return made


@cache
def style() -> str:
    """The style sheet, which stands inside each page."""
    return _template("style.css")


@cache
def page_policy() -> str:
    """The Content-Security-Policy of our own pages: this one style sheet, images inside the page, nothing else."""
    style_hash = b64encode(sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def templates_version() -> str:
    """Another one whenever a template or the style sheet is another: part of the entity tag of a listing."""
    texts = [_template(name) for name in ("page.html", "listing.html", "style.css")]
    return str(Digest.of("\0".join(texts).encode()))[:16]


@cache
def _error_page(status: int) -> bytes:
    title, text = _TEXTS.get(status) or (_phrase(status), "The server cannot answer this request.")
    return environment().get_template("error.html").render(status=status, title=title, text=text).encode()


def error_response(status: int, *, head: bool = False, more: Headers | None = None) -> Response:
    """The page for a status. It depends on nothing else, so it tells nothing else."""
    headers = [HTML, NO_STORE, NOSNIFF, ("Content-Security-Policy", page_policy()), *(more or [])]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", str(RETRY_SECONDS)))
    page = _error_page(status)
    return Response(status, headers, b"" if head else page, len(page))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
