"""The last use of tokens: noted by the way, written seldom, and never at the cost of a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.services.accounts import token_uses
from mylist_dav.services.accounts.token_uses import SPACING_NS, TokenUses
from mylist_dav.store.catalog import Catalog
from tests.shelf import ADMIN, SECOND_NS, Clock, Shelf, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


def written(shelf: Shelf) -> int:
    return shelf.catalog._writer.total_changes()


def used_ns(shelf: Shelf) -> int:
    [known] = shelf.identity.tokens(ADMIN)
    return known.used_ns


def test_a_use_is_written_when_the_server_ends_at_the_latest(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna")
    shelf.clock.advance(3)
    shelf.identity.actor_for(token)
    assert used_ns(shelf) == 0
    shelf.identity.close()
    assert used_ns(shelf) == shelf.clock.now_ns


def test_uses_of_one_token_are_written_once_in_ten_minutes(shelf: Shelf) -> None:
    uses = TokenUses(shelf.catalog, gather_seconds=0)
    shelf.identity.new_token(ADMIN, "anna")
    [(token_hash, _)] = shelf.catalog.change(lambda draft: draft.tokens())
    began_ns = shelf.clock.now_ns
    for seconds, noted in ((0, 0), (1, 0), (599, 0), (600, 600), (601, 600), (1200, 1200)):
        now_ns = began_ns + seconds * SECOND_NS
        uses.note(token_hash, used_ns(shelf), now_ns)
        thread = uses._thread
        if thread is not None:
            thread.join()
        assert used_ns(shelf) == began_ns + noted * SECOND_NS
    assert SPACING_NS == 600 * SECOND_NS


def test_many_uses_are_one_change(shelf: Shelf) -> None:
    held = [shelf.identity.new_token(ADMIN, "anna") for _ in range(30)]
    for token in held * 3:
        shelf.identity.actor_for(token)
    before = written(shelf)
    shelf.identity.close()
    assert written(shelf) - before == 30


def test_a_token_under_another_name_is_not_used(shelf: Shelf) -> None:
    token = shelf.identity.new_token(ADMIN, "anna")
    with pytest.raises(Exception, match="another account"):
        shelf.identity.actor_for(token, "otto")
    shelf.identity.close()
    assert used_ns(shelf) == 0


def test_what_waits_is_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_uses, "WAITING_MAX", 2)
    uses = TokenUses(shelf.catalog)
    for number in range(5):
        uses.note(bytes([number]), 0, SPACING_NS)
    assert len(uses._waiting) == 2
    uses.close()
    uses.note(b"late", 0, SPACING_NS)
    assert not uses._waiting


def test_a_catalog_that_cannot_be_written_fails_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = Catalog(tmp_path / "other.sqlite", clock=Clock(), durability="os")
    catalog.close()
    uses = TokenUses(catalog)
    with caplog.at_level("INFO"):
        uses.note(b"hash", 0, SPACING_NS)
        uses.close()
    assert "could not be noted" in caplog.text
