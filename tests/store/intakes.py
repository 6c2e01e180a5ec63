"""A data directory with an intake that is open, and filed only when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import checked_digest
from mylist_dav.store.blockstore.filer import Round
from mylist_dav.store.blockstore.files import Durability, FileBlocks
from mylist_dav.store.blockstore.intake import IntakeBlocks
from mylist_dav.store.catalog import Catalog, IntakeRow
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.stopping import StopSign


class TakingIn(IntakeBlocks):
    """What is put becomes a row, where no file is."""

    def __init__(self, files: FileBlocks, catalog: Catalog) -> None:
        super().__init__(files, catalog)
        self.files = files
        self.catalog = catalog

    def put(self, data: bytes, digest: Digest | None = None) -> Digest:
        name = checked_digest(data, digest)
        if self.files.has(name):
            return self.files.put(data, name)
        self.catalog.change(lambda draft: draft.take_in({name: bytes(data)}))
        return name

    def rows(self) -> list[IntakeRow]:
        """What is in the intake and not set aside."""
        with self.catalog.view() as view:
            return view.intake_page(0, 100_000, 1 << 40)

    def file_all(self, rows_max: int = 500) -> None:
        """File what there is."""
        filing = Round(self.catalog, self.files)
        while filing.file_slice(rows_max):
            pass


@contextmanager
def taking_in(
    root: Path, durability: Durability = "full", disk: Disk | None = None, intake_of: Path | None = None
) -> Iterator[TakingIn]:
    """Blocks below root. intake_of: where the catalog is, if elsewhere."""
    sign = StopSign(root / "writes-stopped")
    files = FileBlocks(root, durability, disk, sign)
    catalog = Catalog(
        (intake_of or root) / "catalog.sqlite",
        clock=lambda: 1,
        durability=durability,
        may_write=sign.check,
        on_write_failure=sign.stop,
    )
    try:
        yield TakingIn(files, catalog)
    finally:
        catalog.close()
        files.close()
        sign.close()


def damage_row(store: TakingIn, digest: Digest, data: bytes) -> None:
    """Change a block of the intake behind the store's back."""
    store.catalog.change(
        lambda draft: draft._sql.execute("UPDATE intake SET data = ? WHERE digest = ?", (data, digest))
    )
