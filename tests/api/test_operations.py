"""The table of operations: ways to them, what is checked for all of them, and what is said of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mylist_dav.api import table
from mylist_dav.api.frontend import ApiFrontEnd
from mylist_dav.api.operations import Call, Media, Operation, Table
from mylist_dav.api.problems import PROBLEMS
from mylist_dav.errors import Invalid, MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.outcomes import OUTCOMES
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import Asked, QueryLimit, Told, read_json
from mylist_dav.wire.messages import BodySink, Request, Response
from tests.dav.conftest import Clock

DOCS = Path(__file__).parents[2] / "docs"


class Said(Told):
    names: dict[str, str]
    rest: list[str]
    text: str | None = None
    limit: int | None = None


class Query(Asked):
    limit: QueryLimit = 7


class Body(Asked):
    text: str


def echo(call: Call) -> Said:
    body = call.body
    return Said(
        names=dict(call.names),
        rest=list(call.rest),
        text=body.text if body else None,
        limit=getattr(call.query, "limit", None),
    )


def operation(method: str, path: str, **more: Any) -> Operation:
    return Operation(method, path, f"{method} {path}", "Test", "Echo", echo, **more)


OPERATIONS = [
    operation("GET", "/api/v1/things/{thing}", query=Query),
    operation("POST", "/api/v1/things/{thing}", body=Body, status=201),
    operation("GET", "/api/v1/things/special"),
    operation("GET", "/api/v1/things/{thing}/files/{path...}"),
    operation("GET", "/api/v1/open", open=True),
    operation("GET", "/api/v1/content", told=Media(("*/*",), "a file")),
    operation("POST", "/api/v1/content", told=Media(("*/*",), "a file")),
    operation("GET", "/api/v1/open-content", told=Media(("*/*",), "a file"), open=True),
]


class Caller:
    def __init__(self, library: Library) -> None:
        self.front_end = ApiFrontEnd(library, Table(OPERATIONS), InClear("allow", library.clock))
        library.identity.add_account(OPERATOR, "alice", Role.USER)
        self.token = library.identity.new_token(OPERATOR, "alice")

    def ask(self, method: str, target: str, body: bytes | None = None, known: bool = True) -> Response:
        path, _, query = target.partition("?")
        fields = [("authorization", f"Bearer {self.token}")] if known else []
        if body is not None:
            fields.append(("content-type", "application/json"))
        request = Request(method, path, query, fields, "h", "h", has_body=body is not None)
        try:
            return self._whole(self.front_end.respond(request), body or b"")
        except MylistError as error:
            return self.front_end.render_error(request, error)

    def _whole(self, found: Response | BodySink, body: bytes) -> Response:
        if isinstance(found, Response):
            return found
        found.write(body)
        return found.finish()

    def said(self, target: str) -> Any:
        response = self.ask("GET", target)
        assert isinstance(response.body, bytes)
        assert response.status == 200, response.body
        return json.loads(response.body)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library(load(given={"store.data": str(tmp_path / "data"), "store.durability": "os"}), Clock())
    yield library
    library.close()


@pytest.fixture
def caller(library: Library) -> Caller:
    return Caller(library)


def test_names_of_an_address_are_decoded(caller: Caller) -> None:
    assert caller.said("/api/v1/things/a%20%C3%A9")["names"] == {"thing": "a \u00e9"}


def test_a_fixed_name_goes_before_any_name(caller: Caller) -> None:
    assert caller.said("/api/v1/things/special")["names"] == {}


def test_the_rest_of_a_path_is_of_any_number_of_names(caller: Caller) -> None:
    assert caller.said("/api/v1/things/x/files")["rest"] == []
    assert caller.said("/api/v1/things/x/files/a/b%2Fc/")["rest"] == ["a", "b/c"]


def test_a_query_has_known_fields_of_the_right_kind(caller: Caller) -> None:
    assert caller.said("/api/v1/things/x?limit=9")["limit"] == 9
    for query in (
        "limit=0",
        "limit=x",
        "limit=1_0",
        "limit=%201",
        "limit=1&limit=1",
        "limit=",
        "other=1",
        "limit=1001",
    ):
        assert caller.ask("GET", f"/api/v1/things/x?{query}").status == 400, query


def test_a_body_has_known_fields_of_the_right_kind(caller: Caller) -> None:
    assert caller.ask("POST", "/api/v1/things/x", b'{"text": "t"}').status == 201
    for body in (
        b'{"text": 1}',
        b'{"text": null}',
        b"{}",
        b'{"text": "t", "more": 1}',
        b'{"text": "a", "text": "b"}',
        b"[",
    ):
        assert caller.ask("POST", "/api/v1/things/x", body).status == 400, body


def test_a_body_where_none_is_taken_is_refused(caller: Caller) -> None:
    assert caller.ask("GET", "/api/v1/things/x", b"{}").status == 200
    assert caller.ask("GET", "/api/v1/things/x", b'{"a": 1}').status == 400


def test_an_address_that_is_open_answers_guests_and_no_other_does(caller: Caller) -> None:
    assert caller.ask("GET", "/api/v1/open", known=False).status == 200
    assert caller.ask("GET", "/api/v1/things/x", known=False).status == 401
    assert caller.ask("GET", "/api/v1/nothing", known=False).status == 404


def test_a_method_that_is_not_there_names_those_that_are(caller: Caller) -> None:
    response = caller.ask("DELETE", "/api/v1/things/x")
    assert (response.status, dict(response.headers)["allow"]) == (405, "GET, POST, HEAD, OPTIONS")


def test_the_methods_of_an_address_are_told_to_who_asks_for_them(caller: Caller) -> None:
    response = caller.ask("OPTIONS", "/api/v1/things/x")
    assert (response.status, dict(response.headers)["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    assert caller.ask("OPTIONS", "/api/v1/nothing").status == 404
    assert caller.ask("OPTIONS", "/flist/alice/site", known=False).status in (401, 404)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "d": 2, "d": 3}}', "the field 'd' stands there twice"),
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": "\xff"}', "not JSON in UTF-8"),
        (b"1" * 5000, "not JSON in UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(body: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_json(body)


def test_two_operations_of_one_name_or_address_are_refused() -> None:
    with pytest.raises(ValueError, match="two operations"):
        Table([OPERATIONS[0], OPERATIONS[0]])
    with pytest.raises(ValueError, match="twice"):
        Table([OPERATIONS[0], Operation("GET", OPERATIONS[0].path, "other", "Test", "Echo", echo)])


def test_a_cursor_gives_its_key_back_and_nothing_else_does() -> None:
    assert read_cursor(cursor("a/\u00e9", 7), str, int) == ("a/\u00e9", 7)
    for text in ("", "x", cursor(1), cursor("a", "b"), "!!", cursor("a", 2**70), "\u00e9"):
        with pytest.raises(Invalid, match="'after'"):
            read_cursor(text, str, int)


# -- what is said of the real ones -----------------------------------------------------------------------------


@pytest.fixture
def document(library: Library) -> Any:
    found = table.api(library).respond(Request("GET", "/api/v1/openapi.json", "", [], "h", "h"))
    assert isinstance(found, Response)
    assert isinstance(found.body, bytes)
    return json.loads(found.body)


def test_the_document_names_only_schemas_it_has_and_all_are_json_schema(document: Any) -> None:
    named = set(re.findall(r"#/components/schemas/([^\"]+)", json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: Any) -> None:
    operations = [each for path in document["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names) > 5
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for name in names)
    assert all(each["summary"] and each["responses"]["default"] for each in operations)


def test_every_place_of_an_address_is_a_parameter(document: Any) -> None:
    for path, methods in document["paths"].items():
        for each in methods.values():
            places = [one["name"] for one in each["parameters"] if one["in"] == "path"]
            assert places == re.findall(r"{(\w+)}", path)


def test_the_page_names_every_operation(library: Library, document: Any) -> None:
    found = table.api(library).respond(Request("GET", "/api/v1", "", [], "h", "h"))
    assert isinstance(found, Response)
    assert isinstance(found.body, bytes)
    text = found.body.decode()
    assert all(
        f'id="{each["operationId"]}"' in text for path in document["paths"].values() for each in path.values()
    )
    assert all(path in text for path in document["paths"])
    assert "<script" not in text


def test_the_docs_name_every_address(document: Any) -> None:
    text = (DOCS / "api.md").read_text() + (DOCS / "login.md").read_text()
    for path in document["paths"]:
        word = [part for part in path.split("/") if part and not part.startswith("{")][-1]
        assert re.search(rf"[/ ]{re.escape(word)}\b", text), path


def test_the_docs_list_every_type_of_problem_with_its_status() -> None:
    listed = {}
    for line in (DOCS / "api.md").read_text().splitlines():
        row = re.match(r"\| (`.+`) \| (\d+) \|", line)
        if row:
            listed |= {name: int(row[2]) for name in re.findall("`([a-z-]+)`", row[1])}
    assert listed == PROBLEMS
    assert len(PROBLEMS) == len(OUTCOMES)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/things/a", 200),
        ("GET", "/api/v1/content", 401),
        ("POST", "/api/v1/content", 401),
        ("GET", "/api/v1/open-content", 200),
    ],
)
def test_a_session_reads_documents_and_never_contents_of_files(
    caller: Caller, method: str, path: str, status: int
) -> None:
    """A page of a stranger, opened beside the console, has the browser send the cookie."""
    seen: list[str] = []
    own_page = [("cookie", f"mylist-session={caller.token}"), ("sec-fetch-site", "same-origin")]
    request = Request(method, path, "", own_page, "x", "x")
    front_end = caller.front_end
    try:
        answer = front_end.respond(request)
        assert isinstance(answer, Response)
        seen.append(answer.account)
    except MylistError as error:
        answer = front_end.render_error(request, error)
    assert answer.status == status
    assert seen == ([] if status != 200 else ["" if "open" in path else "alice"])
