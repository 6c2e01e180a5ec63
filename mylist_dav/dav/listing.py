"""The page a browser gets for a collection: names, sizes, dates, links. No scripts, no style, nothing loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jinja2 import Environment

from mylist_dav.dav.calls import Call
from mylist_dav.model.entries import Entry
from mylist_dav.wire.dates import rfc3339
from mylist_dav.wire.messages import Headers, Response
from mylist_dav.wire.targets import quote_name, quote_path

_HEADERS: Headers = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "private, no-cache"),
]
_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{{ title }}</title>
<h1>{{ title }}</h1>
<table>
<tr><th align="left">Name<th align="right">Bytes<th align="left">Modified</tr>
{% if up %}<tr><td><a href="{{ up }}">..</a><td><td></tr>
{% endif %}
{% for row in rows %}
<tr><td><a href="{{ row.href }}">{{ row.name }}</a><td align="right">{{ row.size }}<td>{{ row.modified }}</tr>
{% endfor %}
</table>
{% if more %}<p>There is more, which this page leaves out.</p>
{% endif %}
</html>
"""
_TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)


class _Row(NamedTuple):
    href: str
    name: str
    size: str
    modified: str


def listing(call: Call, folder: Entry, members: Sequence[Entry], more: bool = False) -> Response:
    """The listing of a collection, for GET and, without its body, for HEAD."""
    names = call.location.names
    page = _TEMPLATE.render(
        title="/" + "/".join(names),
        up=quote_path(names[:-1], directory=True) if names else "",
        rows=_rows(quote_path(names, directory=True), members),
        more=more,
    )
    return Response(200, list(_HEADERS), page.encode(errors="replace"))


def _rows(base: str, members: Sequence[Entry]) -> Iterator[_Row]:
    for entry in members:
        slash = "/" if entry.is_directory else ""
        size = str(entry.size_bytes) if entry.is_file else ""
        modified = rfc3339(entry.mtime_ns // 1_000_000_000)
        yield _Row(f"{base}{quote_name(entry.name)}{slash}", entry.name + slash, size, modified)
