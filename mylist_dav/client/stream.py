"""A connection that takes and gives bytes for as long as its patience lasts."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stream:
    """One connection, and how long the exchange on it has taken: a write after a read begins another exchange.

    An exchange may take the timeout, and beyond it the time that its bytes need at the slowest rate. Its methods raise
    TimeoutError, which says what was waited for, and OSError. For one thread at a time.
    """

    def __init__(
        self,
        connection: socket.socket,
        rate_bytes_min: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """rate_bytes_min: the slowest rate, in bytes a second."""
        self._socket = connection
        self._rate_bytes_min = rate_bytes_min
        self._monotonic = monotonic
        self._was_read = False
        self._moved_bytes = 0
        self._spent_seconds = 0.0

    def read(self, bytes_max: int, timeout_seconds: float) -> bytes:
        """Some bytes; none when the other side has ended."""
        self._was_read = True
        with self._in_time(timeout_seconds):
            data = self._socket.recv(bytes_max)
        self._moved_bytes += len(data)
        return data

    def write(self, data: bytes, timeout_seconds: float) -> None:
        """All of these bytes."""
        if self._was_read:
            self._was_read, self._moved_bytes, self._spent_seconds = False, 0, 0.0
        left = memoryview(data)
        while left:
            with self._in_time(timeout_seconds):
                sent = self._socket.send(left)
            self._moved_bytes += sent
            left = left[sent:]

    @contextmanager
    def _in_time(self, timeout_seconds: float) -> Iterator[None]:
        """Let one call of the socket take what is left, and count what it took."""
        began = self._monotonic()
        left_seconds = self._left_seconds(timeout_seconds)
        self._socket.settimeout(left_seconds)
        try:
            yield
        except TimeoutError as error:
            if left_seconds == timeout_seconds:
                raise TimeoutError(f"nothing for {timeout_seconds:g} seconds") from error
            raise self._too_slow() from error
        finally:
            self._spent_seconds += self._monotonic() - began

    def _left_seconds(self, timeout_seconds: float) -> float:
        earned_seconds = timeout_seconds + self._moved_bytes / self._rate_bytes_min
        if (left_seconds := earned_seconds - self._spent_seconds) <= 0:
            raise self._too_slow()
        return min(timeout_seconds, left_seconds)

    def _too_slow(self) -> TimeoutError:
        return TimeoutError(f"less than {self._rate_bytes_min} bytes a second")

    @property
    def has_more(self) -> bool:
        """Whether there is something to read, be it the end: of one that is kept for later, neither should be."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._socket.close()
