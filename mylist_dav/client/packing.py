"""Bodies of requests, packed by zstd where that is worth it: what a server unpacks again (wire/packed.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from mylist_dav.wire.codings import CODING

Pieces = Callable[[], Iterator[bytes]]
"""A body from its beginning."""

PACKED_FROM_BYTES = 1024
_LEVEL = 1
"""500 MB a second and more, also of what cannot be made smaller."""

_PACKED = {"content-encoding": CODING}


def packed_body(
    document: object, content: Pieces | None, content_bytes: int | None, *, near: bool = False
) -> tuple[bytes | Iterator[bytes] | None, dict[str, str]]:
    """A body as it travels, and the headers that say how. content is taken as it is when its length is not known.

    near: it does not leave this machine, where packing takes longer than what it saves.
    """
    if content is not None:
        if content_bytes is None:
            return content(), {}
        if near:
            return content(), {"content-length": str(content_bytes)}
        return _packed_pieces(content(), content_bytes), dict(_PACKED)
    if document is None:
        return None, {}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    headers = {"content-type": "application/json"}
    if len(text) < PACKED_FROM_BYTES or near:
        return text, headers
    from zstandard import ZstdCompressor  # here, because most pushes have nothing to pack

    return ZstdCompressor(level=_LEVEL).compress(text), headers | _PACKED


def _packed_pieces(pieces: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """One frame, that says how long its content is."""
    from zstandard import ZstdCompressor

    packer = ZstdCompressor(level=_LEVEL).compressobj(size=size_bytes)
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()
