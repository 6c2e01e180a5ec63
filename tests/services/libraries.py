"""A whole library with real files and a clock that only tests move, for what becomes of blocks."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.model.actors import OPERATOR, Actor
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions, Place
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.services.upkeep.collecting import Collected
from mylist_dav.settings import load
from mylist_dav.store.pacing import Pace

HOUR_NS = 3600 * 1_000_000_000
GRACE_HOURS = 24
SITE = FlistName("anna", "site")
OTHER = FlistName("anna", "other")


def no_rest(seconds: float) -> None:
    """For a pace that does not rest."""


class MovedClock:
    """Begins at the time of the machine, for files have that; hours go by when they are told to."""

    def __init__(self) -> None:
        self.now_ns = time.time_ns()

    def __call__(self) -> int:
        return self.now_ns

    def pass_hours(self, hours: float) -> None:
        self.now_ns += int(hours * HOUR_NS)


class Store:
    """A library at path, in which anna has two empty flists."""

    def __init__(self, path: Path, clock: Callable[[], int] | None = None) -> None:
        """clock: one that may not move; by default that of `clock`, which does."""
        self.clock = MovedClock()
        now_ns = clock or self.clock
        self.path = path
        self.library = Library(load("", {}, {"store.data": str(path), "store.durability": "os"}), now_ns)
        for name in (SITE, OTHER):
            if name not in [flist.flist_name for flist in self.library.flists.list(OPERATOR)]:
                self.library.flists.create(OPERATOR, name, make_account=True)

    def put(
        self, path: str, content: bytes, name: FlistName = SITE, actor: Actor = OPERATOR
    ) -> list[BlockRef]:
        """Write a file; returns its blocks."""
        upload = self.library.uploads.open(actor, Place(name, TreePath.parse(path)))
        upload.write(content)
        entry = upload.finish().entry
        return list(self.library.trees.recipe(entry).blocks)

    def delete(self, path: str, name: FlistName = SITE) -> None:
        self.library.trees.delete(OPERATOR, Place(name, TreePath.parse(path)))

    def delete_flist(self, name: FlistName) -> None:
        self.library.flists.delete(OPERATOR, name)

    def import_tree(
        self, files: dict[str, bytes], name: FlistName = SITE, conditions: Conditions = UNCONDITIONAL
    ) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, content in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        packed.seek(0)
        self.library.imports.run(
            OPERATOR, name, self.library.imports.archive(packed), make=True, conditions=conditions
        )

    def read(self, path: str, name: FlistName = SITE, at_jid: int | None = None) -> bytes:
        """A file as it is on disk."""
        entry = self.library.trees.stat(OPERATOR, Place(name, TreePath.parse(path)), at_jid)
        blocks = self.library.trees.recipe(entry).blocks if entry.size_bytes else ()
        return b"".join(self.library.files.get(ref.digest) for ref in blocks)

    def collect(self, **options: bool) -> Collected:
        return self.library.collector.run(OPERATOR, pace=Pace(wait=no_rest), **options)

    def collect_until_gone(self) -> Collected:
        """Condemn, wait, delete; returns what the last turn did."""
        self.clock.pass_hours(GRACE_HOURS + 1)
        self.collect()
        self.clock.pass_hours(GRACE_HOURS + 1)
        return self.collect()

    def has_file(self, digest: Digest) -> bool:
        return self.library.files.has(digest)

    def state(self, digest: Digest) -> str:
        """What the catalog says of a block; '' when it has none."""
        rows = self.library.catalog._writer.execute(
            "SELECT state FROM block WHERE digest = ?", (digest,)
        ).fetchall()
        return str(rows[0][0]) if rows else ""

    def rows(self, table: str) -> int:
        return int(self.library.catalog._writer.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def age_file(self, digest: Digest, hours: float) -> None:
        """Let the file of a block have been written so long before the clock's time."""
        path = self.library.files._filing.folders.path(digest)
        written_ns = self.clock() - int(hours * HOUR_NS)
        os.utime(path, ns=(written_ns, written_ns))

    def close(self) -> None:
        self.library.close()


@contextmanager
def store_at(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()
