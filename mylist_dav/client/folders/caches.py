"""What pushes and pulls remember between runs, in the user's cache folder: digests of files, and trees of servers.

Nothing here is needed: what is missing, damaged, too large or of another version (columns.py) is found out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from mylist_dav.client.folders.columns import Rows, peek, read_rows, write_rows
from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.nodes import Block, Node, Tree
from mylist_dav.client.folders.walking import Row, Stamp

GRAIN_NS = 2_000_000_000
"""The coarsest clock of a file system (FAT). A file whose times are less than that before it was read could be changed
again without a trace: it is read again the next time."""

_WORTH_SHARE = 64
_WORTH_BYTES = 4 * 1024 * 1024
"""Files are written down once one of so many is new or gone, or so many bytes were read: to write all of ten thousand
takes as long as to read some hundred again, and a push often finds a handful changed."""

_HASHES = "ssQqqQ"  # paths, digests, stamps
_TREE = "ssQqqss"  # paths, nodes


class Remembered(NamedTuple):
    """known: of each file. long: the blocks of those that have several, as (id, size_bytes)."""

    known: dict[str, Row]
    long: dict[str, Sequence[Sequence[Any]]]


class Hashes:
    """The digests of the files of one folder, as they were when their stamps were these."""

    def __init__(self, cache: Path | None, folder: Path) -> None:
        """cache: the user's cache folder; without one everything is found out again."""
        self._path = _place(cache, "hashes", str(folder.resolve()))
        self._misleads = False  # what is written down
        self._new_files = self._new_bytes = 0

    @cached_property
    def _remembered(self) -> Remembered:
        """Read when it is first asked for: a request goes out before."""
        found = read_rows(self._path, _HASHES) if self._path is not None else None
        if found is None:
            return Remembered({}, {})
        paths, digests, *stamps = found.columns
        rows = zip(map(tuple.__new__, repeat(Stamp), zip(*stamps, strict=True)), digests, strict=True)
        return Remembered(dict(zip(paths, rows, strict=True)), found.more["long"])

    @property
    def known(self) -> Mapping[str, Row]:
        """What is certain of each file."""
        return self._remembered.known

    def get(self, path: str, stamp: Stamp) -> Hashed | None:
        """What a file with this stamp holds, if that is certain."""
        known, long = self._remembered
        row = known.get(path)
        if row is None or row[0] != stamp:
            return None
        digest = row[1]
        if (blocks := long.get(path)) is not None:
            return Hashed(digest, tuple(Block(*block) for block in blocks))
        return Hashed(digest, (Block(digest, stamp.size_bytes),) if stamp.size_bytes else ())

    def keep(self, path: str, stamp: Stamp, hashed: Hashed, read_ns: int) -> None:
        """A file was read. read_ns: the clock before that."""
        known, long = self._remembered
        row = known.pop(path, None)
        long.pop(path, None)
        certain = max(stamp.mtime_ns, stamp.ctime_ns) + GRAIN_NS <= read_ns
        if certain:
            known[path] = stamp, hashed.digest
            if len(hashed.blocks) > 1:
                long[path] = hashed.blocks
            self._new_files += 1
            self._new_bytes += stamp.size_bytes
        self._misleads |= row is not None and row[0] == stamp  # another stamp misleads nobody

    def save(self, there: Mapping[str, Stamp] | None = None) -> None:
        """Write it down, if that is worth it. there: all the files there are, others are forgotten; None: not known.

        Files may be read meanwhile, by another thread: they are written down the next time.
        """
        known, long = self._remembered.known.copy(), self._remembered.long.copy()
        gone = 0 if there is None else len(known.keys() - there.keys())
        much = self._new_files + gone > len(known) // _WORTH_SHARE or self._new_bytes > _WORTH_BYTES
        if self._path is None or not (self._misleads or much):
            return
        files = known if there is None else {path: row for path, row in known.items() if path in there}
        stamps, digests = zip(*files.values(), strict=True) if files else ((), ())
        more = {"long": {path: blocks for path, blocks in long.items() if path in files}}
        columns = zip(*stamps, strict=True) if files else repeat((), 4)
        write_rows(self._path, _HASHES, Rows(more, [list(files), digests, *columns]))


class Trees:
    """The last tree of a flist that was pushed or pulled. moment: tells a flist from one made anew with its name."""

    def __init__(self, cache: Path | None, server: str, flist: str) -> None:
        self._path = _place(cache, "trees", f"{server} {flist}")
        self._kept: tuple[int, int] | None = None

    def get(self, moment: int) -> tuple[int, Tree] | None:
        """Revision and tree."""
        found = read_rows(self._path, _TREE) if self._path is not None else None
        if found is None or found.more["moment"] != moment:
            return None
        jid = found.more["jid"]
        self._kept = moment, jid
        paths, *columns = found.columns
        nodes = map(tuple.__new__, repeat(Node), zip(*columns, strict=True))
        return jid, dict(zip(paths, nodes, strict=True))

    def is_of(self, moment: int, jid: int) -> bool:
        """Whether what is remembered is said to be this revision: it was not read yet, and may be damaged."""
        more = peek(self._path) if self._path is not None else None
        return more is not None and (more.get("moment"), more.get("jid")) == (moment, jid)

    def keep(self, moment: int, jid: int, tree: Tree) -> None:
        """Remember a tree; a revision never changes, so that what is there already need not be written."""
        if self._kept == (moment, jid) or self._path is None:
            return
        self._kept = moment, jid
        columns = zip(*tree.values(), strict=True) if tree else repeat((), len(Node._fields))
        write_rows(self._path, _TREE, Rows({"moment": moment, "jid": jid}, [list(tree), *columns]))


def _place(cache: Path | None, kind: str, of: str) -> Path | None:
    name = blake3(of.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache / kind / name if cache is not None else None
