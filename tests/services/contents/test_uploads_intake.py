"""Small uploads whose blocks land in the catalog first."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, WritesStopped
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.uploads import Stored
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.store.blockstore import filer
from mylist_dav.store.blockstore.filer import Round
from mylist_dav.store.blockstore.intake import INTAKE_BLOCK_BYTES_MAX, INTAKE_FULL_BYTES
from tests.store.disks import file_of, overwrite

NAME = FlistName("anna", "x")
SECONDS_MAX = 30.0
SMALL = b"small content"


def open_library(root: Path) -> Library:
    return Library(load("", {}, {"store.data": str(root), "store.durability": "os"}), time.time_ns)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Its intake is open, and filed only when a test says so."""
    made = open_library(tmp_path)
    made.flists.create(OPERATOR, NAME, make_account=True)
    made.intake.open(lambda size_bytes: None)
    yield made
    made.close()


def place(path: str) -> Place:
    return Place(NAME, TreePath.parse(path))


def put(library: Library, path: str, content: bytes = SMALL) -> Stored:
    upload = library.uploads.open(OPERATOR, place(path))
    upload.write(content)
    return upload.finish()


def waiting(library: Library) -> list[Digest]:
    with library.catalog.view() as view:
        return view.intake_digests()


def file_all(library: Library) -> None:
    filing = Round(library.catalog, library.files)
    while filing.file_slice():
        pass


def test_a_small_upload_makes_no_file_before_filing_and_one_afterwards(
    library: Library, tmp_path: Path
) -> None:
    digest = put(library, "a").entry.digest
    assert digest is not None
    assert waiting(library) == [digest]
    assert not file_of(tmp_path, digest).exists()
    assert library.blocks.get(digest) == SMALL
    file_all(library)
    assert waiting(library) == []
    assert file_of(tmp_path, digest).read_bytes() == SMALL


def test_another_process_reads_it_before_filing(library: Library, tmp_path: Path) -> None:
    digest = put(library, "a").entry.digest
    program = f"""
        import time
        from mylist_dav.model.digest import Digest
        from mylist_dav.services.opening import Library
        from mylist_dav.settings import load
        library = Library(load("", {{}}, {{"store.data": {str(tmp_path)!r}}}), time.time_ns)
        print(library.blocks.get(Digest.fromhex({str(digest)!r})).decode())
        library.close()
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == SMALL.decode(), found.stderr


def test_one_content_of_many_files_waits_once(library: Library) -> None:
    digests = {put(library, name).entry.digest for name in "abc"}
    assert set(waiting(library)) == digests
    assert len(digests) == 1


def test_longer_and_empty_files_do_not_go_there(library: Library, tmp_path: Path) -> None:
    put(library, "empty", b"")
    digest = put(library, "longer", b"x" * (INTAKE_BLOCK_BYTES_MAX + 1)).entry.digest
    assert waiting(library) == []
    assert digest is not None
    assert file_of(tmp_path, digest).exists()


def test_a_content_that_has_a_file_does_not_go_there(library: Library) -> None:
    library.blocks.put(SMALL)
    put(library, "a")
    assert waiting(library) == []


def test_without_anybody_who_files_blocks_become_files_at_once(tmp_path: Path) -> None:
    library = open_library(tmp_path)
    library.flists.create(OPERATOR, NAME, make_account=True)
    put(library, "a")
    assert waiting(library) == []
    assert library.files.has(Digest.of(SMALL))
    library.close()


def test_when_the_intake_is_full_uploads_write_their_files(library: Library) -> None:
    library.intake.note(INTAKE_FULL_BYTES, INTAKE_FULL_BYTES)
    put(library, "a")
    assert waiting(library) == []
    assert library.files.has(Digest.of(SMALL))


def test_a_flood_of_uploads_is_bounded(library: Library) -> None:
    put(library, "first")
    put(library, "second", b"2")
    position = INTAKE_FULL_BYTES + 1000  # as if there were that much
    library.catalog.change(
        lambda draft: draft._sql.execute("UPDATE intake SET position = ? WHERE data = ?", (position, b"2"))
    )
    put(library, "third", b"3")
    put(library, "fourth", b"4")
    assert Digest.of(b"3") in waiting(library), "the one that notices"
    assert Digest.of(b"4") not in waiting(library)
    assert library.blocks.get(Digest.of(b"4")) == b"4"


def test_an_upload_that_is_refused_leaves_nothing_and_may_go_elsewhere(library: Library) -> None:
    upload = library.uploads.open(OPERATOR, place("no folder/a"), check_now=False)
    upload.write(SMALL)
    with pytest.raises(Conflict):
        upload.finish()
    assert waiting(library) == []
    upload.finish(place("a"))
    assert waiting(library) == [Digest.of(SMALL)]


def test_after_the_stop_sign_no_small_upload_is_acknowledged(library: Library) -> None:
    library.stop_sign.stop("a test")
    with pytest.raises(WritesStopped):
        put(library, "a")
    assert waiting(library) == []
    library.stop_sign.clear()


def test_a_fresh_upload_brings_a_block_back_that_was_set_aside(library: Library, tmp_path: Path) -> None:
    digest = Digest.of(SMALL)
    put(library, "a")
    file_all(library)
    overwrite(file_of(tmp_path, digest), b"something else")
    assert [one.problem != "" for one in library.upkeep.verify(OPERATOR)] == [True]
    put(library, "a")
    assert [one.problem for one in library.upkeep.verify(OPERATOR)] == [""]
    file_all(library)
    assert library.files.get(digest) == SMALL


def test_verify_reads_blocks_where_they_are(library: Library) -> None:
    put(library, "a")
    assert [(one.digest, one.problem) for one in library.upkeep.verify(OPERATOR)] == [(Digest.of(SMALL), "")]
    library.catalog.change(lambda draft: draft._sql.execute("UPDATE intake SET data = x'00'"))
    assert [one.problem != "" for one in library.upkeep.verify(OPERATOR)] == [True]
    assert library.upkeep.check(OPERATOR) == []


def test_a_server_files_what_came_in_also_before_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filer, "LOOK_SECONDS", 0.01)
    earlier = open_library(tmp_path)
    earlier.flists.create(OPERATOR, NAME, make_account=True)
    earlier.intake.open(lambda size_bytes: None)
    put(earlier, "a", b"1")
    earlier.close()
    library = open_library(tmp_path)
    library.start_filing()
    put(library, "b", b"2")
    deadline = time.monotonic() + SECONDS_MAX
    while waiting(library) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert library.files.get(Digest.of(b"1")) + library.files.get(Digest.of(b"2")) == b"12"
    library.close()


def test_closing_does_not_wait_for_the_intake_to_be_emptied(tmp_path: Path) -> None:
    library = open_library(tmp_path)
    library.flists.create(OPERATOR, NAME, make_account=True)
    library.start_filing()
    put(library, "a")
    began = time.monotonic()
    library.close()
    assert time.monotonic() - began < SECONDS_MAX / 3
    again = open_library(tmp_path)
    assert again.blocks.get(Digest.of(SMALL)) == SMALL
    again.close()
