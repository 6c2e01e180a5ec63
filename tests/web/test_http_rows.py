"""Every row of the HTTP table, asked of a site in process: from the catalog, and from memory."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.errors import MylistError
from mylist_dav.server.heads import plain_refusal, request_of
from mylist_dav.server.limits import EngineLimits
from mylist_dav.wire.dates import http_date, parse_http_date
from mylist_dav.wire.messages import Request, Response
from tests.web.publishing import HOST, START_S, Publisher, ask, field

TABLE = Path(__file__).parent.parent / "vectors" / "http_static_rows.json"
ROWS: list[dict[str, Any]] = json.loads(TABLE.read_text("utf-8"))["rows"]
OF_THE_ENGINE = frozenset(("Date",))
DAY_S = 86_400


def target_of(row: dict[str, Any]) -> str:
    target = row["request"]["target"]
    return target if isinstance(target, str) else target["prefix"] + target["repeat"] * target["n"]


def plain_get(publisher: Publisher, row: dict[str, Any]) -> Response:
    return publisher.ask(target_of(row).partition("?")[0])


def filled(text: str, plain: Response) -> str:
    """A header value with its placeholders filled in."""
    modified = parse_http_date(field(plain, "last-modified") or "") or 0
    values = {
        "{etag}": field(plain, "etag") or "",
        "{last_modified}": http_date(modified),
        "{last_modified-86400}": http_date(modified - DAY_S),
        "{last_modified+86400}": http_date(modified + DAY_S),
        "{now+86400}": http_date(START_S + 1000 * DAY_S),
        "{host}": HOST,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def received(row: dict[str, Any], plain: Response) -> Request:
    """The request as an engine makes it of the lines of the row. Raises what an engine refuses."""
    asked = row["request"]
    given = [(name.lower(), filled(value, plain)) for name, value in asked.get("headers", [])]
    hosts = [("host", filled(host, plain)) for host in asked.get("host_headers", ["{host}"])]
    if any(name == "host" for name, _ in given):
        hosts = []
    return request_of(asked["method"], target_of(row), "1.1", [*hosts, *given], "", "http", EngineLimits())


def answer(publisher: Publisher, row: dict[str, Any], plain: Response) -> Response:
    try:
        return ask(publisher.front, received(row, plain))
    except MylistError as error:
        return plain_refusal(error)


def check_header(name: str, wanted: Any, got: str | None, plain: str | None) -> None:
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


def parts_of(response: Response, body: bytes) -> list[dict[str, str]]:
    head = f"Content-Type: {field(response, 'content-type')}\r\n\r\n".encode()
    whole = message_from_bytes(head + body, policy=policy.HTTP)
    return [
        {"content_range": part["Content-Range"], "body": part.get_payload(decode=True).decode()}
        for part in whole.iter_parts()
    ]


def check(publisher: Publisher, row: dict[str, Any], response: Response, plain: Response) -> None:
    wanted = row["expect"]
    body = publisher.body(response)
    assert response.status == wanted.get(
        "status", wanted.get("status_preferred", wanted.get("status_any", [0])[0])
    )
    length = field(response, "content-length") or str(
        response.content_length if response.content_length is not None else len(body)
    )
    for name, value in wanted.get("headers", {}).items():
        if name not in OF_THE_ENGINE:
            got = length if name == "Content-Length" else field(response, name)
            check_header(name, value, got, field(plain, name))
    if "body" in wanted:
        assert body.decode() == wanted["body"]
    if "body_length" in wanted:
        assert len(body) == wanted["body_length"]
    if "body_not_contains" in wanted:
        assert wanted["body_not_contains"] not in body.decode()
    if "parts" in wanted:
        assert parts_of(response, body) == wanted["parts"]
    if wanted.get("location_has_authority") is False:
        location = field(response, "location")
        assert location is not None and location.startswith("/") and not location.startswith(("//", "/\\"))
        assert publisher.ask(location).status == 200, "one redirect is enough"
    if wanted.get("connection_closed"):
        assert response.close


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['group']}-{row['id']}")
def test_a_site_answers_like_the_row(publisher: Publisher, row: dict[str, Any], warm: bool) -> None:
    publisher.flist(files=row["files"])
    publisher.expose()
    plain = plain_get(publisher, row)
    publisher.body(plain)
    if not warm:
        publisher.forget()
    check(publisher, row, answer(publisher, row, plain), plain)


def test_the_whole_table_is_run() -> None:
    assert len(ROWS) == 96
