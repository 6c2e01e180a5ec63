"""The sockets of this process by the address of their peer, where an engine keeps them to itself."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

from mylist_dav.server.exchanges.stall import unsent_bytes

Peer = tuple[str, int]
"""Address and port."""


class PeerSockets:
    """Says what the kernel has not delivered yet to a peer. Owns none of the sockets, and keeps none open.

    A number that it remembers may be another socket by now, so each look asks it for its peer.
    """

    def __init__(self) -> None:
        self._numbers: dict[Peer, int] = {}
        self._looked_at = float("-inf")

    def unsent_bytes(self, peer: Peer, now: float) -> int:
        """Bytes for this peer in the kernel; 0 where that is not to be known. `now`: one look around for each."""
        unsent = _unsent_bytes(self._numbers.get(peer, -1), peer)
        if unsent is None and now != self._looked_at:
            self._looked_at = now
            self._numbers = _found()
            unsent = _unsent_bytes(self._numbers.get(peer, -1), peer)
        return unsent or 0


def _found() -> dict[Peer, int]:
    """The connected sockets of this process, as far as the system lists them."""
    found: dict[Peer, int] = {}
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            peer = _peer(int(entry.name))
            if peer is not None:
                found[peer] = int(entry.name)
    return found


def _peer(number: int) -> Peer | None:
    """The peer of a descriptor, if it is a connected socket."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        looked_at = socket.socket(fileno=number)
    except OSError:
        return None
    try:
        name = looked_at.getpeername()
    except OSError:
        return None
    finally:
        looked_at.detach()
    return (name[0], name[1]) if isinstance(name, tuple) and len(name) > 1 else None


def _unsent_bytes(number: int, peer: Peer) -> int | None:
    return unsent_bytes(number) if number >= 0 and _peer(number) == peer else None
