"""Contents on their way into the block store, many at a time: durable in groups, then noted in the catalog."""

from __future__ import annotations

from collections.abc import Iterable

from mylist_dav.errors import Incomplete
from mylist_dav.model.actors import Actor
from mylist_dav.model.archives.members import shown
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.services.rights import is_admin, reach
from mylist_dav.store.blocks import BlockBatch, BlockStore
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.contents import ContentWriter
from mylist_dav.store.pacing import Pace

GROUP_CONTENTS_MAX = 1000
GROUP_BYTES_MAX = 64 * 1024 * 1024
LONG_REFS_MAX = 4096


class Ingest:
    """Takes contents one after the other; after finish() all of them are durable and registered.

    Small ones share syncs. A content that is known already is hashed and costs no block. For one thread; close() it.
    new_blocks, new_bytes: of blocks that were not here before, as far as the actor may know.
    """

    def __init__(self, catalog: Catalog, blocks: BlockStore, actor: Actor, pace: Pace) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._actor = actor
        self._pace = pace
        self._batch: BlockBatch | None = None
        self._refs: list[BlockRef] = []
        self._recipes: list[Recipe] = []
        self._bytes = 0
        self.new_blocks = 0
        self.new_bytes = 0

    def add(self, name: str, size_bytes: int, pieces: Iterable[bytes]) -> Digest:
        """Take in a content of a declared size; name: for messages. Raises Incomplete when it has another size."""
        if size_bytes > WHOLE_BYTES_MAX:
            return self._add_long(name, size_bytes, pieces)
        content = b"".join(pieces)
        _require_size(name, size_bytes, len(content))
        if not content:
            return EMPTY
        if self._batch is None:
            self._batch = self._blocks.batch()
        digest = self._batch.put(content)
        self._refs.append(BlockRef(digest, size_bytes))
        self._bytes += size_bytes
        if len(self._refs) >= GROUP_CONTENTS_MAX or self._bytes >= GROUP_BYTES_MAX:
            self.finish()
        return digest

    def finish(self) -> None:
        """Make durable what is waiting, then register it."""
        if self._batch is not None:
            self._batch.commit()
            self.close()
        refs, recipes = self._refs, self._recipes
        self._refs, self._recipes, self._bytes = [], [], 0
        for piece in self._pace.slices(refs):
            self._register_blocks(piece)
        for recipe in recipes:
            self._register_blocks(list(recipe.blocks))
            self._register(recipe)

    def close(self) -> None:
        """Drop what is waiting."""
        if self._batch is not None:
            batch, self._batch = self._batch, None
            batch.close()

    def _register_blocks(self, refs: list[BlockRef]) -> None:
        def register(draft: Draft) -> list[BlockRef]:
            new = draft.blocks_unregistered(refs) if is_admin(self._actor) else self._unknown(draft, refs)
            draft.register_blocks(refs)
            return new

        new = self._catalog.change(register)
        self.new_blocks += len(new)
        self.new_bytes += sum(ref.size_bytes for ref in new)

    def _unknown(self, draft: Draft, refs: list[BlockRef]) -> list[BlockRef]:
        """Those that the actor may not know of: whether others have them is not told, and not counted either."""
        holdings = draft.holdings(reach(self._actor), draft.now_ns, unlimited=False, uploads=True)
        known = holdings.known(ref.digest for ref in refs)
        return [ref for ref in dict.fromkeys(refs) if ref.digest not in known]

    def _register(self, recipe: Recipe) -> None:
        self._catalog.change(lambda draft: draft.register(recipe))

    def _add_long(self, name: str, size_bytes: int, pieces: Iterable[bytes]) -> Digest:
        with ContentWriter(self._blocks) as writer:
            for piece in pieces:
                writer.write(piece)
            _require_size(name, size_bytes, writer.size_bytes)
            recipe = writer.finish()
        self._recipes.append(recipe)
        if sum(len(one.blocks) for one in self._recipes) >= LONG_REFS_MAX:
            self.finish()
        return recipe.digest


def _require_size(name: str, declared_bytes: int, found_bytes: int) -> None:
    if declared_bytes != found_bytes:
        raise Incomplete(f"{shown(name)} has {found_bytes} bytes, and {declared_bytes} were declared")
