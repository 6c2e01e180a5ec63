"""Jobs: what waits, runs and has ended; and copying to a peer, which is one."""

from __future__ import annotations

import contextlib
from typing import Any

from mylist_dav.api.bodies import model_response
from mylist_dav.api.operations import Call, Operation
from mylist_dav.errors import Invalid
from mylist_dav.model.digest import Digest
from mylist_dav.model.jobs import Job
from mylist_dav.model.names import FlistName
from mylist_dav.services.jobs.asking import SYNC, sync_asked
from mylist_dav.services.jobs.jobs import LOOK_SECONDS
from mylist_dav.services.limits.quotas import Require, any_size
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents.jobs import (
    BLOCKS_MAX,
    JobAsked,
    JobPage,
    JobsAsked,
    JobStartAsked,
    JobTold,
    SyncAsked,
)
from mylist_dav.wire.messages import Again, Response

_TAG = "Jobs"
_SYNC_TAG = "Peers"
_SYNC_BYTES_MAX = 1024 * 1024


def operations() -> list[Operation]:
    """Reading one takes its id alone."""
    return [
        Operation(
            "GET", "/api/v1/jobs", "listJobs", _TAG, "The own jobs, newest first; for admins all", listed,
            query=JobsAsked, told=JobPage,
        ),
        Operation(
            "POST", "/api/v1/jobs", "startJob", _TAG, "Begin a job that needs nothing to be sent", started,
            body=JobStartAsked, told=JobTold, status=202,
        ),
        Operation(
            "GET", "/api/v1/jobs/{job_id}", "getJob", _TAG, "How a job stands, and what came of it", told,
            query=JobAsked, told=JobTold, open=True,
        ),
        Operation(
            "DELETE", "/api/v1/jobs/{job_id}", "cancelJob", _TAG, "End a job", cancelled, told=JobTold,
        ),
        Operation(
            "POST", "/sync", "sync", _SYNC_TAG, "Copy a flist, or blocks, to a peer: what it misses", synced,
            body=SyncAsked, told=JobTold, status=202, limit_bytes=_SYNC_BYTES_MAX,
        ),
        Operation(
            "POST", "/sync/{peer}/{ids}", "syncBlocks", _SYNC_TAG,
            "Copy blocks, their ids joined by commas, to a peer", synced_blocks, told=JobTold, status=202,
        ),
    ]  # fmt: skip


def listed(call: Call) -> JobPage:
    """One page."""
    asked: JobsAsked = call.query
    after = str(read_cursor(asked.after, str)[0]) if asked.after is not None else None
    jobs = call.library.jobs.list(call.actor, state=asked.state, after=after, limit=asked.limit)
    following = cursor(jobs[-1].job_id) if jobs and len(jobs) == asked.limit else None
    return JobPage(jobs=[JobTold.of(job) for job in jobs], next=following)


def started(call: Call) -> Response:
    """Begun; the answer says where to look."""
    asked: JobStartAsked = call.body
    return accepted(call.library.jobs.start(call.actor, asked.kind, {}))


def told(call: Call) -> Response:
    """For everybody who knows the id."""
    asked: JobAsked = call.query
    waiter = call.library.jobs.waiter(call.names["job_id"], asked.wait)

    def ask() -> Response:
        job, goes_on = waiter.ask()
        response = model_response(JobTold.of(job))
        response.again = Again(LOOK_SECONDS, ask) if goes_on else None
        return response

    return ask()


def cancelled(call: Call) -> JobTold:
    """As it is now: one that runs ends a little later."""
    return JobTold.of(call.library.jobs.cancel(call.actor, call.names["job_id"]))


def synced(call: Call) -> Response:
    """Begun; the answer says where to look."""
    asked: SyncAsked = call.body
    return _begin_sync(
        call,
        asked.peer,
        FlistName.parse(asked.flist) if asked.flist is not None else None,
        asked.at,
        [Digest.parse(each) for each in asked.blocks] if asked.blocks is not None else None,
    )


def synced_blocks(call: Call) -> Response:
    """The same for a few blocks. The address of the peer stands in one segment, percent-encoded; or its name does."""
    ids = call.names["ids"].split(",")
    if len(ids) > BLOCKS_MAX:
        raise Invalid(f"at most {BLOCKS_MAX} blocks are copied at once")
    return _begin_sync(call, call.names["peer"], None, None, [Digest.parse(each) for each in ids])


def accepted(job: Job) -> Response:
    """The answer to what has become a job: 202, and where it is looked at (RFC 9110, 15.3.3)."""
    return model_response(JobTold.of(job), 202, ("location", f"/api/v1/jobs/{job.job_id}"))


class JobSink:
    """A BodySink: what is sent is kept until a job has worked on it. flist: what the job is about."""

    piece_bytes = 1024 * 1024

    def __init__(
        self, call: Call, kind: str, asked: dict[str, Any], flist: str, require: Require = any_size
    ) -> None:
        """require: is called with the size of what has come. Raises what the kind checks, Busy and TooMany (too many
        wait), OutOfSpace.
        """
        jobs = call.library.jobs
        self._call = call
        self._kind = kind
        self._asked = asked
        self._flist = flist
        self._require = require
        self._body = jobs.new_body(call.actor, kind, asked)
        self.limit_bytes = jobs.bodies.size_bytes_max

    def write(self, piece: bytes) -> None:
        self._require(self._body.size_bytes + len(piece))
        self._body.write(piece)

    def finish(self) -> Response:
        """202: what was sent is durable."""
        with contextlib.closing(self._body):
            jobs = self._call.library.jobs
            return accepted(jobs.start(self._call.actor, self._kind, self._asked, self._flist, self._body))

    def abort(self) -> None:
        self._body.close()


def _begin_sync(
    call: Call, peer: str, flist: FlistName | None, at: int | None, blocks: list[Digest] | None
) -> Response:
    asked, about = sync_asked(call.library, call.actor, peer, flist=flist, at=at, blocks=blocks)
    return accepted(call.library.jobs.start(call.actor, SYNC, asked, about))
