"""What users show of their own: under a base domain, at names that are theirs alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import BadSettings, Forbidden, Invalid, LimitExceeded, NotFound, Unauthenticated
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.exposures import Exposure, Mode, host_of_account, is_host_of
from mylist_dav.model.names import FlistName
from mylist_dav.services.exposing.exposures import EXPOSURES_MAX
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock

DOMAIN = "sites.example"
SITE, OTHER = FlistName("alice", "site"), FlistName("bob", "site")


def opened(folder: Path, **given: object) -> Library:
    settings = {"store.data": str(folder / "data"), "store.durability": "os", "accounts.self_service": True}
    return Library(load(given={**settings, "accounts.base_domain": DOMAIN, **given}), Clock())


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = opened(tmp_path)
    for account in ("alice", "bob", "x.alice", "under_score"):
        library.identity.add_account(OPERATOR, account, Role.USER)
        library.flists.create(OPERATOR, FlistName(account, "site"))
    yield library
    library.close()


def user(library: Library, account: str) -> Actor:
    """As the front ends learn it."""
    return library.identity.actor_for(library.identity.new_token(OPERATOR, account))


def expose(
    library: Library, account: str, host: str, name: FlistName | None = None, **given: object
) -> Exposure:
    own = name or FlistName(account, "site")
    return library.exposures.expose(user(library, account), own, host=host, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("account", "domain", "host"),
    [
        ("alice", DOMAIN, "alice.sites.example"),
        ("a-1", DOMAIN, "a-1.sites.example"),
        ("alice", "", ""),
        ("x.alice", DOMAIN, ""),
        ("under_score", DOMAIN, ""),
        ("ends-", DOMAIN, ""),
        ("a" * 63, DOMAIN, "a" * 63 + ".sites.example"),
        ("a" * 64, DOMAIN, ""),
        ("", DOMAIN, ""),
    ],
)
def test_the_host_name_of_an_account_is_one_label_below_the_domain(
    account: str, domain: str, host: str
) -> None:
    assert host_of_account(account, domain) == host


def test_names_below_ones_own_are_ones_own_and_nothing_is_below_none() -> None:
    own = "alice.sites.example"
    assert is_host_of(own, own)
    assert is_host_of(own, "a.b.alice.sites.example")
    assert not is_host_of(own, "malice.sites.example")
    assert not is_host_of("", "anything")
    assert not is_host_of("", "")


def test_a_user_shows_own_flists_at_own_names_in_any_mode_and_takes_them_down(library: Library) -> None:
    alice = user(library, "alice")
    assert library.exposures.own_host(alice) == "alice.sites.example"
    expose(library, "alice", "Alice.sites.example.", mode=Mode.SECRET, secret="correct horse", dav="rw")
    expose(library, "alice", "docs.alice.sites.example", mode=Mode.KEYS, visitors=["bob", "nobody-yet"])
    assert [one.host for one in library.exposures.list(alice)] == [
        "alice.sites.example",
        "docs.alice.sites.example",
    ]
    assert library.exposures.visitors(alice, library.exposures.list(alice)[1]) == ["bob", "nobody-yet"]
    library.exposures.unexpose(alice, host="alice.sites.example")
    with pytest.raises(NotFound):
        library.exposures.unexpose(alice, host="alice.sites.example")


@pytest.mark.parametrize(
    "host",
    [
        "bob.sites.example",
        "sites.example",
        "x.malice.sites.example",
        "alice.example",
        "alice.sites.example.org",
    ],
)
def test_at_names_of_others_a_user_shows_nothing(library: Library, host: str) -> None:
    with pytest.raises(Forbidden, match="at names that end with"):
        expose(library, "alice", host)
    with pytest.raises(Forbidden):
        library.exposures.unexpose(user(library, "alice"), host=host)


def test_nothing_of_others_is_shown_or_taken_down_and_no_prefix_is_had(library: Library) -> None:
    alice = user(library, "alice")
    with pytest.raises(Forbidden):
        expose(library, "alice", "alice.sites.example", OTHER)
    with pytest.raises(Forbidden):
        library.exposures.expose(alice, SITE, prefix="/alice")
    kept = library.exposures.expose(
        OPERATOR, OTHER, host="news.alice.sites.example", mode=Mode.KEYS, visitors=["bob"]
    )
    with pytest.raises(Forbidden):
        expose(library, "alice", "news.alice.sites.example")
    with pytest.raises(Forbidden):
        library.exposures.unexpose(alice, host="news.alice.sites.example")
    with pytest.raises(Forbidden):
        library.exposures.visitors(alice, kept)
    assert library.exposures.list(alice) == []
    assert library.exposures.list(OPERATOR) == [kept]


@pytest.mark.parametrize("account", ["x.alice", "under_score"])
def test_who_has_no_label_of_a_host_name_shows_nothing(library: Library, account: str) -> None:
    for host in (f"{account}.sites.example", "alice.sites.example"):
        with pytest.raises(Forbidden):
            expose(library, account, host)
    with pytest.raises(Forbidden):
        library.exposures.list(user(library, account))


def test_how_many_places_there_are_for_one_account_is_bounded(library: Library) -> None:
    for number in range(EXPOSURES_MAX):
        library.exposures.expose(OPERATOR, SITE, host=f"s{number}.example.net")
    with pytest.raises(LimitExceeded):
        expose(library, "alice", "alice.sites.example")
    library.exposures.expose(OPERATOR, SITE, host="alice.sites.example")
    expose(library, "alice", "alice.sites.example")  # in place of what is there


def test_without_self_service_or_a_domain_users_show_nothing(tmp_path: Path) -> None:
    for given in ({"accounts.self_service": False}, {"accounts.base_domain": ""}):
        library = opened(
            tmp_path / str(len(given["accounts.base_domain"]) if "accounts.base_domain" in given else "x"),
            **given,
        )
        library.flists.create(OPERATOR, SITE, make_account=True)
        with pytest.raises(Forbidden):
            expose(library, "alice", "alice.sites.example")
        library.close()


def test_a_guest_shows_nothing(library: Library) -> None:
    with pytest.raises(Unauthenticated):
        library.exposures.expose(Actor("", Role.GUEST, self_service=True), SITE, host="alice.sites.example")


def test_the_servers_own_names_are_never_given_to_a_site(tmp_path: Path) -> None:
    given = {
        "server.public_url": "https://files.sites.example:8443",
        "server.hosts": ("alice.sites.example",),
    }
    library = opened(tmp_path, **given)
    for account in ("alice", "files"):
        library.identity.add_account(OPERATOR, account, Role.USER)
        library.flists.create(OPERATOR, FlistName(account, "site"))
        for who in (OPERATOR, user(library, account)):
            with pytest.raises(Invalid, match="the server itself"):
                library.exposures.expose(who, FlistName(account, "site"), host=f"{account}.sites.example")
    library.close()


def test_a_base_domain_is_a_host_name() -> None:
    with pytest.raises(BadSettings, match="base_domain"):
        load(given={"accounts.base_domain": "https://sites.example"})
