"""Logging in by signature: what counts, what counts once, and what nobody learns."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import BadSettings, Invalid, TooMany, Unauthenticated, Unsupported
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge, one_shot_text
from mylist_dav.model.server_keys import offer_text
from mylist_dav.services.accounts.logins import (
    CHALLENGE_SECONDS,
    CHALLENGES_A_MINUTE,
    LOGINS_A_MINUTE,
    LOGINS_OF_A_KEY_A_MINUTE,
    Issued,
    Logins,
    Offer,
    own_addresses,
)
from mylist_dav.services.accounts.server_key import OVERLAP_SECONDS, ServerKey
from mylist_dav.store.catalog import View
from mylist_dav.store.secrets import SecretFile
from tests.shelf import SECOND_NS, Clock, Shelf

SERVER = "https://files.example.org"
ANNA, ULLA, STRANGER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))


def public(pair: SigningKey) -> PublicKey:
    return PublicKey(bytes(pair.verify_key))


class Door:
    """The logins of a new data directory; anna is an admin, ulla a user, both with a key."""

    def __init__(self, folder: Path, shelf: Shelf) -> None:
        self.shelf = shelf
        self.clock = shelf.clock
        self.key = ServerKey(SecretFile(folder, "server.key"), shelf.clock)
        self.logins = self.another()
        shelf.identity.add_account(OPERATOR, "ulla", Role.USER)
        shelf.identity.add_key(OPERATOR, "anna", public(ANNA))
        shelf.identity.add_key(OPERATOR, "ulla", public(ULLA))

    def another(self) -> Logins:
        """The logins of another process on the same data."""
        return Logins(self.shelf.catalog, self.key, self.clock, [SERVER, "http://other"], life_seconds=3600)

    def offer(self, pair: SigningKey, **named: str) -> Offer:
        return self.logins.challenge(public(pair), **named)

    def answer(self, pair: SigningKey, text: str, address: str = "", **named: bytes) -> Issued:
        signature = named.get("signature", pair.sign(text.encode()).signature)
        return self.logins.login(public(pair), text, signature, address=address)

    def at_time(
        self, pair: SigningKey, seconds: int, nonce: bytes = bytes(32), server_key: PublicKey | None = None
    ) -> Issued:
        text = one_shot_text(SERVER, server_key or self.key.public, public(pair), nonce, seconds)
        signature = pair.sign(text.encode()).signature
        return self.logins.login_at(public(pair), SERVER, seconds, nonce, signature)

    def rows(self) -> int:
        """How much there is that a login writes."""
        with self.shelf.catalog.view() as view:
            counts = "SELECT (SELECT count(*) FROM nonce) + (SELECT count(*) FROM token)"
            return int(view._sql.execute(counts).fetchall()[0][0])


@pytest.fixture
def door(tmp_path: Path) -> object:
    shelf = Shelf(tmp_path / "catalog.sqlite", Clock())
    yield Door(tmp_path, shelf)
    shelf.catalog.close()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(Unauthenticated) as caught:
        call()
    return str(caught.value)


def test_a_signed_challenge_gives_a_token_of_the_owner_of_the_key(door: Door) -> None:
    offer = door.offer(ULLA)
    issued = door.answer(ULLA, offer.text)
    assert (issued.account, issued.role) == ("ulla", Role.USER)
    assert issued.expires_ns == door.clock.now_ns + 3600 * SECOND_NS
    assert door.shelf.identity.actor_for(issued.token, "ulla").role is Role.USER
    assert [facts.used_ns for facts in door.shelf.identity.keys(OPERATOR, "ulla")] == [door.clock.now_ns]
    assert issued.token not in repr(issued)


def test_a_challenge_names_server_key_and_end_and_is_signed_by_the_server(door: Door) -> None:
    offer = door.offer(ANNA, server="http://other")
    challenge = Challenge.parse(offer.text)
    assert (challenge.server, challenge.key, challenge.server_key) == (
        "http://other",
        public(ANNA),
        door.key.public,
    )
    assert challenge.expires_seconds * SECOND_NS == offer.expires_ns == door.clock.now_ns + 120 * SECOND_NS
    assert verify(door.key.public, offer_text(offer.text).encode(), offer.signature)
    assert Challenge.parse(door.offer(ANNA, server="https://evil.example").text).server == SERVER
    assert Challenge.parse(door.offer(ANNA).text).nonce != challenge.nonce


def test_a_challenge_counts_once_in_all_processes(door: Door) -> None:
    offer = door.offer(ANNA)
    door.answer(ANNA, offer.text)
    before = door.rows()
    for logins in (door.logins, door.another()):
        signature = ANNA.sign(offer.text.encode()).signature
        said = refused(partial(logins.login, public(ANNA), offer.text, signature))
        assert "used before" in said
    assert door.rows() == before


def test_a_challenge_of_one_process_is_taken_by_another(door: Door) -> None:
    text = door.another().challenge(public(ANNA)).text
    assert door.answer(ANNA, text).account == "anna"


def test_a_challenge_ends_after_two_minutes(door: Door) -> None:
    offers = [door.offer(ANNA), door.offer(ANNA)]
    door.clock.advance(120)
    door.answer(ANNA, offers[0].text)
    door.clock.advance(0.001)
    assert "expired" in refused(lambda: door.answer(ANNA, offers[1].text))


def test_what_was_used_stays_refused_when_the_clock_is_set_back(door: Door) -> None:
    offer = door.offer(ANNA)
    door.answer(ANNA, offer.text)
    door.clock.advance(300)
    door.answer(ANNA, door.offer(ANNA).text)
    door.clock.advance(-250)
    assert "used before" in refused(lambda: door.answer(ANNA, offer.text))


def test_used_nonces_are_forgotten_when_they_are_of_no_use(door: Door) -> None:
    for _ in range(3):
        door.answer(ANNA, door.offer(ANNA).text)
        door.clock.advance(4000)
    assert door.rows() == 2  # one nonce, one token


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(SERVER, "http://other"),
        lambda text: re.sub("nonce: ..", "nonce: 00", text),
        lambda text: text.replace("expires: 19", "expires: 29"),
        lambda text: re.sub("mac: .{8}", "mac: 00000000", text),
        lambda text: text.replace(str(public(ANNA)), str(public(ULLA))),
    ],
)
def test_a_text_that_the_server_did_not_make_is_refused(door: Door, change: Callable[[str], str]) -> None:
    text = change(door.offer(ANNA).text)
    before = door.rows()
    assert "not of this server" in refused(lambda: door.answer(ANNA, text))
    assert door.rows() == before


def test_what_is_no_challenge_at_all_is_invalid(door: Door) -> None:
    with pytest.raises(Invalid):
        door.answer(ANNA, "log me in")


def test_unknown_key_disabled_account_and_bad_signature_get_the_same_answer(door: Door) -> None:
    door.shelf.identity.set_disabled(OPERATOR, "ulla", True)
    before = door.rows()
    said = {
        refused(lambda: door.answer(STRANGER, door.offer(STRANGER).text)),
        refused(lambda: door.answer(ULLA, door.offer(ULLA).text)),
        refused(lambda: door.answer(ANNA, door.offer(ANNA).text, signature=bytes(64))),
        refused(lambda: door.answer(STRANGER, door.offer(STRANGER).text, signature=bytes(64))),
        refused(lambda: door.answer(ANNA, door.offer(ANNA).text, signature=b"")),
        refused(lambda: door.answer(STRANGER, door.offer(ANNA).text)),  # a challenge for another key
        refused(lambda: door.answer(ANNA, door.offer(ULLA).text)),
        refused(lambda: door.at_time(STRANGER, door.clock.now_ns // SECOND_NS)),
        refused(
            lambda: door.logins.login_at(
                public(ANNA), SERVER, door.clock.now_ns // SECOND_NS, bytes(32), bytes(64)
            )
        ),
    }
    assert len(said) == 1
    assert door.rows() == before


def test_a_key_that_did_not_sign_is_never_looked_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for, and so the time it takes, depends on the key only once its signature holds."""
    work: list[str] = []

    def counted(key: PublicKey, message: bytes, signature: bytes) -> bool:
        work.append("verify")
        return verify(key, message, signature)

    looked = View.key_actor

    def seen(view: View, key: PublicKey) -> Actor | None:
        found = looked(view, key)
        work.append(f"look for {key.hex()[:4]}, found {found is not None}")
        return found

    monkeypatch.setattr("mylist_dav.services.accounts.logins.verify", counted)
    monkeypatch.setattr(View, "key_actor", seen)
    done = []
    for pair in (ANNA, STRANGER):
        text = door.offer(pair).text
        work.clear()
        refused(partial(door.answer, pair, text, signature=bytes(64)))
        done.append(list(work))
    assert done == [["verify", "look for 0000, found False"]] * 2
    work.clear()
    refused(partial(door.answer, STRANGER, door.offer(STRANGER).text))
    assert work == ["verify", f"look for {public(STRANGER).hex()[:4]}, found False"]


def test_a_flood_of_challenges_and_bad_logins_writes_nothing(door: Door) -> None:
    before, commits = door.rows(), []
    change = door.shelf.catalog.change
    door.shelf.catalog.change = lambda make: commits.append(make) or change(make)  # type: ignore[method-assign]
    for number in range(300):
        pair = SigningKey(number.to_bytes(32, "big"))
        text = door.logins.challenge(public(pair), address=f"10.0.{number % 256}.1").text
        refused(lambda pair=pair, text=text, number=number: door.answer(pair, text, f"10.0.{number % 256}.1"))  # type: ignore[misc]
    assert (door.rows(), commits) == (before, [])


# -- by time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-60, 0, 60])
def test_a_time_within_a_minute_counts_once(door: Door, off: int) -> None:
    seconds = door.clock.now_ns // SECOND_NS + off
    assert door.at_time(ANNA, seconds).account == "anna"
    assert "used before" in refused(lambda: door.at_time(ANNA, seconds))
    assert door.at_time(ANNA, seconds, nonce=b"\1" * 32).account == "anna"


@pytest.mark.parametrize("off", [-61, 61, -(10**6), 10**6])
def test_a_time_that_is_further_off_does_not(door: Door, off: int) -> None:
    assert "60 s off" in refused(lambda: door.at_time(ANNA, door.clock.now_ns // SECOND_NS + off))


def test_a_signed_time_names_this_server_and_its_key(door: Door) -> None:
    seconds = door.clock.now_ns // SECOND_NS
    refused(lambda: door.at_time(ANNA, seconds, server_key=public(STRANGER)))
    text = one_shot_text("https://evil.example", door.key.public, public(ANNA), bytes(32), seconds)
    signature = ANNA.sign(text.encode()).signature
    refused(lambda: door.logins.login_at(public(ANNA), SERVER, seconds, bytes(32), signature))
    refused(lambda: door.logins.login_at(public(ANNA), "https://evil.example", seconds, bytes(32), signature))


@pytest.mark.parametrize(
    ("server", "seconds", "nonce"),
    [("nonsense", 0, bytes(32)), (SERVER, -1, bytes(32)), (SERVER, 10**30, bytes(32)), (SERVER, 0, b"x")],
)
def test_a_malformed_login_by_time_is_invalid(door: Door, server: str, seconds: int, nonce: bytes) -> None:
    with pytest.raises(Invalid):
        door.logins.login_at(public(ANNA), server, seconds, nonce, bytes(64))


def test_after_a_change_of_the_server_key_the_old_one_may_be_named_for_a_week(door: Door) -> None:
    old = door.key.public
    door.key.rotate(OPERATOR)
    now = door.clock.now_ns // SECOND_NS
    assert door.at_time(ANNA, now, server_key=old).account == "anna"
    assert door.at_time(ANNA, now, nonce=b"\1" * 32).account == "anna"
    door.clock.advance(OVERLAP_SECONDS + 1)
    refused(lambda: door.at_time(ANNA, door.clock.now_ns // SECOND_NS, server_key=old))


# -- limits ----------------------------------------------------------------------------------------------------


def test_challenges_are_limited_for_each_address(door: Door) -> None:
    for _ in range(CHALLENGES_A_MINUTE):
        door.offer(ANNA, address="10.0.0.1")
    with pytest.raises(TooMany) as caught:
        door.offer(ULLA, address="10.0.0.1")
    assert caught.value.retry_after_seconds == 1
    door.offer(ANNA, address="10.0.0.2")
    door.clock.advance(1)
    door.offer(ANNA, address="10.0.0.1")


def test_logins_are_limited_for_each_address(door: Door) -> None:
    for number in range(LOGINS_A_MINUTE):
        pair = SigningKey(number.to_bytes(32, "big"))
        refused(lambda pair=pair: door.answer(pair, door.offer(pair).text, "10.0.0.1"))  # type: ignore[misc]
    with pytest.raises(TooMany):
        door.answer(ANNA, door.offer(ANNA).text, "10.0.0.1")
    assert door.answer(ANNA, door.offer(ANNA).text, "10.0.0.2").account == "anna"


def test_failures_with_a_key_are_limited_alike_known_or_not_and_lock_nobody_out(door: Door) -> None:
    for pair in (ANNA, STRANGER):
        for number in range(LOGINS_OF_A_KEY_A_MINUTE):
            text = door.offer(pair, address=f"a{number}").text
            refused(
                lambda pair=pair, text=text, number=number: door.answer(  # type: ignore[misc]
                    pair, text, f"b{number}", signature=bytes(64)
                )
            )
        with pytest.raises(TooMany):
            door.answer(pair, door.offer(pair).text, "c", signature=bytes(64))
    assert door.answer(ANNA, door.offer(ANNA).text, "d").account == "anna"


def test_tokens_from_one_key_are_limited(door: Door) -> None:
    for number in range(LOGINS_OF_A_KEY_A_MINUTE):
        door.answer(ANNA, door.offer(ANNA).text, f"b{number}")
    before = door.rows()
    with pytest.raises(TooMany):
        door.answer(ANNA, door.offer(ANNA).text, "c")
    assert door.rows() == before
    assert door.answer(ULLA, door.offer(ULLA).text, "c").account == "ulla"


# -- the address of the server ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("public_url", "listen", "addresses"),
    [
        ("https://Files.example.org", ["127.0.0.1:8080"], ("https://files.example.org",)),
        ("", ["127.0.0.1:8080"], ("http://127.0.0.1:8080", "http://localhost:8080")),
        ("", ["[::1]:80", "127.0.0.1:80"], ("http://[::1]", "http://127.0.0.1", "http://localhost")),
        ("", ["localhost:81"], ("http://localhost:81",)),
        ("", ["0.0.0.0:8080", "10.0.0.1:80", "files.example.org:80", "[::]:80"], ()),
    ],
)
def test_the_server_is_called_by_its_public_url_or_where_it_listens_on_loopback(
    public_url: str, listen: list[str], addresses: tuple[str, ...]
) -> None:
    assert own_addresses(public_url, listen) == addresses


def test_a_public_url_that_cannot_be_signed_is_a_bad_setting() -> None:
    with pytest.raises(BadSettings, match="public_url"):
        own_addresses("https://fïles.example", [])


def test_a_server_without_an_address_gives_no_challenge(door: Door) -> None:
    logins = Logins(door.shelf.catalog, door.key, door.clock, [], life_seconds=1)
    with pytest.raises(Unsupported, match="public_url"):
        logins.challenge(public(ANNA))


def test_a_challenge_that_was_asked_for_just_before_the_key_was_changed_is_good(door: Door) -> None:
    offer = door.offer(ANNA)
    door.key.rotate(OPERATOR)
    assert door.answer(ANNA, offer.text).account == "anna"
    with pytest.raises(Unauthenticated, match="used before"):
        door.answer(ANNA, offer.text)
    late = door.offer(ANNA)
    door.key.rotate(OPERATOR)
    door.clock.advance(CHALLENGE_SECONDS + 1)
    with pytest.raises(Unauthenticated):
        door.answer(ANNA, late.text)
