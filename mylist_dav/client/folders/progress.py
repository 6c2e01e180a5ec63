"""How far a push or a pull is, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Progress:
    """read: of files of this machine, to hash them. moved: over the network, in either direction."""

    phase: str = "looking"
    read_bytes: int = 0
    to_read_bytes: int = 0
    moved_bytes: int = 0
    to_move_bytes: int = 0
    entries: int = 0

    def moved(self, size_bytes: int) -> None:
        """So many bytes more went over the network."""
        self.moved_bytes += size_bytes


Show = Callable[[Progress], None]
"""Called often, by one thread."""
