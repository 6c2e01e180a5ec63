"""Blocks that wait in the catalog for their files: what is stored stays stored, whenever filing stops."""

from __future__ import annotations

import errno
import itertools
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Corrupt, MylistError, WritesStopped
from mylist_dav.model.digest import Digest
from mylist_dav.store.blockstore import filer as filer_module
from mylist_dav.store.blockstore.filer import CROWDED_BYTES, Filer, Round
from mylist_dav.store.blockstore.intake import INTAKE_BLOCK_BYTES_MAX, INTAKE_FULL_BYTES, Intake
from mylist_dav.store.catalog.turns import Turn
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.stopping import StopSign
from tests.store.disks import FailingDisk, file_of, overwrite, temporary_files
from tests.store.intakes import TakingIn, damage_row, taking_in

A, B, C = b"a" * 1000, b"b" * 1000, b"c" * 1000
SECONDS_MAX = 30.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TakingIn]:
    with taking_in(tmp_path) as made:
        yield made


def many(count: int) -> dict[Digest, bytes]:
    blocks = [b"block %d" % number for number in range(count)]
    return {Digest.of(data): data for data in blocks}


def put_all(store: TakingIn, blocks: dict[Digest, bytes]) -> None:
    for data in blocks.values():
        store.put(data)


# -- filing ----------------------------------------------------------------------------------------------------


def test_a_block_is_a_row_before_filing_and_a_file_after_it(store: TakingIn, tmp_path: Path) -> None:
    digest = store.put(A)
    assert not file_of(tmp_path, digest).exists()
    assert store.get(digest) == A
    store.file_all()
    assert file_of(tmp_path, digest).read_bytes() == A
    assert store.rows() == []
    assert store.get(digest) == A


def test_blocks_are_filed_in_slices(store: TakingIn) -> None:
    blocks = many(25)
    put_all(store, blocks)
    filing = Round(store.catalog, store.files)
    assert [filing.file_slice(10) for _ in range(4)] == [10, 10, 5, 0]
    assert list(store.files.digests()) == list(store.digests()) == sorted(blocks)


def test_a_slice_is_bounded_in_bytes_but_has_one_block(store: TakingIn) -> None:
    for byte in (b"x", b"y", b"z"):
        store.put(byte * 400)
    with store.catalog.view() as view:
        assert [len(view.intake_page(0, 10, limit)) for limit in (1, 800, 1200)] == [1, 2, 3]


def test_whoever_dies_between_file_and_row_leaves_one_readable_block(store: TakingIn) -> None:
    digest = store.put(A)
    Round(store.catalog, store.files).write_files(store.rows())
    assert store.files.get(digest) == store.get(digest) == A
    assert list(store.digests()) == [digest]
    store.file_all()
    assert store.rows() == []
    assert list(store.digests()) == [digest]
    assert store.get(digest) == A


def test_a_block_that_went_and_came_again_while_it_was_filed_stays_in_the_intake(store: TakingIn) -> None:
    store.put(B)
    store.put(A)
    filing = Round(store.catalog, store.files)
    rows = store.rows()
    filed = filing.write_files(rows)
    store.delete(Digest.of(B))
    store.put(B)
    filing.remove_rows(*filed)
    assert [row.digest for row in store.rows()] == [Digest.of(B)]


def test_two_processes_may_file_the_same_blocks_at_once(store: TakingIn, tmp_path: Path) -> None:
    blocks = many(300)
    put_all(store, blocks)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with taking_in(tmp_path) as another:
                another.file_all(20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.rows() == []
    assert {digest: store.files.get(digest) for digest in store.digests()} == blocks


def test_readers_find_every_block_while_it_is_filed(store: TakingIn, tmp_path: Path) -> None:
    blocks = many(200)
    put_all(store, blocks)
    lost: list[Digest] = []
    done = threading.Event()

    def read() -> None:
        with taking_in(tmp_path) as another:
            while not done.is_set():
                lost.extend(digest for digest in blocks if not another.has(digest))
                lost.extend(digest for digest, data in blocks.items() if another.get(digest) != data)
                lost.extend(set(blocks) - set(another.digests()))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        store.file_all(7)
    finally:
        done.set()
        reader.join()
    assert lost == []


def test_without_durability_it_works_alike(tmp_path: Path) -> None:
    with taking_in(tmp_path, "os") as store:
        blocks = many(30)
        put_all(store, blocks)
        store.file_all()
        assert store.rows() == []
        assert {digest: store.files.get(digest) for digest in store.digests()} == blocks


def test_the_room_of_filed_blocks_is_used_again(store: TakingIn) -> None:
    def pages() -> int:
        with store.catalog.view() as view:
            rows = view._sql.execute(  # those of blocks stay, wherever the blocks lie
                "SELECT page_count - (SELECT count(*) FROM dbstat WHERE name = 'block') FROM pragma_page_count"
            )
            return int(rows.fetchall()[0][0])

    sizes = []
    for number in range(12):
        data = [b"%d %d" % (number, each) * 200 for each in range(60)]
        store.catalog.change(lambda draft, data=data: draft.take_in({Digest.of(one): one for one in data}))  # type: ignore[misc]
        store.file_all()
        sizes.append(pages())
    assert sizes[-1] <= sizes[2] + 5


# -- damage ----------------------------------------------------------------------------------------------------


def test_a_damaged_row_is_never_served_nor_filed(
    store: TakingIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = store.put(A), store.put(B)
    damage_row(store, a, b"something else")
    with pytest.raises(Corrupt, match=str(a)):
        store.get(a)
    store.file_all()
    assert store.files.get(b) == B
    assert not file_of(tmp_path, a).exists()
    with pytest.raises(Corrupt):
        store.get(a)
    assert f"block {a} is damaged in the intake of the catalog: set aside" in caplog.text


def test_a_damaged_row_that_was_set_aside_takes_no_room_and_is_no_block(store: TakingIn) -> None:
    digest = store.put(A)
    damage_row(store, digest, b"something else")
    store.file_all()
    assert store.rows() == []
    assert not store.has(digest)
    assert list(store.digests()) == []
    with store.catalog.view() as view:
        assert view.intake_span() == (0, 0)


def test_an_upload_heals_a_damaged_row_and_it_is_filed(store: TakingIn) -> None:
    digest = store.put(A)
    damage_row(store, digest, b"something else")
    store.file_all()
    store.put(B)
    store.put(A)
    assert store.get(digest) == A
    store.file_all()
    assert store.files.get(digest) == A


def test_a_damaged_file_is_set_aside_and_its_row_served(store: TakingIn, tmp_path: Path) -> None:
    digest = store.put(A)
    Round(store.catalog, store.files).write_files(store.rows())
    overwrite(file_of(tmp_path, digest), b"something else")
    assert store.get(digest) == A
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    store.file_all()
    assert store.files.get(digest) == A


def test_a_damaged_file_without_a_row_is_not_served(store: TakingIn, tmp_path: Path) -> None:
    digest = store.put(A)
    store.file_all()
    overwrite(file_of(tmp_path, digest), b"something else")
    with pytest.raises(Corrupt):
        store.get(digest)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_whichever_call_of_filing_fails_no_block_is_lost(tmp_path: Path, number: int, lasting: bool) -> None:
    blocks = many(6)
    for fail_at in itertools.count(1):
        root = tmp_path / str(fail_at)
        with taking_in(root) as before:
            put_all(before, blocks)
        disk = FailingDisk(fail_at, number, lasting)
        with taking_in(root, disk=disk) as store:
            try:
                store.file_all(3)
            except MylistError:
                assert disk.calls >= fail_at
            if disk.calls < fail_at:
                break
        StopSign(root / "writes-stopped").clear()
        with taking_in(root) as after:
            assert {digest: after.get(digest) for digest in after.digests()} == blocks
            after.file_all()
            assert after.rows() == []
            assert {digest: after.files.get(digest) for digest in after.digests()} == blocks
            assert temporary_files(root) == []
    assert fail_at > 20


def test_filing_honours_the_stop_sign_and_keeps_the_rows(store: TakingIn, tmp_path: Path) -> None:
    digest = store.put(A)
    sign = StopSign(tmp_path / "writes-stopped")
    sign.stop("a test")
    with pytest.raises(WritesStopped):
        store.file_all()
    assert store.get(digest) == A
    assert not file_of(tmp_path, digest).exists()
    sign.clear()
    sign.close()
    store.file_all()
    assert store.rows() == []


def test_blocks_that_are_there_already_take_no_room_once_more(store: TakingIn) -> None:
    """Positions stand for bytes: whoever sends the same again beside something new fills nothing."""
    blocks = {Digest.of(data): data for data in (bytes([number]) * 1000 for number in range(50))}
    store.catalog.change(lambda draft: draft.take_in(blocks))
    for number in range(3):
        new = b"new %d" % number
        with store.catalog.view() as view:
            before_bytes, _ = view.intake_span()
        store.catalog.change(lambda draft, new=new: draft.take_in({**blocks, Digest.of(new): new}))  # type: ignore[misc]
        with store.catalog.view() as view:
            assert view.intake_span()[0] - before_bytes < 1000
    assert len(store.rows()) == 53


# -- which blocks are taken in ---------------------------------------------------------------------------------


def open_intake(store: TakingIn) -> Intake:
    intake = Intake(store.files)
    intake.open(lambda size_bytes: None)
    return intake


def test_an_intake_takes_small_blocks_that_have_no_file(store: TakingIn) -> None:
    intake = open_intake(store)
    assert intake.takes(A) == Digest.of(A)
    assert intake.takes(b"x" * INTAKE_BLOCK_BYTES_MAX) is not None
    assert intake.takes(b"x" * (INTAKE_BLOCK_BYTES_MAX + 1)) is None
    assert intake.takes(b"") is None
    store.files.put(A)
    assert intake.takes(A) is None


def test_an_intake_is_closed_until_somebody_files(store: TakingIn) -> None:
    assert Intake(store.files).takes(A) is None
    intake = open_intake(store)
    intake.close()
    assert intake.takes(A) is None


def test_a_full_intake_takes_nothing_until_it_has_been_emptied(store: TakingIn) -> None:
    intake = open_intake(store)
    intake.note(INTAKE_FULL_BYTES, INTAKE_FULL_BYTES)
    assert intake.takes(A) is None
    intake.note(INTAKE_FULL_BYTES - 1, INTAKE_FULL_BYTES)
    assert intake.takes(A) is not None


def test_of_many_blocks_an_intake_takes_the_small_ones_that_there_is_room_for(store: TakingIn) -> None:
    intake = open_intake(store)
    large = b"x" * (INTAKE_BLOCK_BYTES_MAX + 1)
    store.files.put(B)
    blocks = {Digest.of(data): data for data in (A, B, large, b"", C)}
    assert list(intake.share(blocks)) == [Digest.of(A), Digest.of(C)]
    intake.note(INTAKE_FULL_BYTES - len(A), INTAKE_FULL_BYTES)
    assert list(intake.share(blocks)) == [Digest.of(A)]
    intake.close()
    assert intake.share(blocks) == {}


def test_the_size_of_the_intake_counts_bytes_and_rows(store: TakingIn) -> None:
    def size_bytes_with(digest: Digest) -> int:
        store.catalog.change(lambda draft: draft.take_in({digest: bytes(1000)}))
        with store.catalog.view() as view:
            return view.intake_span()[0]

    assert [size_bytes_with(digest) for digest in many(5)] == [256 + 1256 * number for number in range(5)]
    assert [size_bytes_with(digest) for digest in many(5)] == [256 + 1256 * 4] * 5


# -- the thread ------------------------------------------------------------------------------------------------


class TellingDisk(Disk):
    """Tells of every file that got its place."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed = threading.Event()

    def rename(self, source: Path | str, target: Path | str) -> None:
        super().rename(source, target)
        self.renamed.set()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filer_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(filer_module, "FAILED_SECONDS", 0.01)


@pytest.mark.usefixtures("hasty")
def test_the_thread_files_what_is_left_when_it_is_quiet(tmp_path: Path) -> None:
    disk = TellingDisk()
    with taking_in(tmp_path, disk=disk) as store:
        digest = store.put(A)
        filer = Filer(store.catalog, store.files, Intake(store.files), tmp_path / "intake-turn")
        filer.start()
        assert disk.renamed.wait(SECONDS_MAX)
        filer.close()
        assert store.files.get(digest) == A
        assert store.rows() == []


def test_a_crowded_intake_is_filed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filer_module, "LOOK_SECONDS", 10 * SECONDS_MAX)
    disk = TellingDisk()
    with taking_in(tmp_path, disk=disk) as store:
        intake = Intake(store.files)
        filer = Filer(store.catalog, store.files, intake, tmp_path / "intake-turn")
        filer.start()
        store.put(B)
        store.put(A)
        far = (2 * CROWDED_BYTES, A)
        store.catalog.change(
            lambda draft: draft._sql.execute("UPDATE intake SET position = ? WHERE data = ?", far)
        )
        intake.note(CROWDED_BYTES, CROWDED_BYTES)
        assert disk.renamed.wait(SECONDS_MAX)
        filer.close()


@pytest.mark.usefixtures("hasty")
def test_while_another_process_has_the_turn_nothing_is_filed(tmp_path: Path) -> None:
    disk = TellingDisk()
    with taking_in(tmp_path, disk=disk) as store:
        store.put(A)
        filer = Filer(store.catalog, store.files, Intake(store.files), tmp_path / "intake-turn")
        turn = Turn(tmp_path / "intake-turn", 0)
        with turn.tried() as mine:
            assert mine
            filer.start()
            assert not disk.renamed.wait(0.2)
        assert disk.renamed.wait(SECONDS_MAX)
        filer.close()
        turn.close()


@pytest.mark.usefixtures("hasty")
def test_a_failure_is_logged_once_and_the_rows_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    class FullDisk(Disk):
        tries = 0
        enough = threading.Event()

        def create(self, path: Path | str) -> int:
            self.tries += 1
            if self.tries == 3:
                self.enough.set()
            raise OSError(errno.ENOSPC, "full")

    disk = FullDisk()
    with taking_in(tmp_path, disk=disk) as store:
        digest = store.put(A)
        filer = Filer(store.catalog, store.files, Intake(store.files), tmp_path / "intake-turn")
        filer.start()
        assert disk.enough.wait(SECONDS_MAX)
        filer.close()
        assert store.get(digest) == A
    assert caplog.text.count("small blocks stay in the catalog") == 1


def test_a_filer_that_never_started_may_be_closed(store: TakingIn, tmp_path: Path) -> None:
    filer = Filer(store.catalog, store.files, Intake(store.files), tmp_path / "intake-turn")
    filer.close()
    assert not (tmp_path / "intake-turn").exists()


def test_files_and_intake_are_listed_together_each_block_once(store: TakingIn) -> None:
    blocks = many(20)
    for number, data in enumerate(blocks.values()):
        (store.files if number % 2 else store).put(data)
    both = store.put(A)
    store.files.put(A)
    assert list(store.digests()) == sorted([*blocks, both])
