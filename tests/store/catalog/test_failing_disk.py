"""Full and broken disks: whatever write fails, what was acknowledged is there and the catalog is whole."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest

from mylist_dav.errors import OutOfSpace, WritesStopped
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Catalog, Draft, NewEntry
from mylist_dav.store.processes.stopping import StopSign
from tests.shelf import Clock, hold_invariants, shown
from tests.store.catalog.faults import Faults, faults

A = FlistName("anna", "a")


@pytest.fixture
def disk() -> Iterator[Faults]:
    with faults() as made:
        yield made


def opened(folder: Path, sign: StopSign) -> Catalog:
    return Catalog(
        folder / "catalog.sqlite",
        clock=Clock(),
        may_write=sign.check,
        on_write_failure=sign.stop,
        busy_seconds=1,
    )


def add_flist(draft: Draft) -> None:
    draft.add_account("anna", Role.USER)
    draft.add_flist(A, OPERATOR)


def add_files(draft: Draft, prefix: str, count: int) -> None:
    tree = draft.draft_tree(draft.flist(A), OPERATOR)
    root_id = tree.root().entry_id
    for number in range(count):
        content = Digest.of(f"{prefix}{number}".encode())
        tree.insert(root_id, f"{prefix}{number:04}", NewEntry(Kind.FILE, 0o644, 0, 0, 9, content))


def names(catalog: Catalog) -> set[str]:
    with catalog.view() as view:
        hold_invariants(view)
        return set(shown(view.tree(view.flist(A))))


def integrity(folder: Path) -> object:
    connection = apsw.Connection(str(folder / "catalog.sqlite"))
    found = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_whatever_write_fails_the_catalog_is_whole(
    tmp_path: Path, disk: Faults, number: int, lasting: bool
) -> None:
    failed = 0
    for at in range(1, 200):
        folder = tmp_path / str(at)
        folder.mkdir()
        sign = StopSign(folder / "sign")
        catalog = opened(folder, sign)
        catalog.change(add_flist)
        acknowledged = set()
        disk.fail(at, number, lasting=lasting)
        for prefix in "abc":
            try:
                catalog.change(partial(add_files, prefix=prefix, count=3))
            except (OutOfSpace, WritesStopped) as error:
                failed += 1
                assert isinstance(error, OutOfSpace) == (number == errno.ENOSPC)
            else:
                acknowledged |= {f"{prefix}{n:04}" for n in range(3)}
        writes = disk.stop()
        assert names(catalog) == acknowledged
        assert sign.is_set == (number == errno.EIO and at <= writes)
        if not sign.is_set:
            catalog.change(lambda draft: add_files(draft, "d", 1))
            acknowledged.add("d0000")
        else:
            with pytest.raises(WritesStopped):
                catalog.change(lambda draft: add_files(draft, "d", 1))
        catalog.close()
        assert integrity(folder) == [("ok",)]
        again = opened(folder, sign)
        assert names(again) == acknowledged
        again.close()
        sign.close()
        if at > writes:
            break
    assert at > writes, "every write was failed once"
    assert failed >= at - 1 > 5


def test_a_change_that_fills_the_disk_before_its_commit_fails_alone(tmp_path: Path, disk: Faults) -> None:
    sign = StopSign(tmp_path / "sign")
    catalog = opened(tmp_path, sign)
    catalog.change(add_flist)
    catalog._writer.execute("PRAGMA cache_size = 10")  # so that a large change writes long before its commit
    disk.fail(30, lasting=True)
    with pytest.raises(OutOfSpace):
        catalog.change(lambda draft: add_files(draft, "large", 3000))
    disk.stop()
    catalog.change(lambda draft: add_files(draft, "small", 3))
    assert names(catalog) == {"small0000", "small0001", "small0002"}
    catalog.close()
    assert integrity(tmp_path) == [("ok",)]
    sign.close()


def test_a_failed_write_of_the_checkpoint_stops_writes_if_the_disk_is_broken(
    tmp_path: Path, disk: Faults
) -> None:
    for number, stops in ((errno.ENOSPC, False), (errno.EIO, True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        sign = StopSign(folder / "sign")
        catalog = opened(folder, sign)
        catalog.change(add_flist)
        catalog.change(lambda draft: add_files(draft, "a", 300))
        connection = catalog._connect_for_checkpoints()
        disk.fail(1, number, lasting=True)
        catalog._checkpointer._checkpoint(connection)
        assert disk.stop() > 0
        assert sign.is_set == stops
        connection.close()
        assert len(names(catalog)) == 300
        catalog.close()
        assert integrity(folder) == [("ok",)]
        sign.close()
