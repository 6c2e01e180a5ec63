"""GET /api/v1/audit and GET /flist/ACCOUNT/NAME/manifest, as an engine asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.api.table import api
from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.audit import TallyKind
from mylist_dav.model.manifest import Signed
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import FrontEnd, Request, Response
from tests.dav.conftest import Clock

NAME = FlistName("alice", "the site")
MANIFEST = "/flist/alice/the%20site/manifest"
AUDIT = "/api/v1/audit"


class Caller:
    """Asks both front ends, as somebody."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.tokens = {"": ""}
        for name, role in (("admin", Role.ADMIN), ("alice", Role.USER), ("bert", Role.USER)):
            library.identity.add_account(OPERATOR, name, role)
            self.tokens[name] = library.identity.new_token(OPERATOR, name)
        library.flists.create(OPERATOR, NAME)

    def ask(self, target: str, account: str = "admin", method: str = "GET") -> Response:
        path, _, query = target.partition("?")
        fields = [("authorization", f"Bearer {self.tokens[account]}")] if account else []
        request = Request(
            method, path, query, fields, "h", "h", client="192.0.2.1", request_id="0123456789ab"
        )
        front: FrontEnd = api(self.library)
        try:
            response = front.answer_now(request) or front.respond(request)
        except MylistError as error:
            response = front.render_error(request, error)
        assert isinstance(response, Response)
        return response

    def json(self, target: str, account: str = "admin") -> Any:
        response = self.ask(target, account)
        assert response.status == 200, response.body
        assert isinstance(response.body, bytes)
        return json.loads(response.body)


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    given = {"store.data": str(tmp_path / "data"), "store.durability": "os"}
    library = Library(load(given=given), Clock())
    yield Caller(library)
    library.close()


# -- manifests -------------------------------------------------------------------------------------------------


def test_the_manifest_of_the_head_and_of_a_revision_can_be_had(caller: Caller) -> None:
    head, first = caller.json(MANIFEST, "bert"), caller.json(f"{MANIFEST}?at=1")
    assert head == first
    signed = Signed.parsed(head)
    assert signed.holds_for(caller.library.server_key.public)
    assert (signed.manifest.flist_name, signed.manifest.jid) == (NAME, 1)


def test_without_credentials_every_path_answers_the_same_401(caller: Caller) -> None:
    targets = [
        MANIFEST,
        "/flist/alice/none/manifest",
        "/flist/",
        "/flist/alice/the%20site/other",
        "/flist/%zz",
    ]
    answers = [caller.ask(target, "") for target in targets]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers if isinstance(answer.body, bytes)}) == 1


def test_what_may_not_be_read_answers_as_what_is_not_there(caller: Caller) -> None:
    caller.library.grants.set_private(OPERATOR, NAME, True)
    hidden, missing = caller.ask(MANIFEST, "bert"), caller.ask("/flist/alice/no%20site/manifest", "bert")
    assert (hidden.status, missing.status) == (404, 404)
    assert isinstance(hidden.body, bytes)
    assert isinstance(missing.body, bytes)
    assert hidden.body.replace(b"the site", b"no site") == missing.body
    assert caller.json(MANIFEST, "alice")["flist"] == "alice/the site"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{MANIFEST}?at=2", 404),
        (f"{MANIFEST}?at=x", 400),
        (f"{MANIFEST}?at=-1", 400),
        (f"{MANIFEST}?at=1&at=1", 400),
        (f"{MANIFEST}?at={'9' * 30}", 400),
        (f"{MANIFEST}?to=1", 400),
        (f"{MANIFEST}/", 404),
        ("/flist/alice/the%20site", 405),
        ("/flist/Alice/x/manifest", 404),
    ],
)
def test_other_addresses_are_refused(caller: Caller, target: str, status: int) -> None:
    response = caller.ask(target)
    assert response.status == status
    assert ("content-type", "application/problem+json") in response.headers


def test_a_manifest_is_only_read(caller: Caller) -> None:
    response = caller.ask(MANIFEST, method="DELETE")
    assert response.status == 405
    assert ("allow", "GET, HEAD, OPTIONS") in response.headers


def test_a_manifest_is_counted_as_a_request(caller: Caller) -> None:
    response = caller.ask(MANIFEST)
    assert response.meter is not None
    response.meter.sent(200, 9)
    caller.library.ledger.flush()
    with caller.library.catalog.view() as view:
        assert [tuple(one[1:]) for one in view.records.tallies(TallyKind.FLIST)] == [(str(NAME), 1, 0, 9)]


# -- the audit -------------------------------------------------------------------------------------------------


def test_the_audit_is_filtered_and_paged(caller: Caller) -> None:
    everything = caller.json(AUDIT)["rows"]
    assert [row["action"] for row in everything][:2] == ["create", "token-add"]
    assert everything[0]["detail"] == {"jid": 1, "note": "created"}
    assert [row["action"] for row in caller.json(f"{AUDIT}?flist=alice/the%20site")["rows"]] == ["create"]
    adds = caller.json(f"{AUDIT}?action=account-add")["rows"]
    assert [row["detail"]["name"] for row in adds] == ["bert", "alice", "admin"]
    found, after = [], ""
    while True:
        page = caller.json(f"{AUDIT}?limit=2{after}")
        found += page["rows"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == everything
    assert caller.json(f"{AUDIT}?since=2999-01-01")["rows"] == []
    assert caller.json(f"{AUDIT}?until=2999-01-01T00:00:00Z&limit=1000")["rows"] == everything


def test_no_row_holds_a_token(caller: Caller) -> None:
    text = json.dumps(caller.json(AUDIT))
    assert all(token not in text for token in caller.tokens.values() if token)


def test_users_see_their_own_rows_and_ask_for_no_others(caller: Caller) -> None:
    caller.library.flists.create(
        caller.library.identity.actor_for(caller.tokens["admin"]), FlistName("bert", "x")
    )
    assert caller.json(AUDIT, "bert")["rows"] == []
    assert [row["action"] for row in caller.json(f"{AUDIT}?account=admin")["rows"]] == ["create"]
    assert caller.ask(f"{AUDIT}?account=admin", "bert").status == 403
    assert caller.ask(AUDIT, "").status == 401


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "action=dance", "since=yesterday", "colour=blue", "before=-1"],
)
def test_a_question_that_makes_no_sense_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask(f"{AUDIT}?{query}").status == 400
