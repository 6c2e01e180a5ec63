"""Numbers in shared memory that tell whether what was read still holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from mylist_dav.errors import MylistError, NotFound
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Cached, Catalog, Draft
from mylist_dav.store.catalog.generations import Generations
from mylist_dav.store.catalog.turns import Turn
from tests.shelf import Clock

A = FlistName("anna", "a")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = opened(tmp_path)
    made.change(lambda draft: draft.add_account("anna", Role.USER))
    made.change(lambda draft: draft.add_flist(A, OPERATOR))
    yield made
    made.close()


def opened(folder: Path) -> Catalog:
    return Catalog(folder / "catalog.sqlite", clock=Clock(), durability="os", busy_seconds=1)


def grant(draft: Draft) -> None:
    draft.set_grant(draft.flist(A).flist_id, "anna", Right.READ)


def test_a_change_moves_the_number_of_its_kind_for_every_process(catalog: Catalog, tmp_path: Path) -> None:
    other = opened(tmp_path)
    rights, exposures = (other.generations.watch(kind)() for kind in (Cached.RIGHTS, Cached.EXPOSURES))
    catalog.change(grant)
    assert other.generations.watch(Cached.RIGHTS)() not in (rights, None)
    assert other.generations.watch(Cached.EXPOSURES)() == exposures
    catalog.change(lambda draft: draft.remove_exposure("host", ""))
    assert other.generations.watch(Cached.EXPOSURES)() not in (exposures, None)
    other.close()


def test_what_takes_no_right_moves_nothing(catalog: Catalog) -> None:
    single = Cached.RIGHTS, Cached.EXPOSURES
    before = [catalog.generations.watch(kind)() for kind in single]
    catalog.change(lambda draft: draft.add_token(b"hash", "anna", "", 2**60))
    catalog.change(lambda draft: draft.draft_tree(draft.flist(A), OPERATOR).touch())
    with pytest.raises(NotFound):
        catalog.change(lambda draft: draft.set_disabled("nobody", True))
    assert [catalog.generations.watch(kind)() for kind in single] == before


def test_every_commit_moves_the_number_of_all(catalog: Catalog, tmp_path: Path) -> None:
    other = opened(tmp_path)
    numbers = set()
    for _ in range(5):
        catalog.change(lambda draft: draft.draft_tree(draft.flist(A), OPERATOR).touch())
        numbers.add(other.generations.watch(Cached.ALL)())
    assert len(numbers) == 5
    assert None not in numbers
    other.close()


def test_while_it_is_committed_nothing_is_settled(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    commit = catalog._commit

    def look() -> None:
        seen.append(catalog.generations.watch(Cached.RIGHTS)())
        commit()
        seen.append(catalog.generations.watch(Cached.RIGHTS)())

    monkeypatch.setattr(catalog, "_commit", look)
    catalog.change(grant)
    assert seen == [None, None]
    assert catalog.generations.watch(Cached.RIGHTS)() is not None


def test_a_commit_that_fails_leaves_it_settled(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MylistError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_commit", fail)
        with pytest.raises(MylistError, match="gone"):
            catalog.change(grant)
    assert catalog.generations.watch(Cached.RIGHTS)() is not None


def test_after_somebody_died_nothing_is_settled_until_the_next_change(tmp_path: Path) -> None:
    one, other = Generations(tmp_path / "g"), Generations(tmp_path / "g")
    before = other.watch(Cached.RIGHTS)()
    one.begin([Cached.RIGHTS])
    one.close()
    assert other.watch(Cached.RIGHTS)() is None
    other.begin([Cached.RIGHTS])
    assert other.watch(Cached.RIGHTS)() is None
    other.end([Cached.RIGHTS])
    assert other.watch(Cached.RIGHTS)() not in (before, None)
    other.close()


def test_a_change_that_is_refused_moves_nothing(catalog: Catalog) -> None:
    before = [catalog.generations.watch(kind)() for kind in Cached]
    with pytest.raises(NotFound):
        catalog.change(lambda draft: draft.flist(FlistName("anna", "none")))
    assert [catalog.generations.watch(kind)() for kind in Cached] == before


class CannotRollBack:
    """A connection whose disk is so broken that a transaction cannot even be undone."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *bindings: object) -> object:
        if statement == "ROLLBACK":
            raise apsw.IOError("disk I/O error")
        return self._connection.execute(statement, *bindings)


def test_a_transaction_that_cannot_be_undone_keeps_others_from_nothing(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pen = Turn(tmp_path / "catalog.sqlite-pen", 0)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_writer", CannotRollBack(catalog._writer))
        with pytest.raises(MylistError):
            catalog.change(lambda draft: draft.flist(FlistName("anna", "none")))
    with pen.tried() as mine:
        assert mine
    pen.close()
    catalog._writer.execute("ROLLBACK")
    catalog.change(grant)


def test_what_cannot_be_told_to_others_is_not_changed(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(MylistError, match="data directory"):
            catalog.change(grant)
    with catalog.view() as view:
        assert view.granted(view.flist(A).flist_id, "anna") is Right.NONE
    catalog.change(grant)


def test_after_the_catalog_is_closed_nothing_is_settled(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    settled = catalog.generations.watch(Cached.RIGHTS)
    catalog.close()
    assert settled() is None


def test_a_catalog_that_cannot_be_opened_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite-generations").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(MylistError, match="data directory"):
            opened(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
