"""Runs jobs: a few threads of a process that stays. Each takes the next that waits, whichever process was asked."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable

from mylist_dav.errors import Busy, MylistError
from mylist_dav.model.jobs import Job, Standing, State
from mylist_dav.outcomes import problem_document
from mylist_dav.services.jobs.jobs import Fields, Jobs, Run
from mylist_dav.store.catalog import Draft

LOOK_SECONDS = 0.5
"""How often a thread without work looks for some, and a job that runs looks whether it is to end."""

PROGRESS_SECONDS = 0.5
"""How often progress is written at most."""

SWEEP_SECONDS = 10.0
FORGET_ROWS = 500
FAILED_SECONDS = 5.0
JOIN_SECONDS = 5.0
RESULT_BYTES_MAX = 64 * 1024
_DAY_NS = 86_400 * 1_000_000_000

_log = logging.getLogger(__name__)


class _Ended(Exception):
    """The function of a job is to end. as_: what becomes of the job; None: it waits anew."""

    def __init__(self, as_: State | None) -> None:
        super().__init__("the job is to end")
        self.as_ = as_


class Runner:
    """Runs jobs in `threads` threads. start() after any fork; close() ends it.

    What runs then waits anew, so the next process to come, or any other, begins it again.
    """

    def __init__(
        self,
        jobs: Jobs,
        clock: Callable[[], int],
        threads: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._monotonic = monotonic
        self._closing = threading.Event()
        self._threads_wanted = threads
        self._threads: list[threading.Thread] = []
        self._complaint = ""
        self._claiming = threading.Lock()
        self._running: dict[str, str] = {}  # job -> owner
        self._sweeping = threading.Lock()
        self._swept_at = float("-inf")

    def start(self) -> None:
        """Begin. A second call does nothing."""
        if self._threads:
            return
        self._jobs.owners.remove_dead()
        self._threads = [
            threading.Thread(target=self._work, name=f"job-{number}", daemon=True)
            for number in range(self._threads_wanted)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let what runs end where it can be begun again, and stop."""
        self._closing.set()
        self._jobs.wake()
        end = self._monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - self._monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._jobs.owners.close()  # else the name lives as long as the process, for it still works
        for job_id, owner in list(
            self._running.items()
        ):  # it waits for a network, and will not come to its end
            self._let_wait(job_id, owner)

    # -- the threads ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._sweep_now_and_then()
                if not self._run_next():
                    self._jobs.pause(LOOK_SECONDS)
                self._complaint = ""
            except MylistError as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - the thread must live on: without it no job is ever run
                self._complain(repr(error))

    def _run_next(self) -> bool:
        """Run the next job that waits; False when none does."""
        with self._jobs.catalog.glance() as view:
            if not view.jobs.has_queued():
                return False
        owner = self._jobs.owners.own_name()
        with self._claiming:
            job = self._jobs.catalog.change(lambda draft: draft.jobs.claim(owner))
            if job is None:
                return False
            self._running[job.job_id] = owner
        try:
            self._run(job)
        finally:
            del self._running[job.job_id]
        self._jobs.wake()
        return True

    def _run(self, job: Job) -> None:
        try:
            actor = self._jobs.actor_of(job)
            kind = self._jobs.kind(job.kind)
            run = Run(self._jobs, job, actor, _Watch(self._jobs, job, self._closing, self._monotonic))
            result = kind.run(run)
            self._end(job, State.DONE, result=_bounded(result), standing=run.standing)
        except _Ended as ended:
            if ended.as_ is None:
                self._let_wait(job.job_id, job.owner)
            else:
                self._end(job, ended.as_)
        except MylistError as error:
            self._fail(job, error)
        except Exception as error:  # noqa: BLE001 - the border of a job: a fault in one must not end the others
            _log.error("%s, of the kind %s, failed", job.tag, job.kind, exc_info=error)
            self._fail(job, error)

    def _fail(self, job: Job, error: Exception) -> None:
        """What fails because this process stops is not the job's fault: it waits anew then."""
        if self._closing.is_set():
            self._let_wait(job.job_id, job.owner)
        else:
            self._end(job, State.FAILED, problem=json.dumps(problem_document(error)))

    def _let_wait(self, job_id: str, owner: str) -> None:
        """This process stops: the job waits anew. If that cannot be written down, others see that nobody runs it."""
        with contextlib.suppress(MylistError):
            self._jobs.catalog.change(lambda draft: draft.jobs.queue_again(job_id, owner, counts=False))

    def _end(
        self,
        job: Job,
        state: State,
        *,
        result: str | None = None,
        problem: str | None = None,
        standing: Standing | None = None,
    ) -> None:
        """standing: how far it came, which was last written down some time before."""

        def end(draft: Draft) -> bool:
            if standing is not None:
                draft.jobs.move_on(job.job_id, job.owner, standing)
            return draft.jobs.end(job.job_id, job.owner, state, result=result, problem=problem)

        if self._settled(end):
            self._jobs.bodies.remove(job.job_id)

    def _settled(self, change: Callable[[Draft], bool]) -> bool:
        """Write down what became of a job: again and again if that fails, for nobody else looks after it meanwhile.

        False when this process stops before: whoever comes next sees that nobody runs the job. And when the job is
        another's by now, who took this process for dead and needs what was sent for it.
        """
        said = ""
        while True:
            try:
                return self._jobs.catalog.change(change)
            except Exception as error:  # noqa: BLE001 - whatever it is, the job must not stay as if it ran
                if self._closing.is_set():
                    return False
                if str(error) != said:
                    said = str(error)
                    foreign = None if isinstance(error, MylistError) else error
                    _log.error("what became of a job cannot be written down: %s", said, exc_info=foreign)
                self._closing.wait(FAILED_SECONDS)

    # -- what is left over ---------------------------------------------------------------------------------------

    def _sweep_now_and_then(self) -> None:
        """Whichever thread has nothing else to do: a job may keep one of them for days."""
        if not self._sweeping.acquire(blocking=False):
            return
        try:
            if self._monotonic() - self._swept_at >= SWEEP_SECONDS:
                self._swept_at = self._monotonic()
                self._sweep()
        finally:
            self._sweeping.release()

    def _sweep(self) -> None:
        """Look after jobs of dead processes, and what is old."""
        self._jobs.owners.own_name()  # lives again for others, should its file have been cleaned away
        self._jobs.mend_all()
        self._mend_own()
        self._jobs.bodies.remove_unused(self._is_unfinished)
        limits = self._jobs.limits
        before_ns = self._clock() - limits.days * _DAY_NS
        with self._jobs.catalog.glance() as view:
            old = view.jobs.has_old(before_ns, limits.rows_max)
        if old:
            self._jobs.catalog.change(
                lambda draft: draft.jobs.forget(before_ns, limits.rows_max, FORGET_ROWS)
            )

    def _mend_own(self) -> None:
        """Let the jobs wait anew that are said to run here and that no thread runs: one has met the unforeseen."""
        owner = self._jobs.owners.own_name()
        with self._claiming:
            with self._jobs.catalog.glance() as view:
                active = view.jobs.active()
            lost = [job_id for job_id, of in active if of == owner and job_id not in self._running]
        for job_id in lost:
            self._jobs.mend_lost(job_id, owner)

    def _is_unfinished(self, job_id: str) -> bool:
        with self._jobs.catalog.glance() as view:
            job = view.jobs.get(job_id)
        return job is not None and not job.state.has_ended

    def _complain(self, text: str) -> None:
        """Log a failure, once as long as it is the same, and wait."""
        if text != self._complaint:
            _log.error("jobs cannot be run: %s", text)
        self._complaint = text
        self._closing.wait(FAILED_SECONDS)


class _Watch:
    """Called by a job over and over: writes its progress down now and then, and ends it when that is wanted."""

    def __init__(
        self, jobs: Jobs, job: Job, closing: threading.Event, monotonic: Callable[[], float]
    ) -> None:
        self._jobs = jobs
        self._job = job
        self._closing = closing
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._written = Standing()

    def __call__(self, run: Run) -> None:
        if self._closing.is_set():
            raise _Ended(None)
        now = self._monotonic()
        if now - self._looked_at < PROGRESS_SECONDS:
            return
        with contextlib.suppress(Busy):  # others write: what is shown comes a little later
            self._look(run)
        self._looked_at = self._monotonic()

    def _look(self, run: Run) -> None:
        with self._jobs.catalog.glance() as view:
            if view.jobs.is_cancelled(self._job.job_id):
                raise _Ended(State.CANCELLED)
        if run.standing != self._written:
            standing = run.standing
            self._jobs.catalog.change(lambda draft: self._write(draft, standing))
            self._written = standing

    def _write(self, draft: Draft, standing: Standing) -> None:
        if not draft.jobs.move_on(self._job.job_id, self._job.owner, standing):
            raise _Ended(State.CANCELLED)


def _bounded(result: Fields) -> str:
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= RESULT_BYTES_MAX else '{"note":"the result is too long to be kept"}'
