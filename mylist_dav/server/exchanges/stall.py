"""Whether a client takes anything of what is sent to it."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios


class Stall:
    """How long what waits to be sent has not become less, the bytes in the kernel included.

    A kernel takes new bytes of a connection only when a third of its buffer is free, which for a slow but living client
    can be minutes apart: so what it has not delivered yet is counted too, where the system tells (SIOCOUTQ).
    """

    __slots__ = ("_limit_seconds", "_since", "_waiting_bytes")

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._since = 0.0
        self._waiting_bytes = -1

    def begin(self, now: float) -> None:
        """Something waits from now on."""
        self._since = now
        self._waiting_bytes = -1

    def lasts(self, waiting_bytes: int, now: float) -> bool:
        """Whether nothing at all was taken for the whole limit. waiting_bytes: with what is in the kernel."""
        if waiting_bytes != self._waiting_bytes:
            self._waiting_bytes = waiting_bytes
            self._since = now
        return now - self._since > self._limit_seconds


def unsent_bytes(connection: socket.socket | None) -> int:
    """What the kernel has not delivered yet; 0 where it does not tell."""
    answer = b"\0\0\0\0"
    with contextlib.suppress(OSError, AttributeError, ValueError):
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, answer)  # type: ignore[union-attr]
    return int(struct.unpack("i", answer)[0])
