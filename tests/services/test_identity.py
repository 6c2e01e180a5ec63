"""Accounts, tokens, and who may do what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import BadName, Exists, Forbidden, Invalid, NotFound, Unauthenticated
from mylist_dav.model.actors import GUEST, OPERATOR, Actor, Role
from mylist_dav.model.locks import Scope
from mylist_dav.model.names import FlistName
from mylist_dav.services.identity import TOKEN_CHARS_MAX, TOKEN_PREFIX
from mylist_dav.services.properties import PropertyChange
from mylist_dav.services.trees import Attributes
from tests.shelf import ADMIN, NAME, USER, Shelf, shelf_in, tokens

DAY_SECONDS = 86_400


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
    assert shelf.identity.accounts(ADMIN) == [("anna", Role.USER), ("otto", Role.ADMIN)]
    with pytest.raises(Exists):
        shelf.identity.add_account(ADMIN, "otto", Role.USER)
    with pytest.raises(Invalid):
        shelf.identity.add_account(ADMIN, "gast", Role.GUEST)
    for name in ("", "Otto", "a/b", "-a", "ü", "a" * 65):
        with pytest.raises(BadName):
            shelf.identity.add_account(ADMIN, name, Role.USER)


# -- rights ----------------------------------------------------------------------------------------------------

READS: dict[str, Callable[[Shelf, Actor], object]] = {
    "stat": lambda shelf, actor: shelf.trees.stat(actor, shelf.place("f")),
    "list": lambda shelf, actor: shelf.trees.list(actor, shelf.place("")),
    "walk": lambda shelf, actor: list(shelf.trees.walk(actor, shelf.place(""))),
    "resolve": lambda shelf, actor: shelf.trees.resolve(actor, shelf.place("f")),
    "flist": lambda shelf, actor: shelf.flists.get(actor, NAME),
    "log": lambda shelf, actor: shelf.flists.log(actor, NAME),
    "properties": lambda shelf, actor: shelf.properties.get(actor, shelf.place("f")),
    "of members": lambda shelf, actor: shelf.properties.of_members(actor, shelf.place(""), shelf.entry("")),
    "covering": lambda shelf, actor: shelf.locks.covering(actor, shelf.place("f")),
    "all locks": lambda shelf, actor: shelf.locks.all(actor, shelf.place("")),
}
WRITES: dict[str, Callable[[Shelf, Actor], object]] = {
    "put": lambda shelf, actor: shelf.uploads.open(actor, shelf.place("x")),
    "mkdir": lambda shelf, actor: shelf.trees.make_directory(actor, shelf.place("x")),
    "delete": lambda shelf, actor: shelf.trees.delete(actor, shelf.place("f")),
    "attributes": lambda shelf, actor: shelf.trees.set_attributes(
        actor, shelf.place("f"), Attributes(mode=0)
    ),
    "move": lambda shelf, actor: shelf.trees.move(actor, shelf.place("f"), shelf.place("x"), overwrite=False),
    "copy": lambda shelf, actor: shelf.trees.copy(actor, shelf.place("f"), shelf.place("x"), overwrite=False),
    "property": lambda shelf, actor: shelf.properties.change(
        actor, shelf.place("f"), [PropertyChange("{n}a", "")]
    ),
    "lock": lambda shelf, actor: shelf.locks.take(
        actor, shelf.place("f"), scope=Scope.SHARED, infinite=False, owner_xml="", timeout_seconds=1
    ),
    "refresh": lambda shelf, actor: shelf.locks.refresh(actor, shelf.place("f"), 1, tokens("x")),
    "release": lambda shelf, actor: shelf.locks.release(actor, shelf.place("f"), "x"),
    "rollback": lambda shelf, actor: shelf.flists.rollback(actor, NAME, 1),
}
RULES: dict[str, Callable[[Shelf, Actor], object]] = {
    "create": lambda shelf, actor: shelf.flists.create(actor, FlistName("anna", "new")),
    "delete flist": lambda shelf, actor: shelf.flists.delete(actor, NAME),
    "expose": lambda shelf, actor: shelf.exposures.expose(actor, NAME, prefix="/x"),
    "unexpose": lambda shelf, actor: shelf.exposures.unexpose(actor, prefix="/x"),
    "exposures": lambda shelf, actor: shelf.exposures.list(actor),
    "add account": lambda shelf, actor: shelf.identity.add_account(actor, "new", Role.ADMIN),
    "accounts": lambda shelf, actor: shelf.identity.accounts(actor),
    "new token": lambda shelf, actor: shelf.identity.new_token(actor, "anna"),
    "tokens": lambda shelf, actor: shelf.identity.tokens(actor),
    "revoke": lambda shelf, actor: shelf.identity.revoke_token(actor, "a"),
}


@pytest.mark.parametrize("verb", [*READS, *WRITES, *RULES])
def test_a_guest_is_asked_to_log_in_for_everything(shelf: Shelf, verb: str) -> None:
    with pytest.raises(Unauthenticated):
        (READS | WRITES | RULES)[verb](shelf, GUEST)
    assert shelf.flist().head_jid == 2


@pytest.mark.parametrize("verb", [*READS, *WRITES])
def test_for_a_user_a_flist_that_may_not_be_read_is_not_there(shelf: Shelf, verb: str) -> None:
    with pytest.raises(NotFound, match="no flist"):
        (READS | WRITES)[verb](shelf, USER)
    assert shelf.flist().head_jid == 2


@pytest.mark.parametrize("verb", RULES)
def test_a_user_may_not_do_what_is_for_admins(shelf: Shelf, verb: str) -> None:
    with pytest.raises(Forbidden):
        RULES[verb](shelf, USER)


def test_a_user_sees_no_flists_and_cannot_tell_which_accounts_there_are(shelf: Shelf) -> None:
    assert shelf.flists.list(USER) == []
    assert shelf.flists.accounts(USER) == []
    said = set()
    for account in ("anna", "nobody"):
        with pytest.raises(NotFound) as caught:
            shelf.flists.list(USER, account)
        said.add(str(caught.value).replace(account, "..."))
    assert len(said) == 1


def test_a_copy_asks_for_the_right_to_read_its_source_and_to_write_its_target(shelf: Shelf) -> None:
    for actor, error in ((GUEST, Unauthenticated), (USER, NotFound)):
        for source, target in (("f", "x"), ("x", "f")):
            with pytest.raises(error):
                shelf.trees.copy(actor, shelf.place(source), shelf.place(target), overwrite=True)


@pytest.mark.parametrize("verb", READS)
@pytest.mark.parametrize("actor", [ADMIN, OPERATOR], ids=["admin", "operator"])
def test_an_admin_reads_everything(shelf: Shelf, verb: str, actor: Actor) -> None:
    READS[verb](shelf, actor)
