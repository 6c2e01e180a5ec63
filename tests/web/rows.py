"""The table of HTTP rows: filling in what a request says, and holding an answer against what a row expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, NamedTuple

from mylist_dav.wire.dates import http_date, parse_http_date

TABLE = Path(__file__).parent.parent / "vectors" / "http_static_rows.json"
Row = dict[str, Any]
ROWS: list[Row] = json.loads(TABLE.read_text("utf-8"))["rows"]
DAY_S = 86_400
FAR_S = 4_000_000_000
_REDIRECTS = (301, 302, 307, 308)


class Answer(NamedTuple):
    """What came back. headers: names in lower case. closed: the connection ends with it."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool = False


def name_of(row: Row) -> str:
    """The id of a row in a test."""
    return f"{row['group']}-{row['id']}"


def target_of(row: Row) -> str:
    """The target as it is to be sent."""
    target = row["request"]["target"]
    return target if isinstance(target, str) else target["prefix"] + target["repeat"] * target["n"]


def headers_of(row: Row, plain: Answer, host: str) -> list[tuple[str, str]]:
    """The header fields to send, Host among them; plain: the answer to a GET without any."""
    asked = row["request"]
    given = [(name, _filled(value, plain, host)) for name, value in asked.get("headers", [])]
    if any(name == "Host" for name, _ in given):
        return given
    return [("Host", _filled(value, plain, host)) for value in asked.get("host_headers", ["{host}"])] + given


def _filled(text: str, plain: Answer, host: str) -> str:
    modified = parse_http_date(plain.headers.get("last-modified", "")) or 0
    values = {
        "{etag}": plain.headers.get("etag", ""),
        "{last_modified}": http_date(modified),
        "{last_modified-86400}": http_date(modified - DAY_S),
        "{last_modified+86400}": http_date(modified + DAY_S),
        "{now+86400}": http_date(FAR_S),
        "{host}": host,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def check(row: Row, answer: Answer, plain: Answer, follow: Callable[[str], Answer]) -> None:
    """Hold an answer against its row; follow asks for the target of a redirect."""
    wanted = row["expect"]
    assert answer.status == wanted.get(
        "status", wanted.get("status_preferred", wanted.get("status_any", [0])[0])
    )
    for name, value in wanted.get("headers", {}).items():
        check_header(name, value, answer.headers.get(name.lower()), plain.headers.get(name.lower()))
    if "body" in wanted:
        assert answer.body.decode() == wanted["body"]
    if "body_length" in wanted:
        assert len(answer.body) == wanted["body_length"]
    if "body_not_contains" in wanted:
        assert wanted["body_not_contains"] not in answer.body.decode()
    if "parts" in wanted:
        assert parts_of(answer) == wanted["parts"]
    if answer.status in _REDIRECTS:
        location = answer.headers["location"]
        assert location.startswith("/") and not location.startswith(("//", "/\\")), "it names no other host"
        assert follow(location).status == 200, "one redirect is enough"
    if wanted.get("connection_closed"):
        assert answer.closed


def check_header(name: str, wanted: Any, got: str | None, plain: str | None) -> None:
    """Hold one header field against the rule for it."""
    if isinstance(wanted, str):
        assert got == wanted, name
        return
    ((rule, value),) = wanted.items()
    if rule == "absent":
        assert got is None, name
    elif rule == "present":
        assert got is not None, name
    elif rule == "prefix":
        assert got is not None and got.startswith(value), name
    elif rule == "one_of":
        assert got in value, name
    elif rule == "tokens":
        assert got is not None and set(value) <= {token.strip() for token in got.split(",")}, name
    else:
        assert rule == "same_as_get", f"{rule} is not understood"
        assert got == plain, name


def parts_of(answer: Answer) -> list[dict[str, str]]:
    """The parts of a multipart/byteranges body."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + answer.body, policy=policy.HTTP)
    return [
        {"content_range": part["Content-Range"], "body": part.get_payload(decode=True).decode()}
        for part in whole.iter_parts()
    ]
