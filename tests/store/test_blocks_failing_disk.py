"""The disk fails at every call there is, one after the other, and no promise is broken.

One story is told again and again; each time a later call fails, until a telling runs to its end.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError, OutOfSpace, WritesStopped
from mylist_dav.model.digest import Digest
from mylist_dav.store.blockstore import groups
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.stopping import StopSign
from tests.store.disks import FailingDisk, file_of, overwrite, temporary_files

OLD = [b"old %d" % number for number in range(5)]
DAMAGED = b"will be damaged"
CALLS_OF_THE_STORY = 107


def prepare(root: Path) -> None:
    """A store with some blocks, one of them damaged, and a file that a dead process has left."""
    store = FileBlocks(root, durability="os")
    for data in (*OLD, DAMAGED):
        store.put(data)
    store.close()
    overwrite(file_of(root, Digest.of(DAMAGED)), b"something else")
    (root / "tmp" / "1-dead").mkdir(parents=True)
    (root / "tmp" / "1-dead" / "1").write_bytes(b"left over")


def tell(root: Path, disk: FailingDisk, acknowledged: dict[Digest, bytes]) -> None:
    """Everything a store does. What it has acknowledged is noted at once."""
    store = FileBlocks(root, disk=disk)
    try:
        for data in (b"new 1", b"new 2", OLD[0], b""):
            acknowledged[store.put(data)] = data
        for prefix, count in ((b"few", 2), (b"many", 6)):
            members = [b"%s %d" % (prefix, number) for number in range(count)]
            with store.batch() as batch:
                digests = [batch.put(data) for data in (*members, OLD[1])]
                batch.commit()
            acknowledged.update(zip(digests, (*members, OLD[1]), strict=True))
        with pytest.raises(MylistError):
            store.get(Digest.of(DAMAGED))
        acknowledged[store.put(DAMAGED)] = DAMAGED
        acknowledged.pop(Digest.of(b"new 2"))
        store.delete(Digest.of(b"new 2"))
    finally:
        store.close()


def check(root: Path, acknowledged: dict[Digest, bytes]) -> None:
    """After the failure, with a disk that works: nothing promised is lost, nothing listed is wrong."""
    StopSign(root / "writes-stopped").clear()
    store = FileBlocks(root)
    for data in OLD:
        assert store.get(Digest.of(data)) == data
    for digest, data in acknowledged.items():
        assert store.get(digest) == data
    for digest in set(store.digests()) - {Digest.of(DAMAGED)}:
        store.get(digest)
    assert store.get(store.put(b"goes on")) == b"goes on"
    store.close()
    assert temporary_files(root) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_whichever_call_fails_no_promise_is_broken(tmp_path: Path, number: int, lasting: bool) -> None:
    for fail_at in itertools.count(1):
        root = tmp_path / str(fail_at)
        prepare(root)
        disk = FailingDisk(fail_at, number, lasting)
        acknowledged: dict[Digest, bytes] = {}
        try:
            tell(root, disk, acknowledged)
        except MylistError:
            if not lasting:
                assert [path for path in temporary_files(root) if "1-dead" not in str(path)] == []
        check(root, acknowledged)
        if disk.calls < fail_at:
            break
    assert disk.calls == CALLS_OF_THE_STORY


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_nor_when_it_fails_for_a_group_while_the_next_is_written(
    tmp_path: Path, number: int, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "GROUP_BYTES_MAX", 12)
    for fail_at in itertools.count(1):
        root = tmp_path / str(fail_at)
        prepare(root)
        disk = FailingDisk(fail_at, number, lasting)
        acknowledged: dict[Digest, bytes] = {}
        with contextlib.suppress(MylistError):
            tell(root, disk, acknowledged)
        check(root, acknowledged)
        if disk.calls < fail_at:
            break
    assert disk.calls > CALLS_OF_THE_STORY


def test_a_batch_that_has_lost_a_group_never_says_that_it_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "GROUP_BLOCKS_MAX", 3)
    disk = DiskWithFailingRename()
    with FileBlocks(tmp_path, disk=disk).batch() as batch:
        for number in range(3):
            batch.put(b"%d" % number)
        assert disk.failed.wait(10)
        batch.put(b"one more")
        for _ in range(2):
            with pytest.raises(OutOfSpace):
                batch.commit()
    assert temporary_files(tmp_path) == []


class DiskWithFailingRename(Disk):
    """The first rename finds the disk full."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = threading.Event()

    def rename(self, source: Path | str, target: Path | str) -> None:
        if not self.failed.is_set():
            self.failed.set()
            raise OSError(errno.ENOSPC, "full")
        super().rename(source, target)


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4], ids=["mkdir", "create", "write", "fsync"])
def test_a_full_disk_says_so_and_the_next_write_may_succeed(tmp_path: Path, fail_at: int) -> None:
    FileBlocks(tmp_path)
    store = FileBlocks(tmp_path, disk=FailingDisk(fail_at, errno.ENOSPC))
    with pytest.raises(OutOfSpace, match="disk is full"):
        store.put(b"data")
    assert temporary_files(tmp_path) == []
    assert list(store.digests()) == []
    assert store.get(store.put(b"data")) == b"data"


@pytest.mark.parametrize("way", ["put", "small batch", "large batch"])
def test_after_a_failed_sync_nothing_is_written_until_it_is_cleared(tmp_path: Path, way: str) -> None:
    disk = DiskWithFailingSync()
    store = FileBlocks(tmp_path, disk=disk)
    other = FileBlocks(tmp_path)
    kept = other.put(b"kept")
    with pytest.raises(WritesStopped):
        write(store, way)
    disk.broken = False
    assert disk.syncs == 1, "a sync is never tried again"
    for each in (store, other, FileBlocks(tmp_path)):
        for again in ("put", "small batch", "large batch"):
            with pytest.raises(WritesStopped, match="clear"):
                write(each, again)
        assert each.get(kept) == b"kept"
    StopSign(tmp_path / "writes-stopped").clear()
    write(store, way)
    write(other, way)


def write(store: FileBlocks, way: str) -> None:
    if way == "put":
        store.put(b"one")
        return
    with store.batch() as batch:
        for number in range(1 if way == "small batch" else 10):
            batch.put(b"%d" % number)
        batch.commit()


class DiskWithFailingSync(Disk):
    """Every sync of files fails while it is broken."""

    broken = True
    syncs = 0

    def sync_file(self, descriptor: int) -> None:
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "broken")
        super().sync_file(descriptor)

    def sync_file_system(self, descriptor: int) -> None:
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "broken")
        super().sync_file_system(descriptor)
