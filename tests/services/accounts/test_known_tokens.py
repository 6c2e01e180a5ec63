"""Tokens from memory: what was taken away holds no longer, whoever has taken it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.model.actors import OPERATOR, Actor, Role, Scope
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts import known_tokens
from mylist_dav.services.accounts.known_tokens import KnownTokens
from mylist_dav.store.catalog import Cached, Catalog, Draft
from tests.shelf import Clock

A = FlistName("anna", "a")
LASTING_NS = 10**15


class Two:
    """Two processes on one catalog: one reads, the other changes."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.here = self._opened(folder)
        self.elsewhere = self._opened(folder)
        self.tokens = KnownTokens(self.here, self.clock)
        self.reads = 0
        glance = self.here.glance

        def counted() -> object:
            self.reads += 1
            return glance()

        self.here.glance = counted  # type: ignore[method-assign, assignment]

    def _opened(self, folder: Path) -> Catalog:
        return Catalog(folder / "catalog.sqlite", clock=self.clock, durability="os", busy_seconds=1)

    def holds(self, token_hash: bytes = b"hash") -> bool:
        return self.tokens.holder(token_hash) is not None

    def close(self) -> None:
        self.here.close()
        self.elsewhere.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)

    def fill(draft: Draft) -> None:
        draft.add_account("anna", Role.USER)
        draft.add_flist(A, OPERATOR)
        draft.add_token(b"hash", "anna", "", draft.now_ns + LASTING_NS)
        draft.add_token(b"child", "anna", "", draft.now_ns + LASTING_NS, parent=b"hash")
        draft.add_token(b"scoped", "anna", "", draft.now_ns + LASTING_NS, Scope(A, False))

    made.elsewhere.change(fill)
    yield made
    made.close()


def test_a_token_is_read_once_while_no_right_changes(two: Two) -> None:
    holder = two.tokens.holder(b"hash")
    assert holder is not None and holder.actor == Actor("anna", Role.USER)
    two.elsewhere.change(lambda draft: draft.draft_tree(draft.flist(A), OPERATOR).touch())
    assert two.tokens.holder(b"hash") is holder
    assert two.reads == 1


def test_it_holds_until_it_expires(two: Two) -> None:
    assert two.holds()
    two.clock.now_ns += LASTING_NS
    assert not two.holds()


def test_a_revoked_token_ends_at_once_and_its_sessions_with_it(two: Two) -> None:
    assert two.holds() and two.holds(b"child")
    two.elsewhere.change(lambda draft: draft.remove_token(b"hash"))
    assert not two.holds() and not two.holds(b"child")
    assert two.holds(b"scoped")


def test_a_disabled_account_has_none_and_an_enabled_one_has_them_again(two: Two) -> None:
    for disabled in (False, True, False):
        two.elsewhere.change(lambda draft, d=disabled: draft.set_disabled("anna", d))  # type: ignore[misc]
        assert two.holds() is not disabled


def test_a_token_for_one_flist_follows_its_name_and_ends_with_it(two: Two) -> None:
    def scope() -> FlistName | None:
        holder = two.tokens.holder(b"scoped")
        return None if holder is None else holder.actor.scope.flist_name

    assert scope() == A
    two.elsewhere.change(lambda draft: draft.rename_flist(draft.flist(A), "b"))
    assert scope() == FlistName("anna", "b")
    two.elsewhere.change(lambda draft: draft.remove_flist(draft.flist(FlistName("anna", "b"))))
    assert two.tokens.holder(b"scoped") is None


def test_what_does_not_hold_is_looked_up_each_time(two: Two) -> None:
    assert not two.holds(b"new")
    two.elsewhere.change(lambda draft: draft.add_token(b"new", "anna", "", draft.now_ns + LASTING_NS))
    assert two.holds(b"new")


def test_while_rights_change_nothing_is_kept(two: Two) -> None:
    two.elsewhere.generations.begin([Cached.RIGHTS])
    for _ in range(3):
        assert two.holds()
    assert two.reads == 3
    two.elsewhere.generations.end([Cached.RIGHTS])
    for _ in range(3):
        assert two.holds()
    assert two.reads == 4


def test_what_is_kept_is_bounded(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_tokens, "KNOWN_MAX", 2)
    for token_hash in (b"hash", b"child", b"scoped") * 3:
        assert two.holds(token_hash)
    assert len(two.tokens._known) <= 2


def test_what_an_older_view_says_is_not_kept(two: Two) -> None:
    with two.here.view() as view:
        view.flist(A)
        two.elsewhere.change(lambda draft: draft.remove_token(b"hash"))
        assert two.holds()  # as the view sees it
    assert not two.holds()
    with two.here.view():  # one that has read nothing yet
        assert two.holds(b"scoped")
    reads = two.reads
    assert two.holds(b"scoped")
    assert two.reads == reads
