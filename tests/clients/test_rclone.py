"""rclone over WebDAV: copies there and back, modification times, names, moves, deletions."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.fuse import require_fuse
from tests.clients.trees import contents, plant
from tests.programs import require_program
from tests.serving import Served

pytestmark = pytest.mark.clients

Rclone = Callable[..., str]
MTIME_SECONDS = 1_234_567_890
UPLOAD_SECONDS_MAX = 60


@pytest.fixture(params=["other", "owncloud"])
def rclone(request: pytest.FixtureRequest, served: Served, flist: str, tmp_path: Path) -> Rclone:
    """rclone(command, arguments ...): D: is the flist."""
    program = require_program("rclone")
    hidden = subprocess.run([program, "obscure", served.token], capture_output=True, text=True, check=True)
    environ = {
        **os.environ,
        "RCLONE_CONFIG": str(tmp_path / "none.conf"),
        "RCLONE_CONFIG_D_TYPE": "webdav",
        "RCLONE_CONFIG_D_URL": served.dav(flist),
        "RCLONE_CONFIG_D_VENDOR": request.param,
        "RCLONE_CONFIG_D_USER": "admin",
        "RCLONE_CONFIG_D_PASS": hidden.stdout.strip(),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, "-q", "--retries", "1", *arguments],
            capture_output=True, text=True, timeout=120, env=environ, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    run.vendor = request.param  # type: ignore[attr-defined]
    return run


def test_a_tree_goes_there_and_back_byte_for_byte(rclone: Rclone, tmp_path: Path) -> None:
    sent, back = tmp_path / "sent", tmp_path / "back"
    plant(sent)
    rclone("copy", str(sent), "D:t", "--create-empty-src-dirs")
    rclone("check", "--download", str(sent), "D:t")
    rclone("copy", "D:t", str(back), "--create-empty-src-dirs")
    assert contents(back) == contents(sent)


def test_a_file_is_renamed_to_names_that_look_like_queries(rclone: Rclone, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"kept")
    rclone("copyto", str(tmp_path / "f"), "D:plain.bin")
    rclone("moveto", "D:plain.bin", "D:moved?of;f%41#1.bin")
    rclone("copyto", "D:moved?of;f%41#1.bin", "D:copy?of;f2.bin")
    assert rclone("lsf", "D:").splitlines() == ["copy?of;f2.bin", "moved?of;f%41#1.bin"]
    assert rclone("cat", "D:copy?of;f2.bin") == "kept"


def test_modification_times_are_kept_where_rclone_sends_them(rclone: Rclone, tmp_path: Path) -> None:
    file = tmp_path / "old.txt"
    file.write_bytes(b"old")
    os.utime(file, (MTIME_SECONDS, MTIME_SECONDS))
    rclone("copyto", str(file), "D:old.txt")
    listed = rclone("lsf", "--format", "t", "D:", "--use-server-modtime=false")
    kept = rclone.vendor == "owncloud"  # type: ignore[attr-defined]
    assert listed.startswith("2009-02-1") == kept


def test_sync_takes_away_what_is_gone(rclone: Rclone, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    (sent / "sub").mkdir(parents=True)
    (sent / "a").write_bytes(b"1")
    (sent / "sub" / "b").write_bytes(b"2")
    rclone("sync", str(sent), "D:t")
    (sent / "sub" / "b").unlink()
    (sent / "a").write_bytes(b"longer")
    rclone("sync", str(sent), "D:t")
    assert rclone("lsf", "-R", "--files-only", "D:t").splitlines() == ["a"]
    rclone("purge", "D:t")
    assert rclone("lsf", "D:") == ""


@pytest.mark.parametrize("rclone", ["owncloud"], indirect=True)
def test_both_directions_are_synchronised_where_times_are_kept(rclone: Rclone, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "a").write_bytes(b"from here")
    (tmp_path / "b").write_bytes(b"from there")
    rclone("copyto", str(tmp_path / "b"), "D:t/b")
    bisync = ("bisync", "D:t", str(here), "--workdir", str(tmp_path / "work"))
    rclone(*bisync, "--resync")
    assert contents(here) == {"a": b"from here", "b": b"from there"}
    (here / "b").write_bytes(b"changed here")
    (here / "a").unlink()
    rclone(*bisync, "--force")
    assert rclone("lsf", "D:t").splitlines() == ["b"]
    assert rclone("cat", "D:t/b") == "changed here"


def test_a_mounted_flist_is_written_renamed_and_deleted_in(rclone: Rclone, tmp_path: Path) -> None:
    require_fuse()
    with mounted(rclone, tmp_path, "--vfs-write-back", "100ms") as top:
        (top / "folder").mkdir()
        (top / "folder" / "q?x;y ü.bin").write_bytes(b"x" * 3_000_000)
        (top / "gone").write_bytes(b"gone")
        until_listed(rclone, ["folder/", "folder/q?x;y ü.bin", "gone"])
    with mounted(rclone, tmp_path) as top:
        assert contents(top).keys() == {"folder", "folder/q?x;y ü.bin", "gone"}
        (top / "folder" / "q?x;y ü.bin").rename(top / "r#s 100%.bin")
        (top / "gone").unlink()
        (top / "folder").rmdir()
    assert rclone("lsf", "-R", "D:").splitlines() == ["r#s 100%.bin"]
    assert rclone("cat", "D:r#s 100%.bin") == "x" * 3_000_000


def test_an_edit_in_place_in_a_mounted_flist_reaches_the_server(rclone: Rclone, tmp_path: Path) -> None:
    """sed -i writes a new file and renames it over the old one while rclone has not uploaded it yet."""
    require_fuse()
    sed = require_program("sed")
    (tmp_path / "f").write_bytes(b"aaa one\n")
    rclone("copyto", str(tmp_path / "f"), "D:f.txt")
    with mounted(rclone, tmp_path) as top:
        subprocess.run([sed, "-i", "s/aaa/bbb/", str(top / "f.txt")], check=True, capture_output=True)
        until_read(rclone, "f.txt", "bbb one\n")
    assert rclone("lsf", "D:").splitlines() == ["f.txt"]


def test_a_file_renamed_over_another_in_a_mounted_flist_takes_its_place(
    rclone: Rclone, tmp_path: Path
) -> None:
    require_fuse()
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(name.encode())
        rclone("copyto", str(tmp_path / name), f"D:{name}")
    with mounted(rclone, tmp_path) as top:
        (top / "new").replace(top / "old")
        assert (top / "old").read_bytes() == b"new"
    assert rclone("lsf", "D:").splitlines() == ["old"]
    assert rclone("cat", "D:old") == "new"


def until_read(rclone: Rclone, name: str, expected: str) -> None:
    """A mount of rclone uploads 5 seconds after a file is closed: read until it has."""
    end = time.monotonic() + UPLOAD_SECONDS_MAX
    while (found := rclone("cat", f"D:{name}")) != expected:
        assert time.monotonic() < end, f"{name} is {found!r} still"


def until_listed(rclone: Rclone, expected: list[str]) -> None:
    """A mount of rclone uploads some time after a file is closed: look until it has."""
    listed: list[str] = []
    for _ in range(100):
        listed = sorted(rclone("lsf", "-R", "D:").splitlines())
        if listed == expected:
            return
    raise AssertionError(f"never listed: {expected}; at last there was {listed}")


@contextmanager
def mounted(rclone: Rclone, folder: Path, *more: str) -> Iterator[Path]:
    """The flist as a folder, with the options that README.md names, and more."""
    unmount = require_program("fusermount3")
    top = folder / "mounted"
    top.mkdir(exist_ok=True)
    options = ("--vfs-cache-mode", "writes", "--dir-cache-time", "1s", "--daemon")
    rclone("mount", "D:", str(top), "--cache-dir", str(folder / "cache"), *options, *more)
    try:
        yield top
    finally:
        subprocess.run([unmount, "-u", str(top)], check=True, capture_output=True, timeout=60)
