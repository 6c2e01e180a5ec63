"""Blocks as files: where they lie, what a damaged one comes to, and who else may work on the folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mylist_dav.errors import Busy, Corrupt, MylistError, NotFound, OutOfSpace, WritesStopped
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.store.blocks import BLOCK_BYTES_MAX
from mylist_dav.store.blockstore import groups
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.disk import Disk, turned
from tests.store.disks import DiskWithoutSyncfs, FailingDisk, file_of, overwrite, temporary_files

A = b"a" * 1000
NAME = Digest.of(A)
DAMAGES = {
    "changed": A[:-1] + b"b",
    "short": A[:500],
    "zero-length": b"",
    "longer": A + b"!",
    "longer than any block": bytes(BLOCK_BYTES_MAX + 1),
}


@pytest.fixture
def store(tmp_path: Path) -> FileBlocks:
    return FileBlocks(tmp_path, clock_ns=lambda: 1234567890)


def test_a_block_is_a_read_only_file_two_folders_deep(store: FileBlocks, tmp_path: Path) -> None:
    store.put(A)
    path = tmp_path / "blocks" / str(NAME)[:2] / str(NAME)[2:4] / str(NAME)[4:]
    assert path.read_bytes() == A
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_block_is_never_served_and_goes_to_quarantine(
    store: FileBlocks, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    overwrite(file_of(tmp_path, store.put(A)), damage)
    with pytest.raises(Corrupt, match=str(NAME)):
        store.get(NAME)
    assert (tmp_path / "quarantine" / f"{NAME}.1234567890").read_bytes() == damage
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with pytest.raises(NotFound):
        store.get(NAME)
    assert not store.has(NAME)


@pytest.mark.parametrize("damage", [DAMAGES["short"], DAMAGES["zero-length"], DAMAGES["longer"]])
@pytest.mark.parametrize("way", ["put", "batch"])
def test_a_block_of_the_wrong_size_is_written_anew(
    store: FileBlocks, tmp_path: Path, damage: bytes, way: str
) -> None:
    overwrite(file_of(tmp_path, store.put(A)), damage)
    if way == "put":
        store.put(A)
    else:
        with store.batch() as batch:
            batch.put(A)
            batch.commit()
    assert store.get(NAME) == A


def test_a_zero_length_file_does_not_count_as_a_block(store: FileBlocks, tmp_path: Path) -> None:
    overwrite(file_of(tmp_path, store.put(A)), b"")
    assert not store.has(NAME)


def test_the_empty_block_does_count(store: FileBlocks) -> None:
    store.put(b"")
    assert store.has(EMPTY)


def test_a_damaged_block_that_cannot_be_moved_away_is_still_written_anew(tmp_path: Path) -> None:
    FileBlocks(tmp_path).put(A)
    overwrite(file_of(tmp_path, NAME), DAMAGES["changed"])
    store = FileBlocks(tmp_path, disk=FailingDisk(1))
    with pytest.raises(Corrupt):
        store.get(NAME)
    assert store.get(store.put(A)) == A


def test_a_block_that_was_mended_in_between_is_put_back(tmp_path: Path) -> None:
    class MendingDisk(Disk):
        """A writer brings the whole block just before the damaged one is moved away."""

        def rename(self, source: Path | str, target: Path | str) -> None:
            if "quarantine" in str(target):
                overwrite(file_of(tmp_path, NAME), A)
            super().rename(source, target)

    store = FileBlocks(tmp_path, disk=MendingDisk())
    overwrite(file_of(tmp_path, store.put(A)), b"damaged")
    with pytest.raises(Corrupt):
        store.get(NAME)
    assert store.get(NAME) == A
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_a_block_that_the_disk_cannot_read_counts_as_damaged(
    store: FileBlocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(A)

    def failing_read(descriptor: int, length: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", failing_read)
    with pytest.raises(Corrupt):
        store.get(NAME)
    monkeypatch.undo()
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_foreign_files_are_no_blocks(store: FileBlocks, tmp_path: Path) -> None:
    folder = file_of(tmp_path, store.put(A)).parent
    for path in (folder / "x", folder / ("A" * 60), tmp_path / "blocks" / "README"):
        path.write_bytes(b"?")
    (tmp_path / "blocks" / "lost+found").mkdir()
    assert list(store.digests()) == [NAME]


def test_an_old_kernel_without_syncfs_gets_the_same_promises(tmp_path: Path) -> None:
    store = FileBlocks(tmp_path, disk=DiskWithoutSyncfs())
    blocks = [b"%d" % number for number in range(groups.SYNCFS_FROM_BLOCKS + 5)]
    for _ in range(2):
        with store.batch() as batch:
            digests = [batch.put(data) for data in blocks]
            batch.commit()
    assert [store.get(digest) for digest in digests] == blocks


@pytest.mark.parametrize("limit", ["GROUP_BLOCKS_MAX", "GROUP_BYTES_MAX"])
def test_a_batch_keeps_few_unfinished_files(
    store: FileBlocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(groups, limit, 10)
    waiting = 0
    with store.batch() as batch:
        for number in range(100):
            batch.put(b"%02d" % number)
            waiting = max(waiting, len(temporary_files(tmp_path)))
        batch.commit()
    assert 0 < waiting < 20, "of two groups: one is brought to its place while the other is written"
    assert temporary_files(tmp_path) == []
    assert len(list(store.digests())) == 100


def test_a_block_that_is_there_is_synced_once_and_not_written(tmp_path: Path) -> None:
    FileBlocks(tmp_path).put(A)
    disk = FailingDisk()
    store = FileBlocks(tmp_path, disk=disk)
    store.put(A)
    assert disk.calls == 6, "two mkdir that find the folders, fsync of the file and of the folders above"
    store.put(A)
    assert disk.calls == 6


def test_what_a_dead_process_has_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    store = FileBlocks(tmp_path)
    with store.batch() as batch:
        batch.put(A)
        [living] = temporary_files(tmp_path)
        killed = run_and_kill(tmp_path)
        assert len(temporary_files(tmp_path)) == 2
        FileBlocks(tmp_path)
        assert temporary_files(tmp_path) == [living]
        assert not killed.exists()
        batch.commit()
    assert store.get(NAME) == A


def test_a_server_whose_temporary_files_were_cleaned_away_goes_on(store: FileBlocks, tmp_path: Path) -> None:
    store.put(A)
    shutil.rmtree(tmp_path / "tmp")
    assert store.get(store.put(b"later")) == b"later"
    with store.batch() as batch:
        batch.put(b"and together")
        batch.commit()
    store.close()
    assert temporary_files(tmp_path) == []


def test_unfinished_files_that_cannot_be_removed_do_not_hinder_a_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tmp" / "1-1" / "a folder").mkdir(parents=True)
    store = FileBlocks(tmp_path)
    assert "unfinished" in caplog.text
    assert store.get(store.put(A)) == A


def test_blocks_may_lie_on_another_disk_than_the_data_directory(tmp_path: Path) -> None:
    """Reached by links; what is synced is the file system of the blocks."""
    for name in ("blocks", "tmp"):
        (tmp_path / "elsewhere" / name).mkdir(parents=True)
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    synced = []

    class WatchedDisk(Disk):
        def sync_file_system(self, descriptor: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            super().sync_file_system(descriptor)

    store = FileBlocks(tmp_path / "data", disk=WatchedDisk())
    with store.batch() as batch:
        for number in range(groups.SYNCFS_FROM_BLOCKS):
            batch.put(b"%d" % number)
        batch.commit()
    assert synced == [str(tmp_path / "elsewhere" / "blocks")] * 2


def run_and_kill(root: Path) -> Path:
    """A process that dies in the middle of a batch; the folder that it leaves."""
    text = """
        import os, signal
        with store.batch() as batch:
            batch.put(b"unfinished")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    process = start(root, text)
    process.communicate()
    assert process.returncode == -9
    [folder] = [path for path in (root / "tmp").iterdir() if path.name.startswith(f"{process.pid}-")]
    return folder


def start(root: Path, text: str) -> subprocess.Popen[str]:
    """A process with a store on root that runs text."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom mylist_dav.store.blockstore.files import FileBlocks\n"
    )
    program += f"store = FileBlocks(Path({str(root)!r}))\n" + textwrap.dedent(text)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    )


def test_two_processes_may_put_the_same_blocks_at_once(tmp_path: Path) -> None:
    text = """
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(150):
            store.put(b"%d" % number)
        with store.batch() as batch:
            for number in range(100, 300):
                batch.put(b"%d" % number)
            batch.commit()
        store.close()
        print("done")
    """
    processes = [start(tmp_path, text) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["done\n", "done\n"]
    store = FileBlocks(tmp_path)
    assert sorted(int(store.get(digest)) for digest in store.digests()) == list(range(300))
    assert temporary_files(tmp_path) == []


def test_a_store_that_was_opened_before_a_fork_serves_both(tmp_path: Path) -> None:
    text = """
        import os
        store.put(b"before")
        child = os.fork()
        for number in range(50):
            store.put(b"%d %d" % (bool(child), number))
        if not child:
            os._exit(0)
        _, status = os.waitpid(child, 0)
        store.close()
        print(status)
    """
    assert start(tmp_path, text).communicate()[0] == "0\n"
    assert len(list(FileBlocks(tmp_path).digests())) == 101
    assert temporary_files(tmp_path) == []


def test_a_stop_in_one_process_stops_the_other(tmp_path: Path) -> None:
    text = """
        from mylist_dav.errors import WritesStopped
        store.put(b"before")
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            store.put(b"after")
        except WritesStopped as error:
            print(error)
    """
    process = start(tmp_path, text)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    store = FileBlocks(tmp_path, disk=FailingDisk(4))
    with pytest.raises(WritesStopped):
        store.put(A)
    assert "writes are stopped" in process.communicate("go\n")[0]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, OutOfSpace),
        (errno.EDQUOT, OutOfSpace),
        (errno.EMFILE, Busy),
        (errno.EROFS, WritesStopped),
        (errno.EACCES, MylistError),
    ],
)
def test_an_error_of_the_system_is_turned_and_its_path_stays_inside(
    number: int, expected: type[MylistError]
) -> None:
    error = turned(OSError(number, os.strerror(number), "/secret/path"), "write block x")
    assert type(error) is expected
    assert re.match("could not write block x: ", str(error))
    assert "secret" not in str(error)
