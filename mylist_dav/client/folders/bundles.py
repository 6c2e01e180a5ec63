"""Blocks on their way as tar archives, whose members are named by the ids of the blocks: out of files, and back.

What of a bundle is not in memory is read from its files while it is sent, a block at a time, and each such block is
hashed again: what has changed since it was hashed goes out as zeros, which the server does not take, and is named
afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import Block
from mylist_dav.errors import Corrupt
from mylist_dav.model.archives.tar_out import BLOCK, tar_end, tar_file_header, tar_padding
from mylist_dav.model.chunking import CHUNK_BYTES_MAX
from mylist_dav.model.digest import Digest

BUNDLE_BYTES = 8 * 1024 * 1024
BUNDLE_BLOCKS = 1_000
"""What a server makes durable together, and what is sent before a connection waits for an answer."""

_PIECE_BYTES = 256 * 1024


class Source(NamedTuple):
    """Where the bytes of a block stand. data: the bytes themselves, where they are kept."""

    path: str
    offset: int
    block: Block
    data: bytes | None = None


class Bundle:
    """Blocks that are sent together. For one thread at a time."""

    def __init__(self, inside: Inside, sent: Callable[[int], None] = lambda _: None) -> None:
        """sent: told of every block that goes out, by its size."""
        self._inside = inside
        self._sent = sent
        self._sources: list[Source] = []
        self.size_bytes = 0
        self._tar_bytes = 0
        self.changed: set[str] = set()

    def add(self, source: Source) -> None:
        self._sources.append(source)
        self.size_bytes += source.block.size_bytes
        self._tar_bytes += BLOCK + source.block.size_bytes + -source.block.size_bytes % BLOCK

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def is_full(self) -> bool:
        return self.is_worth(BUNDLE_BLOCKS, BUNDLE_BYTES)

    def is_worth(self, blocks: int, size_bytes: int) -> bool:
        """Whether it has so many blocks, or so many bytes."""
        return self.size_bytes >= size_bytes or len(self._sources) >= blocks

    @property
    def sources(self) -> list[Source]:
        return self._sources

    @property
    def tar_bytes(self) -> int:
        """The length of the whole tar."""
        return self._tar_bytes + len(tar_end(self._tar_bytes))

    def pieces(self) -> Iterator[bytes]:
        """The tar, from its beginning. `changed` are then the files that no longer hold what they held."""
        self.changed.clear()
        waiting, waiting_bytes = list[bytes](), 0
        for part in self._parts():
            waiting.append(part)
            waiting_bytes += len(part)
            if waiting_bytes >= _PIECE_BYTES:
                yield b"".join(waiting)
                waiting, waiting_bytes = [], 0
        yield b"".join((*waiting, tar_end(self._tar_bytes)))

    def _parts(self) -> Iterator[bytes]:
        for source in self._sources:
            data = self._read(source)
            yield tar_file_header(source.block.id, len(data))
            yield data
            yield tar_padding(len(data))
            self._sent(len(data))

    def _read(self, source: Source) -> bytes:
        if source.data is not None:
            return source.data
        wanted = source.block
        try:
            with self._inside.file(source.path) as descriptor:
                data = os.pread(descriptor, wanted.size_bytes, source.offset)
        except OSError:
            data = b""
        if len(data) == wanted.size_bytes and str(Digest.of(data)) == wanted.id:
            return data
        self.changed.add(source.path)
        return bytes(wanted.size_bytes)


def read_bundle(pieces: Iterator[bytes], ids: set[str]) -> dict[str, bytes]:
    """The blocks of a tar, each hashed. Raises Corrupt for one that is not what it is called, or is not there.

    Holds them all: ask for as much as fits.
    """
    from mylist_dav.model.archives.members import Limits  # here, because a push reads none
    from mylist_dav.model.archives.tar_in import read_tar

    found: dict[str, bytes] = {}
    limits = Limits(members=len(ids), size_bytes=len(ids) * CHUNK_BYTES_MAX)
    for member, content in read_tar(_Reader(pieces).read, limits):
        if member.size_bytes > CHUNK_BYTES_MAX:
            raise Corrupt(f"the server sent {member.name[:64]!r}, which is longer than any block")
        data = b"".join(content)
        if member.name not in ids or str(Digest.of(data)) != member.name:
            raise Corrupt(f"the server sent something else than block {member.name[:64]!r}")
        found[member.name] = data
    if len(found) < len(ids):
        raise Corrupt(
            f"the server sent {len(found)} of {len(ids)} blocks; somebody may have deleted the rest"
        )
    return found


class _Reader:
    """Pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, size_bytes: int) -> bytes:
        """At most so many bytes; none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        data, self._left = bytes(self._left[:size_bytes]), self._left[size_bytes:]
        return data
