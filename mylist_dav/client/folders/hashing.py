"""What a file holds: the digest of the whole, and its blocks, cut just as the server cuts them."""

from __future__ import annotations

import os
from typing import NamedTuple

from blake3 import blake3

from mylist_dav.client.folders.inside import Near, is_file
from mylist_dav.client.folders.nodes import Block, Node
from mylist_dav.client.folders.walking import Stamp, file_node, stamp_of
from mylist_dav.model.chunking import Chunker
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.digest import Digest

TRIES = 3
_PIECE_BYTES = 4 * 1024 * 1024


class Hashed(NamedTuple):
    """A content. blocks: none of the empty one, one of a short one, whose id is the digest."""

    digest: str
    blocks: tuple[Block, ...]


class Read(NamedTuple):
    """A file that was read while it did not change. node: with its digest. data: of a short one, all that it holds."""

    node: Node
    stamp: Stamp
    hashed: Hashed
    data: bytes | None


class Unsteady(Exception):
    """Why a file could not be read as one thing."""


def read_steadily(near: Near, path: str, seen: Stamp | None = None) -> Read:
    """Hash a file, again when it changes meanwhile. Raises Unsteady when it does each time, OSError.

    seen: as it was before. A short one that is so still, after it was read, has not changed meanwhile.
    """
    descriptor = near.open(path)
    try:
        if seen is not None and seen.size_bytes <= WHOLE_BYTES_MAX and is_file(os.fstat(descriptor)):
            if (read := _unchanged(descriptor, seen)) is not None:
                return read
            os.lseek(descriptor, 0, os.SEEK_SET)
        before = os.fstat(descriptor)
        for _ in range(TRIES):
            if not is_file(before):
                raise Unsteady("it is no file any more")
            data, hashed = _content(descriptor, before.st_size)
            after = os.fstat(descriptor)
            stamp = stamp_of(after)
            if hashed is not None and stamp == stamp_of(before):
                return Read(file_node(after, hashed.digest), stamp, hashed, data)
            os.lseek(descriptor, 0, os.SEEK_SET)
            before = after
    finally:
        os.close(descriptor)
    raise Unsteady("it kept changing while it was read")


def _unchanged(descriptor: int, seen: Stamp) -> Read | None:
    """A short file, if it is what it was when it was seen."""
    data = os.read(descriptor, seen.size_bytes + 1)
    found = os.fstat(descriptor)
    if stamp_of(found) != seen or len(data) != seen.size_bytes:
        return None
    hashed = hash_short(data)
    return Read(file_node(found, hashed.digest), seen, hashed, data)


def _content(descriptor: int, size_bytes: int) -> tuple[bytes | None, Hashed | None]:
    """The content from here to the end, short ones with their bytes; no hashes if it has not this size."""
    if size_bytes > WHOLE_BYTES_MAX:
        return None, _hash_long(descriptor, size_bytes)
    data = read_fully(descriptor, size_bytes + 1)
    return data, hash_short(data) if len(data) == size_bytes else None


def _hash_long(descriptor: int, size_bytes: int) -> Hashed | None:
    """Holds some 12 MiB."""
    whole, chunker, blocks, seen = blake3(), Chunker(), list[Block](), 0
    while seen <= size_bytes and (piece := os.read(descriptor, _PIECE_BYTES)):
        seen += len(piece)
        whole.update(piece)
        blocks += [_block(data) for data in chunker.feed(piece)]
    blocks += [_block(data) for data in chunker.finish()]
    return Hashed(whole.hexdigest(), tuple(blocks)) if seen == size_bytes else None


def hash_short(data: bytes) -> Hashed:
    """A content of one block at most."""
    digest: str = blake3(data).hexdigest()
    return Hashed(digest, (Block(digest, len(data)),) if data else ())


def read_fully(descriptor: int, size_bytes: int) -> bytes:
    """So many bytes, or what is left of the file."""
    data = os.read(descriptor, size_bytes)
    while 0 < len(data) < size_bytes and (piece := os.read(descriptor, size_bytes - len(data))):
        data += piece
    return data


def _block(data: bytes) -> Block:
    return Block(str(Digest.of(data)), len(data))
