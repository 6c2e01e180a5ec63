"""The write-ahead log is copied in the background: it stays short, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from mylist_dav.store.catalog import Catalog, Draft, checkpoints
from tests.shelf import Clock

PAGE_BYTES = 4096
LOG_PAGES_MAX = 400


@pytest.fixture(autouse=True)
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_PAGES", 100)
    monkeypatch.setattr(checkpoints, "LOG_PAGES_MAX", LOG_PAGES_MAX)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalogs(path: Path) -> Iterator[list[Catalog]]:
    """Two catalogs on the same file, as two processes have them."""
    made = [Catalog(path, clock=Clock(), durability="os") for _ in range(2)]
    yield made
    for catalog in made:
        catalog.close()


def write(catalog: Catalog, token: bytes) -> None:
    """A commit of some ten pages."""

    def make(draft: Draft) -> None:
        draft._sql.execute("INSERT OR REPLACE INTO recipe VALUES (?, 1, '', randomblob(40000))", (token,))

    catalog.change(make)


def log_pages(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size // PAGE_BYTES


def test_the_log_stays_short_while_two_write_without_a_pause(catalogs: list[Catalog], path: Path) -> None:
    longest = 0

    def work(catalog: Catalog, name: bytes) -> None:
        nonlocal longest
        for number in range(600):
            write(catalog, b"%s%d" % (name, number % 5))
            longest = max(longest, log_pages(path))

    threads = [
        threading.Thread(target=work, args=(catalog, name))
        for catalog, name in zip(catalogs, (b"a", b"b"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert longest < 8 * LOG_PAGES_MAX, "twelve thousand pages were written"


def test_a_reader_of_an_old_state_does_not_hold_the_writers(catalogs: list[Catalog], path: Path) -> None:
    writer, other = catalogs
    with other.view() as view:
        before = view.accounts()
        slowest = 0.0
        for number in range(200):
            began = time.perf_counter()
            write(writer, b"%d" % (number % 5))
            slowest = max(slowest, time.perf_counter() - began)
        assert log_pages(path) > 4 * LOG_PAGES_MAX, "the log cannot begin anew"
        assert slowest < 1.0
        assert view.accounts() == before


def test_a_catalog_can_be_closed_while_its_log_is_being_copied(path: Path) -> None:
    for round_ in range(15):
        catalog = Catalog(path, clock=Clock(), durability="os")
        for number in range(15):
            write(catalog, b"%d-%d" % (round_, number))
        catalog.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "checkpoint"]
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*) FROM recipe").fetchall() == [(15 * 15,)]
    connection.close()


def test_the_log_is_not_copied_again_before_it_has_grown(catalogs: list[Catalog]) -> None:
    woken: list[int] = []
    checkpointer = checkpoints.Checkpointer(catalogs[0]._connect_for_checkpoints, lambda reason: None)
    checkpointer._wake.set = lambda: woken.append(checkpointer._pages)  # type: ignore[method-assign]
    connection = catalogs[0]._writer
    for pages in (50, 99, 100, 101, 150, 199, 200, 299, 301, 10, 99, 100, 120):
        checkpointer.note(connection, "main", pages)
    assert woken == [100, 200, 301, 100]
    del checkpointer._wake.set
    checkpointer.close()


def test_a_catalog_that_was_closed_keeps_no_file_open(path: Path) -> None:
    def opened() -> list[str]:
        names = []
        for link in list(Path("/proc/self/fd").iterdir()):
            with suppress(FileNotFoundError):  # it was that of the folder
                names.append(str(link.readlink()))
        return [name for name in names if name.startswith(str(path.parent))]

    catalog = Catalog(path, clock=Clock(), durability="os")
    write(catalog, b"something")
    assert opened()
    catalog.close()
    assert opened() == []
