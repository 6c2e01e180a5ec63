"""What pushes and pulls remember between runs, in the user's cache folder: digests of files, and trees of servers.

Nothing here is needed: what is missing, damaged, too large or of another version is found out again. A file begins with
a line "mylist cache 2 <BLAKE3-256 of the rest>"; the rest is JSON, in columns: rows take twice as long to read.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.nodes import Block, Node, Tree
from mylist_dav.client.folders.walking import Row, Stamp
from mylist_dav.client.logins.folder import write_private
from mylist_dav.errors import MylistError

FILE_BYTES_MAX = 1024 * 1024 * 1024
FILES_MAX = 200
"""Most files of one kind that are kept; those used longest ago go first."""

GRAIN_NS = 2_000_000_000
"""The coarsest clock of a file system (FAT). A file whose times are less than that before it was read could be changed
again without a trace: it is read again the next time."""

_HEAD = "mylist cache 2 "


class Remembered(NamedTuple):
    """known: of each file. long: the blocks of those that have several, as (id, size_bytes)."""

    known: dict[str, Row]
    long: dict[str, Sequence[Sequence[Any]]]


class Hashes:
    """The digests of the files of one folder, as they were when their stamps were these."""

    def __init__(self, cache: Path | None, folder: Path) -> None:
        """cache: the user's cache folder; without one everything is found out again."""
        self._path = _place(cache, "hashes", str(folder.resolve()))
        self._changed = False

    @cached_property
    def _remembered(self) -> Remembered:
        """Read when it is first asked for: a request goes out before."""
        document = _load(self._path)
        if document is None:
            return Remembered({}, {})
        stamps = zip(*document["stamps"], strict=True)
        rows = zip(stamps, document["digests"], strict=True)
        return Remembered(dict(zip(document["paths"], rows, strict=True)), document["long"])

    @property
    def known(self) -> Mapping[str, Row]:
        """What is certain of each file."""
        return self._remembered.known

    def get(self, path: str, stamp: Stamp) -> Hashed | None:
        """What a file with this stamp holds, if that is certain."""
        known, long = self._remembered
        was, digest = known.get(path, (None, ""))
        if was != stamp:
            return None
        if (blocks := long.get(path)) is not None:
            return Hashed(digest, tuple(Block(*block) for block in blocks))
        return Hashed(digest, (Block(digest, stamp.size_bytes),) if stamp.size_bytes else ())

    def keep(self, path: str, stamp: Stamp, hashed: Hashed, read_ns: int) -> None:
        """A file was read. read_ns: the clock before that."""
        known, long = self._remembered
        was, _ = known.pop(path, (None, ""))
        long.pop(path, None)
        certain = max(stamp.mtime_ns, stamp.ctime_ns) + GRAIN_NS <= read_ns
        if certain:
            known[path] = stamp, hashed.digest
            if len(hashed.blocks) > 1:
                long[path] = hashed.blocks
        self._changed |= certain or was == stamp  # a row of another stamp misleads nobody

    def save(self, there: Mapping[str, Stamp] | None = None) -> None:
        """Write it down, if it is new. there: all the files there are, others are forgotten; None: it is not known.

        Files may be read meanwhile, by another thread: they are written down the next time.
        """
        known, long = self._remembered.known.copy(), self._remembered.long.copy()
        if not self._changed and (there is None or known.keys() <= there.keys()):
            return
        files = known if there is None else {path: row for path, row in known.items() if path in there}
        stamps, digests = zip(*files.values(), strict=True) if files else ((), ())
        document = {
            "paths": list(files),
            "stamps": list(zip(*stamps, strict=True)),
            "digests": digests,
            "long": {path: blocks for path, blocks in long.items() if path in files},
        }
        _store(self._path, document)


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
        nodes = map(Node._make, zip(*document["nodes"], strict=True))
        self._kept = moment, document["jid"]
        return document["jid"], dict(zip(document["paths"], nodes, strict=True))

    def keep(self, moment: int, jid: int, tree: Tree) -> None:
        """Remember a tree; a revision never changes, so that what is there already need not be written."""
        if self._kept == (moment, jid):
            return
        self._kept = moment, jid
        columns = list(zip(*tree.values(), strict=True))
        _store(self._path, {"moment": moment, "jid": jid, "paths": list(tree), "nodes": columns})


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
