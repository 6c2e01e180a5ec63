"""What is counted in memory reaches the catalog, merged and bounded; old rows go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import WritesStopped
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.audit import FAILED_PAIRS_MAX, Action, Audited, Tally, TallyKind, Wanted
from mylist_dav.model.names import FlistName
from mylist_dav.services import ledger as ledgers
from mylist_dav.services.audit import Audit
from mylist_dav.services.ledger import Ledger
from mylist_dav.store.catalog import Catalog
from tests.shelf import ADMIN, NAME, Shelf, shelf_in

DAY_SECONDS = 86_400
HERE = ADMIN._replace(address="192.0.2.1", request_id="0123456789ab")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(shelf: Shelf) -> Ledger:
    return Ledger(shelf.catalog, shelf.clock, days=30)


def rows(shelf: Shelf, action: Action) -> list[Audited]:
    return Audit(shelf.catalog).rows(OPERATOR, Wanted(action=action, limit=10_000))


def tallies(shelf: Shelf, kind: TallyKind) -> list[Tally]:
    with shelf.catalog.view() as view:
        return view.records.tallies(kind)


# -- traffic ---------------------------------------------------------------------------------------------------


def test_traffic_is_summed_for_account_and_flist_and_over_time(shelf: Shelf, ledger: Ledger) -> None:
    for _ in range(2):
        ledger.request(HERE, NAME, up_bytes=10).sent(201, 0)
        ledger.request(HERE, NAME).sent(207, 5)
        ledger.request(HERE).sent(207, 1)
        ledger.flush()
    assert tallies(shelf, TallyKind.ACCOUNT) == [Tally(TallyKind.ACCOUNT, "anna", 6, 20, 12)]
    assert tallies(shelf, TallyKind.FLIST) == [Tally(TallyKind.FLIST, "anna/photos", 4, 20, 10)]


def test_flists_that_are_not_there_have_no_sums(shelf: Shelf, ledger: Ledger) -> None:
    ledger.request(HERE, FlistName("anna", "no")).sent(200, 5)
    ledger.request(HERE, NAME).sent(404, 5)
    ledger.flush()
    assert tallies(shelf, TallyKind.FLIST) == []


def test_the_sums_of_a_flist_go_with_it(shelf: Shelf, ledger: Ledger) -> None:
    ledger.request(HERE, NAME).sent(200, 5)
    ledger.flush()
    shelf.flists.delete(OPERATOR, NAME)
    assert tallies(shelf, TallyKind.FLIST) == []


def test_a_site_is_counted_without_an_address_and_without_a_row(shelf: Shelf, ledger: Ledger) -> None:
    before = len(Audit(shelf.catalog).rows(OPERATOR, Wanted(limit=1000)))
    ledger.site("www.example").sent(200, 100)
    ledger.site("www.example").sent(304, 0)
    ledger.site("/docs").sent(404, 9)
    ledger.flush()
    ledger.site("/docs").sent(200, 1)
    ledger.flush()
    assert tallies(shelf, TallyKind.EXPOSURE) == [
        Tally(TallyKind.EXPOSURE, "/docs", 2, 0, 10), Tally(TallyKind.EXPOSURE, "www.example", 2, 0, 100),
    ]  # fmt: skip
    assert len(Audit(shelf.catalog).rows(OPERATOR, Wanted(limit=1000))) == before


def test_totals_name_what_is_stored_beside_what_went_over_the_wire(shelf: Shelf, ledger: Ledger) -> None:
    shelf.put("f", b"12345")
    ledger.request(HERE, NAME).sent(200, 7)
    ledger.site("/x").sent(200, 2)
    ledger.flush()
    shelf.identity.add_account(OPERATOR, "bert", Role.USER)
    assert [tuple(one) for one in Audit(shelf.catalog).totals(OPERATOR)] == [
        ("account", "anna", 1, 0, 7, 5),
        ("account", "bert", 0, 0, 0, 0),
        ("flist", "anna/photos", 1, 0, 7, 5),
        ("exposure", "/x", 1, 0, 2, 0),
    ]


# -- downloads -------------------------------------------------------------------------------------------------


def test_downloads_of_one_file_are_one_row_until_they_are_written(shelf: Shelf, ledger: Ledger) -> None:
    for size_bytes in (10, 20, 30):
        ledger.request(HERE, NAME, path="d/f").sent(206, size_bytes)
    ledger.request(HERE, NAME, path="other").sent(200, 1)
    ledger.flush()
    ledger.request(HERE, NAME, path="d/f").sent(200, 60)
    ledger.flush()
    found = [(json.loads(row.detail), row.repeats, row.size_bytes) for row in rows(shelf, Action.DOWNLOAD)]
    assert found == [({"path": "d/f"}, 1, 60), ({"path": "other"}, 1, 1), ({"path": "d/f"}, 3, 60)]
    row = rows(shelf, Action.DOWNLOAD)[0]
    assert (row.account, row.address, row.request_id, row.flist) == (
        "anna", "192.0.2.1", "0123456789ab", "anna/photos",
    )  # fmt: skip


@pytest.mark.parametrize("status", [304, 404, 412, 416])
def test_an_answer_without_the_file_is_no_download(shelf: Shelf, ledger: Ledger, status: int) -> None:
    ledger.request(HERE, NAME, path="f").sent(status, 10)
    ledger.flush()
    assert rows(shelf, Action.DOWNLOAD) == []


def test_more_downloads_than_can_be_told_apart_are_counted_together(
    shelf: Shelf, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "DOWNLOADS_MAX", 3)
    for number in range(10):
        ledger.request(HERE, NAME, path=f"{number}").sent(200, 1)
    for number in range(10):
        ledger.request(HERE, FlistName("anna", f"{number}"), path="f").sent(200, 1)
    ledger.flush()
    found = rows(shelf, Action.DOWNLOAD)
    assert len(found) == 7
    assert sum(row.repeats for row in found) == sum(row.size_bytes for row in found) == 20
    assert [(row.flist, row.detail, row.repeats) for row in found if row.repeats > 1] == [
        ("", "{}", 8), ("anna/photos", "{}", 7),
    ]  # fmt: skip


def test_counting_by_several_threads_loses_nothing(shelf: Shelf, ledger: Ledger) -> None:
    from threading import Thread

    site = ledger.site("/x")

    def count() -> None:
        for _ in range(2_000):
            site.sent(200, 1)
            ledger.request(HERE, NAME, path="f").sent(200, 1)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    ledger.flush()
    for thread in threads:
        thread.join()
    ledger.flush()
    assert tallies(shelf, TallyKind.EXPOSURE)[0][2:] == (8_000, 0, 8_000)
    assert sum(row.repeats for row in rows(shelf, Action.DOWNLOAD)) == 8_000


# -- failed logins ---------------------------------------------------------------------------------------------


def test_failed_logins_are_counted_by_the_hour_address_and_name(shelf: Shelf, ledger: Ledger) -> None:
    for _ in range(2):
        ledger.login_failed("192.0.2.1", account="anna")
        ledger.login_failed("192.0.2.1", account="anna")
        ledger.login_failed("192.0.2.2", key="ab" * 32)
        ledger.flush()
    found = {(row.address, row.detail): row.repeats for row in rows(shelf, Action.LOGIN_FAILED)}
    assert found == {
        ("192.0.2.1", '{"account":"anna"}'): 4,
        ("192.0.2.2", f'{{"key":"{"ab" * 32}"}}'): 2,
    }
    shelf.clock.advance(3600)
    ledger.login_failed("192.0.2.1", account="anna")
    ledger.flush()
    assert rows(shelf, Action.LOGIN_FAILED)[0].repeats == 1
    assert rows(shelf, Action.LOGIN_FAILED)[0].at_ns % (3600 * 10**9) == 0


def test_a_name_that_is_no_account_is_not_kept(shelf: Shelf, ledger: Ledger) -> None:
    ledger.login_failed("192.0.2.1", account="my pass phrase")
    ledger.login_failed("192.0.2.1", account="another")
    ledger.flush()
    [row] = rows(shelf, Action.LOGIN_FAILED)
    assert (row.detail, row.repeats) == ("{}", 2)


def test_a_flood_of_addresses_leaves_a_bounded_number_of_rows(shelf: Shelf, ledger: Ledger) -> None:
    for round_ in range(2):
        for number in range(FAILED_PAIRS_MAX + 500):
            ledger.login_failed(f"2001:db8::{round_:x}:{number:x}")
        ledger.flush()
    found = rows(shelf, Action.LOGIN_FAILED)
    assert len(found) == FAILED_PAIRS_MAX + 1
    assert sum(row.repeats for row in found) == 2 * (FAILED_PAIRS_MAX + 500)
    [others] = [row for row in found if not row.address]
    assert json.loads(others.detail) == {"others": True}
    assert others.repeats == FAILED_PAIRS_MAX + 1000


# -- writing ---------------------------------------------------------------------------------------------------


def test_the_thread_writes_what_is_left_when_it_is_closed(shelf: Shelf, ledger: Ledger) -> None:
    ledger.start()
    ledger.request(HERE, NAME, path="f").sent(200, 1)
    ledger.close()
    assert len(rows(shelf, Action.DOWNLOAD)) == 1


def test_what_could_not_be_written_is_written_later_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    def may_write() -> None:
        if broken:
            raise WritesStopped("not now")

    with shelf_in(tmp_path) as shelf:
        stopped = Catalog(tmp_path / "catalog.sqlite", clock=shelf.clock, may_write=may_write)
        ledger = Ledger(stopped, shelf.clock, days=30)
        ledger.request(HERE, NAME, path="f").sent(200, 1)
        for _ in range(2):
            with pytest.raises(WritesStopped):
                ledger.flush()
        ledger.request(HERE, NAME, path="g").sent(200, 1)
        broken = False
        ledger.flush()
        ledger.flush()
        stopped.close()
        assert [json.loads(row.detail)["path"] for row in rows(shelf, Action.DOWNLOAD)] == ["g", "f"]
        assert tallies(shelf, TallyKind.ACCOUNT) == [Tally(TallyKind.ACCOUNT, "anna", 2, 0, 2)]


def test_where_nothing_was_counted_nothing_is_written(shelf: Shelf, ledger: Ledger) -> None:
    ledger.flush()
    before = shelf.catalog._writer.total_changes()
    ledger.flush()
    assert shelf.catalog._writer.total_changes() == before


def test_rows_past_their_days_go_in_small_steps(
    shelf: Shelf, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "FORGET_ROWS", 4)
    for number in range(10):
        shelf.put(f"{number}")
    shelf.clock.advance(31 * DAY_SECONDS)
    shelf.put("kept")
    old = len(rows(shelf, Action.UPLOAD))
    ledger.flush()
    assert old - 4 <= len(rows(shelf, Action.UPLOAD)) < old
    for _ in range(4):
        shelf.clock.advance(3601)
        ledger.flush()
    assert [json.loads(row.detail)["note"] for row in rows(shelf, Action.UPLOAD)] == ["put /kept"]
