"""A bounded pool of threads that an event loop hands calls to.

The executor of the standard library costs about twice as much for each call and queues without a bound.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from mylist_dav.errors import Busy

T = TypeVar("T")
_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class CallThreads:
    """threads threads; at most queued_calls calls wait for one. Used from one event loop."""

    def __init__(self, threads: int, queued_calls: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._calls_max = threads + queued_calls
        self._calls = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"call-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def start(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin a call that must be made however long the queue is (it continues or ends something)."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._calls += 1
        self._queue.put((answer, function, arguments))
        return answer

    def admit(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin a call that starts something new. Raises Busy when too many wait already."""
        if self._calls >= self._calls_max:
            raise Busy("the server has more to do than it can: try again a little later")
        return self.start(function, *arguments)

    def close(self) -> None:
        """Let the threads end after the calls that wait. Does not wait for them."""
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            answer, function, arguments = call
            del call
            try:
                result, error = function(*arguments), None
            except BaseException as raised:  # noqa: BLE001 the border of the thread: it goes to who awaits the answer
                result, error = None, raised
            try:
                self._loop.call_soon_threadsafe(self._settle, answer, result, error)
            except RuntimeError:
                return  # the loop has been closed: nobody waits any more
            del answer, function, arguments, result, error

    def _settle(self, answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._calls -= 1
        if answer.done():
            return  # cancelled meanwhile
        if error is None:
            answer.set_result(result)
        elif isinstance(error, StopIteration):
            answer.set_exception(RuntimeError("a call raised StopIteration"))
        else:
            answer.set_exception(error)
