"""Accounts, keys and tokens: who somebody is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import BadName, Exists, Forbidden, Invalid, LimitExceeded, NotFound, Unauthenticated
from mylist_dav.model.accounts import AccountFacts
from mylist_dav.model.actors import EVERYTHING, Actor, Role, Scope
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts import identity
from mylist_dav.services.accounts.identity import TOKEN_CHARS_MAX, TOKEN_PREFIX
from tests.shelf import ADMIN, NAME, Shelf, shelf_in

DAY_SECONDS = 86_400
ANNA = Actor("anna", Role.USER)
OTTO = Actor("otto", Role.USER)
KEY, OTHER_KEY = PublicKey(b"k" * 32), PublicKey(b"o" * 32)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        made.put("f")
        yield made


# -- tokens ----------------------------------------------------------------------------------------------------


def test_a_token_stands_for_its_account_for_as_long_as_it_lives(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna", days=0.5)
    assert token.startswith(TOKEN_PREFIX)
    assert shelf.identity.actor_for(token) == Actor("anna", Role.USER)
    assert shelf.identity.actor_for(token, "anna") == Actor("anna", Role.USER)
    shelf.clock.advance(DAY_SECONDS / 2)
    with pytest.raises(Unauthenticated):
        shelf.identity.actor_for(token)


def test_a_wrong_token_is_refused_in_the_same_words_whatever_is_wrong(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.ADMIN)
    good = shelf.identity.new_token(ADMIN, "anna")
    gone = shelf.identity.new_token(ADMIN, "anna")
    shelf.identity.revoke_token(
        ADMIN, next(t.token_id for t in shelf.identity.tokens(ADMIN) if _is(t.token_id, gone))
    )
    said = set()
    for token, account in (
        ("", None),
        (good + "x", None),
        (good[:-1], None),
        (good.removeprefix(TOKEN_PREFIX), None),
        (good.upper(), None),
        (gone, None),
        (good, "otto"),
        (good, ""),
        (TOKEN_PREFIX + "x" * TOKEN_CHARS_MAX, None),
        (TOKEN_PREFIX + "\ud800", None),
    ):
        with pytest.raises(Unauthenticated) as caught:
            shelf.identity.actor_for(token, account)
        said.add(str(caught.value))
    assert len(said) == 1
    assert shelf.identity.actor_for(good).account == "anna"


def _is(token_id: str, token: str) -> bool:
    return hashlib.sha256(token.encode()).hexdigest().startswith(token_id)


def test_only_the_hash_of_a_token_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    token = shelf.identity.new_token(ADMIN, "anna", label="laptop")
    [known] = shelf.identity.tokens(ADMIN)
    assert known.label == "laptop"
    assert _is(known.token_id, token)
    secret = token.removeprefix(TOKEN_PREFIX).encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


@pytest.mark.parametrize("days", [0, -1, 31, float("nan"), float("inf")])
def test_the_life_of_a_token_is_bounded(shelf: Shelf, days: float) -> None:
    with pytest.raises(Invalid):
        shelf.identity.new_token(ADMIN, "anna", days=days)
    assert shelf.identity.tokens(ADMIN) == []


def test_a_token_is_revoked_by_the_beginning_of_its_id_if_that_is_clear(shelf: Shelf) -> None:
    for _ in range(40):
        shelf.identity.new_token(ADMIN, "anna")
    ids = [token.token_id for token in shelf.identity.tokens(ADMIN)]
    ambiguous = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    with pytest.raises(Invalid):
        shelf.identity.revoke_token(ADMIN, ambiguous)
    for unknown in ("", "no", "zzzz"):
        with pytest.raises(NotFound):
            shelf.identity.revoke_token(ADMIN, unknown)
    shelf.identity.revoke_token(ADMIN, ids[0])
    assert sorted(token.token_id for token in shelf.identity.tokens(ADMIN)) == sorted(ids[1:])


def test_accounts_have_good_names_once_and_are_no_guests(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.ADMIN)
    assert shelf.identity.accounts(ADMIN) == [
        AccountFacts("anna", Role.USER),
        AccountFacts("otto", Role.ADMIN),
    ]
    with pytest.raises(Exists):
        shelf.identity.add_account(ADMIN, "otto", Role.USER)
    with pytest.raises(Invalid):
        shelf.identity.add_account(ADMIN, "gast", Role.GUEST)
    for name in ("", "Otto", "a/b", "-a", "ü", "a" * 65):
        with pytest.raises(BadName):
            shelf.identity.add_account(ADMIN, name, Role.USER)


def test_an_account_may_have_a_quota(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.USER, quota_bytes=5)
    assert shelf.identity.accounts(ADMIN)[1] == AccountFacts("otto", Role.USER, False, 5, 0)
    shelf.identity.set_quota(ADMIN, "otto", None)
    assert shelf.identity.accounts(ADMIN)[1].quota_bytes is None
    with pytest.raises(NotFound):
        shelf.identity.set_quota(ADMIN, "nobody", 1)
    for wrong in (-1, 2**63):
        with pytest.raises(Invalid):
            shelf.identity.set_quota(ADMIN, "otto", wrong)
        with pytest.raises(Invalid):
            shelf.identity.add_account(ADMIN, "erna", Role.USER, quota_bytes=wrong)


def test_the_tokens_and_keys_of_a_disabled_account_hold_again_once_it_is_enabled(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna")
    shelf.identity.add_key(ADMIN, "anna", KEY)
    shelf.identity.set_disabled(ADMIN, "anna", True)
    assert shelf.identity.key_owner(KEY) is None
    with pytest.raises(Unauthenticated):
        shelf.identity.actor_for(token)
    shelf.identity.set_disabled(ADMIN, "anna", False)
    assert shelf.identity.key_owner(KEY) == shelf.identity.actor_for(token) == ANNA


# -- keys ------------------------------------------------------------------------------------------------------


def test_a_key_names_one_account_and_is_listed_until_it_is_removed(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.USER)
    shelf.identity.add_key(ADMIN, "anna", KEY, "desk")
    for account in ("anna", "otto"):
        with pytest.raises(Exists):
            shelf.identity.add_key(ADMIN, account, KEY)
    shelf.identity.add_key(ADMIN, "otto", OTHER_KEY)
    assert [known.key for known in shelf.identity.keys(ADMIN)] == [KEY, OTHER_KEY]
    assert [known.key for known in shelf.identity.keys(ADMIN, "otto")] == [OTHER_KEY]
    assert [(known.key, known.label) for known in shelf.identity.keys(ANNA)] == [(KEY, "desk")]
    with pytest.raises(Forbidden):
        shelf.identity.keys(ANNA, "otto")
    with pytest.raises(NotFound):
        shelf.identity.remove_key(OTTO, KEY)
    shelf.identity.remove_key(ANNA, KEY)
    assert shelf.identity.key_owner(KEY) is None
    with pytest.raises(NotFound):
        shelf.identity.remove_key(ANNA, KEY)


def test_a_login_with_a_key_is_noted(shelf: Shelf) -> None:
    shelf.identity.add_key(ADMIN, "anna", KEY)
    assert shelf.identity.keys(ANNA)[0].used_ns == 0
    shelf.clock.advance(5)
    shelf.identity.note_login(KEY)
    assert shelf.identity.keys(ANNA)[0].used_ns == shelf.clock.now_ns


def test_an_account_has_a_bounded_number_of_keys_and_tokens(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "KEYS_MAX", 1)
    monkeypatch.setattr(identity, "TOKENS_MAX", 2)
    shelf.identity.add_key(ADMIN, "anna", KEY)
    with pytest.raises(LimitExceeded):
        shelf.identity.add_key(ADMIN, "anna", OTHER_KEY)
    assert len(shelf.identity.keys(ANNA)) == 1
    for _ in range(2):
        shelf.identity.new_token(ANNA, "anna")
    with pytest.raises(LimitExceeded):
        shelf.identity.new_token(ANNA, "anna")
    shelf.clock.advance(DAY_SECONDS)
    shelf.identity.new_token(ANNA, "anna")


# -- whose tokens, and for what --------------------------------------------------------------------------------


def test_users_see_and_revoke_their_own_tokens_only(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.USER)
    mine, theirs = (shelf.identity.new_token(ADMIN, account) for account in ("anna", "otto"))
    [known] = shelf.identity.tokens(ANNA)
    assert known.account == "anna"
    assert len(shelf.identity.tokens(ADMIN)) == 2
    assert len(shelf.identity.tokens(ADMIN, "otto")) == 1
    with pytest.raises(NotFound):
        shelf.identity.revoke_token(OTTO, known.token_id)
    assert shelf.identity.actor_for(mine) == ANNA
    shelf.identity.revoke_token(ANNA, known.token_id[:6])
    assert shelf.identity.tokens(ANNA) == []
    assert shelf.identity.actor_for(theirs) == OTTO


def test_a_token_can_be_given_up_by_whoever_holds_it(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna", scope=Scope(NAME, True))
    shelf.identity.revoke_this(token)
    with pytest.raises(Unauthenticated):
        shelf.identity.actor_for(token)
    shelf.identity.revoke_this(token)
    shelf.identity.revoke_this("anything")


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(None, True), Scope(NAME), Scope(NAME, True)])
def test_a_token_says_what_it_is_for(shelf: Shelf, scope: Scope) -> None:
    token = shelf.identity.new_token(ANNA, "anna", scope=scope)
    assert shelf.identity.actor_for(token) == Actor("anna", Role.USER, scope)
    assert shelf.identity.tokens(ANNA)[0].scope == scope


def test_a_token_is_for_a_flist_that_is_there_and_may_be_read(shelf: Shelf) -> None:
    shelf.identity.add_account(ADMIN, "otto", Role.USER)
    shelf.grants.set_private(ADMIN, NAME, True)
    said = set()
    for name in (NAME, FlistName("anna", "none")):
        with pytest.raises(NotFound) as caught:
            shelf.identity.new_token(OTTO, "otto", scope=Scope(name))
        said.add(str(caught.value).replace(str(name), "..."))
    assert len(said) == 1
    assert shelf.identity.tokens(ADMIN) == []


def test_a_token_for_a_flist_does_not_hold_for_a_new_one_of_its_name(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna", scope=Scope(NAME))
    shelf.flists.delete(ADMIN, NAME)
    shelf.flists.create(ADMIN, NAME)
    with pytest.raises(Unauthenticated):
        shelf.identity.actor_for(token)


@pytest.mark.parametrize("label", ["a\nb", "\x1b[31m", "x" * 201])
def test_a_label_is_one_printable_line(shelf: Shelf, label: str) -> None:
    with pytest.raises(Invalid):
        shelf.identity.new_token(ADMIN, "anna", label=label)
    with pytest.raises(Invalid):
        shelf.identity.add_key(ADMIN, "anna", KEY, label)
