"""Who is let in to which exposure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from nacl.signing import SigningKey

from mylist_dav.errors import BadName, Forbidden, Invalid, MylistError, NotFound, Unauthenticated
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Role, Scope
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts.grants import Grants
from mylist_dav.services.exposing.exposures import Exposures, parse_visitor
from mylist_dav.services.exposing.gates import Admission, Gates
from tests.shelf import NAME, Shelf, shelf_in

PHRASE = "correct horse battery"
ADDRESS = "192.0.2.1"
KEY = PublicKey(bytes(SigningKey(bytes(32)).verify_key))
HOUR_SECONDS = 3600


def mac(message: bytes) -> bytes:
    return blake3(message, key=bytes(32)).digest()


class Gated:
    """Accounts: otto (admin), rita (user), wanda (may write), gina (user, may not read); the flist is private."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.clock = shelf.clock
        self.exposures = Exposures(shelf.catalog, protected_prefixes=True)
        self.gates = Gates(shelf.catalog, shelf.identity, shelf.clock, mac, HOUR_SECONDS)
        grants = Grants(shelf.catalog)
        for name in ("otto", "rita", "wanda", "gina"):
            shelf.identity.add_account(OPERATOR, name, Role.ADMIN if name == "otto" else Role.USER)
        grants.grant(OPERATOR, "rita", NAME, Right.READ)
        grants.grant(OPERATOR, "wanda", NAME, Right.WRITE)
        grants.set_private(OPERATOR, NAME, True)

    def expose(self, mode: Mode, dav: str = "off", at_jid: int | None = None) -> Exposure:
        secret = PHRASE if mode is Mode.SECRET else None
        visitors = ("gina", str(KEY)) if mode is Mode.KEYS else ()
        return self.exposures.expose(
            OPERATOR,
            NAME,
            host="site.test",
            mode=mode,
            dav=dav,
            at_jid=at_jid,
            secret=secret,
            visitors=visitors,
        )

    def token(self, account: str, scope: Scope | None = None) -> str:
        return self.shelf.identity.new_token(OPERATOR, account, scope=scope or Scope())

    def outcome(self, exposure: Exposure, who: str) -> str:
        """in, all (sees everything), or the name of the refusal; who: guest, phrase, key, or an account."""
        gates = self.gates
        try:
            if who == "guest":
                admission = gates.admit_guest(exposure)
            elif who == "phrase":
                admission = gates.admit_password(exposure, "anybody", PHRASE, ADDRESS)
            elif who == "key":
                admission = gates.admit_key(exposure, KEY)
            else:
                admission = gates.admit_password(exposure, who, self.token(who), ADDRESS)
        except (Unauthenticated, Forbidden) as error:
            return type(error).__name__
        assert admission.is_for(exposure)
        return "all" if admission.sees_all else "in"


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    with shelf_in(tmp_path) as shelf:
        yield Gated(shelf)


ASK, NO = "Unauthenticated", "Forbidden"
TABLE = [
    # who       public     secret           keys
    ("guest",  "in",      ASK,             ASK),
    ("phrase", ASK,       "in",            ASK),
    ("key",    ASK,       ASK,             "in"),
    ("gina",   "in",      ASK,             "in"),
    ("rita",   "all",     ASK,             NO),
    ("wanda",  "all",     ASK,             NO),
    ("otto",   "all",     "all",           "all"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "public", "secret", "keys"), TABLE)
def test_who_is_let_in(gated: Gated, who: str, public: str, secret: str, keys: str) -> None:
    for mode, wanted in ((Mode.PUBLIC, public), (Mode.SECRET, secret), (Mode.KEYS, keys)):
        assert gated.outcome(gated.expose(mode), who) == wanted, mode


@pytest.mark.parametrize("mode", [Mode.SECRET, Mode.KEYS])
def test_where_one_may_write_over_webdav_one_is_let_in_to_do_so(gated: Gated, mode: Mode) -> None:
    refused = gated.outcome(gated.expose(mode, "ro"), "wanda")
    assert refused in (ASK, NO)
    assert gated.outcome(gated.expose(mode, "rw"), "wanda") == "all"
    assert gated.outcome(gated.expose(mode, "rw"), "rita") == refused
    reading = gated.token("wanda", Scope(read_only=True))
    with pytest.raises((Unauthenticated, Forbidden)):
        gated.gates.admit_token(gated.expose(mode, "rw"), reading)


def test_a_token_for_another_flist_opens_nothing_but_what_is_open(gated: Gated) -> None:
    other = FlistName("anna", "other")
    gated.shelf.flists.create(OPERATOR, other)
    for mode, account in ((Mode.KEYS, "gina"), (Mode.KEYS, "otto"), (Mode.SECRET, "otto")):
        token = gated.token(account, Scope(other))
        with pytest.raises((Unauthenticated, Forbidden)):
            gated.gates.admit_token(gated.expose(mode), token)
    admission = gated.gates.admit_token(gated.expose(Mode.PUBLIC), gated.token("otto", Scope(other)))
    assert not admission.sees_all


def test_a_token_under_another_name_is_refused(gated: Gated) -> None:
    with pytest.raises(Unauthenticated):
        gated.gates.admit_password(gated.expose(Mode.KEYS), "rita", gated.token("gina"), ADDRESS)


def test_an_account_that_is_called_like_a_listed_key_is_not_that_key(gated: Gated) -> None:
    gated.shelf.identity.add_account(OPERATOR, str(KEY), Role.USER)
    with pytest.raises(Forbidden):
        gated.gates.admit_token(gated.expose(Mode.KEYS), gated.token(str(KEY)))


def test_a_key_lets_in_the_account_it_belongs_to(gated: Gated) -> None:
    of_gina, of_rita = (PublicKey(bytes(SigningKey(bytes([n]) * 32).verify_key)) for n in (1, 2))
    gated.shelf.identity.add_key(OPERATOR, "gina", of_gina)
    gated.shelf.identity.add_key(OPERATOR, "rita", of_rita)
    exposure = gated.expose(Mode.KEYS)
    assert gated.gates.admit_key(exposure, of_gina).actor.account == "gina"
    for key in (of_rita, PublicKey(bytes(SigningKey(bytes([3]) * 32).verify_key))):
        with pytest.raises(Forbidden):
            gated.gates.admit_key(exposure, key)


def test_a_token_of_the_account_of_a_listed_key_lets_in(gated: Gated) -> None:
    exposure = gated.expose(Mode.KEYS)
    assert gated.outcome(exposure, "rita") == NO
    gated.shelf.identity.add_key(OPERATOR, "rita", KEY)
    assert gated.outcome(exposure, "rita") == "all"


# -- visits ----------------------------------------------------------------------------------------------------


def admitted(gated: Gated, exposure: Exposure, who: str) -> Admission:
    if who == "phrase":
        return gated.gates.admit_password(exposure, None, PHRASE, ADDRESS)
    if who == "key":
        return gated.gates.admit_key(exposure, KEY)
    return gated.gates.admit_token(exposure, gated.token(who))


CASES = [(Mode.SECRET, "phrase"), (Mode.SECRET, "otto"), (Mode.KEYS, "key"), (Mode.KEYS, "gina")]


@pytest.mark.parametrize(("mode", "who"), CASES)
def test_a_visit_lets_in_again_until_it_ends(gated: Gated, mode: Mode, who: str) -> None:
    exposure = gated.expose(mode)
    admission = admitted(gated, exposure, who)
    visit = gated.gates.visit(exposure, admission)
    assert visit.seconds == HOUR_SECONDS
    assert visit.value not in repr(visit)
    gated.clock.advance(HOUR_SECONDS - 1)
    assert gated.gates.admit_visit(exposure, visit.value) == admission
    gated.clock.advance(1)
    with pytest.raises(Unauthenticated):
        gated.gates.admit_visit(exposure, visit.value)


@pytest.mark.parametrize(("mode", "who"), CASES)
def test_a_visit_dies_when_the_phrase_or_the_list_changes(gated: Gated, mode: Mode, who: str) -> None:
    exposure = gated.expose(mode)
    value = gated.gates.visit(exposure, admitted(gated, exposure, who)).value
    gated.clock.advance(1)
    changed = gated.expose(mode)
    with pytest.raises(Unauthenticated):
        gated.gates.admit_visit(changed, value)


@pytest.mark.parametrize(("mode", "who"), CASES)
def test_a_visit_is_of_one_exposure(gated: Gated, mode: Mode, who: str) -> None:
    exposure = gated.expose(mode)
    value = gated.gates.visit(exposure, admitted(gated, exposure, who)).value
    for other in (
        exposure._replace(exposure_id=exposure.exposure_id + 1),
        exposure._replace(host="other.test"),
        exposure._replace(changed_ns=exposure.changed_ns + 1),
    ):
        with pytest.raises(Unauthenticated):
            gated.gates.admit_visit(other, value)


@pytest.mark.parametrize(("mode", "who"), CASES)
def test_a_visit_that_was_tampered_with_lets_nobody_in(gated: Gated, mode: Mode, who: str) -> None:
    exposure = gated.expose(mode)
    value = gated.gates.visit(exposure, admitted(gated, exposure, who)).value
    ends, name, mac = value.split(".")
    forged = [
        f"{int(ends) + 1}.{name}.{mac}",
        f"{ends}.k{'0' * 64}.{mac}",
        f"{ends}..{mac}" if name else f"{ends}.k{KEY}.{mac}",
        f"{ends}.{name}.{mac[:-1]}{'0' if mac[-1] != '0' else '1'}",
        f"{ends}.{name}",
        "",
        "x" * 10_000,
        f"{ends}.{name}.{mac}\n",
        f"\u0661{ends[1:]}.{name}.{mac}",
    ]
    for value in forged:
        with pytest.raises(Unauthenticated):
            gated.gates.admit_visit(exposure, value)


def test_a_visit_dies_with_the_token_or_the_account_that_opened_it(gated: Gated) -> None:
    exposure = gated.expose(Mode.KEYS)
    token = gated.token("gina")
    value = gated.gates.visit(exposure, gated.gates.admit_token(exposure, token)).value
    gated.gates.admit_visit(exposure, value)
    gated.shelf.identity.set_disabled(OPERATOR, "gina", True)
    with pytest.raises(Unauthenticated):
        gated.gates.admit_visit(exposure, value)
    gated.shelf.identity.set_disabled(OPERATOR, "gina", False)
    gated.gates.admit_visit(exposure, value)
    gated.shelf.identity.revoke_this(token)
    with pytest.raises(Unauthenticated):
        gated.gates.admit_visit(exposure, value)


def test_a_visit_holds_neither_the_phrase_nor_the_token(gated: Gated) -> None:
    exposure = gated.expose(Mode.SECRET)
    assert PHRASE not in gated.gates.visit(exposure, admitted(gated, exposure, "phrase")).value
    token = gated.token("otto")
    value = gated.gates.visit(exposure, gated.gates.admit_token(exposure, token)).value
    assert token not in value and token.removeprefix("mylist_") not in value


# -- what is exposed how -----------------------------------------------------------------------------------------


def refused(gated: Gated, **given: object) -> type[MylistError]:
    with pytest.raises(MylistError) as error:
        gated.exposures.expose(OPERATOR, NAME, host="x.test", **given)  # type: ignore[arg-type]
    return type(error.value)


def test_a_protected_mode_needs_what_protects_it(gated: Gated) -> None:
    assert refused(gated, mode=Mode.SECRET) is Invalid
    assert refused(gated, mode=Mode.SECRET, secret="short") is Invalid
    assert refused(gated, mode=Mode.KEYS) is Invalid
    assert refused(gated, mode=Mode.KEYS, visitors=["nobody"]) is NotFound
    assert refused(gated, mode=Mode.KEYS, visitors=["No Body"]) in (Invalid, BadName)
    assert refused(gated, mode=Mode.KEYS, visitors=["rita"], secret=PHRASE) is Invalid
    assert refused(gated, secret=PHRASE) is Invalid
    assert refused(gated, visitors=["rita"]) is Invalid
    assert refused(gated, dav="maybe") is Invalid
    assert refused(gated, dav="rw", at_jid=1) is Invalid
    assert gated.exposures.list(OPERATOR) == []


def test_a_phrase_and_a_list_are_kept_until_others_are_given(gated: Gated) -> None:
    where = {"host": "site.test"}
    gated.expose(Mode.SECRET)
    kept = gated.exposures.expose(OPERATOR, NAME, **where, mode=Mode.SECRET, listing=False)
    assert gated.outcome(kept, "phrase") == "in"
    gated.expose(Mode.KEYS)
    kept = gated.exposures.expose(OPERATOR, NAME, **where, mode=Mode.KEYS, listing=False)
    assert gated.exposures.visitors(OPERATOR, kept) == sorted(["gina", str(KEY)])
    fewer = gated.exposures.expose(OPERATOR, NAME, **where, mode=Mode.KEYS, visitors=["rita"])
    assert gated.exposures.visitors(OPERATOR, fewer) == ["rita"]
    gated.exposures.expose(OPERATOR, NAME, **where)
    with pytest.raises(Invalid):
        gated.exposures.expose(OPERATOR, NAME, **where, mode=Mode.SECRET)
    with pytest.raises(Invalid):
        gated.exposures.expose(OPERATOR, NAME, **where, mode=Mode.KEYS)


def test_prefixes_are_public_unless_a_setting_says_otherwise(gated: Gated) -> None:
    careful = Exposures(gated.shelf.catalog)
    for mode, more in ((Mode.SECRET, {"secret": PHRASE}), (Mode.KEYS, {"visitors": ["rita"]})):
        with pytest.raises(Forbidden):
            careful.expose(OPERATOR, NAME, prefix="/p", mode=mode, **more)
        assert gated.exposures.expose(OPERATOR, NAME, prefix="/p", mode=mode, **more).mode is mode


def test_a_visitor_is_an_account_or_a_key_in_either_form() -> None:
    assert parse_visitor("rita") == "rita"
    assert parse_visitor(str(KEY).upper()) == str(KEY)
    assert parse_visitor(KEY.openssh_line("me@home")) == str(KEY)
    with pytest.raises(Invalid):
        parse_visitor("ssh-rsa AAAA")


def test_the_catalog_forgets_phrase_and_list_with_the_exposure(gated: Gated) -> None:
    exposure = gated.expose(Mode.KEYS)
    gated.exposures.unexpose(OPERATOR, host="site.test")
    with gated.shelf.catalog.view() as view:
        assert view.visitors(exposure.exposure_id) == []
    exposure = gated.expose(Mode.KEYS)
    gated.shelf.flists.delete(OPERATOR, NAME)
    with gated.shelf.catalog.view() as view:
        assert view.visitors(exposure.exposure_id) == []
