"""davfs2: a flist as a mounted folder, with locks; and a site."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.davfs import Mount, mounted
from tests.clients.trees import contents, plant
from tests.serving import Served

pytestmark = pytest.mark.clients


@pytest.fixture
def mount(served: Served, flist: str) -> Iterator[Mount]:
    with mounted(served.dav(f"{flist}/"), served.token) as found:
        yield found


def test_a_tree_is_the_same_after_it_was_mounted_anew(mount: Mount, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    plant(sent)
    shutil.copytree(sent, mount.path, dirs_exist_ok=True)
    mount.again()
    assert mount.contents() == contents(sent)


def test_files_and_folders_are_edited_renamed_and_deleted(mount: Mount) -> None:
    top = mount.path
    (top / "folder").mkdir()
    (top / "folder" / "q?x;y.bin").write_bytes(b"first")
    with (top / "folder" / "q?x;y.bin").open("ab") as file:
        file.write(b" and second")
    (top / "folder" / "q?x;y.bin").rename(top / "folder" / "r?s;t 100%.bin")
    (top / "folder").rename(top / "an#other")
    (top / "gone.txt").write_bytes(b"x")
    (top / "gone.txt").unlink()
    mount.again()
    assert mount.contents() == {"an#other": None, "an#other/r?s;t 100%.bin": b"first and second"}
    shutil.rmtree(top / "an#other")
    mount.again()
    assert mount.contents() == {}


def test_a_program_stays_executable(mount: Mount) -> None:
    tool = mount.path / "tool.sh"
    tool.write_bytes(b"#!/bin/sh\n")
    tool.chmod(0o755)
    mount.again()
    assert os.access(mount.path / "tool.sh", os.X_OK)


# -- at the address of a site ----------------------------------------------------------------------------------

PHRASE = "correct horse battery"


@pytest.fixture
def site(served: Served, flist: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A flist with a file, shown at the root of 127.0.0.1 with WebDAV as the parameter says; its name."""
    with served.client() as client:
        client.put(f"/dav/{flist}/there.txt", content=b"words")
        client.put(f"/dav/{flist}/.hidden", content=b"not for visitors")
    file = served.data / "phrase"
    file.write_text(f"{PHRASE}\n")
    served.mylist(
        "expose", flist, "--host", "127.0.0.1", "--dav", request.param,
        "--mode", "secret", "--secret-file", str(file),
    )  # fmt: skip
    yield flist
    served.mylist("unexpose", "--host", "127.0.0.1")


@pytest.mark.parametrize("site", ["rw"], indirect=True)
def test_who_may_write_mounts_a_site_and_writes(site: str, served: Served) -> None:
    with mounted(f"{served.url}/", served.token) as mount:
        (mount.path / "folder").mkdir()
        (mount.path / "folder" / "new.bin").write_bytes(b"first")
        with (mount.path / "folder" / "new.bin").open("ab") as file:
            file.write(b" and second")
        (mount.path / "there.txt").rename(mount.path / "folder" / "moved.txt")
        mount.again()
        wanted = {"folder": None, "folder/new.bin": b"first and second", "folder/moved.txt": b"words"}
        assert mount.contents() == {**wanted, ".hidden": b"not for visitors"}


@pytest.mark.parametrize("site", ["rw", "ro"], indirect=True)
def test_a_visitor_mounts_a_site_by_its_phrase_and_reads(site: str, served: Served) -> None:
    with mounted(f"{served.url}/", PHRASE, "anybody") as mount:
        assert mount.contents() == {"there.txt": b"words"}
        with pytest.raises(OSError):
            (mount.path / "folder").mkdir()
        with contextlib.suppress(OSError):  # davfs2 takes a 405 for done, until it looks again
            (mount.path / "there.txt").unlink()
        mount.again()
        assert mount.contents() == {"there.txt": b"words"}


@pytest.mark.parametrize("site", ["ro"], indirect=True)
def test_a_site_for_reading_is_not_written_by_who_may_write_the_flist(site: str, served: Served) -> None:
    with mounted(f"{served.url}/", served.token) as mount:
        assert mount.contents()["there.txt"] == b"words"
        with pytest.raises(OSError):
            (mount.path / "folder").mkdir()
