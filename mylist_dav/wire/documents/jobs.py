"""Jobs, and what has one begun to copy to a peer."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mylist_dav.model.jobs import Job, State
from mylist_dav.wire.documents import (
    Asked,
    DigestText,
    FlistText,
    Jid,
    Paged,
    QueryNumber,
    SizeBytes,
    TimeNs,
    Told,
)

JobId = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="who knows it may read the job")]
WaitSeconds = Annotated[
    QueryNumber, Field(le=60, description="answer when it has ended, or after so many seconds")
]
BLOCKS_MAX = 10_000


class JobsAsked(Paged):
    state: State | None = Field(None, strict=False, description="of one state only")


class JobStartAsked(Asked):
    kind: Literal["verify"] = Field(description="verify: read every block again and check it; for admins")


class JobAsked(Asked):
    wait: WaitSeconds = 0


class JobTold(Told):
    job_id: JobId
    kind: str
    flist: str = Field(description="account/name, or '' if it is about none")
    state: State
    phase: str = Field(description="what it is doing, in a word")
    done_bytes: SizeBytes
    total_bytes: SizeBytes | None = Field(description="null while nobody knows")
    done_entries: int
    total_entries: int | None
    result: dict[str, Any] | None = Field(
        description="of one that is done; its members are those of its kind"
    )
    problem: dict[str, Any] | None = Field(description="of one that has failed: a problem document")
    created_ns: TimeNs
    changed_ns: TimeNs
    ended_ns: TimeNs | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """A job as it is told: not who began it, nor what was asked."""
        shown = {name: value for name, value in job._asdict().items() if name in cls.model_fields}
        shown["result"] = json.loads(job.result) if job.result is not None else None
        shown["problem"] = json.loads(job.problem) if job.problem is not None else None
        return cls(**shown)


class JobPage(Told):
    jobs: list[JobTold]
    next: str | None


class SyncAsked(Asked):
    """A flist, or blocks."""

    peer: str = Field(
        max_length=300, description="the name or the address of a peer that this server is set up with"
    )
    flist: FlistText | None = None
    at: Jid | None = Field(None, description="a revision of the flist; else its head of now")
    blocks: list[DigestText] | None = Field(None, min_length=1, max_length=BLOCKS_MAX)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.flist is None) == (self.blocks is None):
            raise ValueError("either a flist is copied or blocks are")
        if self.blocks is not None and self.at is not None:
            raise ValueError("blocks have no revisions")
        return self
