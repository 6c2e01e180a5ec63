"""Requests that wait for their turn without holding a thread: bodies that are large to parse, and whatever is queued.

A JSON body of 32 MiB becomes some 300 MB of objects. So what is longer than most lies in a file while it arrives, and
only so many bytes are parsed and worked on at once in a process, of each account one body at a time.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mylist_dav.api.problems import problem
from mylist_dav.errors import Queued, TooMany
from mylist_dav.services.limits.turns import Turns
from mylist_dav.store.spool import Spool
from mylist_dav.wire.messages import Again, Response

HELD_BYTES_MAX = 1024 * 1024
"""A body up to this is kept in memory, and waits for nobody: as many are worked on as there are threads."""

PARSED_BYTES_MAX = 32 * 1024 * 1024
"""Longer ones that are worked on at once, together."""

ARRIVING_MAX = 8
"""How many longer ones of one account arrive or wait at a time."""

ASK_SECONDS = 0.1
WAIT_SECONDS_MAX = 60.0
_AFTER_SECONDS = 10


class Waiters:
    """Requests that are queued, and are asked for again. What they have said stays in memory, so they are bounded."""

    def __init__(self, most_of_one: int = ARRIVING_MAX) -> None:
        self._most_of_one = most_of_one
        self._lock = threading.RLock()  # a place may be given back wherever an object is dropped
        self._waiting: Counter[str] = Counter()

    def until_its_turn(
        self, account: str, attempt: Callable[[], Response], seconds: float = WAIT_SECONDS_MAX
    ) -> Response:
        """What an attempt gives. One that raises Queued is repeated, until so many seconds have passed.

        An engine that does not wait sends the Queued. Raises it when too many of the account wait already.
        """
        try:
            return attempt()
        except Queued as error:
            with self._lock:
                if self._waiting[account] >= self._most_of_one or not seconds:
                    raise
                self._waiting[account] += 1
            return _Waiting(self, account, attempt, time.monotonic() + seconds).told(error)

    def give_back(self, account: str) -> None:
        """One of the account does not wait any more."""
        with self._lock:
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account]


class _Waiting:
    """A request that waits, as long as it is asked for."""

    def __init__(self, waiters: Waiters, account: str, attempt: Callable[[], Response], until: float) -> None:
        self._attempt = attempt
        self._until = until
        weakref.finalize(self, waiters.give_back, account)

    def told(self, error: Queued) -> Response:
        return replace(problem(error), again=Again(ASK_SECONDS, self._ask))

    def _ask(self) -> Response:
        try:
            return self._attempt()
        except Queued as error:
            if time.monotonic() >= self._until:
                raise
            return self.told(error)


class LargeBodies:
    """Those of one process."""

    def __init__(self, spool: Callable[[], Spool], turns: Turns | None = None) -> None:
        """spool: a new temporary file."""
        self._spool = spool
        self.turns = turns or Turns(PARSED_BYTES_MAX)
        self.waiters = Waiters()
        self._arriving: Counter[str] = Counter()
        self._lock = threading.RLock()  # what is dropped while it is held is closed too

    def receive(self, account: str, limit_bytes: int, handle: Callable[[bytes], Response]) -> LargeBody:
        """A BodySink that calls handle(body) once it is the turn of this account."""
        return LargeBody(self, account, limit_bytes, handle)

    def spool(self, account: str) -> Spool:
        """Raises TooMany: an account fills only so many files at a time here."""
        with self._lock:
            if self._arriving[account] >= ARRIVING_MAX:
                raise TooMany(
                    f"{account} sends {ARRIVING_MAX} long bodies at the moment: wait for one", _AFTER_SECONDS
                )
            spool = self._spool()
            self._arriving[account] += 1
        return spool

    def close(self, account: str, spool: Spool) -> None:
        """Drop the bytes. May be called twice."""
        with self._lock:
            if spool.closed:
                return
            spool.close()
            self._arriving[account] -= 1
            if not self._arriving[account]:
                del self._arriving[account]


class LargeBody:
    """A BodySink: in memory while it is short, in a file from then on."""

    piece_bytes = HELD_BYTES_MAX

    def __init__(
        self, bodies: LargeBodies, account: str, limit_bytes: int, handle: Callable[[bytes], Response]
    ) -> None:
        self.limit_bytes = limit_bytes
        self._bodies = bodies
        self._account = account
        self._handle = handle
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._spool: Spool | None = None

    def write(self, piece: bytes) -> None:
        """Raises TooMany, OutOfSpace."""
        self._size_bytes += len(piece)
        if self._spool is None and self._size_bytes <= HELD_BYTES_MAX:
            self._pieces.append(piece)
            return
        if self._spool is None:
            spool = self._spool = self._bodies.spool(self._account)
            weakref.finalize(
                self, self._bodies.close, self._account, spool
            )  # for an engine that asks no more
            for one in self._pieces:
                spool.write(one)
            self._pieces.clear()
        self._spool.write(piece)

    def finish(self) -> Response:
        """Raises Queued when it was not the turn of this account for too long, and what handle raises."""
        if self._spool is None:
            return self._handle(b"".join(self._pieces))
        try:
            return self._bodies.waiters.until_its_turn(self._account, self._in_turn)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        self._pieces.clear()
        if self._spool is not None:
            self._bodies.close(self._account, self._spool)

    def _in_turn(self) -> Response:
        spool = self._spool
        assert spool is not None
        if not self._bodies.turns.take(self._account, self._size_bytes):
            raise Queued("other long bodies are being worked on: ask again a little later")
        turn = _Turn(self._bodies.turns, self._account)
        try:
            body = spool.file().read()
            self._bodies.close(self._account, spool)
            return turn.kept(self._handle(body))
        except BaseException:
            turn.end()
            raise


class _Turn:
    """A turn that lasts until the last answer is there, or nobody asks for it any more."""

    def __init__(self, turns: Turns, account: str) -> None:
        self.end = weakref.finalize(self, turns.give_back, account)

    def kept(self, response: Response) -> Response:
        again = response.again
        if again is None:
            self.end()
            return response
        return replace(response, again=Again(again.after_seconds, partial(self._go_on, again.ask)))

    def _go_on(self, ask: Callable[[], Response]) -> Response:
        try:
            return self.kept(ask())
        except BaseException:
            self.end()
            raise
