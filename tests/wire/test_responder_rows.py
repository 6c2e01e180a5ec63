"""The rows of group range, if_range and conditional, straight against the responder."""

import json
import re
from collections.abc import Iterable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, cast

import pytest

from mylist_dav.wire.dates import http_date
from mylist_dav.wire.messages import Headers, Piece, Request, Response
from mylist_dav.wire.responder import Representation, file_response

ROWS = json.loads((Path(__file__).parent.parent / "vectors" / "http_static_rows.json").read_text())["rows"]
HERE = [
    row
    for row in ROWS
    if row["group"] in ("range", "if_range", "conditional") and row["request"]["target"] in row["files"]
]
ETAG = '"' + "5d" * 32 + '"'
MODIFIED_S = 1_700_000_000
NOW_S = 1_800_000_000
EXTRA: Headers = [
    ("Cache-Control", "public, max-age=0, must-revalidate"),
    ("Vary", "Cookie"),
    ("Content-Location", "/file.txt"),
]


def representation(content: bytes, small: bool) -> Representation:
    def pieces(offset: int, length: int) -> Iterable[Piece]:
        assert not small and length >= 1 and offset + length <= len(content)
        return (content[at : min(at + 4, offset + length)] for at in range(offset, offset + length, 4))

    return Representation(
        ETAG, MODIFIED_S, len(content), "text/plain; charset=utf-8", pieces, content if small else None
    )


def fill(value: str) -> str:
    """A header value of a row with its placeholders filled in."""

    def date(found: re.Match[str]) -> str:
        start = MODIFIED_S if found[1] == "last_modified" else NOW_S
        return http_date(start + int(found[2] or 0))

    return re.sub(r"\{(last_modified|now)([+-]\d+)?\}", date, value).replace("{etag}", ETAG)


def ask(row: dict[str, Any], small: bool, plain: bool = False) -> Response:
    asked = row["request"]
    headers = [] if plain else [(name.lower(), fill(value)) for name, value in asked.get("headers", [])]
    method = "GET" if plain else asked["method"]
    request = Request(method, asked["target"], "", headers, "site.example", "site.example")
    content = row["files"][asked["target"]].encode()
    return file_response(request, representation(content, small), EXTRA)


def body_of(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    pieces = list(response.body)
    assert all(isinstance(piece, bytes) for piece in pieces)
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def fields(response: Response) -> dict[str, str]:
    """The headers as they would go out; the length and the date are the engine's to add."""
    found = {name.lower(): value for name, value in response.headers}
    assert len(found) == len(response.headers), "no field is sent twice"
    if response.content_length is not None:
        found["content-length"] = str(response.content_length)
    return found | {"date": "now"}


def parts_of(response: Response, body: bytes) -> list[dict[str, str]]:
    head = f"Content-Type: {fields(response)['content-type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + body, policy=policy.HTTP)
    return [
        {"content_range": part["Content-Range"], "body": cast(bytes, part.get_payload(decode=True)).decode()}
        for part in whole.iter_parts()
    ]


def check_header(name: str, wanted: Any, got: str | None, plain: str | None) -> None:
    if isinstance(wanted, str):
        assert got == wanted, name
    elif "absent" in wanted:
        assert got is None, name
    elif "present" in wanted:
        assert got is not None, name
    elif "prefix" in wanted:
        assert got is not None and got.startswith(wanted["prefix"]), name
    else:
        assert wanted == {"same_as_get": True}, f"{wanted} is not understood"
        assert got == plain, name


@pytest.mark.parametrize("small", [True, False], ids=["small", "pieces"])
@pytest.mark.parametrize("row", HERE, ids=lambda row: f"{row['group']}-{row['id']}")
def test_the_responder_answers_like_the_row(row: dict[str, Any], small: bool) -> None:
    wanted = row["expect"]
    response, plain = ask(row, small), fields(ask(row, small, plain=True))
    body, got = body_of(response), fields(response)
    assert response.status == wanted.get("status", wanted.get("status_preferred"))
    for name, value in wanted.get("headers", {}).items():
        check_header(name, value, got.get(name.lower()), plain.get(name.lower()))
    if "body" in wanted:
        assert body.decode() == wanted["body"]
    if "body_length" in wanted:
        assert len(body) == wanted["body_length"]
    if "parts" in wanted:
        assert parts_of(response, body) == wanted["parts"]


@pytest.mark.parametrize("small", [True, False], ids=["small", "pieces"])
@pytest.mark.parametrize("row", HERE, ids=lambda row: f"{row['group']}-{row['id']}")
def test_the_declared_length_is_the_length_sent(row: dict[str, Any], small: bool) -> None:
    response = ask(row, small)
    if response.status != 304 and row["request"]["method"] == "GET":
        assert response.content_length == len(body_of(response))


def test_every_row_about_an_existing_file_is_run_here() -> None:
    groups = [row["group"] for row in ROWS]
    assert len(ROWS) == 96
    assert len(HERE) == sum(map(groups.count, ("range", "if_range", "conditional"))) - 2
