"""Sockets in the file system: the one of a data directory, run/rpc.sock, and any other.

The folder `run` is for the owner of the data directory alone (0700), and so is the socket (0600). Whoever holds the
lock on `run/rpc.lock` owns the socket; the file says who that is. The kernel lets go of the lock when the last process
that came from its owner has ended, so a crash leaves a socket behind and no lock: the next owner replaces the socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from mylist_dav.errors import Exists, Unsupported
from mylist_dav.store.disk import turned

FOLDER = "run"
SOCKET = "rpc.sock"
LOCK = "rpc.lock"

_PATH_BYTES_MAX = 107
"""Of the address of a socket (unix(7)); a longer path is reached through a descriptor of its folder."""

_PID_BYTES_MAX = 20


class _Which(NamedTuple):
    """A file, whatever its name."""

    device: int
    inode: int


class FileSocket:
    """A listening socket at a path. close() takes the path away again, unless somebody else has put theirs there."""

    def __init__(self, path: Path, mode: int, backlog: int) -> None:
        """mode: the permission bits. What a server that has ended left there is replaced.

        Raises Exists when a server answers there, or something else than a socket is there; MylistError.
        """
        self.path = path
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_address(path) as address:
                _clear(path, address)
                self.listening.bind(address)
            path.chmod(mode)  # nobody can connect before listen
            self._which = _which(path)
            self.listening.listen(backlog)
        except OSError as error:
            self.listening.close()
            raise turned(error, f"listen on the socket {path.name}") from error
        except BaseException:
            self.listening.close()
            raise

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if _which(self.path) == self._which:
                self.path.unlink()
        self.listening.close()


class LocalSocket:
    """The socket of a data directory, for as long as this one is open, in this process and its forks."""

    def __init__(self, root: Path, backlog: int) -> None:
        """Raises Exists when another process has it; Unsupported where nobody can tell who connects; MylistError."""
        if not hasattr(socket, "SO_PEERCRED"):
            raise Unsupported("this system does not tell who connects to a socket")
        folder = root / FOLDER
        try:
            _private_folder(folder)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise turned(error, f"make the folder {FOLDER} of the data directory") from error
        try:
            _take(self._lock)
            self._socket = FileSocket(folder / SOCKET, 0o600, backlog)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def listening(self) -> socket.socket:
        return self._socket.listening

    def __enter__(self) -> LocalSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the socket away, and let go of the lock."""
        self._socket.close()
        os.close(self._lock)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address of a path that the kernel takes, however long the path is; it is good inside the block."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _private_folder(folder: Path) -> None:
    """Make the folder, for its owner alone; also if it was made otherwise. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o700:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _take(lock: int) -> None:
    """Take the lock and write down who has it. Raises Exists."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(lock, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
        raise Exists(
            f"it belongs to process {owner if owner.isdigit() else 'of another server'} already"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _clear(path: Path, address: str) -> None:
    """Take away the socket of a server that has ended. Raises Exists for anything else, OSError."""
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Exists(f"there is something called {path.name} already, and it is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)  # a server whose queue is full lives too, and answers with EAGAIN
        try:
            asking.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise Exists(f"a server answers on the socket {path.name} already")


def _which(path: Path) -> _Which:
    found = os.stat(path, follow_symlinks=False)
    return _Which(found.st_dev, found.st_ino)
