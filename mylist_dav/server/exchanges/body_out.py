"""Response bodies as slices: pulled in threads, with as little as possible held while a client takes its time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mylist_dav.errors import Corrupt
from mylist_dav.model.contents import BlockSlice
from mylist_dav.server.exchanges.budget import HeldBytes
from mylist_dav.store.blocks import BlockStore
from mylist_dav.wire.messages import Piece

Slice = bytes | memoryview
"""Bytes to send. A memoryview shows a part of a block, and keeps all of it in memory: whoever must wait copies it."""


class BodyReader:
    """The slices of a body in order. One call at a time, from whichever thread.

    A block of several slices is kept from one to the next only while `held` has room for it; otherwise, and after
    let_go(), it is asked for again. So a slow reader costs a slice, and a fast one reads each block once.
    """

    def __init__(self, body: Iterable[Piece], blocks: BlockStore, held: HeldBytes, slice_bytes: int) -> None:
        self._body = body
        self._pieces: Iterator[Piece] = iter(body)
        self._blocks = blocks
        self._held = held
        self._slice_bytes = slice_bytes
        self._piece: Piece = b""
        self._at = 0
        self._length = 0
        self._block: bytes | None = None
        self._taken_bytes = 0
        self._first: Slice = b""

    def begin(self) -> None:
        """Get the first slice, which is at hand then: what fails at once fails here. See next_slice()."""
        self._first = self.next_slice()

    def next_slice(self) -> Slice:
        """The next slice, never empty before the end; b'' at the end. May read and verify a block: call it in a thread.

        Raises whatever the pieces or the store raise; Corrupt for a slice that lies outside of its block.
        """
        while self._at >= self._length:
            self.let_go()
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._piece, self._at = piece, 0
            self._length = piece.length if isinstance(piece, BlockSlice) else len(piece)
        return self._cut()

    def at_hand(self) -> Slice:
        """The next slice if it can be had without waiting for anything, else b''."""
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._at < self._length and (self._block is not None or isinstance(self._piece, bytes)):
            return self._cut()
        return b""

    def put_back(self, piece: Slice) -> None:
        """The slice that came last is not wanted yet: it comes again."""
        self._at -= len(piece)

    def let_go(self) -> None:
        """Drop the block that is held, if one is."""
        self._block = None
        if self._taken_bytes:
            self._held.give_back(self._taken_bytes)
            self._taken_bytes = 0

    def close(self) -> None:
        """Let everything go, and close the body if it can be closed."""
        self.let_go()
        self._piece = self._first = b""
        for closable in (self._pieces, self._body):
            close: Callable[[], None] | None = getattr(closable, "close", None)
            if close is not None:
                close()

    def _cut(self) -> Slice:
        size = min(self._slice_bytes, self._length - self._at)
        piece, start = self._piece, self._at
        if isinstance(piece, BlockSlice):
            block = self._block or self._open(piece, more=start + size < self._length)
            start += piece.offset
        else:
            block = piece
        self._at += size
        if size == len(block):
            return block
        return memoryview(block)[start : start + size]

    def _open(self, piece: BlockSlice, more: bool) -> bytes:
        block = self._blocks.get(piece.digest)
        if piece.offset < 0 or piece.offset + piece.length > len(block):
            raise Corrupt(f"a body names bytes outside of the block {piece.digest}")
        if more and self._held.try_take(len(block)):
            self._block, self._taken_bytes = block, len(block)
        return block
