"""JSON in and out: bodies are small objects with known fields, each of a known type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mylist_dav.errors import Invalid, UnsupportedMedia
from mylist_dav.wire.messages import Request, Response

BODY_BYTES_MAX = 16 * 1024

Fields = dict[str, Any]


def json_response(document: object, status: int = 200) -> Response:
    """What is answered is for this caller and this moment."""
    headers = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    return Response(status, headers, json.dumps(document).encode() + b"\n")


def read_object(request: Request, body: bytes) -> Fields:
    """The object of a JSON body (RFC 8259). Raises Invalid, UnsupportedMedia.

    Only application/json is read: a form of another site can send what looks like JSON, but not of that type.
    """
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("send JSON, as Content-Type: application/json")
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refused)
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are
        raise Invalid("the body is not JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise Invalid("the body is not a JSON object")
    return found


def check_fields(
    fields: Fields, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> None:
    """Raise Invalid unless all required fields are there, nothing unknown is, and each has its type."""
    known = {**(optional or {}), **required}
    for name in fields:
        if name not in known:
            raise Invalid(f"{name[:40]!r} is no field of this request; it has: {', '.join(sorted(known))}")
    for name, kind in known.items():
        if name not in fields and name in required:
            raise Invalid(f"the field {name!r} is missing")
        if name in fields and type(fields[name]) is not kind:  # not isinstance: true is an int
            raise Invalid(f"the field {name!r} is {'a whole number' if kind is int else 'a string'}")


def hex_bytes(fields: Fields, name: str, size_bytes: int) -> bytes:
    """The bytes of a field of hex digits. Raises Invalid."""
    text = fields[name]
    if len(text) == 2 * size_bytes and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass  # said below, for whatever is wrong
    raise Invalid(f"the field {name!r} is {2 * size_bytes} hex digits")


def _without_repeats(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field stands there twice")
    return fields


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
