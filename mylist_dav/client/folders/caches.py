"""What pushes and pulls remember between runs, in the user's cache folder: digests of files, and trees of servers.

Nothing here is needed: what is missing, damaged, too large or of another version is found out again. A file begins with
a line "mylist cache 1 <BLAKE3-256 of the rest>"; the rest is JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from blake3 import blake3

from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.nodes import KINDS, Block, Node, Tree
from mylist_dav.client.folders.walking import Stamp
from mylist_dav.client.logins.folder import write_private
from mylist_dav.errors import MylistError

FILE_BYTES_MAX = 1024 * 1024 * 1024
FILES_MAX = 200
"""Most files of one kind that are kept; those used longest ago go first."""

GRAIN_NS = 2_000_000_000
"""The coarsest clock of a file system (FAT). A file whose times are less than that before it was read could be changed
again without a trace: it is read again the next time."""

_HEAD = "mylist cache 1 "


class Hashes:
    """The digests of the files of one folder, as they were when their stamps were these."""

    def __init__(self, cache: Path | None, folder: Path) -> None:
        """cache: the user's cache folder; without one everything is found out again."""
        self._path = _place(cache, "hashes", str(folder.resolve()))
        document = _load(self._path)
        self._known: dict[str, list[Any]] = document.get("files", {}) if document else {}
        self._found: dict[str, list[Any]] = {}

    def get(self, path: str, stamp: Stamp) -> Hashed | None:
        """What a file with this stamp holds, if that is certain."""
        row = self._known.get(path)
        if row is None or tuple(row[:4]) != stamp:
            return None
        if max(row[1], row[2]) + GRAIN_NS > row[4]:
            return None
        self._found[path] = row
        digest, blocks = row[5], row[6]
        if blocks is None:
            return Hashed(digest, (Block(digest, stamp.size_bytes),) if stamp.size_bytes else ())
        return Hashed(digest, tuple(Block(*block) for block in blocks))

    def keep(self, path: str, stamp: Stamp, hashed: Hashed, read_ns: int) -> None:
        """A file was read. read_ns: the clock before that."""
        blocks = hashed.blocks if len(hashed.blocks) > 1 else None
        self._found[path] = [*stamp, read_ns, hashed.digest, blocks]

    def save(self, *, whole: bool) -> None:
        """Write it down, if it is new. whole: every file was looked at, so that others are there no more."""
        files = self._found if whole else {**self._known, **self._found}
        if files != self._known:
            _store(self._path, {"files": files})


class Trees:
    """The last tree of a flist that was pushed or pulled. moment: tells a flist from one made anew with its name."""

    def __init__(self, cache: Path | None, server: str, flist: str) -> None:
        self._path = _place(cache, "trees", f"{server} {flist}")
        self._kept: tuple[int, int] | None = None

    def get(self, moment: int) -> tuple[int, Tree] | None:
        """Revision and tree."""
        document = _load(self._path)
        if document is None or document.get("moment") != moment:
            return None
        rows: dict[str, list[Any]] = document["entries"]
        if not all(row[0] in KINDS for row in rows.values()):
            return None
        self._kept = moment, document["jid"]
        return document["jid"], {path: Node(*row) for path, row in rows.items()}

    def keep(self, moment: int, jid: int, tree: Tree) -> None:
        """Remember a tree; a revision never changes, so that what is there already need not be written."""
        if self._kept == (moment, jid):
            return
        self._kept = moment, jid
        _store(self._path, {"moment": moment, "jid": jid, "entries": tree})


def _place(cache: Path | None, kind: str, of: str) -> Path | None:
    name = blake3(of.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache / kind / name if cache is not None else None


def _load(path: Path | None) -> dict[str, Any] | None:
    """The document of a file, if it is whole."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            head, data = file.readline(200), file.read(FILE_BYTES_MAX)
    except OSError:
        return None
    if head.decode("ascii", "replace") != f"{_HEAD}{blake3(data).hexdigest()}\n":
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # for _forget_old
    found = json.loads(data)
    return found if isinstance(found, dict) else None


def _store(path: Path | None, document: dict[str, Any]) -> None:
    if path is None:
        return
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > FILE_BYTES_MAX:
        return
    with contextlib.suppress(MylistError):  # a full disk costs time the next time, and nothing else
        write_private(
            path, f"{_HEAD}{blake3(text.encode()).hexdigest()}\n{text}", replace=True, durable=False
        )
        _forget_old(path.parent)


def _forget_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-FILES_MAX]:
            path.unlink()
