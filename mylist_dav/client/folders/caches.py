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
    """The last tree of a flist that was pushed or pulled. moment: tells a flist from one made anew with its name.

    What a push has changed of it is written beside it, as long as that is little: `base` is the revision it belongs to.
    """

    def __init__(self, cache: Path | None, server: str, flist: str) -> None:
        self._path = _place(cache, "trees", f"{server} {flist}")
        self._kept: tuple[int, int] | None = None
        self._base_jid = self._base_entries = 0
        self._changed: Tree = {}

    def get(self, moment: int) -> tuple[int, Tree] | None:
        """Revision and tree."""
        found = read_rows(self._path, _TREE) if self._path is not None else None
        if found is None or self._path is None or found.more["moment"] != moment:
            return None
        jid, tree = found.more["jid"], _tree_of(found)
        self._base_jid, self._base_entries, self._changed = jid, len(tree), {}
        later = read_rows(_beside(self._path), _TREE)
        if later is not None and (later.more["moment"], later.more["base"]) == (moment, jid):
            jid, self._changed = later.more["jid"], _tree_of(later)
            tree.update(self._changed)
        self._kept = moment, jid
        return jid, tree

    def is_of(self, moment: int, jid: int) -> bool:
        """Whether what is remembered is said to be this revision: it was not read yet, and may be damaged."""
        if self._path is None or (base := peek(self._path)) is None or base.get("moment") != moment:
            return False
        later = peek(_beside(self._path))
        if later is not None and (later.get("moment"), later.get("base")) == (moment, base.get("jid")):
            return bool(later.get("jid") == jid)
        return bool(base.get("jid") == jid)

    def keep(self, moment: int, jid: int, tree: Tree) -> None:
        """Remember a tree; a revision never changes, so that what is there already need not be written."""
        if self._kept == (moment, jid) or self._path is None:
            return
        self._kept = moment, jid
        self._base_jid, self._base_entries, self._changed = jid, len(tree), {}
        _write_tree(self._path, {"moment": moment, "jid": jid}, tree)

    def keep_changed(self, moment: int, before_jid: int, jid: int, changed: Tree) -> bool:
        """Remember what a revision has changed of the one that `get` has given; False where that is not worth it."""
        changed = {**self._changed, **changed}
        if (
            self._path is None
            or self._kept != (moment, before_jid)
            or len(changed) > self._base_entries // _WORTH_SHARE
        ):
            return False
        self._kept, self._changed = (moment, jid), changed
        _write_tree(_beside(self._path), {"moment": moment, "base": self._base_jid, "jid": jid}, changed)
        return True


def _tree_of(rows: Rows) -> Tree:
    paths, *columns = rows.columns
    nodes = map(tuple.__new__, repeat(Node), zip(*columns, strict=True))
    return dict(zip(paths, nodes, strict=True))


def _write_tree(path: Path, more: Mapping[str, Any], tree: Tree) -> None:
    columns = zip(*tree.values(), strict=True) if tree else repeat((), len(Node._fields))
    write_rows(path, _TREE, Rows(more, [list(tree), *columns]))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.later")


def _place(cache: Path | None, kind: str, of: str) -> Path | None:
    name = blake3(of.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache / kind / name if cache is not None else None
