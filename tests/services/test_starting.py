"""What the first start of a data directory makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.keys import parse_public_key
from mylist_dav.services.opening import Library
from mylist_dav.services.starting import first_start
from mylist_dav.settings import load

KEY = parse_public_key("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    settings = load(given={"store.data": str(tmp_path / "store"), "store.durability": "os"})
    opened = Library(settings, lambda: 1_700_000_000_000_000_000)
    yield opened
    opened.close()


@pytest.fixture
def welcome(tmp_path: Path) -> Path:
    folder = tmp_path / "welcome"
    folder.mkdir()
    (folder / "index.html").write_text("welcome")
    return folder


def test_a_new_directory_gets_an_admin_and_the_welcome_site(library: Library, welcome: Path) -> None:
    started = first_start(library, welcome)
    assert (started.account, started.welcome) == ("admin", True)
    actor = library.identity.actor_for(started.token, "admin")
    assert actor.role is Role.ADMIN
    assert [str(each.flist_name) for each in library.flists.list(OPERATOR)] == ["admin/welcome"]


def test_the_admin_of_a_first_start_gets_the_key_of_who_starts_it(library: Library, welcome: Path) -> None:
    started = first_start(library, welcome, lambda: KEY)
    assert (started.key, [facts.key for facts in library.identity.keys(OPERATOR, "admin")]) == (KEY, [KEY])


def test_a_key_of_another_account_stays_there(library: Library, welcome: Path) -> None:
    library.identity.add_account(OPERATOR, "alice", Role.USER)
    library.identity.add_key(OPERATOR, "alice", KEY)
    assert first_start(library, welcome, lambda: KEY).key is None
    assert [facts.account for facts in library.identity.keys(OPERATOR)] == ["alice"]


def test_no_key_is_asked_for_where_there_is_an_admin(library: Library, welcome: Path) -> None:
    first_start(library, welcome)
    asked: list[int] = []
    first_start(library, welcome, lambda: asked.append(1))  # type: ignore[func-returns-value]
    assert asked == []


def test_a_second_start_changes_nothing(library: Library, welcome: Path) -> None:
    first_start(library, welcome)
    assert first_start(library, welcome)[:2] == ("", False)
    assert [(one.name, one.role) for one in library.identity.accounts(OPERATOR)] == [("admin", Role.ADMIN)]


def test_a_user_of_the_name_admin_neither_stops_the_start_nor_becomes_an_admin(
    library: Library, welcome: Path
) -> None:
    library.identity.add_account(OPERATOR, "admin", Role.USER)
    started = first_start(library, welcome)
    assert started.account == "admin2"
    assert library.identity.actor_for(started.token).role is Role.ADMIN
    assert ("admin", Role.USER) in [(one.name, one.role) for one in library.identity.accounts(OPERATOR)]
