"""Jobs: work that outlives the request that began it. Here is what is known of one, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from blake3 import blake3

from mylist_dav.model.actors import Scope
from mylist_dav.model.names import FlistName

JOB_ID_BYTES = 16
"""Random bytes of an id. Who knows the id of a job may read its state, so nobody must be able to guess one."""

LIST_MAX = 1_000
"""Most jobs of one answer."""


class State(StrEnum):
    """Where a job stands. The words are stored."""

    QUEUED = "queued"
    ACTIVE = "active"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self not in (State.QUEUED, State.ACTIVE)


class Job(NamedTuple):
    """One job. account, address, request_id: who began it; account is '' for the owner of the data directory.

    scope: what the token it was begun with lets its account do. flist: 'account/name', or ''.
    asked, result, problem: JSON objects as text; result is None unless it is done, problem unless it has failed.
    total_bytes, total_entries: None while nobody knows. cancelled: somebody has asked for its end.
    owner: the process that runs it, '' when none does. attempts: how often it was begun.
    """

    job_id: str
    kind: str
    account: str
    scope: Scope
    address: str
    request_id: str
    flist: str
    state: State
    asked: str
    phase: str
    done_bytes: int
    total_bytes: int | None
    done_entries: int
    total_entries: int | None
    result: str | None
    problem: str | None
    cancelled: bool
    owner: str
    attempts: int
    created_ns: int
    changed_ns: int
    ended_ns: int | None

    @property
    def tag(self) -> str:
        """What logs and the audit call the job: it says nothing of the id."""
        return job_tag(self.job_id)

    @property
    def flist_name(self) -> FlistName | None:
        return FlistName.parse(self.flist) if self.flist else None


class Standing(NamedTuple):
    """How far a job is."""

    phase: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None
    done_entries: int = 0
    total_entries: int | None = None


class JobsWanted(NamedTuple):
    """Which jobs are asked for. None: whatever it is. after: jobs older than this one, newest first."""

    account: str | None = None
    flist: str | None = None
    state: State | None = None
    after: str | None = None
    limit: int = 100


def job_tag(job_id: str) -> str:
    """A short name for a job that its id cannot be found from."""
    return f"job-{blake3(job_id.encode()).hexdigest()[:16]}"
