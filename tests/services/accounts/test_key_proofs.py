"""Adding a key to one's own account: only with a proof that one has its private half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import Exists, Forbidden, Invalid
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.key_text import KeyText
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.login_text import CHALLENGE_TITLE
from mylist_dav.services.accounts.key_proofs import SIGNING_SECONDS, Proof
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock

PAIR, OTHER_PAIR = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
KEY, OTHER_KEY = (PublicKey(bytes(pair.verify_key)) for pair in (PAIR, OTHER_PAIR))
ALICE, BOB = Actor("alice", Role.USER), Actor("bob", Role.USER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(tmp_path: Path, clock: Clock) -> Iterator[Library]:
    library = opened(tmp_path / "data", clock)
    yield library
    library.close()


def opened(data: Path, clock: Clock) -> Library:
    library = Library(load(given={"store.data": str(data), "store.durability": "os"}), clock)
    for account in ("alice", "bob"):
        library.identity.add_account(OPERATOR, account, Role.USER)
    return library


def proof(library: Library, account: str = "alice", pair: SigningKey = PAIR) -> Proof:
    text = library.key_proofs.text(account)
    return Proof(text, pair.sign(text.encode()).signature)


def keys(library: Library) -> list[tuple[str, PublicKey]]:
    return [(one.account, one.key) for one in library.identity.keys(OPERATOR)]


def test_a_key_that_has_signed_is_added(library: Library) -> None:
    library.identity.add_key(ALICE, "alice", KEY, "laptop", proof=proof(library))
    assert keys(library) == [("alice", KEY)]


def test_without_a_signature_only_an_admin_adds_a_key(library: Library) -> None:
    with pytest.raises(Forbidden, match="sign with it"):
        library.identity.add_key(ALICE, "alice", KEY)
    library.identity.add_key(OPERATOR, "alice", KEY)
    assert keys(library) == [("alice", KEY)]


def test_nobody_takes_the_key_of_another_or_learns_whether_it_is_there(library: Library) -> None:
    for _ in range(2):
        with pytest.raises(Invalid, match="not of this key"):
            library.identity.add_key(BOB, "bob", KEY, proof=proof(library, "bob", OTHER_PAIR))
        if not keys(library):
            library.identity.add_key(OPERATOR, "alice", KEY)
    with pytest.raises(Exists):
        library.identity.add_key(BOB, "bob", KEY, proof=proof(library, "bob"))


def test_a_proof_for_one_account_is_none_for_another(library: Library) -> None:
    with pytest.raises(Invalid, match="not for this account"):
        library.identity.add_key(BOB, "bob", KEY, proof=proof(library, "alice"))
    with pytest.raises(Forbidden):
        library.identity.add_key(BOB, "alice", KEY, proof=proof(library, "alice"))
    assert keys(library) == []


def test_a_proof_for_another_server_is_none_here(library: Library, tmp_path: Path, clock: Clock) -> None:
    other = opened(tmp_path / "other", clock)
    with pytest.raises(Invalid, match="not of this server"):
        library.identity.add_key(ALICE, "alice", KEY, proof=proof(other))
    other.close()


def test_a_proof_is_good_for_some_minutes_and_through_a_change_of_the_server_key(
    library: Library, clock: Clock
) -> None:
    early, late = proof(library), proof(library)
    library.server_key.rotate(OPERATOR)
    library.identity.add_key(ALICE, "alice", KEY, proof=early)
    clock.advance(SIGNING_SECONDS)
    with pytest.raises(Invalid):
        library.identity.add_key(ALICE, "alice", KEY, proof=late)
    old = proof(library)
    clock.advance(SIGNING_SECONDS)
    with pytest.raises(Invalid, match="too old"):
        library.identity.add_key(ALICE, "alice", KEY, proof=old)


def test_a_signed_login_adds_no_key_and_a_signed_addition_is_no_login(library: Library) -> None:
    offer = library.logins.challenge(KEY)
    signed = Proof(offer.text, PAIR.sign(offer.text.encode()).signature)
    with pytest.raises(Invalid):
        library.identity.add_key(ALICE, "alice", KEY, proof=signed)
    library.identity.add_key(OPERATOR, "alice", KEY)
    with pytest.raises(Invalid):
        library.logins.login(KEY, *proof(library))


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("account: alice", "account: Alice"),
        lambda text: text.replace("expires: ", "expires: 0"),
        lambda text: CHALLENGE_TITLE + text[text.index("\nserver key") :],
        lambda text: text[: text.index("\nmac")],
        lambda text: "",
    ],
)
def test_a_text_that_differs_in_anything_is_none(library: Library, changed: object) -> None:
    text = library.key_proofs.text("alice")
    assert KeyText.parse(text).text == text
    with pytest.raises(Invalid):
        KeyText.parse(changed(text))  # type: ignore[operator]
