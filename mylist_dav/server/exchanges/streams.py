"""What a connection offers to one exchange, and how patience with a client is measured."""

from __future__ import annotations

from typing import Protocol

from mylist_dav.errors import TooSlow
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.heads import Framing
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.wire.messages import Response


class Gone(Exception):
    """The client has left, or was cut off: there is nobody to answer."""


class Pouring(Protocol):
    """Bytes of a body on their way from a thread to the kernel. To be closed there."""

    def pour(self, piece: Slice) -> int:
        """How much of it the kernel has taken; 0 also when the client has left. Never waits."""
        ...

    def close(self) -> None: ...


class Stream(Protocol):
    """One request being received and its response being sent. Used on the event loop only, but for what it pours."""

    async def read(self) -> bytes:
        """The next bytes of the request body, as many as are there; b'' at its end.

        The first call sends 100 Continue where the client waits for it. Raises Gone when the connection ended before
        the body did, TooSlow when the client is too slow, Invalid when the framing of the body is broken.
        """
        ...

    def begin(self, response: Response, framing: Framing) -> None:
        """Queue the header section. Called once, before the first send."""
        ...

    def send(self, piece: Slice) -> int:
        """Send bytes of the body, or queue a copy of them; returns how many. The rest is for after flushed()."""
        ...

    def pouring(self) -> Pouring | None:
        """A way to send from a thread, for the time of one call there; None while something waits to be sent."""
        ...

    async def flushed(self, within_seconds: float | None) -> bool:
        """Wait until the client (or the kernel) took what was queued, or so many seconds; whether it did.

        Raises Gone when the client has left or takes nothing for too long.
        """
        ...

    async def end(self) -> None:
        """The response is complete."""
        ...

    def abort(self) -> None:
        """Cut the connection so that the client cannot take what it got for the whole."""
        ...


class Pace:
    """How fast the body of a request arrives, counting only the time in which the server waited for it."""

    __slots__ = ("_limits", "_received_bytes", "_waited_seconds", "_waiting_from")

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._received_bytes = 0
        self._waited_seconds = 0.0
        self._waiting_from: float | None = None

    def wait(self, now: float) -> None:
        """The server begins to wait for the client."""
        self._waiting_from = now

    def arrived(self, size_bytes: int, now: float) -> None:
        """Bytes have arrived, and the wait is over."""
        self._received_bytes += size_bytes
        if self._waiting_from is not None:
            self._waited_seconds += now - self._waiting_from
            self._waiting_from = None

    def check(self, now: float) -> None:
        """Raises TooSlow when the client idles, or sent less than the least rate over a whole window."""
        limits = self._limits
        waiting = 0.0 if self._waiting_from is None else now - self._waiting_from
        if waiting > limits.body_idle_seconds:
            raise TooSlow("the body of the request stopped arriving")
        waited = self._waited_seconds + waiting
        if waited < limits.body_window_seconds:
            return
        if self._received_bytes < limits.body_rate_bytes * waited:
            raise TooSlow(
                f"the body of the request arrived at less than {limits.body_rate_bytes} bytes a second"
            )
        self._received_bytes, self._waited_seconds = 0, 0.0
        if self._waiting_from is not None:
            self._waiting_from = now
