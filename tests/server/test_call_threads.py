"""The threads that an event loop hands calls to: none is lost, none waits while a thread is idle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine

import pytest

from mylist_dav.errors import Busy
from mylist_dav.server.exchanges.threads import CallThreads

SECONDS_MAX = 30.0


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), SECONDS_MAX))


def test_every_call_is_made_once_and_answers_with_what_it_gave() -> None:
    async def test() -> None:
        threads = CallThreads(4, 10_000)
        answers = [threads.start(lambda number=number: number * 2) for number in range(3000)]  # type: ignore[misc]
        assert await asyncio.gather(*answers) == [number * 2 for number in range(3000)]
        for number in range(300):
            assert await threads.admit(int, number) == number
        assert threads.calls == 0
        threads.close()

    run(test)


def test_an_error_comes_back_and_the_thread_lives_on() -> None:
    async def test() -> None:
        threads = CallThreads(1, 10)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await threads.start(lambda: 1 // 0)
        assert await threads.start(int, 7) == 7
        threads.close()

    run(test)


def test_calls_run_beside_each_other_in_as_many_threads_as_there_are() -> None:
    async def test() -> None:
        threads = CallThreads(3, 10)
        meeting = threading.Barrier(3)
        places = await asyncio.gather(*(threads.start(meeting.wait, SECONDS_MAX) for _ in range(3)))
        assert sorted(places) == [0, 1, 2]
        threads.close()

    run(test)


def test_the_thread_that_was_busy_last_goes_on() -> None:
    async def test() -> None:
        threads = CallThreads(8, 10)
        seen = set()
        for _ in range(100):
            seen.add(await threads.start(threading.get_ident))
            await asyncio.sleep(0.001)
        assert len(seen) < 8
        threads.close()

    run(test)


def test_too_many_waiting_calls_are_refused() -> None:
    async def test() -> None:
        threads = CallThreads(1, 2)
        go_on = threading.Event()
        answers = [threads.admit(go_on.wait, SECONDS_MAX) for _ in range(3)]
        with pytest.raises(Busy):
            threads.admit(int)
        more = threads.start(int, 5)  # what continues something is not refused
        go_on.set()
        assert await asyncio.gather(*answers, more) == [True, True, True, 5]
        threads.close()

    run(test)


def test_closing_lets_the_calls_that_wait_end_and_the_threads_with_them() -> None:
    async def test() -> None:
        threads = CallThreads(2, 100)
        go_on = threading.Event()
        answers = [threads.start(go_on.wait, SECONDS_MAX) for _ in range(20)]
        threads.close()
        go_on.set()
        assert await asyncio.gather(*answers) == [True] * 20
        for thread in threads._threads:
            await asyncio.to_thread(thread.join, SECONDS_MAX)
            assert not thread.is_alive()

    run(test)
