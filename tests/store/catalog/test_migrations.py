"""The schema is brought forward step by step, and a newer one is left alone."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from mylist_dav.errors import BadSettings
from mylist_dav.model.accounts import Right, TokenHolder
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import INTAKE_ROW_BYTES, Catalog, Draft, connections
from tests.shelf import Clock

REAL = connections._steps()
FIRST = REAL[1]
SECOND = "ALTER TABLE account ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'; CREATE TABLE more (x)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


def opened(path: Path) -> Catalog:
    return Catalog(path, clock=Clock(), durability="os", busy_seconds=1)


def steps(monkeypatch: pytest.MonkeyPatch, found: dict[int, str]) -> None:
    monkeypatch.setattr(connections, "_steps", lambda: found)


def versions(path: Path) -> list[object]:
    connection = apsw.Connection(str(path))
    found = connection.execute("SELECT version FROM schema_version ORDER BY version").fetchall()
    connection.close()
    return [row[0] for row in found]


def test_a_new_catalog_has_every_step_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, {2: SECOND, 1: FIRST})
    opened(path).close()
    assert versions(path) == [1, 2]


def test_an_old_catalog_is_brought_forward_with_what_it_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = opened(path)

    def fill(draft: Draft) -> None:
        draft.add_account("anna", Role.USER)
        draft.add_flist(FlistName("anna", "a"), OPERATOR)

    catalog.change(fill)
    catalog.close()
    last = max(REAL)
    more = {last + 1: SECOND, last + 2: "CREATE TABLE third AS SELECT colour FROM account"}
    steps(monkeypatch, REAL | more)
    catalog = opened(path)
    with catalog.view() as view:
        assert view.flist(FlistName("anna", "a")).head_jid == 1
        assert view._sql.execute("SELECT colour FROM third").fetchall() == [("blue",)]
    catalog.close()
    assert versions(path) == list(range(1, last + 3))


def test_a_catalog_of_version_1_keeps_its_accounts_tokens_and_flists(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps(monkeypatch, {1: FIRST})
    opened(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO account (name, role, created_ns) VALUES ('anna', 'user', 1)")
    connection.execute("INSERT INTO token VALUES (x'01', 1, 'laptop', 1, 100)")
    connection.execute("INSERT INTO flist VALUES (1, 1, 'a', 1, 1, 0, 0, 2, 5, 5)")
    connection.close()
    steps(monkeypatch, REAL)
    catalog = opened(path)
    with catalog.view() as view:
        assert view.token_holder(b"\x01", 99) == TokenHolder(b"\x01", Actor("anna", Role.USER), 0, 100)
        flist = view.flist(FlistName("anna", "a"))
        assert not flist.private
        assert view.granted(flist.flist_id, "anna") is Right.NONE
    catalog.close()


def test_blocks_in_the_intake_are_found_there_after_it_has_lost_its_index(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with its row in block, one whose row was lost, one that was set aside as damaged, and one with a file."""
    steps(monkeypatch, {number: text for number, text in REAL.items() if number < 6})
    opened(path).close()
    known, lost, damaged, filed = (Digest.of(data) for data in (b"known", b"lost", b"damaged", b"filed"))
    connection = apsw.Connection(str(path))
    for digest in (known, damaged, filed):
        connection.execute(
            "INSERT INTO block (digest, size_bytes, added_ns, verified_ns, state) VALUES (?, 5, 1, 1, 'stored')",
            (digest,),
        )
    connection.executemany(
        "INSERT INTO intake VALUES (?, ?, ?, 1)",
        [(300, known, b"known"), (600, lost, b"lost"), (-900, damaged, b"something else")],
    )
    connection.close()
    steps(monkeypatch, REAL)
    catalog = opened(path)
    with catalog.view() as view:
        assert [view.intake_get(each) for each in (known, lost, filed)] == [b"known", b"lost", None]
        assert view.intake_get(damaged) == b"something else"
        assert [view.intake_has(each) for each in (known, lost, damaged, filed)] == [True, True, False, False]
        assert view.intake_digests() == sorted([known, lost])
        assert [row.position for row in view.intake_page(0, 10, 10**6)] == [300, 600]
        assert {ref.digest for ref in view.blocks_registered()} == {known, lost, damaged, filed}
        assert view.intake_span() == (300 + INTAKE_ROW_BYTES, 600)
    assert catalog.change(lambda draft: draft.take_in({damaged: b"damaged", known: b"known"})) > 600
    with catalog.view() as view:
        assert view.intake_get(damaged) == b"damaged"
    catalog.close()


def test_a_step_that_fails_leaves_the_catalog_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, {1: FIRST})
    opened(path).close()
    steps(monkeypatch, {1: FIRST, 2: f"{SECOND}; INSERT INTO no_such_table VALUES (1)"})
    with pytest.raises(Exception, match="refused"):
        opened(path)
    assert versions(path) == [1]
    steps(monkeypatch, {1: FIRST, 2: SECOND})
    opened(path).close()
    assert versions(path) == [1, 2]


def test_a_newer_catalog_is_refused_and_named_and_left_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps(monkeypatch, {1: FIRST, 2: SECOND})
    opened(path).close()
    steps(monkeypatch, {1: FIRST})
    with pytest.raises(BadSettings, match=r"version 2.* up to 1.*newer mylist"):
        opened(path)
    assert versions(path) == [1, 2]


def test_the_steps_that_are_shipped_are_numbered_without_a_gap() -> None:
    assert sorted(connections._steps()) == list(range(1, len(connections._steps()) + 1))
