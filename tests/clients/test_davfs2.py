"""davfs2: the flist as a mounted folder, with locks."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.fuse import require_fuse
from tests.clients.trees import contents, plant
from tests.programs import require_program, require_root
from tests.serving import Served

pytestmark = pytest.mark.clients

LOCAL = ("lost+found",)
"""davfs2 shows this folder itself."""


class Mount:
    """A flist at a mount point. again() unmounts, which waits for uploads, and mounts with an empty cache."""

    def __init__(self, url: str, folder: Path, token: str) -> None:
        """folder: one that the user davfs2 may enter."""
        self.path = folder / "mounted"
        self._url = url
        self._folder = folder
        self._options = folder / "davfs2.conf"
        secrets = folder / "secrets"
        secrets.write_text(f'"{url}" admin {token}\n')
        secrets.chmod(0o600)
        self._options.write_text(
            "ask_auth 0\nuse_locks 1\ngui_optimize 0\ndelay_upload 0\n"
            "buf_size 256\n"  # with its default this kernel cannot read folders that are not empty
            f"secrets {secrets}\ncache_dir {folder / 'cache'}\n"
        )
        self.path.mkdir()

    def mount(self) -> None:
        cache = self._folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        os.chown(cache, 0, grp.getgrnam("davfs2").gr_gid)
        cache.chmod(0o775)
        done = subprocess.run(
            [require_program("mount.davfs"), "-o", f"conf={self._options},uid=0,gid=0", self._url, self.path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], capture_output=True, timeout=120, check=True)

    def again(self) -> None:
        self.unmount()
        self.mount()

    def contents(self) -> dict[str, bytes | None]:
        return contents(self.path, LOCAL)


@pytest.fixture
def mount(served: Served, flist: str) -> Iterator[Mount]:
    require_program("mount.davfs")
    require_root()
    require_fuse()
    with tempfile.TemporaryDirectory(prefix="davfs2-") as folder:
        Path(folder).chmod(0o755)  # a folder of pytest's is closed to others
        mounted = Mount(served.dav(f"{flist}/"), Path(folder), served.token)
        mounted.mount()
        try:
            yield mounted
        finally:
            if mounted.path.is_mount():
                mounted.unmount()


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
