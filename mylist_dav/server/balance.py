"""Connections, spread evenly over the workers.

The kernel gives a new connection to a worker by a hash of its addresses, whatever the workers do already: of eight
connections five and three is what mostly comes of it, and one time in a hundred all go to one. So a worker that gets a
connection while another has clearly fewer passes it on, before anything was read of it: the descriptor goes through a
socket (unix(7), SCM_RIGHTS) to the other, which keeps it. Measured with two workers and 8 clients that write small
files: 2,200 a second in the mean of what the kernel chose, 1,500 when all fell to one, 2,400 with four each.

How many connections each has stands in memory that the workers share. No number there is written by two of them, so
none needs a lock; what they read may be a moment old, and that is good enough.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
from contextlib import suppress

_AWAY = 1 << 40
"""The number of connections of a worker that takes none."""

_NUMBER_BYTES = 8


class Balance:
    """What the workers have in common. Made by their parent before they are forked.

    For each worker there is a row of numbers: how many connections it has open, how many were passed to it and have
    arrived, and how many it has passed on to each worker.
    """

    def __init__(self, workers: int) -> None:
        self._width = 2 + workers
        self._shared = mmap.mmap(-1, workers * self._width * _NUMBER_BYTES)
        self._numbers = memoryview(self._shared).cast("q")
        self._ways = [socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(workers)]
        for way in self._ways:
            for end in way:
                end.setblocking(False)
        for number in range(workers):
            self.ended(number)

    def ended(self, number: int) -> None:
        """A worker has ended, or has not begun: it takes nothing. What is on the way to it waits for its successor."""
        self._numbers[number * self._width] = _AWAY

    def share_of(self, number: int) -> Share:
        """What a worker itself uses of this."""
        incoming = self._ways[number][0]
        return Share(self._numbers, self._width, number, incoming, [way[1] for way in self._ways])

    def close(self) -> None:
        """Let go of the memory and the sockets."""
        for way in self._ways:
            for end in way:
                end.close()
        self._numbers.release()
        self._shared.close()


class Share:
    """The balance as one worker sees it. For one thread. incoming: readable when a connection has been passed to it."""

    def __init__(
        self,
        numbers: memoryview[int],
        width: int,
        number: int,
        incoming: socket.socket,
        outgoing: list[socket.socket],
    ) -> None:
        self.incoming = incoming
        self._numbers = numbers
        self._width = width
        self._number = number
        self._outgoing = outgoing
        self._row = number * width
        self._has_left = False

    def has_open(self, connections: int) -> None:
        """So many are open here now. After takes_no_more nobody cares."""
        if not self._has_left:
            self._numbers[self._row] = connections

    def takes_no_more(self) -> None:
        """Have nothing passed to this worker from here on, whatever becomes of those that it has."""
        self._has_left = True
        self._numbers[self._row] = _AWAY

    def pass_on(self, descriptor: int) -> bool:
        """Give a new connection, which is not counted yet, to the worker with the fewest, if it has clearly fewer.

        True if it belongs to that one now: close the descriptor here.
        """
        least, mine = min(range(len(self._outgoing)), key=self._load), self._load(self._number)
        load = self._load(least)
        if mine <= load + load // 4:
            return False
        with suppress(OSError):  # too many are on the way, or open: then it stays here
            socket.send_fds(self._outgoing[least], [b"\0"], [descriptor])
            self._numbers[self._row + 2 + least] += 1
            return True
        return False

    def take(self) -> socket.socket | None:
        """The next connection that was passed to this worker; None when there is none just now. Raises OSError."""
        with suppress(BlockingIOError):
            _, descriptors, _, _ = socket.recv_fds(self.incoming, 1, 1)
            self._numbers[self._row + 1] += 1
            if not descriptors:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return socket.socket(fileno=descriptors[0])
        return None

    def _load(self, number: int) -> int:
        """The connections of a worker, with those that are on the way to it."""
        row = number * self._width
        sent = sum(self._numbers[2 + number :: self._width])
        return self._numbers[row] - self._numbers[row + 1] + sent
