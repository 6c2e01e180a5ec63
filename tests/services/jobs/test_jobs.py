"""Jobs: begun by anybody who may, run by any process, seen by whoever knows the id, ended for certain."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest

from mylist_dav.errors import Busy, Forbidden, Invalid, NotFound, OutOfSpace, TooMany, Unauthenticated
from mylist_dav.model.actors import GUEST, OPERATOR, Scope
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.digest import Digest
from mylist_dav.model.jobs import State
from mylist_dav.model.names import FlistName
from mylist_dav.services.jobs import running as job_running
from mylist_dav.services.jobs.jobs import ATTEMPTS_MAX, Fields, Kind, Run
from mylist_dav.services.opening import CATALOG, Library
from mylist_dav.store.catalog import Draft
from mylist_dav.store.catalog.jobs import JobWrites
from mylist_dav.store.catalog.turns import Turn
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.owners import Owners
from tests.services.job_bench import (
    ADMIN,
    OTHER,
    PATIENCE_SECONDS,
    START_NS,
    USER,
    Gate,
    active,
    ended,
    library_in,
    until,
)

DAY_NS = 86_400 * 1_000_000_000


def failing(error: Exception) -> Kind:
    def run(run: Run) -> Fields:
        raise error

    return Kind("failing", lambda actor, asked: None, run)


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_in(tmp_path / "data") as made:
        yield made


@pytest.fixture
def gate(library: Library) -> Iterator[Gate]:
    """Jobs are run, and wait for it."""
    made = Gate()
    library.jobs.register(made.kind())
    library.start_jobs()
    yield made
    made.open.set()


# -- from the beginning to the end -----------------------------------------------------------------------------


def test_a_job_goes_from_queued_through_active_to_done(library: Library) -> None:
    gate = Gate()
    library.jobs.register(gate.kind())
    job = library.jobs.start(ADMIN, "gate", {"a": 1}, "anna/x")
    assert (job.state, job.kind, job.flist, job.account, job.ended_ns) == (
        State.QUEUED,
        "gate",
        "anna/x",
        "anna",
        None,
    )
    library.start_jobs()
    running = until(library, job.job_id, lambda found: found.phase == "waiting")
    assert running.state is State.ACTIVE
    assert (running.done_bytes, running.total_bytes, running.done_entries, running.total_entries) == (
        7,
        9,
        1,
        2,
    )
    gate.open.set()
    done = ended(library, job)
    assert (done.state, json.loads(done.result or ""), done.problem) == (State.DONE, {"got": {"a": 1}}, None)
    assert done.ended_ns is not None
    assert done.owner == ""


def test_a_job_that_is_done_shows_all_that_was_done_however_fast_it_was(library: Library) -> None:
    def run(job: Run) -> dict[str, object]:
        for number in range(1, 6):
            job.progress("counting", done_bytes=10 * number, done_entries=number)
        return {}

    library.jobs.register(Kind("count", lambda actor, asked: None, run))
    job = library.jobs.start(ADMIN, "count", {})
    library.start_jobs()
    done = ended(library, job)
    assert (done.state, done.done_entries, done.done_bytes) == (State.DONE, 5, 50)


def test_ids_are_128_random_bits_and_what_is_none_is_not_found(library: Library, gate: Gate) -> None:
    ids = {library.jobs.start(ADMIN, "gate", {}).job_id for _ in range(10)}
    assert len(ids) == 10
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    for wrong in ("0" * 32, "", "x", "0" * 31 + "G", "0" * 33, "é" * 32):
        with pytest.raises(NotFound):
            library.jobs.get(wrong)


def test_a_job_runs_in_the_name_of_who_began_it_with_the_scope_of_the_token(
    library: Library, gate: Gate
) -> None:
    scope = Scope(FlistName("ulla", "x"), read_only=True)
    job = library.jobs.start(USER._replace(scope=scope, address="192.0.2.7", request_id="abc"), "gate", {})
    gate.open.set()
    ended(library, job)
    assert gate.runs == [USER._replace(scope=scope, address="192.0.2.7", request_id=job.tag)]


def test_what_an_account_has_lost_meanwhile_its_job_has_lost_too(library: Library) -> None:
    gate = Gate()
    library.jobs.register(gate.kind())
    job = library.jobs.start(USER, "gate", {})
    library.identity.set_disabled(OPERATOR, "ulla", True)
    library.start_jobs()
    failed = ended(library, job)
    assert failed.state is State.FAILED
    assert json.loads(failed.problem or "")["type"] == "urn:mylist:problem:not-found"
    assert gate.runs == []


def test_an_error_becomes_a_problem_document(library: Library) -> None:
    library.jobs.register(failing(OutOfSpace("the disk is full")))
    library.start_jobs()
    failed = ended(library, library.jobs.start(ADMIN, "failing", {}))
    assert (failed.state, failed.result) == (State.FAILED, None)
    assert json.loads(failed.problem or "") == {
        "type": "urn:mylist:problem:out-of-space",
        "title": "Out of space",
        "status": 507,
        "detail": "the disk is full",
    }


def test_an_unexpected_error_shows_nothing_of_itself_and_others_run_on(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.jobs.register(failing(ZeroDivisionError("a secret")))
    library.start_jobs()
    for _ in range(3):
        failed = ended(library, library.jobs.start(ADMIN, "failing", {}))
        assert json.loads(failed.problem or "")["detail"] == "an unexpected error"
    assert "a secret" in caplog.text, "the log has it"


def test_beginning_and_ending_are_recorded_and_the_record_does_not_hold_the_id(
    library: Library, gate: Gate
) -> None:
    job = library.jobs.start(ADMIN, "gate", {}, "anna/x")
    library.jobs.cancel(OPERATOR, job.job_id)
    library.jobs.cancel(OPERATOR, job.job_id)
    rows = library.audit.rows(OPERATOR, Wanted(flist="anna/x"))
    assert [(row.action, row.account) for row in rows] == [("job-cancel", ""), ("job-start", "anna")]
    assert json.loads(rows[0].detail) == {"kind": "gate", "job": job.tag}
    assert job.job_id not in str(rows)


# -- rights ------------------------------------------------------------------------------------------------------


def test_a_guest_begins_lists_and_ends_nothing_but_may_read_what_it_knows_the_id_of(
    library: Library, gate: Gate
) -> None:
    job = library.jobs.start(USER, "gate", {})
    for call in (
        lambda: library.jobs.start(GUEST, "gate", {}),
        lambda: library.jobs.list(GUEST),
        lambda: library.jobs.cancel(GUEST, job.job_id),
    ):
        with pytest.raises(Unauthenticated):
            call()
    assert library.jobs.get(job.job_id).kind == "gate"


def test_users_list_and_end_their_own_jobs_and_admins_all(library: Library, gate: Gate) -> None:
    first = library.jobs.start(USER, "gate", {})
    second = library.jobs.start(OTHER, "gate", {})
    assert [job.job_id for job in library.jobs.list(USER)] == [first.job_id]
    assert {job.job_id for job in library.jobs.list(ADMIN)} == {first.job_id, second.job_id}
    with pytest.raises(Forbidden):
        library.jobs.cancel(OTHER, first.job_id)
    library.jobs.cancel(USER, first.job_id)
    library.jobs.cancel(ADMIN, second.job_id)
    assert {ended(library, job).state for job in (first, second)} == {State.CANCELLED}


def test_a_token_for_one_flist_sees_and_ends_the_jobs_of_that_one(library: Library, gate: Gate) -> None:
    mine = library.jobs.start(USER, "gate", {}, "ulla/a")
    other = library.jobs.start(USER, "gate", {}, "ulla/b")
    limited = USER._replace(scope=Scope(FlistName("ulla", "a")))
    assert [job.job_id for job in library.jobs.list(limited)] == [mine.job_id]
    with pytest.raises(Forbidden):
        library.jobs.cancel(limited, other.job_id)
    with pytest.raises(Forbidden):
        library.jobs.cancel(limited._replace(scope=Scope(None, read_only=True)), mine.job_id)
    library.jobs.cancel(limited, mine.job_id)
    assert ended(library, mine).state is State.CANCELLED


def test_what_its_kind_refuses_never_waits(library: Library) -> None:
    with pytest.raises(Forbidden):
        library.jobs.start(USER, "verify", {})
    with pytest.raises(Invalid):
        library.jobs.start(ADMIN, "nonsense", {})
    assert library.jobs.list(ADMIN) == []


# -- ending it ---------------------------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_at_once_and_never_begins(library: Library) -> None:
    gate = Gate()
    library.jobs.register(gate.kind())
    job = library.jobs.start(ADMIN, "gate", {})
    assert library.jobs.cancel(ADMIN, job.job_id).state is State.CANCELLED
    library.start_jobs()
    gate.open.set()
    ended(library, library.jobs.start(ADMIN, "gate", {}))
    assert len(gate.runs) == 1, "the second one only"


def test_a_job_that_runs_ends_soon_after_it_was_cancelled(library: Library, gate: Gate) -> None:
    job = library.jobs.start(ADMIN, "gate", {})
    active(library, job)
    library.jobs.cancel(ADMIN, job.job_id)
    assert ended(library, job).state is State.CANCELLED
    assert not gate.open.is_set()


def test_cancelling_what_has_ended_changes_nothing(library: Library, gate: Gate) -> None:
    gate.open.set()
    done = ended(library, library.jobs.start(ADMIN, "gate", {}))
    assert library.jobs.cancel(ADMIN, done.job_id) == done


# -- waiting for it ----------------------------------------------------------------------------------------------


def test_waiting_answers_when_the_job_has_ended(library: Library, gate: Gate) -> None:
    job = library.jobs.start(ADMIN, "gate", {})
    found: list[State] = []
    waiter = threading.Thread(target=lambda: found.append(library.jobs.wait(job.job_id, 60).state))
    waiter.start()
    active(library, job)
    assert found == []
    gate.open.set()
    waiter.join(PATIENCE_SECONDS)
    assert found == [State.DONE]


def test_waiting_ends_after_the_time_that_was_asked_for(library: Library, gate: Gate) -> None:
    job = library.jobs.start(ADMIN, "gate", {})
    active(library, job)
    assert library.jobs.wait(job.job_id, 0.1).state is State.ACTIVE
    assert library.jobs.wait(job.job_id, 0).state is State.ACTIVE


def test_who_comes_past_the_bound_of_waiters_is_answered_at_once(tmp_path: Path) -> None:
    with library_in(tmp_path / "data") as library:
        library.jobs._waiting_threads = threading.BoundedSemaphore(1)
        job = library.jobs.start(ADMIN, "verify", {})
        begun = threading.Event()
        look = library.jobs.get

        def looking(job_id: str) -> object:
            begun.set()
            return look(job_id)

        library.jobs.get = looking  # type: ignore[method-assign, assignment]
        waiter = threading.Thread(target=lambda: library.jobs.wait(job.job_id, 60))
        waiter.start()
        assert begun.wait(PATIENCE_SECONDS)
        assert library.jobs.wait(job.job_id, 60).state is State.QUEUED, "it has not waited"
        library.jobs.cancel(ADMIN, job.job_id)
        waiter.join(PATIENCE_SECONDS)
        assert not waiter.is_alive()


def test_who_waits_without_a_thread_asks_until_the_job_has_ended_or_the_time_is_over(tmp_path: Path) -> None:
    with library_in(tmp_path / "data", waiters_max=2) as library:
        now = [0.0]
        library.jobs._monotonic = lambda: now[0]
        job = library.jobs.start(ADMIN, "verify", {})
        first, second, third = (library.jobs.waiter(job.job_id, 30) for _ in range(3))
        assert [each.ask()[1] for each in (first, second, third, first)] == [True, True, False, True]
        now[0] = 31.0
        assert first.ask()[1] is False, "its time is over"
        assert library.jobs.waiter(job.job_id, 30).ask()[1], "and its place is free"
        assert library.jobs.waiter(job.job_id, 30).ask()[1], "as is that of the second, who never came back"
        assert not library.jobs.waiter(job.job_id, 30).ask()[1]
        library.jobs.cancel(ADMIN, job.job_id)
        assert library.jobs.waiter(job.job_id, 30).ask()[1] is False


# -- bounds ------------------------------------------------------------------------------------------------------


def test_no_more_jobs_run_at_once_than_are_set(tmp_path: Path) -> None:
    with library_in(tmp_path / "data", threads=2) as library:
        gate = Gate()
        library.jobs.register(gate.kind())
        library.start_jobs()
        started = [library.jobs.start(ADMIN, "gate", {}) for _ in range(5)]
        until(library, started[0].job_id, lambda _: gate.at_once == 2)
        gate.open.set()
        for job in started:
            ended(library, job)
        assert gate.at_once_max == 2


def test_the_queue_is_bounded_and_that_of_an_account_more_tightly(tmp_path: Path) -> None:
    with library_in(tmp_path / "data", unfinished_max=3, unfinished_per_account_max=2) as library:
        library.jobs.register(Gate().kind())
        first = library.jobs.start(USER, "gate", {})
        library.jobs.start(USER, "gate", {})
        with pytest.raises(TooMany):
            library.jobs.start(USER, "gate", {})
        library.jobs.start(OTHER, "gate", {})
        with pytest.raises(Busy):
            library.jobs.start(OTHER, "gate", {})
        library.jobs.cancel(USER, first.job_id)
        library.jobs.start(OTHER, "gate", {})


def test_an_account_with_many_jobs_does_not_keep_others_waiting(tmp_path: Path) -> None:
    with library_in(tmp_path / "data", threads=2) as library:
        gate = Gate()
        library.jobs.register(gate.kind())
        for _ in range(5):
            library.jobs.start(USER, "gate", {})
        late = library.jobs.start(OTHER, "gate", {})
        library.start_jobs()
        active(library, late)
        gate.open.set()


def test_a_job_does_not_fail_because_others_write_while_it_shows_how_far_it_is(tmp_path: Path) -> None:
    with library_in(tmp_path / "data", busy_seconds=1) as library:
        pen = Turn(tmp_path / "data" / f"{CATALOG}-pen", 1)
        shown: list[float] = []

        def run(run: Run) -> Fields:
            end = time.monotonic() + 2.5  # two looks, each of which waits for a second
            pen.take()
            while time.monotonic() < end:
                shown.append(time.monotonic())
                run.progress("on", done_entries=len(shown))
            pen.give()
            return {}

        library.jobs.register(Kind("busy", lambda actor, asked: None, run))
        job = library.jobs.start(USER, "busy", {})
        library.start_jobs()
        assert ended(library, job).state is State.DONE
        assert max(b - a for a, b in pairwise(shown)) > 0.9


def test_what_became_of_a_job_is_written_down_as_soon_as_that_can_be_done_again(
    library: Library, gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job_running, "FAILED_SECONDS", 0.01)
    job = active(library, library.jobs.start(USER, "gate", {}))
    until(library, job.job_id, lambda found: found.done_bytes == 7)
    library.stop_sign.stop("a sync failed")
    gate.open.set()
    until(library, job.job_id, lambda _: "cannot be written down" in caplog.text)
    assert library.jobs.get(job.job_id).state is State.ACTIVE
    library.stop_sign.clear()
    assert ended(library, job).state is State.DONE
    assert len(gate.runs) == 1


def test_ended_jobs_are_forgotten_after_their_days(tmp_path: Path) -> None:
    now_ns = START_NS
    with library_in(tmp_path / "data", clock=lambda: now_ns, days=7) as library:
        old = library.jobs.start(ADMIN, "verify", {})
        library.jobs.cancel(ADMIN, old.job_id)
        waiting = library.jobs.start(ADMIN, "verify", {})
        now_ns += 7 * DAY_NS - 1
        library._runner._sweep()
        assert library.jobs.get(old.job_id).state is State.CANCELLED
        now_ns += 2
        library._runner._sweep()
        with pytest.raises(NotFound):
            library.jobs.get(old.job_id)
        assert library.jobs.get(waiting.job_id).state is State.QUEUED, "what has not ended stays"


def test_no_more_ended_jobs_are_kept_than_are_set(tmp_path: Path) -> None:
    ticks = iter(range(START_NS, START_NS + 1_000_000))
    with library_in(tmp_path / "data", clock=lambda: next(ticks), rows_max=3) as library:
        ids = []
        for _ in range(5):
            ids.append(library.jobs.start(ADMIN, "verify", {}).job_id)
            library.jobs.cancel(ADMIN, ids[-1])
        library._runner._sweep()
        assert [job.job_id for job in library.jobs.list(ADMIN)] == ids[:1:-1]


def test_a_list_goes_on_where_the_last_one_ended(library: Library) -> None:
    library.jobs.register(Gate().kind())
    ids = [library.jobs.start(ADMIN, "gate", {"long": "x" * 100}).job_id for _ in range(5)]
    first = library.jobs.list(ADMIN, limit=2)
    rest = library.jobs.list(ADMIN, after=first[-1].job_id, limit=1000)
    assert {job.job_id for job in [*first, *rest]} == set(ids)
    assert [job.created_ns for job in [*first, *rest]] == sorted(
        (job.created_ns for job in [*first, *rest]), reverse=True
    )
    assert {job.asked for job in first} == {"{}"}, "it may be long, and is left out of lists"
    assert library.jobs.list(ADMIN, state=State.DONE) == []


# -- processes that end ------------------------------------------------------------------------------------------


@contextmanager
def process_running_a_job(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun the job that waits there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.services.killed_job", str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)


def test_a_job_whose_process_was_killed_is_seen_to_wait_again_and_is_run_by_another(library: Library) -> None:
    gate = Gate()
    library.jobs.register(gate.kind())
    job = library.jobs.start(ADMIN, "gate", {})
    with process_running_a_job(Path(library.settings.store.data)) as process:
        assert library.jobs.get(job.job_id).state is State.ACTIVE
        assert library.jobs.list(ADMIN)[0].state is State.ACTIVE, "its process lives"
        killed(process)
    assert library.jobs.get(job.job_id).state is State.QUEUED
    library.start_jobs()
    gate.open.set()
    done = ended(library, job)
    assert (done.state, done.attempts) == (State.DONE, 2)


def test_a_job_that_was_to_end_when_its_process_was_killed_has_ended(library: Library) -> None:
    library.jobs.register(Gate().kind())
    job = library.jobs.start(ADMIN, "gate", {})
    with process_running_a_job(Path(library.settings.store.data)) as process:
        process.send_signal(signal.SIGSTOP)
        assert library.jobs.cancel(ADMIN, job.job_id).state is State.ACTIVE
        killed(process)
    assert library.jobs.get(job.job_id).state is State.CANCELLED


def test_a_job_that_kills_its_process_again_and_again_fails_with_the_reason(library: Library) -> None:
    library.jobs.register(Gate().kind())
    job = library.jobs.start(ADMIN, "gate", {})
    for attempt in range(ATTEMPTS_MAX):
        assert library.jobs.get(job.job_id).attempts == attempt
        owner = f"{attempt:032x}"
        library.catalog.change(lambda draft, owner=owner: draft.jobs.claim(owner))  # type: ignore[misc]
    failed = library.jobs.list(ADMIN)[0]
    assert failed.state is State.FAILED
    assert "ended 3 times" in json.loads(failed.problem or "")["detail"]


def test_a_process_that_stops_in_order_lets_its_job_wait_again_without_counting_it(tmp_path: Path) -> None:
    with library_in(tmp_path / "data") as library:
        gate = Gate()
        library.jobs.register(gate.kind())
        library.start_jobs()
        job = active(library, library.jobs.start(ADMIN, "gate", {}))
    with library_in(tmp_path / "data") as library:
        again = library.jobs.get(job.job_id)
        assert (again.state, again.attempts) == (State.QUEUED, 0)


def test_a_stop_in_order_does_not_count_for_a_job_that_does_not_notice_it_in_time_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_running, "JOIN_SECONDS", 0.05)
    began, noticed = threading.Event(), threading.Event()

    def wait_for_a_network(run: Run) -> Fields:
        began.set()
        noticed.wait(PATIENCE_SECONDS)
        return {}

    with library_in(tmp_path / "data") as library:
        library.jobs.register(Kind("deaf", lambda actor, asked: None, wait_for_a_network))
        library.start_jobs()
        job = library.jobs.start(ADMIN, "deaf", {})
        assert began.wait(PATIENCE_SECONDS)
        threads = [each for each in threading.enumerate() if each.name.startswith("job-")]
    with library_in(tmp_path / "data") as library:
        again = library.jobs.get(job.job_id)
        assert (again.state, again.attempts) == (State.QUEUED, 0)
        noticed.set()
        for each in threads:
            each.join(PATIENCE_SECONDS)
        assert library.jobs.get(job.job_id).state is State.QUEUED


def test_another_process_ends_a_job_that_runs_here(library: Library, gate: Gate) -> None:
    job = active(library, library.jobs.start(ADMIN, "gate", {}))
    with library_in(Path(library.settings.store.data)) as other:
        other.jobs.cancel(ADMIN, job.job_id)
        assert ended(other, job).state is State.CANCELLED


def test_a_process_that_has_lost_its_job_to_another_leaves_what_was_sent_for_it(tmp_path: Path) -> None:
    gate = Gate()
    with library_in(tmp_path / "data", threads=1) as library:
        library.jobs.register(gate.kind())
        library.jobs.register(failing(NotFound("gone")))
        library.start_jobs()
        with library.jobs.new_body(ADMIN, "gate", {}) as body:
            body.write(b"sent")
            job = library.jobs.start(ADMIN, "gate", {}, "", body)
        owner = active(library, job).owner
        other = Owners(tmp_path / "data" / "run" / "owners", Disk())

        def take(draft: Draft) -> None:
            assert draft.jobs.queue_again(job.job_id, owner, counts=True)
            assert draft.jobs.claim(other.own_name()) is not None

        library.catalog.change(take)  # as another process does that takes this one for dead
        gate.open.set()
        ended(
            library, library.jobs.start(ADMIN, "failing", {})
        )  # by the only thread, which is done with the first
        assert library.jobs.get(job.job_id).state is State.ACTIVE
        with library.jobs.bodies.open(job.job_id) as kept:
            assert kept.read() == b"sent"
        other.close()


def test_a_job_that_no_thread_of_its_living_process_runs_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_running, "SWEEP_SECONDS", 0.01)
    with library_in(tmp_path / "data") as library:
        gate = Gate()
        gate.open.set()
        library.jobs.register(gate.kind())
        job = library.jobs.start(ADMIN, "gate", {})
        owner = library.jobs.owners.own_name()
        library.catalog.change(lambda draft: draft.jobs.claim(owner))  # and the thread has died of something
        library.start_jobs()
        done = ended(library, job)
        assert (done.state, done.attempts) == (State.DONE, 2)


def test_what_dead_processes_have_left_is_looked_after_while_a_long_job_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_running, "SWEEP_SECONDS", 0.01)
    held, open_ = threading.Event(), threading.Event()

    def hold_the_first_thread(run: Run) -> Fields:
        if threading.current_thread().name == "job-0":
            held.set()
            assert open_.wait(PATIENCE_SECONDS)
        return {}

    with library_in(tmp_path / "data", threads=2) as library:
        library.jobs.register(Kind("hold", lambda actor, asked: None, hold_the_first_thread))
        library.start_jobs()
        while not held.wait(0.01):
            library.jobs.start(OPERATOR, "hold", {})
        library.catalog.change(lambda draft: draft.jobs.add("0" * 32, "hold", ADMIN, "", "{}"))
        library.catalog.change(lambda draft: draft.jobs.claim("f" * 32))
        end = time.monotonic() + PATIENCE_SECONDS
        while not _has_ended_unasked(library, "0" * 32):
            assert time.monotonic() < end
            library.jobs.pause(0.02)
        open_.set()


def _has_ended_unasked(library: Library, job_id: str) -> bool:
    with library.catalog.view() as view:
        job = view.jobs.get(job_id)
    return job is not None and job.state.has_ended


def test_an_end_that_fails_for_no_known_reason_is_written_down_all_the_same(
    library: Library, gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job_running, "FAILED_SECONDS", 0.01)
    job = active(library, library.jobs.start(USER, "gate", {}))
    with monkeypatch.context() as patch:
        patch.setattr(JobWrites, "end", Mock(side_effect=RuntimeError("odd")))
        gate.open.set()
        until(library, job.job_id, lambda _: "cannot be written down" in caplog.text)
    assert ended(library, job).state is State.DONE


# -- the kinds ---------------------------------------------------------------------------------------------------

NAME = FlistName("anna", "site")
ASKED = {"name": "anna/site", "merge": False, "make": True}


def sent(library: Library, content: bytes) -> str:
    with library.jobs.new_body(ADMIN, "import", ASKED) as body:
        body.write(content)
        return library.jobs.start(ADMIN, "import", ASKED, "anna/site", body).job_id


def bodies(library: Library) -> list[str]:
    return sorted(path.name for path in (Path(library.settings.store.data) / "jobs").iterdir())


def test_an_archive_is_imported_by_a_job_and_what_was_sent_is_gone_afterwards(library: Library) -> None:
    job_id = sent(library, archive(a=b"one", b=b"two"))
    assert bodies(library) == [job_id]
    library.start_jobs()
    done = until(library, job_id, lambda job: job.state.has_ended)
    result = json.loads(done.result or done.problem or "")
    assert (result["name"], result["entries"], result["size_bytes"], result["added"]) == (
        "anna/site",
        2,
        6,
        2,
    )
    assert library.flists.get(ADMIN, NAME).entries == 2
    until(library, job_id, lambda _: bodies(library) == [])
    row = library.audit.rows(OPERATOR, Wanted(flist="anna/site", action=Action.IMPORT))[0]
    assert (row.account, row.request_id) == ("anna", done.tag)


def test_an_archive_that_is_none_fails_and_is_removed(library: Library) -> None:
    library.start_jobs()
    job_id = sent(library, b"this is no archive" * 100)
    failed = until(library, job_id, lambda job: job.state.has_ended)
    assert json.loads(failed.problem or "")["status"] == 415
    until(library, job_id, lambda _: bodies(library) == [])


def test_an_import_whose_archive_is_gone_fails_with_the_reason(library: Library) -> None:
    job_id = sent(library, archive(a=b"one"))
    library.jobs.bodies.remove(job_id)
    library.start_jobs()
    failed = until(library, job_id, lambda job: job.state.has_ended)
    assert "send it again" in json.loads(failed.problem or "")["detail"]


def test_an_import_that_was_committed_before_its_process_died_is_not_done_twice(library: Library) -> None:
    job_id = sent(library, archive(a=b"one"))
    owner = "0" * 32
    job = library.catalog.change(lambda draft: draft.jobs.claim(owner))
    assert job is not None
    with library.jobs.bodies.open(job_id) as file:
        done = library.imports.run(library.jobs.actor_of(job), NAME, library.imports.archive(file), make=True)
    newer = io.BytesIO(archive(b=b"newer"))
    library.imports.run(ADMIN, NAME, library.imports.archive(newer))
    library.start_jobs()
    again = until(library, job_id, lambda found: found.state.has_ended)
    assert json.loads(again.result or "") == {"name": "anna/site", "jid": done.jid, "resumed": True}
    assert library.flists.get(ADMIN, NAME).head_jid == (done.jid or 0) + 1, "what came later stands"


def test_what_is_sent_for_a_job_that_never_came_to_be_is_removed(library: Library) -> None:
    body = library.jobs.new_body(ADMIN, "import", ASKED)
    body.write(b"half")
    library._runner._sweep()
    assert bodies(library) == [body.name], "it is still being sent"
    body.close()
    assert bodies(library) == []
    left = Path(library.settings.store.data) / "jobs" / ("0" * 32)
    left.write_bytes(b"of a process that died")
    waiting = sent(library, archive(a=b"one"))
    library._runner._sweep()
    assert bodies(library) == [waiting]


def test_a_cancelled_import_leaves_the_flist_and_the_disk_as_they_were(library: Library) -> None:
    job_id = sent(library, archive(a=b"one"))
    library.jobs.cancel(ADMIN, job_id)
    assert bodies(library) == []
    with pytest.raises(NotFound):
        library.flists.get(ADMIN, NAME)


def test_who_may_not_write_sends_nothing(library: Library) -> None:
    with pytest.raises(Forbidden):
        library.jobs.new_body(USER, "import", {**ASKED, "name": "ulla/new"})
    with pytest.raises(NotFound):
        library.jobs.new_body(ADMIN, "import", {**ASKED, "make": False})


def test_verify_reads_all_blocks_and_names_those_that_are_damaged(library: Library) -> None:
    files = io.BytesIO(archive(a=b"good", b=b"bad to be"))
    library.imports.run(ADMIN, NAME, library.imports.archive(files), make=True)
    bad = Digest.of(b"bad to be").hex()
    path = Path(library.settings.store.data) / "blocks" / bad[:2] / bad[2:4] / bad[4:]
    path.chmod(0o600)
    path.write_bytes(b"bad to BE")
    library.start_jobs()
    job = ended(library, library.jobs.start(ADMIN, "verify", {}))
    result = json.loads(job.result or "")
    assert (result["blocks"], result["size_bytes"], result["bad"]) == (2, 13, 1)
    assert [one["id"] for one in result["found"]] == [bad]
