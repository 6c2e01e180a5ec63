"""A disk whose power can be cut: ext4 on a file, mounted through a loop device.

What the file holds is what reached the device. A copy of it, taken while it is mounted, is the disk after a power cut;
mounting the copy replays the journal as after a reboot. Not covered: a device that reorders or tears what it was told
to keep.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import ADMIN_FOLDERS, require, require_program, require_root


class LoopDisk:
    """root: where the disk is mounted. Made by loop_disk()."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = folder / "disk.img"
        self.root = folder / "mounted"
        self._cuts = 0

    @contextmanager
    def after_power_cut(self) -> Iterator[Path]:
        """The disk as it would come up if the power failed now, mounted at the path given."""
        self._cuts += 1
        image = self._folder / f"cut-{self._cuts}.img"
        point = self._folder / f"cut-{self._cuts}"
        run("cp", "--sparse=always", str(self._image), str(image))
        try:
            with mounted(image, point):
                yield point
        finally:
            image.unlink()
            shutil.rmtree(point)


@contextmanager
def loop_disk(folder: Path, size_mib: int) -> Iterator[LoopDisk]:
    """A new, empty disk; skips the test (in CI: fails it) where such a thing cannot be made."""
    require_root()
    for program in ("mkfs.ext4", "mount", "umount"):
        require_program(program)
    disk = LoopDisk(folder)
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    with mounted(image, disk.root):
        yield disk


@contextmanager
def mounted(image: Path, point: Path) -> Iterator[None]:
    point.mkdir()
    result = call("mount", "-o", "loop", str(image), str(point))
    require(result.returncode == 0, f"loop mounts do not work here: {result.stderr.strip()}")
    try:
        yield
    finally:
        # A test that failed has files open still: then the mount goes when those are closed.
        if call("umount", str(point)).returncode != 0:
            run("umount", "--lazy", str(point))


def call(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *ADMIN_FOLDERS])
    return subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)


def run(*command: str) -> None:
    result = call(*command)
    assert result.returncode == 0, f"{command}: {result.stderr}"
