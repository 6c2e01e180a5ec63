"""Cutting bytes into blocks where the content says so (FastCDC, 2020), so that an insertion moves only a few cuts.

The cuts depend on the bytes alone, never on how they arrived. Two machines that share a chunker id cut alike; its
parameters are part of what is stored, and another choice needs another id.
"""

from __future__ import annotations

CHUNK_BYTES_MIN = 256 * 1024
CHUNK_BYTES_AVERAGE = 1024 * 1024
CHUNK_BYTES_MAX = 4 * 1024 * 1024
CHUNKER = "fastcdc2020-256k-1m-4m"
"""FastCDC 2020 with normalisation level 1 and the published gear table, no seed; sizes as above."""

_SPAN_BYTES = 2 * CHUNK_BYTES_MAX


class Chunker:
    """Bytes in, blocks out. Holds at most 8 MiB; for one thread at a time. Runs at some 2 GB/s."""

    def __init__(self) -> None:
        from pyfastcdc import FastCDC  # here, because few who start here meet a content of several blocks

        self._cutter = FastCDC(
            CHUNK_BYTES_AVERAGE,
            min_size=CHUNK_BYTES_MIN,
            max_size=CHUNK_BYTES_MAX,
            normalized_chunking=1,
        )
        self._buffer = bytearray()

    def feed(self, piece: bytes | bytearray | memoryview) -> list[bytes]:
        """Take a piece in; the blocks that are certain now. Memory grows with the piece: feed a few MiB at a time."""
        blocks: list[bytes] = []
        view = memoryview(piece)
        while len(view) > 0:
            room = _SPAN_BYTES - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == _SPAN_BYTES:
                blocks += self._cut(final=False)
        return blocks

    def finish(self) -> list[bytes]:
        """The blocks that are left; the last may be shorter than the minimum. Nothing for nothing."""
        return self._cut(final=True)

    def _cut(self, final: bool) -> list[bytes]:
        """Cut the buffer. A cut at its very end is certain only if nothing follows, or for the longest chunk."""
        blocks: list[bytes] = []
        done = 0
        with memoryview(self._buffer) as view:
            for length in [chunk.length for chunk in self._cutter.cut_buf(self._buffer)]:
                if done + length == len(view) and not final and length < CHUNK_BYTES_MAX:
                    break
                blocks.append(bytes(view[done : done + length]))
                done += length
        del self._buffer[:done]
        return blocks
