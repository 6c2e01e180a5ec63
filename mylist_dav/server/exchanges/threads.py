"""A bounded pool of threads that an event loop hands calls to.

The executor of the standard library costs about twice as much for each call and queues without a bound. A queue that
the idle threads share wakes one of them in vain for each call (so does queue.SimpleQueue: whoever takes something tells
the next one to look). So each has a lock of its own that it sleeps for. The one that has been idle for the shortest
time is given the next call: what it needs is in the caches still, those of its connection to the catalog too.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from mylist_dav.errors import Busy

T = TypeVar("T")
Settle = Callable[[Any, BaseException | None], None]
"""Takes what a call gave back, or what it raised; on the event loop."""

_Call = tuple[Settle, Callable[..., Any], tuple[Any, ...]]


class _Idle:
    """A thread that waits for its next call."""

    __slots__ = ("_call", "_given")

    def __init__(self) -> None:
        self._given = threading.Lock()
        self._given.acquire()
        self._call: _Call | None = None

    def give(self, call: _Call | None) -> None:
        """Let it go on; None: it is to end."""
        self._call = call
        self._given.release()

    def wait(self) -> _Call | None:
        """What it is given."""
        self._given.acquire()
        call, self._call = self._call, None
        return call


class CallThreads:
    """threads threads; at most queued_calls calls wait for one. Used from one event loop."""

    def __init__(self, threads: int, queued_calls: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._mutex = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._idle: list[_Idle] = []
        self._closed = False
        self._calls_max = threads + queued_calls
        self._calls = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"call-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def calls(self) -> int:
        """Calls that have begun or wait. May be asked from any thread."""
        return self._calls

    def start(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin a call that must be made however long the queue is (it continues or ends something)."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._begin(partial(_settle_future, answer), function, arguments)
        return answer

    def admit(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin a call that starts something new. Raises Busy when too many wait already."""
        self._refuse_too_many()
        return self.start(function, *arguments)

    def admit_for(self, settle: Settle, function: Callable[..., Any], *arguments: Any) -> None:
        """Like admit, for who waits without a future: settle is called when the call has ended, and must not raise."""
        self._refuse_too_many()
        self._begin(settle, function, arguments)

    def _refuse_too_many(self) -> None:
        if self._calls >= self._calls_max:
            raise Busy("the server has more to do than it can: try again a little later")

    def _begin(self, settle: Settle, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._calls += 1
        call = settle, function, arguments
        with self._mutex:
            if self._idle:
                idle = self._idle.pop()
            else:
                self._waiting.append(call)
                return
        idle.give(call)

    def close(self) -> None:
        """Let the threads end after the calls that wait. Does not wait for them."""
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.give(None)

    def _next(self, idle: _Idle) -> _Call | None:
        with self._mutex:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            self._idle.append(idle)
        return idle.wait()

    def _work(self) -> None:
        idle = _Idle()
        while (call := self._next(idle)) is not None:
            settle, function, arguments = call
            del call
            try:
                result, error = function(*arguments), None
            except BaseException as raised:  # noqa: BLE001 the border of the thread: it goes to who awaits the answer
                result, error = None, raised
            try:
                self._loop.call_soon_threadsafe(self._end, settle, result, error)
            except RuntimeError:
                return  # the loop has been closed: nobody waits any more
            del settle, function, arguments, result, error

    def _end(self, settle: Settle, result: Any, error: BaseException | None) -> None:
        self._calls -= 1
        settle(result, error)


def _settle_future(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if answer.done():
        return  # cancelled meanwhile
    if error is None:
        answer.set_result(result)
    elif isinstance(error, StopIteration):
        answer.set_exception(RuntimeError("a call raised StopIteration"))
    else:
        answer.set_exception(error)
