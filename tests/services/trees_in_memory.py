"""What the tests of imports and exports share: a library in a temporary folder, and trees as plain values."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.archives.members import Limits
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.archives.exports import Exports, Format
from mylist_dav.services.archives.imports import ROWS_AT_ONCE_MAX, Imported, Imports
from mylist_dav.services.contents.uploads import Uploads
from mylist_dav.services.tree.flists import Flists
from mylist_dav.services.tree.trees import Trees
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.blockstore.memory import MemoryBlocks
from mylist_dav.store.catalog import Catalog

NAME = FlistName("alice", "docs")
START_NS = 1_700_000_000_123_456_789


class Thing(NamedTuple):
    """An entry as a value. content: of a file, or the target of a symlink."""

    kind: Kind
    mode: int = 0o644
    mtime_ns: int = START_NS
    content: bytes = b""


Tree = dict[str, Thing]


def file(content: bytes = b"x", mode: int = 0o644, mtime_ns: int = START_NS) -> Thing:
    return Thing(Kind.FILE, mode, mtime_ns, content)


def folder(mode: int = 0o755, mtime_ns: int = START_NS) -> Thing:
    return Thing(Kind.DIRECTORY, mode, mtime_ns)


def link(target: str, mtime_ns: int = START_NS) -> Thing:
    return Thing(Kind.SYMLINK, 0o777, mtime_ns, target.encode())


class Lab:
    """The services over one folder. rows_at_once_max is small in tests of what only large imports do."""

    def __init__(
        self,
        data: Path,
        *,
        limits: Limits = Limits(),  # noqa: B008 - a value
        rows_at_once_max: int = ROWS_AT_ONCE_MAX,
        entries_max: int = 1_000_000,
        on_disk: bool = False,
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        ticks = itertools.count(START_NS, 1000)
        self.clock: Callable[[], int] = lambda: next(ticks)
        self.data = data
        self.blocks: BlockStore = FileBlocks(data, "os") if on_disk else MemoryBlocks()
        self.catalog = Catalog(data / "catalog.sqlite", clock=self.clock, durability="os")
        self.imports = Imports(
            self.catalog,
            self.blocks,
            self.clock,
            data,
            limits,
            entries_max,
            rows_at_once_max=rows_at_once_max,
        )
        self.exports = Exports(self.catalog, self.blocks, data)
        self.trees = Trees(self.catalog, self.blocks, self.clock, entries_max)
        self.uploads = Uploads(self.catalog, self.blocks, self.clock, entries_max)
        self.flists = Flists(self.catalog)

    def close(self) -> None:
        self.imports.close()
        self.exports.close()
        self.catalog.close()

    def take(self, archive: bytes, *, merge: bool = False, name: FlistName = NAME) -> Imported:
        """Import an archive; the flist is made if it is new."""
        return self.imports.run(
            OPERATOR, name, self.imports.archive(io.BytesIO(archive)), merge=merge, make=True
        )

    def put(self, path: str, content: bytes, name: FlistName = NAME) -> Entry:
        upload = self.uploads.open(OPERATOR, Place(name, TreePath.parse(path)))
        upload.write(content)
        return upload.finish().entry

    def export(self, form: Format = Format.TAR, at_jid: int | None = None, name: FlistName = NAME) -> bytes:
        return b"".join(self.exports.bytes_of(self.exports.open(OPERATOR, name, form, at_jid)))

    def tree(self, at_jid: int | None = None, name: FlistName = NAME) -> Tree:
        """The whole tree as a value."""
        found = list(self.trees.walk(OPERATOR, Place(name, ROOT), at_jid))
        return {str(path): Thing(e.kind, e.mode, e.mtime_ns, self.content(e)) for path, e in found}

    def content(self, entry: Entry) -> bytes:
        if entry.digest is None:
            return (entry.target or "").encode()
        slices = self.trees.pieces(entry)(0, entry.size_bytes)
        return b"".join(self.blocks.get(s.digest)[s.offset : s.offset + s.length] for s in slices)

    def ids(self, name: FlistName = NAME) -> dict[str, int]:
        found = list(self.trees.walk(OPERATOR, Place(name, ROOT)))
        return {str(path): entry.entry_id for path, entry in found}

    @property
    def head_jid(self) -> int:
        return self.flists.get(OPERATOR, NAME).head_jid

    def counted(self) -> tuple[int, int]:
        """(entries, size_bytes) as the catalog counts them."""
        flist = self.flists.get(OPERATOR, NAME)
        return flist.entries, flist.size_bytes

    def staged(self) -> int:
        """How many rows of the catalog belong to trees that are out of sight and were never attached."""
        with self.catalog.view() as view:
            return sum(1 + view.tree(flist).totals(stage)[0] for flist, stage in view.stages())

    def held(self) -> set[tuple[bytes, int]]:
        """What flists are noted to hold."""
        with self.catalog.view() as view:
            return set(view.finder.held_page((b"", 0), 100_000))


def counts_of(tree: Tree) -> tuple[int, int]:
    return len(tree), sum(len(thing.content) for thing in tree.values() if thing.kind is Kind.FILE)


def tar_of(tree: Tree, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive made by the standard library; entries in the order of the dict."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, thing in tree.items():
            archive.addfile(tar_info(name, thing), io.BytesIO(thing.content))
    return out.getvalue()


def tar_info(name: str, thing: Thing) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = thing.mode
    seconds, nanoseconds = divmod(abs(thing.mtime_ns), 1_000_000_000)
    sign = "-" if thing.mtime_ns < 0 else ""
    info.mtime = int(f"{sign}{seconds}")
    if nanoseconds:
        info.pax_headers = {"mtime": f"{sign}{seconds}.{nanoseconds:09d}"}
    if thing.kind is Kind.FILE:
        info.size = len(thing.content)
    elif thing.kind is Kind.DIRECTORY:
        info.type = tarfile.DIRTYPE
    else:
        info.type = tarfile.SYMTYPE
        info.linkname = thing.content.decode()
    return info


def special_tar(*infos: tarfile.TarInfo, content: bytes = b"") -> bytes:
    """A tar archive of these headers; those with a size get that much of content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
