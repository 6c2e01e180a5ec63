"""Tokens over the API: made, listed page by page, revoked; by whom, and for what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mylist_dav.api import tokens
from mylist_dav.api.operations import Call
from mylist_dav.model.actors import OPERATOR, Role, Scope
from mylist_dav.model.names import FlistName
from mylist_dav.wire.documents import Paged
from mylist_dav.wire.messages import Request
from tests.api.test_sessions import NOW_NS, Api, Reply, api

__all__ = ["api"]
DAY_NS = 86_400 * 1_000_000_000
SITE = FlistName("alice", "site")


@pytest.fixture
def bearer(api: Api) -> str:
    api.library.flists.create(OPERATOR, SITE)
    return f"Bearer {api.login()['token']}"


def test_a_token_for_one_flist_is_made_and_holds(api: Api, bearer: str) -> None:
    asked = {"flist": "alice/site", "read_only": True, "days": 30, "label": "Finder on the laptop"}
    made = api.ask("POST", "/tokens", asked, authorization=bearer)
    assert made.status == 201
    assert (made.json["account"], made.json["expires_ns"]) == ("alice", NOW_NS + 30 * DAY_NS)
    actor = api.library.identity.actor_for(made.json["token"], "alice")
    assert actor.scope == Scope(SITE, True)
    listed = api.ask("GET", "/tokens", authorization=bearer).json
    [told] = [one for one in listed["tokens"] if one["token_id"] == made.json["token_id"]]
    assert (told["label"], told["flist"], told["read_only"]) == ("Finder on the laptop", "alice/site", True)
    assert made.json["token"] not in str(listed)


def test_a_token_has_the_usual_life_when_nothing_is_said(api: Api, bearer: str) -> None:
    made = api.ask("POST", "/tokens", {}, authorization=bearer).json
    assert made["expires_ns"] == NOW_NS + DAY_NS


def test_a_token_that_is_revoked_is_refused_at_once(api: Api, bearer: str) -> None:
    made = api.ask("POST", "/tokens", {}, authorization=bearer).json
    mine = f"Bearer {made['token']}"
    assert api.ask("GET", "/whoami", authorization=mine).status == 200
    assert api.ask("DELETE", f"/tokens/{made['token_id']}", authorization=bearer).status == 204
    assert api.ask("GET", "/whoami", authorization=mine).status == 401
    assert api.ask("DELETE", f"/tokens/{made['token_id']}", authorization=bearer).status == 404


def test_a_token_that_may_less_than_its_account_makes_sees_and_revokes_none(api: Api, bearer: str) -> None:
    for limited in ({"read_only": True}, {"flist": "alice/site"}):
        made = api.ask("POST", "/tokens", limited, authorization=bearer).json
        mine = f"Bearer {made['token']}"
        assert api.ask("POST", "/tokens", {}, authorization=mine).status == 403
        assert api.ask("GET", "/tokens", authorization=mine).status == 403
        assert api.ask("DELETE", f"/tokens/{made['token_id']}", authorization=mine).status == 403
    assert api.ask("POST", "/tokens", {}).status == api.ask("GET", "/tokens").status == 401


def test_tokens_of_others_are_not_there(api: Api, bearer: str) -> None:
    api.library.identity.add_account(OPERATOR, "bob", Role.USER)
    api.library.identity.new_token(OPERATOR, "bob", label="of bob")
    [of_bob] = api.library.identity.tokens(OPERATOR, "bob")
    assert "of bob" not in api.ask("GET", "/tokens", authorization=bearer).body.decode()
    assert api.ask("DELETE", f"/tokens/{of_bob.token_id}", authorization=bearer).status == 404
    hidden = FlistName("bob", "hidden")
    api.library.flists.create(OPERATOR, hidden)
    api.library.grants.set_private(OPERATOR, hidden, True)
    answers: set[tuple[int, str]] = set()
    for name in ("bob/hidden", "bob/nothing"):
        refused: Reply = api.ask("POST", "/tokens", {"flist": name}, authorization=bearer)
        answers.add((refused.status, refused.json["detail"].replace(name, "...")))
    assert len(answers) == 1 and next(iter(answers))[0] == 404


@pytest.mark.parametrize(
    "body",
    [{"days": 0}, {"days": -1}, {"days": 100_000}, {"days": "1"}, {"flist": "x"}, {"flist": "A/x"}, {"label": "a\nb"},
     {"label": "x" * 201}, {"read_only": "yes"}, {"account": "admin"}],
)  # fmt: skip
def test_what_is_no_token_is_refused(api: Api, bearer: str, body: dict[str, object]) -> None:
    assert api.ask("POST", "/tokens", body, authorization=bearer).status == 400


@pytest.fixture
def many(api: Api, bearer: str) -> Iterator[list[str]]:
    yield [api.library.identity.new_token(OPERATOR, "alice", label=f"t{number}") for number in range(7)]


def test_tokens_are_listed_page_by_page(api: Api, bearer: str, many: list[str]) -> None:
    actor = api.library.identity.actor_for(many[0])
    request, seen, after = Request("GET", "/api/v1/tokens", "", [], "x", "x"), [], None
    while True:
        page = tokens.listed(Call(api.library, request, actor, {}, (), Paged(after=after, limit=3)))
        seen += [one.token_id for one in page.tokens]
        after = page.next
        if after is None:
            break
    known = [one.token_id for one in api.library.identity.tokens(OPERATOR, "alice")]
    assert len(seen) == len(known) == 8
    assert set(seen) == set(known)
