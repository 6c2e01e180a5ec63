"""The name of bytes: BLAKE3-256."""

from __future__ import annotations

import re
from typing import Self

from blake3 import blake3

from mylist_dav.errors import Invalid

_HEX = re.compile(r"[0-9a-f]{64}")


class Digest(bytes):
    """32 bytes: the BLAKE3-256 of a block or of a content. str() gives 64 lower-case hex digits."""

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Self:
        """The digest of data."""
        return cls(blake3(data).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 64 lower-case hex digits. Raises Invalid for anything else."""
        if not _HEX.fullmatch(text):
            raise Invalid(f"{text[:80]!r} is not a digest: 64 lower-case hex digits are expected")
        return cls(bytes.fromhex(text))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Digest({self.hex()[:12]}…)"


EMPTY = Digest.of(b"")
"""The digest of the empty content, which has no block."""
