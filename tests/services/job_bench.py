"""What the tests of jobs share: a library whose runner is started, and kinds of job that tests hold in their hands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.jobs import Job, State
from mylist_dav.services.jobs.jobs import Fields, Kind, Run
from mylist_dav.services.opening import Library
from mylist_dav.services.rights import require_known
from mylist_dav.settings import CatalogSettings, JobSettings, Settings, StoreSettings

ADMIN = Actor("anna", Role.ADMIN, address="192.0.2.1", request_id="r1")
USER = Actor("ulla", Role.USER)
OTHER = Actor("otto", Role.USER)
PATIENCE_SECONDS = 30.0
START_NS = 1_700_000_000_000_000_000


class Gate:
    """A kind of job that goes on until it is let through. began: set when one runs; runs: in whose name each was."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.open = threading.Event()
        self.runs: list[Actor] = []
        self.at_once = 0
        self.at_once_max = 0
        self._lock = threading.Lock()

    def kind(self, name: str = "gate") -> Kind:
        return Kind(name, lambda actor, asked: require_known(actor), self._run)

    def _run(self, run: Run) -> Fields:
        with self._lock:
            self.runs.append(run.actor)
            self.at_once += 1
            self.at_once_max = max(self.at_once, self.at_once_max)
        self.began.set()
        try:
            while not self.open.wait(0.01):
                run.progress("waiting", done_bytes=7, total_bytes=9, done_entries=1, total_entries=2)
            return {"got": run.asked}
        finally:
            with self._lock:
                self.at_once -= 1


@contextmanager
def library_in(
    data: Path, *, clock: Callable[[], int] = time.time_ns, busy_seconds: int = 10, **asked: int
) -> Iterator[Library]:
    """A library with the accounts of above. asked: settings of jobs."""
    settings = Settings(
        store=StoreSettings(data=str(data), durability="os"),
        jobs=replace(JobSettings(), **asked),
        catalog=replace(CatalogSettings(), busy_seconds=busy_seconds),
    )
    library = Library(settings, clock)
    try:
        known = library.catalog.view()
        with known as view:
            there = view.accounts()
        for actor in (ADMIN, USER, OTHER):
            if actor.account not in there:
                library.catalog.change(lambda draft, who=actor: draft.add_account(who.account, who.role))  # type: ignore[misc]
        yield library
    finally:
        library.close()


def until(library: Library, job_id: str, wanted: Callable[[Job], bool]) -> Job:
    """The job as soon as it is as wanted."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not wanted(job := library.jobs.get(job_id)):
        assert time.monotonic() < end, f"it never came to that: {job}"
        library.jobs.pause(0.02)
    return job


def ended(library: Library, job: Job) -> Job:
    return until(library, job.job_id, lambda found: found.state.has_ended)


def active(library: Library, job: Job) -> Job:
    return until(library, job.job_id, lambda found: found.state is State.ACTIVE)
