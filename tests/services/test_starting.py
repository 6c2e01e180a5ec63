"""What the first start of a data directory makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.services.opening import Library
from mylist_dav.services.starting import first_start
from mylist_dav.settings import load


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
