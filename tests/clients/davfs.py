"""davfs2: an address of WebDAV as a mounted folder."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.fuse import require_fuse
from tests.clients.trees import contents
from tests.programs import require_program, require_root

LOCAL = ("lost+found",)
"""davfs2 shows this folder itself."""


class Mount:
    """What is at a mount point. again() unmounts, which waits for uploads, and mounts with an empty cache."""

    def __init__(self, url: str, folder: Path, token: str, account: str = "admin") -> None:
        """folder: one that the user davfs2 may enter."""
        self.path = folder / "mounted"
        self._url = url
        self._folder = folder
        self._options = folder / "davfs2.conf"
        secrets = folder / "secrets"
        secrets.write_text(f'"{url}" {account} "{token}"\n')
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


@contextmanager
def mounted(url: str, token: str, account: str = "admin") -> Iterator[Mount]:
    """A mount until the block ends; the test is skipped where none can be had."""
    require_program("mount.davfs")
    require_root()
    require_fuse()
    with tempfile.TemporaryDirectory(prefix="davfs2-") as folder:
        Path(folder).chmod(0o755)  # a folder of pytest's is closed to others
        found = Mount(url, Path(folder), token, account)
        found.mount()
        try:
            yield found
        finally:
            if found.path.is_mount():
                found.unmount()
