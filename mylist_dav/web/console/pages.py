"""Pages of the console: a template with its style and its script inside, and the policy that allows just these."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from mylist_dav.web.pages import HTML, NOSNIFF, environment, source_hash, template_text
from mylist_dav.web.policy import NO_STORE
from mylist_dav.wire.messages import Headers, Response

SCRIPTS = {
    "login": ("keyfiles.js", "choosing.js", "console/login.js"),
    "keys": ("keyfiles.js", "choosing.js", "console/keys.js"),
}
"""Pages with a script of their own; the others have console.js."""


class ConsolePage:
    """A kind of page, console/NAME.html. Made once a process: see console_page()."""

    def __init__(self, name: str) -> None:
        self._style = template_text("base.css") + template_text("console/console.css")
        self._script = "".join(map(template_text, SCRIPTS.get(name, ("console/console.js",))))
        self._template = environment().get_template(f"console/{name}.html")
        self.headers: Headers = [
            HTML,
            NO_STORE,
            NOSNIFF,
            ("Content-Security-Policy", _policy(self._style, self._script)),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),  # with less, browsers send Origin: null with forms
        ]

    def response(self, status: int = 200, **values: object) -> Response:
        """The page, with these values in its template."""
        text = self._template.render(style=Markup(self._style), script=Markup(self._script), **values)
        body = text.encode()
        return Response(status, list(self.headers), body, len(body))


@cache
def console_page(name: str) -> ConsolePage:
    """'overview', 'folder', ..."""
    return ConsolePage(name)


def see_other(location: str, more: Headers | None = None) -> Response:
    """What a form is answered with once it is done: the page to look at (RFC 9110, 15.4.4)."""
    return Response(303, [("Location", location), NO_STORE, *(more or ())])


def _policy(style: str, script: str) -> str:
    """This style and this script; requests and forms to this server; in no frame; no markup made of text in scripts."""
    return (
        f"default-src 'none'; style-src {source_hash(style)}; script-src {source_hash(script)}; img-src data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'"
    )
