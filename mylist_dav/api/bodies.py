"""JSON in and out."""

from __future__ import annotations

import json

from pydantic import BaseModel

from mylist_dav.errors import UnsupportedMedia
from mylist_dav.wire.messages import Headers, Request, Response

JSON_HEADERS: Headers = [
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
]
"""What is answered is for this caller and this moment."""


def model_response(model: BaseModel, status: int = 200, *headers: tuple[str, str]) -> Response:
    """A model as JSON. headers: more of them."""
    return Response(status, [*JSON_HEADERS, *headers], model.model_dump_json(by_alias=True).encode() + b"\n")


def json_response(document: object, status: int = 200) -> Response:
    """Any other document."""
    return Response(status, list(JSON_HEADERS), json.dumps(document).encode() + b"\n")


def require_json(request: Request) -> None:
    """Raises UnsupportedMedia unless the body is said to be JSON.

    Only application/json is read: a form of another site can send what looks like JSON, but not of that type.
    """
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("send JSON, as Content-Type: application/json")
