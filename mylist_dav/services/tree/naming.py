"""Contents that a commit names by their digests: may the caller name them, are they here, and are they what was said.

A recipe is a claim until this server has put the blocks together and hashed the whole. That is done before the
commit's transaction; in the transaction the blocks are only looked up, and let stay if they were to be collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from blake3 import blake3

from mylist_dav.errors import Corrupt, NotFound
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.model.operations import Put, Reason
from mylist_dav.store.blocks import BLOCK_BYTES_MAX, BlockStore
from mylist_dav.store.catalog import Claims, View

GIVEN = "given"
"""The chunker of a recipe that a client has given: it cuts as it likes."""

BLOCK_BYTES_MEAN_MIN = 64 * 1024
"""Blocks of a given recipe must be so large on the average: each costs a file to be read."""


class Content(NamedTuple):
    """What an operation names. blocks: as it was given there."""

    digest: Digest
    size_bytes: int
    blocks: tuple[BlockRef, ...] | None

    @classmethod
    def of(cls, put: Put) -> Content:
        return cls(put.digest, put.size_bytes, put.blocks)


class Named(NamedTuple):
    """What is known of contents. Of each there is something in exactly one of the first three, or a block is missing.

    recipes: they may be named. unproven: so may all their blocks, and the whole is to be hashed. wrong: they cannot be
    what was said. missing: blocks that are not here or may not be named, which is not told apart.
    """

    recipes: dict[Content, Recipe]
    unproven: dict[Content, Recipe]
    wrong: dict[Content, Reason]
    missing: list[Digest]


def look_up(view: View, claims: Claims, contents: Iterable[Content]) -> Named:
    """What can be said of contents without reading any."""
    named = Named({}, {}, {}, [])
    missing: dict[Digest, None] = {}
    once = dict.fromkeys(contents)
    there = _blocks_there(view, claims, once)
    for content in once:
        if content.size_bytes <= WHOLE_BYTES_MAX:
            found = _short(there, content)
        elif content.blocks is None:
            found = _known(view, claims, there, content)
        else:
            found = _given(there, content, content.blocks)
        match found:
            case Recipe() if (
                content.blocks is None or found.chunker != GIVEN or _is_known(view, claims, found)
            ):
                named.recipes[content] = found
            case Recipe():
                named.unproven[content] = found
            case Reason():
                named.wrong[content] = found
            case _:
                missing.update(dict.fromkeys(found))
    named.missing.extend(missing)
    return named


_Found = Recipe | Reason | list[Digest]
"""A recipe, what is wrong, or the blocks that are missing."""

_There = dict[Digest, int]
"""The sizes of blocks that may be named and are here."""


def _blocks_there(view: View, claims: Claims, contents: Iterable[Content]) -> _There:
    """Of all blocks that are named, or whose digest is that of a whole. The right is looked at before the block is."""
    asked: dict[Digest, None] = {}
    for content in contents:
        if content.size_bytes <= WHOLE_BYTES_MAX or content.blocks is None:
            asked[content.digest] = None
        elif _is_plausible(content.size_bytes, content.blocks):
            asked.update((ref.digest, None) for ref in content.blocks)
    return view.blocks_bytes(claims.blocks_named(asked))


def _short(there: _There, content: Content) -> _Found:
    """A content that is one block, or none."""
    digest, size_bytes, blocks = content
    refs = (BlockRef(digest, size_bytes),) if size_bytes else ()
    if blocks is not None and blocks != refs:
        return Reason.RECIPE
    if not size_bytes or digest == EMPTY:
        return Recipe(EMPTY, 0, "", ()) if not size_bytes and digest == EMPTY else Reason.SIZE
    there_bytes = there.get(digest)
    if there_bytes is None:
        return [digest]
    return Recipe(digest, size_bytes, "", refs) if there_bytes == size_bytes else Reason.SIZE


def _known(view: View, claims: Claims, there: _There, content: Content) -> _Found:
    """A content of several blocks, that are not told; or one that is a block, which needs no proof."""
    digest, size_bytes, _ = content
    recipe = view.known_recipe(digest) if claims.may_name_content(digest) else None
    if recipe is None:
        there_bytes = there.get(digest)
        if there_bytes is None:
            return [digest]
        recipe = Recipe(digest, there_bytes, GIVEN, (BlockRef(digest, there_bytes),))
    return recipe if recipe.size_bytes == size_bytes else Reason.SIZE


def _given(there: _There, content: Content, blocks: tuple[BlockRef, ...]) -> _Found:
    """A content of several blocks, with these blocks."""
    if not _is_plausible(content.size_bytes, blocks):
        return Reason.RECIPE
    once = dict.fromkeys(blocks)
    missing = [ref.digest for ref in once if ref.digest not in there]
    if missing:
        return missing
    if any(there[ref.digest] != ref.size_bytes for ref in once):
        return Reason.RECIPE
    return Recipe(content.digest, content.size_bytes, GIVEN, blocks)


def _is_plausible(size_bytes: int, blocks: tuple[BlockRef, ...]) -> bool:
    return (
        len(blocks) <= size_bytes // BLOCK_BYTES_MEAN_MIN + 1
        and all(0 < ref.size_bytes <= BLOCK_BYTES_MAX for ref in blocks)
        and sum(ref.size_bytes for ref in blocks) == size_bytes
    )


def _is_known(view: View, claims: Claims, recipe: Recipe) -> bool:
    """Whether just this recipe was proven before, of a content that may be read: of others, time would tell."""
    known = view.known_recipe(recipe.digest) if claims.may_name_content(recipe.digest) else None
    return known is not None and known.blocks == recipe.blocks


def prove(
    store: BlockStore, unproven: dict[Content, Recipe], between: Callable[[], None] = lambda: None
) -> Named:
    """Hash contents as a whole, in the order of their blocks. Holds one block at a time.

    between: called after each block. A block that is gone or damaged is missing: it can be sent again.
    """
    named = Named({}, {}, {}, [])
    for content, recipe in unproven.items():
        whole = blake3()
        lacking: BlockRef | None = None
        for ref in recipe.blocks:
            try:
                whole.update(_block(store, ref))
            except NotFound:
                lacking = ref  # also if it comes back while the others are looked for
                break
            between()
        if lacking is not None:
            named.missing.extend(
                ref.digest
                for ref in dict.fromkeys(recipe.blocks)
                if ref == lacking or not store.has(ref.digest)
            )
            continue
        if whole.digest() == recipe.digest:
            named.recipes[content] = recipe
        else:
            named.wrong[content] = Reason.RECIPE
    return named


def _block(store: BlockStore, ref: BlockRef) -> bytes:
    """Raises NotFound for a damaged one too: reading it has set it aside."""
    try:
        return store.get(ref.digest)
    except Corrupt as error:
        raise NotFound(f"block {ref.digest} is damaged") from error
