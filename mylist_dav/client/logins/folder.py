"""The user's folders, and small private files in them: for their user alone, and they appear whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mylist_dav.errors import Exists, Invalid, MylistError, NotFound

FILE_BYTES_MAX = 256 * 1024


def config_folder(environ: Mapping[str, str]) -> Path:
    """XDG_CONFIG_HOME/mylist, or ~/.config/mylist. Raises NotFound for somebody without a home."""
    configured, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    if configured.startswith("/"):  # a relative one counts as not set (XDG Base Directory Specification)
        return Path(configured) / "mylist"
    if not home.startswith("/"):
        raise NotFound("there is no home folder for your keys and tokens: set HOME or XDG_CONFIG_HOME")
    return Path(home) / ".config" / "mylist"


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """XDG_CACHE_HOME/mylist, or ~/.cache/mylist; None for somebody without a home. What is there may be removed."""
    configured, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    if configured.startswith("/"):
        return Path(configured) / "mylist"
    return Path(home) / ".cache" / "mylist" if home.startswith("/") else None


def read_file(path: Path) -> str:
    """The text of a small file. Raises NotFound, Invalid, MylistError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise MylistError(f"could not read {path}: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"{path} is too large for what it should be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not text") from error


def is_open_to_others(path: Path) -> bool:
    """Whether others than its owner may read or write a file. What cannot be looked at counts as closed."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other command that asks for this out of a folder, to change what is read there. Raises MylistError.

    The folder is made where it is missing.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise MylistError(f"could not use {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, content: str | bytes, *, replace: bool, durable: bool = True) -> None:
    """Write a file that its owner alone may read (0600), in a folder of the same kind (0700), made where missing.

    durable: on disk when this returns; not needed for what can be found out again.

    Raises Exists when there is one and replace is false, MylistError.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(temporary, content.encode() if isinstance(content, str) else content, durable)
            if replace:
                temporary.replace(path)
            else:
                os.link(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except FileExistsError as error:
        raise Exists(f"there is already a file {path}") from error
    except OSError as error:
        raise MylistError(f"could not write {path}: {error.strerror}") from error


def _write(path: Path, data: bytes, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(descriptor)
