"""The power is cut, and what was acknowledged is there when it comes back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError, OutOfSpace
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.store.blockstore.filer import Round
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.contents import ContentWriter, read_slices
from mylist_dav.store.disk import Disk
from tests.power.rig import LoopDisk, loop_disk
from tests.store.disks import FailingDisk, temporary_files

pytestmark = pytest.mark.power
COUNT = 400
FLIST = FlistName("anna", "x")
Acknowledged = dict[Digest, bytes]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 96) as made:
        yield made


def blocks(count: int, seed: int = 1) -> list[bytes]:
    numbers = random.Random(seed)
    return [numbers.randbytes(numbers.randrange(1, 6000)) for _ in range(count)]


def put_each(store: FileBlocks) -> Acknowledged:
    return {store.put(data): data for data in blocks(COUNT)}


def put_by_eight_threads(store: FileBlocks) -> Acknowledged:
    with ThreadPoolExecutor(8) as threads:
        return dict(zip(threads.map(store.put, blocks(COUNT)), blocks(COUNT), strict=True))


def put_again_what_another_has_not_synced(store: FileBlocks) -> Acknowledged:
    """The first writer promises nothing; the second finds the files there and must make them durable."""
    hasty = FileBlocks(store._root, durability="os")
    for data in blocks(COUNT):
        hasty.put(data)
    hasty.close()
    return put_each(store)


def batch_again_what_another_has_not_synced(store: FileBlocks) -> Acknowledged:
    hasty = FileBlocks(store._root, durability="os")
    for data in blocks(COUNT):
        hasty.put(data)
    hasty.close()
    return one_batch(store)


def one_batch(store: FileBlocks) -> Acknowledged:
    return batches_of(COUNT, store)


def small_batches(store: FileBlocks) -> Acknowledged:
    return batches_of(2, store)


def batches_of(size: int, store: FileBlocks) -> Acknowledged:
    acknowledged: Acknowledged = {}
    data = blocks(COUNT)
    for start in range(0, COUNT, size):
        with store.batch() as batch:
            digests = [batch.put(each) for each in data[start : start + size]]
            batch.commit()
        acknowledged.update(zip(digests, data[start : start + size], strict=True))
    return acknowledged


WAYS = [
    put_each,
    put_by_eight_threads,
    put_again_what_another_has_not_synced,
    one_batch,
    small_batches,
    batch_again_what_another_has_not_synced,
]


def lost_after_cut(disk: LoopDisk, acknowledged: Acknowledged) -> int:
    """How many of the acknowledged blocks are not there as they were put."""
    lost = 0
    with disk.after_power_cut() as root:
        store = FileBlocks(root)
        for digest, data in acknowledged.items():
            try:
                lost += store.get(digest) != data
            except MylistError:
                lost += 1
        store.close()
    return lost


@pytest.mark.parametrize("way", WAYS)
def test_no_acknowledged_block_is_lost(disk: LoopDisk, way: Callable[[FileBlocks], Acknowledged]) -> None:
    store = FileBlocks(disk.root)
    acknowledged = way(store)
    assert len(acknowledged) == COUNT
    assert lost_after_cut(disk, acknowledged) == 0
    store.close()


@pytest.mark.parametrize("way", [put_each, one_batch])
def test_without_syncs_blocks_are_lost_so_the_rig_does_cut(
    disk: LoopDisk, way: Callable[[FileBlocks], Acknowledged]
) -> None:
    store = FileBlocks(disk.root, durability="os")
    assert lost_after_cut(disk, way(store)) > COUNT // 2
    store.close()


class DiskThatForgetsFolders(Disk):
    def sync_folder(self, path: Path | str) -> None:
        pass


def test_without_the_sync_of_the_folder_the_last_block_is_lost(disk: LoopDisk) -> None:
    store = FileBlocks(disk.root, disk=DiskThatForgetsFolders())
    assert lost_after_cut(disk, put_each(store)) >= 1
    store.close()


def test_no_acknowledged_content_is_lost(disk: LoopDisk) -> None:
    store = FileBlocks(disk.root)
    data = random.Random(5).randbytes(15_000_000)
    with ContentWriter(store) as writer:
        for start in range(0, len(data), 1_000_000):
            writer.write(data[start : start + 1_000_000])
        recipe = writer.finish()
    with disk.after_power_cut() as root:
        after = FileBlocks(root)
        assert read_all(after, recipe) == data
        after.close()
    store.close()


def read_all(store: FileBlocks, recipe: Recipe) -> bytes:
    slices = read_slices(recipe, 0, recipe.size_bytes)
    return b"".join(store.get(each.digest)[each.offset : each.offset + each.length] for each in slices)


class DiskWithCuts(FailingDisk):
    """Before every call the power is cut, and what would come up is looked at."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def _count(self, halfway: Callable[[], object] | None = None) -> None:
        self._look()
        super()._count()


def test_a_cut_before_any_call_loses_nothing_and_shows_nothing_half_written(disk: LoopDisk) -> None:
    acknowledged: Acknowledged = {}

    def look() -> None:
        with disk.after_power_cut() as root:
            store = FileBlocks(root)
            for digest, data in acknowledged.items():
                assert store.get(digest) == data
            for digest in store.digests():
                store.get(digest)
            assert temporary_files(root) == []
            store.close()

    cutting = DiskWithCuts(look)
    store = FileBlocks(disk.root, disk=cutting)
    for data in blocks(3):
        acknowledged[store.put(data)] = data
    for size in (2, 6):
        members = blocks(size, seed=size)
        with store.batch() as batch:
            digests = [batch.put(data) for data in members]
            batch.commit()
        acknowledged.update(zip(digests, members, strict=True))
    look()
    store.close()
    assert cutting.calls > 50


def test_a_disk_that_really_fills_up_keeps_what_it_has_acknowledged(tmp_path: Path) -> None:
    with loop_disk(tmp_path, 8) as small:
        store = FileBlocks(small.root)
        acknowledged: Acknowledged = {}
        numbers = random.Random(7)
        with pytest.raises(OutOfSpace):
            for _ in range(100):
                data = numbers.randbytes(200_000)
                acknowledged[store.put(data)] = data
        with pytest.raises(OutOfSpace), store.batch() as batch:
            for _ in range(100):
                batch.put(numbers.randbytes(200_000))
            batch.commit()
        assert temporary_files(small.root) == []
        assert len(acknowledged) > 5
        assert lost_after_cut(small, acknowledged) == 0
        for digest in acknowledged:
            store.delete(digest)
        store.put(b"there is room again")
        store.close()


# -- small files, whose blocks wait in the catalog ---------------------------------------------------------------


def library(root: Path) -> Library:
    return Library(load("", {}, {"store.data": str(root)}), time.time_ns)


@contextmanager
def taking_uploads(root: Path) -> Iterator[Library]:
    """A library with a flist anna/x whose intake is open, and is filed only when the test says so."""
    made = library(root)
    made.flists.create(OPERATOR, FLIST, make_account=True)
    made.intake.open(lambda size_bytes: None)
    try:
        yield made
    finally:
        made.close()


def upload(made: Library, number: int) -> bytes:
    content = random.Random(number).randbytes(1 + number * 7 % 6000)
    sink = made.uploads.open(OPERATOR, Place(FLIST, TreePath.parse(f"file {number}")))
    sink.write(content)
    sink.finish()
    return content


def uploads_lost(disk: LoopDisk, acknowledged: dict[int, bytes]) -> int:
    """How many of the files are not there as they were put, if the power failed now."""
    lost = 0
    with disk.after_power_cut() as root:
        after = library(root)
        with after.catalog.view() as view:
            tree = view.tree(view.flist(FLIST))
            for number, content in acknowledged.items():
                try:
                    entry = tree.chain(TreePath.parse(f"file {number}"))[-1]
                    lost += entry.digest is None or after.blocks.get(entry.digest) != content
                except MylistError:
                    lost += 1
        after.close()
    return lost


def test_no_acknowledged_upload_is_lost_before_during_and_after_filing(disk: LoopDisk) -> None:
    with taking_uploads(disk.root) as made:
        with ThreadPoolExecutor(8) as threads:
            contents = threads.map(partial(upload, made), range(COUNT))
            acknowledged = dict(enumerate(contents))
        assert list(made.files.digests()) == [], "all of them are in the intake"
        assert uploads_lost(disk, acknowledged) == 0
        filing = Round(made.catalog, made.files)
        assert filing.file_slice(COUNT // 2) == COUNT // 2
        assert uploads_lost(disk, acknowledged) == 0
        while filing.file_slice():
            pass
        assert len(list(made.files.digests())) == COUNT
        assert uploads_lost(disk, acknowledged) == 0


def test_an_upload_is_there_as_soon_as_it_is_acknowledged(disk: LoopDisk) -> None:
    acknowledged: dict[int, bytes] = {}
    with taking_uploads(disk.root) as made:
        for number in range(5):
            acknowledged[number] = upload(made, number)
            assert uploads_lost(disk, acknowledged) == 0


def test_a_cut_before_any_call_of_filing_loses_nothing(disk: LoopDisk) -> None:
    with taking_uploads(disk.root) as made:
        acknowledged = {number: upload(made, number) for number in range(12)}

        def look() -> None:
            assert uploads_lost(disk, acknowledged) == 0

        cutting = DiskWithCuts(look)
        files = FileBlocks(disk.root, disk=cutting)
        filing = Round(made.catalog, files)
        while filing.file_slice(3):
            pass
        look()
        files.close()
    assert cutting.calls > 50


def test_what_is_filed_without_syncs_is_lost_so_the_rig_does_cut(disk: LoopDisk) -> None:
    with taking_uploads(disk.root) as made:
        acknowledged = {number: upload(made, number) for number in range(COUNT)}
        hasty = FileBlocks(disk.root, durability="os")
        filing = Round(made.catalog, hasty)
        while filing.file_slice():
            pass
        assert uploads_lost(disk, acknowledged) > COUNT // 2
        hasty.close()
