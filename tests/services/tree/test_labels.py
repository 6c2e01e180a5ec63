"""Labels, renaming, and finding flists page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import BadName, Exists, Forbidden, Invalid, LimitExceeded, NotFound
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Actor, Role, Scope
from mylist_dav.model.audit import Action, Tally, TallyKind, Wanted
from mylist_dav.model.names import FlistName
from mylist_dav.services.audit import Audit
from mylist_dav.services.tree.flists import ALL
from mylist_dav.services.tree.labels import Labels
from tests.shelf import ADMIN, NAME, USER, Shelf, shelf_in

NEW = FlistName("anna", "pictures")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


@pytest.fixture
def labels(shelf: Shelf) -> Labels:
    return Labels(shelf.catalog)


# -- labels ----------------------------------------------------------------------------------------------------


def test_a_label_names_a_revision_and_moves(shelf: Shelf, labels: Labels) -> None:
    shelf.mkdir("a")
    labels.set(ADMIN, NAME, "v1", 1)
    labels.set(ADMIN, NAME, "head")
    shelf.mkdir("b")
    assert [(one.name, one.jid) for one in labels.list(ADMIN, NAME)] == [("head", 2), ("v1", 1)]
    shelf.clock.advance(5)
    moved = labels.set(ADMIN, NAME, "head")
    assert (moved.jid, moved.created_ns) == (3, shelf.clock())
    assert moved in labels.list(ADMIN, NAME)
    labels.remove(ADMIN, NAME, "v1")
    assert [one.name for one in labels.list(ADMIN, NAME)] == ["head"]
    with pytest.raises(NotFound):
        labels.remove(ADMIN, NAME, "v1")


@pytest.mark.parametrize("name", ["", ".x", "a/b", "ä", "x" * 65, "a b", "-a"])
def test_a_label_is_a_plain_word(labels: Labels, name: str) -> None:
    with pytest.raises(BadName):
        labels.set(ADMIN, NAME, name)


def test_a_revision_that_is_not_there_has_no_label(labels: Labels) -> None:
    with pytest.raises(NotFound):
        labels.set(ADMIN, NAME, "v", 2)


def test_labels_are_bounded(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.services.tree.labels.LABELS_MAX", 2)
    for name in ("a", "b", "a"):
        labels.set(ADMIN, NAME, name)
    with pytest.raises(LimitExceeded):
        labels.set(ADMIN, NAME, "c")


def test_labels_go_with_their_flist_and_are_recorded(shelf: Shelf, labels: Labels) -> None:
    labels.set(ADMIN, NAME, "v1")
    labels.remove(ADMIN, NAME, "v1")
    labels.set(ADMIN, NAME, "v2")
    shelf.flists.delete(OPERATOR, NAME)
    for action, count in ((Action.LABEL, 2), (Action.UNLABEL, 1)):
        assert len(Audit(shelf.catalog).rows(OPERATOR, Wanted(action=action))) == count


# -- renaming --------------------------------------------------------------------------------------------------


def test_a_flist_that_is_renamed_keeps_all_that_it_has(shelf: Shelf, labels: Labels) -> None:
    shelf.put("f")
    labels.set(ADMIN, NAME, "v1")
    shelf.exposures.expose(OPERATOR, NAME, prefix="/site")
    shelf.identity.add_account(OPERATOR, "ulla", Role.USER)
    shelf.grants.grant(OPERATOR, "ulla", NAME, Right.WRITE)
    sums = Tally(TallyKind.FLIST, str(NAME), 1, 2, 3)
    shelf.catalog.change(lambda draft: draft.records.add_tallies([sums]))
    before = shelf.flist()
    assert shelf.flists.rename(ADMIN, NAME, NEW) == before._replace(flist_name=NEW)
    with pytest.raises(NotFound):
        shelf.flist()
    assert shelf.paths(name=NEW) == ["f"]
    assert [one.name for one in labels.list(USER, NEW)] == ["v1"]
    assert [one.flist_name for one in shelf.exposures.list(OPERATOR)] == [NEW]
    assert shelf.grants.grants(OPERATOR, NEW)[0].right is Right.WRITE
    with shelf.catalog.view() as view:
        assert view.records.tallies(TallyKind.FLIST) == [sums._replace(name=str(NEW))]
    row = Audit(shelf.catalog).rows(OPERATOR, Wanted(action=Action.RENAME))[0]
    assert (row.flist, row.detail) == (str(NEW), f'{{"from":"{NAME}"}}')


def test_a_token_for_one_flist_follows_its_new_name(shelf: Shelf) -> None:
    token = shelf.identity.new_token(OPERATOR, "anna", scope=Scope(NAME))
    shelf.flists.rename(ADMIN, NAME, NEW)
    assert shelf.identity.actor_for(token, None).scope.flist_name == NEW


def test_who_may_read_a_flist_changes_with_its_name_or_neither_does(shelf: Shelf) -> None:
    mine = Actor("anna", Role.USER, self_service=True)
    with pytest.raises(Forbidden):
        shelf.flists.rename(mine, NAME, NEW, private=True)
    assert not shelf.flist().private
    assert shelf.flists.rename(ADMIN, NAME, NEW, private=True).private


def test_a_name_that_is_taken_or_no_name_is_refused(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, NEW)
    with pytest.raises(Exists):
        shelf.flists.rename(ADMIN, NAME, NEW)
    with pytest.raises(Exists):
        shelf.flists.rename(ADMIN, NAME, NAME)
    with pytest.raises(BadName):
        shelf.flists.rename(ADMIN, NAME, FlistName("anna", ".x"))
    with pytest.raises(Invalid):
        shelf.flists.rename(ADMIN, NAME, FlistName("otto", "photos"))


# -- finding ---------------------------------------------------------------------------------------------------


def test_flists_are_found_page_by_page(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.services.tree.flists._SEARCH_PAGE", 2)
    for account in ("bert", "carl"):
        for name in ("a", "b", "c"):
            name_ = FlistName(account, name)
            shelf.flists.create(OPERATOR, name_, make_account=True, private=name == "b")
    every = [flist.flist_name for flist in shelf.flists.list(OPERATOR)]
    for limit in range(1, 9):
        found, after = [], None
        while True:
            page = shelf.flists.page(OPERATOR, ALL, after, limit)
            assert len(page.flists) <= limit
            found += [flist.flist_name for flist in page.flists]
            after = page.next
            if after is None:
                break
        assert found == every
    user = Actor("bert", Role.USER)
    seen = [str(flist.flist_name) for flist in shelf.flists.page(user, limit=2).flists]
    assert seen == ["anna/photos", "bert/a"]
    assert len(shelf.flists.page(user).flists) == 6


def test_flists_are_found_by_what_they_are(shelf: Shelf) -> None:
    shelf.flists.create(ADMIN, FlistName("anna", "100%"), private=True)
    shelf.flists.create(ADMIN, FlistName("anna", "site"))
    shelf.exposures.expose(OPERATOR, FlistName("anna", "site"), prefix="/site")

    def names(**wanted: object) -> list[str]:
        page = shelf.flists.page(ADMIN, ALL._replace(**wanted))
        return [flist.flist_name.name for flist in page.flists]

    assert names(account="nobody") == []
    assert names(account="anna") == ["100%", "photos", "site"]
    assert names(name_contains="%") == ["100%"]
    assert names(name_contains="o") == ["photos"]
    assert names(private=True) == ["100%"]
    assert names(private=False) == ["photos", "site"]
    assert names(exposed=True) == ["site"]
    assert names(exposed=False) == ["100%", "photos"]
