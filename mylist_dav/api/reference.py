"""The API about itself: its OpenAPI document, and a page to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from mylist_dav.api.bodies import JSON_HEADERS
from mylist_dav.api.openapi import openapi
from mylist_dav.api.operations import Call, Media, Operation
from mylist_dav.wire.messages import Headers, Response

_TAG = "This API"
_PAGE_HEADERS: Headers = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]


class Reference:
    """What is said of the operations, made when it is first asked for."""

    def __init__(self, operations: Sequence[Operation], server: str) -> None:
        self._all = [*operations, *self.operations()]
        self._server = server

    def operations(self) -> list[Operation]:
        """For everybody: they say nothing that is not in the manual."""
        return [
            Operation(
                "GET", "/api/v1/openapi.json", "getOpenApi", _TAG, "This API as an OpenAPI 3.1 document",
                self.openapi, told=Media(("application/json",), "the document"), open=True,
            ),
            Operation(
                "GET", "/api/v1", "readApi", _TAG, "This API as a page to read",
                self.page, told=Media(("text/html",), "the page"), open=True,
            ),
        ]  # fmt: skip

    def openapi(self, call: Call) -> Response:
        return Response(200, list(JSON_HEADERS), self._document)

    def page(self, call: Call) -> Response:
        return Response(200, list(_PAGE_HEADERS), self._page)

    @cached_property
    def _found(self) -> dict[str, Any]:
        return openapi(self._all, self._server)

    @cached_property
    def _document(self) -> bytes:
        return json.dumps(self._found).encode() + b"\n"

    @cached_property
    def _page(self) -> bytes:
        text = resources.files("mylist_dav.api").joinpath("templates/reference.html").read_text("utf-8")
        template = Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
        chapters: dict[str, list[dict[str, Any]]] = {}
        for path, methods in self._found["paths"].items():
            for method, found in methods.items():
                chapters.setdefault(found["tags"][0], []).append(
                    {"method": method.upper(), "path": path, **found}
                )
        return template.render(
            info=self._found["info"],
            chapters=chapters,
            schemas=self._found["components"]["schemas"],
            named=_named,
        ).encode()


def _named(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_named(each) for each in schema.get("anyOf") or schema["oneOf"])
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(each) for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_named(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")
