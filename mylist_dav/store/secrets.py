"""A small secret of the data directory in a file of its own, which nobody but its owner may read."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mylist_dav.errors import Corrupt
from mylist_dav.store.disk import Disk, turned

SECRET_BYTES_MAX = 64 * 1024
_log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What changes whenever the file is replaced."""

    inode: int
    mtime_ns: int
    size_bytes: int


class SecretFile:
    """The file `name` in the folder root, which is there. Safe to use from several processes: files appear whole."""

    def __init__(self, root: Path, name: str, disk: Disk | None = None) -> None:
        self._root = root
        self._path = root / name
        self._disk = disk or Disk()
        self._warned = False

    def stamp(self) -> Stamp | None:
        """Which file is there now; None if none is."""
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise turned(error, f"look at {self._path.name}") from error
        return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)

    def read(self) -> bytes | None:
        """The bytes; None if there is no file. Raises Corrupt when it is no file, or far too large."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise turned(error, f"read {self._path.name}") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > SECRET_BYTES_MAX:
                raise Corrupt(f"{self._path.name} in the data directory is not what was written there")
            if status.st_mode & 0o077 and not self._warned:
                self._warned = True
                _log.warning("%s in the data directory may be read by others: chmod 600", self._path.name)
            return os.read(descriptor, SECRET_BYTES_MAX)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody else who asks for this out, in all processes: to read the file, and replace what was read."""
        try:
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise turned(error, f"lock {self._path.name}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def create(self, data: bytes) -> bool:
        """Make the file, durable. False, and nothing is changed, when there is one already."""
        return self._put(data, replace=False)

    def replace(self, data: bytes) -> None:
        """Put these bytes, durable, in the place of what is there."""
        self._put(data, replace=True)

    def _put(self, data: bytes, *, replace: bool) -> bool:
        temporary = self._root / f".{self._path.name}.{secrets.token_hex(8)}"
        try:
            self._write(temporary, data)
            try:
                if replace:
                    self._disk.rename(temporary, self._path)
                else:
                    self._disk.link(temporary, self._path)
                    self._disk.unlink(temporary)
            except BaseException:
                with contextlib.suppress(OSError):
                    self._disk.unlink(temporary)
                raise
            self._disk.sync_folder(self._root)
        except FileExistsError:
            return False
        except OSError as error:
            raise turned(error, f"write {self._path.name}") from error
        return True

    def _write(self, temporary: Path, data: bytes) -> None:
        descriptor = self._disk.create(temporary, 0o600)
        try:
            self._disk.write(descriptor, data)
            self._disk.sync_file(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                self._disk.unlink(temporary)
            raise
        finally:
            os.close(descriptor)
