"""Jobs: work that outlives its request. Begun, looked at, waited for and ended here; run by services/jobs/running.py.

A job is a row of the catalog, so every process sees it. One that runs belongs to a process, and whether that lives is
asked of the kernel: whoever looks at a job of a dead one lets it wait anew, or, after some attempts, fail with the
reason. So nothing stays "active" that nobody works on, and no timer decides.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from mylist_dav.errors import Busy, Invalid, MylistError, NotFound, TooMany
from mylist_dav.model.actors import OPERATOR, Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.jobs import JOB_ID_BYTES, LIST_MAX, Job, JobsWanted, Standing, State, job_tag
from mylist_dav.outcomes import problem_document
from mylist_dav.services.rights import jobs_of, require_job, require_known
from mylist_dav.store.bodies import Bodies, NewBody
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.processes.owners import Owners

ATTEMPTS_MAX = 3
"""How often a job is begun at most, when the processes that run it die."""

ASKED_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 60
LOOK_SECONDS = 0.25
"""How often somebody who waits looks at what other processes do."""

_JOB_ID = re.compile(rf"[0-9a-f]{{{2 * JOB_ID_BYTES}}}")

Fields = dict[str, Any]
"""A JSON object."""


class JobLimits(NamedTuple):
    """How much there may be at once. days, rows_max: how long, and how many, ended jobs are kept.

    waiters_max: who waits without a thread; waiting_threads_max: with one.
    """

    unfinished_max: int = 1_000
    unfinished_per_account_max: int = 20
    waiters_max: int = 200
    waiting_threads_max: int = 4
    days: int = 7
    rows_max: int = 10_000


class Kind(NamedTuple):
    """One kind of job. check raises what can be known before it begins; run does it and gives its result."""

    name: str
    check: Callable[[Actor, Fields], None]
    run: Callable[[Run], Fields]


class Run:
    """A job that runs, as its function sees it. For the thread that runs it.

    asked: what was asked. actor: in whose name, with the rights that account has now, or fewer: those of the token.
    """

    def __init__(self, jobs: Jobs, job: Job, actor: Actor, look: Callable[[Run], None]) -> None:
        """look: called with this whenever something may have been asked of the job, and often; it may raise."""
        self._jobs = jobs
        self._look = look
        self.job = job
        self.actor = actor
        self.asked: Fields = json.loads(job.asked)
        self.standing = Standing()

    def progress(
        self,
        phase: str,
        *,
        done_bytes: int = 0,
        total_bytes: int | None = None,
        done_entries: int = 0,
        total_entries: int | None = None,
    ) -> None:
        """Say how far it is. Cheap enough for every member of an archive; ends the function when it is to end."""
        self.standing = Standing(phase, done_bytes, total_bytes, done_entries, total_entries)
        self._look(self)

    def raise_if_cancelled(self) -> None:
        """To be called wherever it may end: its result is not wanted any more, or this process stops."""
        self._look(self)

    def body(self) -> BinaryIO:
        """What was sent with the request, to be read and closed. Raises NotFound when it is gone."""
        return self._jobs.bodies.open(self.job.job_id)

    def committed(self, action: Action) -> int | None:
        """The jid of the commit that an earlier attempt has made to the flist of this job; None if it made none.

        Commits of a job are recorded under its tag, so what died between the commit and the end is not done twice.
        """
        with self._jobs.catalog.view() as view:
            return view.records.committed_by(self.job.tag, self.job.flist, action, self.job.created_ns)


class Jobs:
    """The verbs on jobs. Thread-safe.

    monotonic: seconds from any origin. new_id: gives a new id of a job. self_service: as Identity has it.
    """

    def __init__(
        self,
        catalog: Catalog,
        owners: Owners,
        bodies: Bodies,
        limits: JobLimits,
        *,
        self_service: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: secrets.token_hex(JOB_ID_BYTES),
    ) -> None:
        self.catalog = catalog
        self.owners = owners
        self.bodies = bodies
        self.limits = limits
        self._self_service = self_service
        self._monotonic = monotonic
        self._new_id = new_id
        self._kinds: dict[str, Kind] = {}
        self._waiting_threads = threading.BoundedSemaphore(limits.waiting_threads_max)
        self._waiters: dict[object, float] = {}
        self._changed = threading.Condition()

    # -- kinds -------------------------------------------------------------------------------------------------

    def register(self, kind: Kind) -> None:
        """Know one more kind of job."""
        self._kinds[kind.name] = kind

    def kind(self, name: str) -> Kind:
        """Raises Invalid."""
        if name not in self._kinds:
            raise Invalid(f"there are no jobs of the kind {name[:40]!r} here")
        return self._kinds[name]

    # -- verbs -------------------------------------------------------------------------------------------------

    def new_body(self, actor: Actor, kind: str, asked: Fields) -> NewBody:
        """Begin to receive what a job is to work on; it is given to start. Raises what start raises, OutOfSpace."""
        require_known(actor)
        self.kind(kind).check(actor, asked)
        with self.catalog.view() as view:
            self._check_room(view.jobs.unfinished(), view.jobs.unfinished(actor.account))
        return self.bodies.new(self._new_id())

    def start(
        self, actor: Actor, kind: str, asked: Fields, flist: str = "", body: NewBody | None = None
    ) -> Job:
        """Have something done. It is durable: it will be begun, if not by this process then by another.

        flist: the one it is about. Raises what its kind checks, Busy and TooMany (too many wait), OutOfSpace.
        """
        require_known(actor)
        self.kind(kind).check(actor, asked)
        text = json.dumps(asked, separators=(",", ":"))
        if len(text) > ASKED_BYTES_MAX:
            raise Invalid(f"what a job is asked may have {ASKED_BYTES_MAX} bytes")
        job_id = self._new_id() if body is None else body.name
        if body is not None:
            body.sync()

        def make(draft: Draft) -> Job | None:
            self._check_room(draft.jobs.unfinished(), draft.jobs.unfinished(actor.account))
            draft.jobs.add(job_id, kind, actor, flist, text)
            draft.record(actor, Action.JOB_START, flist, {"kind": kind, "job": job_tag(job_id)})
            return draft.jobs.get(job_id)

        job = self.catalog.change(make)
        if body is not None:
            body.keep()
            body.close()
        assert job is not None, "it has just been written"
        self.wake()
        return job

    def get(self, job_id: str) -> Job:
        """A job. Whoever knows its id may: it cannot be guessed. Raises NotFound."""
        if not _JOB_ID.fullmatch(job_id):
            raise NotFound("there is no such job")
        with self.catalog.glance() as view:
            job = view.jobs.get(job_id)
        if job is None:
            raise NotFound("there is no such job, or not any more")
        if job.state is State.ACTIVE and self.mend(job_id, job.owner):
            return self.get(job_id)
        return job

    def wait(self, job_id: str, seconds: float) -> Job:
        """A job when it has ended, or after so many seconds, 60 at most. Raises NotFound.

        It holds a thread, so only a few may wait at a time; whoever comes beyond them is answered at once.
        """
        if not self._waiting_threads.acquire(blocking=False):
            return self.get(job_id)
        try:
            end = self._monotonic() + min(seconds, WAIT_SECONDS_MAX)
            while not (job := self.get(job_id)).state.has_ended and (left := end - self._monotonic()) > 0:
                with self._changed:
                    self._changed.wait(min(LOOK_SECONDS, left))
            return job
        finally:
            self._waiting_threads.release()

    def waiter(self, job_id: str, seconds: float) -> Waiter:
        """For somebody who waits without a thread, and asks again and again."""
        return Waiter(self, job_id, self._monotonic() + min(seconds, WAIT_SECONDS_MAX))

    def admit(self, waiter: object, end: float) -> bool:
        """Whether one more may wait; until `end`, or until it is let go."""
        with self._changed:
            now = self._monotonic()
            if len(self._waiters) >= self.limits.waiters_max:  # those who never came back have had their time
                self._waiters = {one: until for one, until in self._waiters.items() if until > now}
            if waiter not in self._waiters and len(self._waiters) >= self.limits.waiters_max:
                return False
            self._waiters[waiter] = end
            return end > now

    def let_go(self, waiter: object) -> None:
        """It waits no more."""
        with self._changed:
            self._waiters.pop(waiter, None)

    def list(
        self, actor: Actor, *, state: State | None = None, after: str | None = None, limit: int = 100
    ) -> list[Job]:
        """The own jobs, of all accounts for an admin; newest first, those older than `after`. Raises Unauthenticated.

        What they were asked is left out.
        """
        wanted = jobs_of(actor, JobsWanted(None, None, state, after, max(1, min(limit, LIST_MAX))))
        self.mend_all()
        with self.catalog.view() as view:
            return view.jobs.page(wanted)

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """End a job: one that waits at once, one that runs as soon as it can. One that has ended stays as it is.

        Raises NotFound, Unauthenticated, Forbidden.
        """
        require_known(actor)
        job = self.get(job_id)
        require_job(actor, job)
        if not job.state.has_ended and not job.cancelled:
            self.catalog.change(lambda draft: _cancel(draft, actor, job_id))
            job = self.get(job_id)
            if job.state.has_ended:
                self.bodies.remove(job_id)
            self.wake()
        return job

    # -- for those who run jobs ----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something about a job has changed: whoever waits in this process looks again."""
        with self._changed:
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait for a change in this process, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def actor_of(self, job: Job) -> Actor:
        """In whose name a job runs: its account as it is now. Raises NotFound when that is gone or disabled."""
        if not job.account:
            return OPERATOR._replace(request_id=job.tag)
        with self.catalog.glance() as view:
            role = view.account_role(job.account)
        if role is None:
            raise NotFound(f"the account {job.account}, who began this, is gone or disabled")
        return Actor(job.account, role, job.scope, job.address, job.tag, self._self_service)

    def mend_all(self) -> None:
        """Look after the jobs of dead processes."""
        with self.catalog.glance() as view:
            active = view.jobs.active()
        dead = {owner for owner in {owner for _, owner in active} if not self.owners.lives(owner)}
        for job_id, owner in active:
            if owner in dead:
                self.mend(job_id, owner)

    def mend(self, job_id: str, owner: str) -> bool:
        """Let a job wait anew, or end it, if the process that ran it is no more; whether that was so."""
        if self.owners.lives(owner):
            return False
        self.mend_lost(job_id, owner)
        return True

    def mend_lost(self, job_id: str, owner: str) -> None:
        """The same of a job of which it is known that nobody runs it."""
        if self.catalog.change(lambda draft: _mend(draft, job_id, owner)):
            self.bodies.remove(job_id)
        self.wake()

    def _check_room(self, unfinished: int, of_account: int) -> None:
        if unfinished >= self.limits.unfinished_max:
            raise Busy("too many jobs wait already: try again when some are done")
        if of_account >= self.limits.unfinished_per_account_max:
            raise TooMany(
                f"an account may have {self.limits.unfinished_per_account_max} jobs that wait or run:"
                " end one, or try again when one is done"
            )


class Waiter:
    """Waits for the end of a job, by asking."""

    def __init__(self, jobs: Jobs, job_id: str, end: float) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._end = end

    def ask(self) -> tuple[Job, bool]:
        """The job, and whether to ask again after LOOK_SECONDS: it may end in time. Raises NotFound."""
        job = self._jobs.get(self._job_id)
        if not job.state.has_ended and self._jobs.admit(self, self._end):
            return job, True
        self._jobs.let_go(self)
        return job, False


def _cancel(draft: Draft, actor: Actor, job_id: str) -> None:
    job = draft.jobs.get(job_id)
    if job is None or job.state.has_ended:
        return
    if job.state is State.QUEUED:
        draft.jobs.end(job_id, "", State.CANCELLED)
    else:
        draft.jobs.ask_for_end(job_id)
    draft.record(actor, Action.JOB_CANCEL, job.flist, {"kind": job.kind, "job": job.tag})


def _mend(draft: Draft, job_id: str, owner: str) -> bool:
    """Whether the job has ended by this. A row that is not this owner's any more was mended by somebody else."""
    job = draft.jobs.get(job_id)
    if job is None or job.state is not State.ACTIVE or job.owner != owner:
        return False
    if job.cancelled:
        return draft.jobs.end(job_id, owner, State.CANCELLED)
    if job.attempts < ATTEMPTS_MAX:
        draft.jobs.queue_again(job_id, owner, counts=True)
        return False
    lost = MylistError(f"the process that ran it ended {job.attempts} times before it was done")
    return draft.jobs.end(job_id, owner, State.FAILED, problem=json.dumps(problem_document(lost)))
