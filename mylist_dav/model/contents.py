"""The bytes of one file: named by the digest of the whole, kept as blocks."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.model.digest import Digest

WHOLE_BYTES_MAX = 1024 * 1024
"""A content of at most this size is one block, named alike; it has no recipe."""


class BlockRef(NamedTuple):
    """A block and its length."""

    digest: Digest
    size_bytes: int


class Recipe(NamedTuple):
    """The ordered blocks of a content. chunker names the algorithm and its parameters ('' for a single block)."""

    digest: Digest
    size_bytes: int
    chunker: str
    blocks: tuple[BlockRef, ...]


class BlockSlice(NamedTuple):
    """length bytes of a block from offset on: one piece of a body that is read when it is sent."""

    digest: Digest
    offset: int
    length: int
