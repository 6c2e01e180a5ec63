"""A random key in a file of its own, for its owner alone: made once, the same for every process that opens it.

What must not be in the catalog lies here: whoever reads a copy of the catalog cannot make with it what the key makes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from mylist_dav.errors import Corrupt, MylistError
from mylist_dav.store.disk import turned

KEY_BYTES = 32


def random_key(path: Path) -> bytes:
    """The key in a file, which is made with the mode 0600 if it is not there. Raises Corrupt, OutOfSpace, ...

    Of several processes that make it at once, one wins, and all get its key.
    """
    try:
        if not path.exists():
            _make(path)
        found = path.read_bytes()
    except OSError as error:
        raise _unusable(error, path) from error
    if len(found) != KEY_BYTES:
        raise Corrupt(
            f"{path.name} in the data directory does not hold a key of {KEY_BYTES} bytes: remove it"
        )
    return found


def _make(path: Path) -> None:
    """Whole and durable under another name first; linking fails for all but the first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fdatasync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _unusable(error: OSError, path: Path) -> MylistError:
    return turned(error, f"open {path.name} in the data directory")
