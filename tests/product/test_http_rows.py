"""Every row of the HTTP table, over sockets, on every engine, from a folder that was imported and exposed."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.wire.dates import http_date, parse_http_date
from tests.server.raw_http import Answer, Wire
from tests.serving import Served

TABLE = Path(__file__).parent.parent / "vectors" / "http_static_rows.json"
ROWS: list[dict[str, Any]] = json.loads(TABLE.read_text("utf-8"))["rows"]
HOST = "rows.example"
DAY_S = 86_400
FUTURE_S = 4_000_000_000


@pytest.fixture(scope="session")
def site(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A site with the files of all rows, which do not contradict each other."""
    folder = tmp_path_factory.mktemp("rows")
    for row in ROWS:
        for name, content in row["files"].items():
            path = folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            assert not path.exists() or path.read_text() == content
            path.write_text(content)
    served.mylist("import", str(folder), "admin/rows")
    served.mylist("expose", "admin/rows", "--host", HOST)
    served.mylist("expose", "admin/rows", "--host", "another.example")
    return served


def target_of(row: dict[str, Any]) -> str:
    target = row["request"]["target"]
    return target if isinstance(target, str) else target["prefix"] + target["repeat"] * target["n"]


def ask(port: int, row: dict[str, Any], plain: Answer) -> tuple[Answer, bool]:
    """The answer to a row, and whether the connection was closed after it."""
    asked = row["request"]
    values = placeholders(plain)
    fields = [f"{name}: {filled(value, values)}" for name, value in asked.get("headers", [])]
    hosts = [f"Host: {filled(value, values)}" for value in asked.get("host_headers", ["{host}"])]
    if any(field.lower().startswith("host:") for field in fields):
        hosts = []
    lines = [f"{asked['method']} {target_of(row)} HTTP/1.1", *hosts, *fields]
    with Wire(port) as wire:
        wire.send("\r\n".join(lines).encode() + b"\r\n\r\n" + asked.get("body", "").encode())
        answer = wire.answer(asked["method"])
        closed = row["expect"].get("connection_closed") and wire.rest()[1]
        return answer, bool(closed)


def get(port: int, target: str) -> Answer:
    with Wire(port) as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        return wire.answer()


def placeholders(plain: Answer) -> dict[str, str]:
    modified = parse_http_date(plain.headers.get("last-modified", "")) or 0
    return {
        "{etag}": plain.headers.get("etag", ""),
        "{last_modified}": http_date(modified),
        "{last_modified-86400}": http_date(modified - DAY_S),
        "{last_modified+86400}": http_date(modified + DAY_S),
        "{now+86400}": http_date(FUTURE_S),
        "{host}": HOST,
    }


def filled(text: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def check_header(name: str, wanted: Any, got: str | None, plain: str | None) -> None:
    if isinstance(wanted, str):
        assert got == wanted, name
        return
    ((rule, value),) = wanted.items()
    holds = {
        "absent": lambda: got is None,
        "present": lambda: got is not None,
        "prefix": lambda: got is not None and got.startswith(value),
        "one_of": lambda: got in value,
        "tokens": lambda: got is not None and set(value) <= {token.strip() for token in got.split(",")},
        "same_as_get": lambda: got == plain,
    }
    assert holds[rule](), f"{name}: {got!r} is not {wanted}"


def parts_of(answer: Answer) -> list[dict[str, str]]:
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + answer.body, policy=policy.HTTP)
    return [
        {"content_range": part["Content-Range"], "body": part.get_payload(decode=True).decode()}
        for part in whole.iter_parts()
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['group']}-{row['id']}")
def test_the_server_answers_like_the_row(
    site: Served, row: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    if row["group"] == "framing" and "granian" in request.node.name:
        pytest.xfail("granian takes Content-Length away before it hands on a chunked request: it cannot be seen")
    plain = get(site.port, target_of(row).partition("?")[0])
    answer, closed = ask(site.port, row, plain)
    wanted = row["expect"]
    preferred = wanted.get("status_preferred", wanted.get("status_any", [0])[0])
    assert answer.whole
    assert answer.status == wanted.get("status", preferred)
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
    if wanted.get("location_has_authority") is False:
        location = answer.headers["location"]
        assert location.startswith("/") and not location.startswith(("//", "/\\"))
        assert get(site.port, location).status == 200, "one redirect is enough"
    if wanted.get("connection_closed"):
        assert closed
