"""Threads that work for one thread, which hears of all work that is done, and shows how far it is meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from mylist_dav.client.folders.progress import Progress, Show

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")
SHOW_SECONDS = 0.1
_WAITED_SECONDS = 0.05


class Crew:
    """local: threads for files of this machine. network: as many as there are connections. Made when needed."""

    def __init__(self, connections: int, show: Show) -> None:
        self._connections = connections
        self._pools: list[ThreadPoolExecutor] = []
        self.progress = Progress()
        self._show = show
        self._done: SimpleQueue[tuple[Future[Any], Callable[[Any], None]]] = SimpleQueue()
        self._under_way = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)

    @cached_property
    def local(self) -> ThreadPoolExecutor:
        return self._pool(max(4, os.cpu_count() or 1), "local")

    @cached_property
    def network(self) -> ThreadPoolExecutor:
        return self._pool(self._connections, "network")

    def _pool(self, threads: int, name: str) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # here, because what has not changed needs none

        self._pools.append(ThreadPoolExecutor(threads, thread_name_prefix=name))
        return self._pools[-1]

    def start(self, pool: ThreadPoolExecutor, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Have something done; `then` is called with the result, by the thread that waits in run()."""
        self._under_way += 1
        future = pool.submit(work)
        future.add_done_callback(lambda done: self._done.put((done, then)))

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._under_way > 0

    def run(self) -> None:
        """Until nothing is under way any more. Raises what work raised."""
        while self._under_way:
            self.step()

    def settle(self) -> None:
        """What is done already, without waiting; for who works himself meanwhile."""
        self._show(self.progress)
        while not self._done.empty():
            self.step()

    def step(self) -> None:
        """Wait for one piece of work."""
        while True:
            self._show(self.progress)
            try:
                future, then = self._done.get(timeout=SHOW_SECONDS)
                break
            except Empty:
                continue
        self._under_way -= 1
        then(future.result())


class Asked(Generic[T]):
    """One question, that a thread of its own has asked. Thread-safe."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="asked", daemon=True)
        self._thread.start()

    def done(self) -> bool:
        """Whether the answer is here."""
        return not self._thread.is_alive()

    def result(self) -> T:
        """Wait for the answer. Raises what asking has raised."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except BaseException as error:  # noqa: BLE001 it belongs to whoever wants the answer
            self._failed = error


class Alone:
    """Whether one thread is enough for many small pieces of work: where nothing has to be waited for, several only
    fight for the interpreter. It is until it has waited `times` as long as it has worked, and for 0.05 s.
    """

    def __init__(self, times: float = 1.0) -> None:
        self._times = times
        self._worked_seconds = self._waited_seconds = 0.0
        self.is_enough = True

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Around each piece."""
        began_seconds, worked_from_seconds = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            worked_seconds = time.thread_time() - worked_from_seconds
            self._worked_seconds += worked_seconds
            self._waited_seconds += time.perf_counter() - began_seconds - worked_seconds
            enough_seconds = max(_WAITED_SECONDS, self._times * self._worked_seconds)
            self.is_enough = self.is_enough and self._waited_seconds <= enough_seconds
