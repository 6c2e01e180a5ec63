"""What an operator does to be sure: counts, checks of the catalog, re-reading every block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mylist_dav.errors import Corrupt, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.digest import Digest
from mylist_dav.services.rights import require_admin
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog
from mylist_dav.store.processes.stopping import StopSign

VERIFY = "verify"


class Verified(NamedTuple):
    """One block that was read; problem is '' when it is whole."""

    digest: Digest
    size_bytes: int
    problem: str


class Upkeep:
    """The verbs of upkeep. blocks must be a store that reads from disk, not a cache."""

    def __init__(self, catalog: Catalog, blocks: BlockStore, stop_sign: StopSign) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._stop_sign = stop_sign

    def totals(self, actor: Actor) -> dict[str, int]:
        """Counts and sizes of everything."""
        require_admin(actor)
        with self._catalog.view() as view:
            return view.totals()

    def verify(self, actor: Actor, after: Digest | None = None) -> Iterator[Verified]:
        """Read every registered block, in order of digest, past after; damaged ones are set aside by the store.

        A run over all of them that ends is noted (VERIFY).
        """
        require_admin(actor)
        found = {"blocks": 0, "size_bytes": 0, "bad": 0}
        for one in self._verified(after):
            found["blocks"] += 1
            found["size_bytes"] += one.size_bytes
            found["bad"] += bool(one.problem)
            yield one
        if after is None and not self._stop_sign.is_set:
            self._catalog.change(lambda draft: draft.note_upkept(VERIFY, found))

    def _verified(self, after: Digest | None) -> Iterator[Verified]:
        while True:
            with self._catalog.view() as view:
                page = view.blocks_registered(after)
            if not page:
                return
            for ref in page:
                yield Verified(ref.digest, ref.size_bytes, self._problem(ref.digest, ref.size_bytes))
            after = page[-1].digest

    def _problem(self, digest: Digest, size_bytes: int) -> str:
        try:
            found = len(self._blocks.get(digest))
        except (NotFound, Corrupt) as error:
            self._doubt(digest)
            return str(error) if isinstance(error, Corrupt) else "is missing"
        return "" if found == size_bytes else f"has {found} bytes, and the catalog says {size_bytes}"

    def _doubt(self, digest: Digest) -> None:
        """Who asks whether the block is here is told that it is missing, and brings it again."""
        if not self._stop_sign.is_set:
            self._catalog.change(lambda draft: draft.doubt_blocks([digest]))

    def check(self, actor: Actor) -> list[str]:
        """Sentences on what is wrong with the catalog or the data directory; empty when all is well."""
        require_admin(actor)
        problems = [f"writes are stopped: {self._stop_sign.reason}"] if self._stop_sign.is_set else []
        with self._catalog.view() as view:
            problems += view.integrity_problems()
            for flist in view.flists():
                tree = view.tree(flist)
                counted = tree.totals(tree.root())
                if counted != (flist.entries, flist.size_bytes):
                    problems.append(
                        f"{flist.flist_name} counts {flist.entries} entries of {flist.size_bytes} bytes,"
                        f" and has {counted[0]} of {counted[1]}"
                    )
        return problems

    def resume_writes(self, actor: Actor) -> None:
        """Clear the stop sign, in all processes: an operator has looked at the disk."""
        require_admin(actor)
        self._stop_sign.clear()
