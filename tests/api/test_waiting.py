"""Long bodies, and whatever else waits for its turn without a thread."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from mylist_dav.api.waiting import ARRIVING_MAX, HELD_BYTES_MAX, LargeBodies, LargeBody, Waiters
from mylist_dav.errors import Conflict, Queued, TooMany
from mylist_dav.services.limits.turns import Turns
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch
from mylist_dav.store.spool import Spool
from mylist_dav.wire.messages import Again, Response

LONG = b"x" * (HELD_BYTES_MAX + 1)


class Files:
    """Temporary files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch = Scratch(folder, Disk())

    def __call__(self) -> Spool:
        return Spool(self._scratch, Disk(), 10 * len(LONG))

    @property
    def count(self) -> int:
        return sum(path.is_file() and path.stat().st_size > 0 for path in self._folder.rglob("*"))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "tmp")


def received(
    bodies: LargeBodies, account: str, handle: Callable[[bytes], Response], body: bytes
) -> LargeBody:
    sink = bodies.receive(account, 10 * len(LONG), handle)
    for start in range(0, len(body), 100_000):
        sink.write(body[start : start + 100_000])
    return sink


def length(body: bytes) -> Response:
    return Response(200, body=str(len(body)).encode())


def test_a_short_body_waits_for_nobody_and_is_no_file(files: Files) -> None:
    bodies = LargeBodies(files, Turns(1))
    bodies.turns.take("a", 1)
    sink = received(bodies, "a", length, b"x" * HELD_BYTES_MAX)
    assert files.count == 0
    assert sink.finish() == Response(200, body=str(HELD_BYTES_MAX).encode())


def test_a_long_body_is_a_file_until_it_is_its_turn(files: Files) -> None:
    bodies = LargeBodies(files)
    sink = received(bodies, "a", length, LONG)
    assert bodies.turns.take("a", 1)
    answer = sink.finish()
    assert (answer.status, files.count) == (503, 1)
    assert answer.again is not None
    answer = answer.again.ask()
    assert answer.again is not None
    bodies.turns.give_back("a")
    assert answer.again.ask() == Response(200, body=str(len(LONG)).encode())
    assert files.count == 0
    assert bodies.turns.take("a", 1), "the turn was given back"


def test_an_answer_that_is_waited_for_keeps_its_turn(files: Files) -> None:
    bodies = LargeBodies(files)
    answers = iter([Response(503, again=Again(1, lambda: next(answers))), Response(200)])
    answer = received(bodies, "a", lambda _: next(answers), LONG).finish()
    assert not bodies.turns.take("a", 1)
    assert answer.again is not None
    assert answer.again.ask() == Response(200)
    assert bodies.turns.take("a", 1)


def test_an_answer_that_nobody_waits_for_any_more_gives_its_turn_back(files: Files) -> None:
    bodies = LargeBodies(files)
    answer = received(
        bodies, "a", lambda _: Response(503, again=Again(1, lambda: Response(200))), LONG
    ).finish()
    assert not bodies.turns.take("a", 1)
    del answer
    gc.collect()
    assert bodies.turns.take("a", 1)
    waits = received(bodies, "b", length, LONG)
    assert bodies.turns.take("b", 1)
    answer = waits.finish()
    del waits, answer
    gc.collect()
    assert files.count == 0


def test_an_error_gives_the_turn_back_and_drops_the_file(files: Files) -> None:
    bodies = LargeBodies(files)

    def fail(body: bytes) -> Response:
        raise Conflict("no")

    with pytest.raises(Conflict):
        received(bodies, "a", fail, LONG).finish()
    assert (bodies.turns.take("a", 1), files.count) == (True, 0)


def test_a_wait_ends_at_some_time() -> None:
    def attempt() -> Response:
        raise Queued("wait")

    with pytest.raises(Queued):
        Waiters().until_its_turn("a", attempt, seconds=0)


def test_an_account_has_so_many_files_at_a_time(files: Files) -> None:
    bodies = LargeBodies(files)
    several = [received(bodies, "a", length, LONG) for _ in range(ARRIVING_MAX)]
    with pytest.raises(TooMany):
        received(bodies, "a", length, LONG)
    received(bodies, "b", length, LONG).abort()
    several.pop().abort()
    assert files.count == ARRIVING_MAX - 1
    several.append(received(bodies, "a", length, LONG))
    for one in several:
        one.abort()
    assert files.count == 0


def test_only_what_is_queued_is_tried_again() -> None:
    tried = iter([Queued("wait"), Queued("wait"), Conflict("no")])

    def attempt() -> Response:
        raise next(tried)

    answer = Waiters().until_its_turn("a", attempt)
    assert (answer.status, ("retry-after", "1") in answer.headers) == (503, True)
    assert answer.again is not None
    answer = answer.again.ask()
    assert answer.again is not None
    with pytest.raises(Conflict):
        answer.again.ask()


def test_so_many_requests_of_one_account_wait(files: Files) -> None:
    waiters, tried = Waiters(2), iter([True] * 6 + [False])

    def attempt() -> Response:
        if next(tried):
            raise Queued("wait")
        return Response(200)

    answers = [waiters.until_its_turn("a", attempt) for _ in range(2)]
    with pytest.raises(Queued):
        waiters.until_its_turn("a", attempt)
    waiters.until_its_turn("b", attempt)
    answers.pop()
    gc.collect()
    answers.append(waiters.until_its_turn("a", attempt))
    with pytest.raises(Queued):
        waiters.until_its_turn("a", attempt)
    assert answers[0].again is not None
    assert answers[0].again.ask() == Response(200)
