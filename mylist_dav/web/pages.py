"""The pages this server makes itself, from templates. Here listings and errors: they load nothing and run no script."""

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
    401: ("This is not open to everybody", "It asks who you are, or for its pass phrase."),
    403: ("This is not allowed here", "The server understood, and says no."),
    404: ("There is nothing here", "The address may be mistyped, or the page is gone."),
    405: ("That cannot be done here", "Pages can be read, and nothing else."),
    408: ("That took too long", "The request did not arrive in time."),
    413: ("That is too large", "The server does not take so much at once."),
    414: ("This address is too long", "The server does not read so far."),
    429: ("That was too often", "Wait a little before you try again."),
    431: ("Too many headers", "The browser sent more than the server reads. Deleting cookies may help."),
    500: ("Something broke", "It is not your fault, and it has been noted."),
    503: ("Too busy just now", "Try again in a moment."),
}


@cache
def environment() -> Environment:
    """Templates, compiled once a process. Everything put into them is escaped."""
    loader = PackageLoader("mylist_dav.web")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


class Page:
    """A kind of page: NAME.html with the style sheets base.css and NAME.css inside. Made once a process: see page()."""

    def __init__(self, name: str) -> None:
        self._style = template_text("base.css") + template_text(f"{name}.css")
        self._template = environment().get_template(f"{name}.html")
        self.policy = (
            f"default-src 'none'; style-src {source_hash(self._style)}; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        )
        """The Content-Security-Policy: this style sheet, images inside the page, nothing else."""
        sources = (
            self._style,
            template_text("page.html"),
            template_text("icons.html"),
            template_text(f"{name}.html"),
        )
        self.version = str(Digest.of("\0".join(sources).encode()))[:16]
        """Another one whenever the looks of the page are: part of an entity tag."""

    def render(self, **values: object) -> bytes:
        """The page, with these values in its template."""
        return self._template.render(style=Markup(self._style), **values).encode()


@cache
def page(name: str) -> Page:
    """'listing', 'error' or 'gate'."""
    return Page(name)


@cache
def _error(status: int) -> tuple[bytes, Headers]:
    title, text = _TEXTS.get(status) or (_phrase(status), "The server cannot answer this request.")
    headers = [HTML, NO_STORE, NOSNIFF, ("Content-Security-Policy", page("error").policy)]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", str(RETRY_SECONDS)))
    return page("error").render(status=status, title=title, text=text), headers


def error_response(status: int, *, head: bool = False, more: Headers | None = None) -> Response:
    """The page for a status. It depends on nothing else, so it tells nothing else."""
    body, headers = _error(status)
    return Response(status, [*headers, *(more or ())], b"" if head else body, len(body))


def source_hash(inline: str) -> str:
    """How a Content-Security-Policy names the text of a style or script inside of a page."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def template_text(name: str) -> str:
    """A file among the templates, as it is."""
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
