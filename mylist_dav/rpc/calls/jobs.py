"""job.*, peer.*: work that outlives its call, and copying to other servers."""

from __future__ import annotations

from mylist_dav.model.actors import Actor
from mylist_dav.model.digest import Digest
from mylist_dav.model.jobs import State
from mylist_dav.model.names import FlistName
from mylist_dav.model.peers import Peer
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.services.jobs.asking import SYNC, known_peers, sync_asked
from mylist_dav.services.jobs.kinds import VERIFY
from mylist_dav.services.opening import Library
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents.calls import JobList, JobWait, Nothing, OneJob
from mylist_dav.wire.documents.jobs import JobPage, JobTold, PeersTold, PeerTold, SyncAsked


def list_jobs(library: Library, actor: Actor, asked: JobList) -> JobPage:
    """Your own jobs, newest first. For admins all."""
    after = None if asked.after is None else str(read_cursor(asked.after, str)[0])
    jobs = library.jobs.list(
        actor, state=None if asked.state is None else State(asked.state), after=after, limit=asked.limit
    )
    following = cursor(jobs[-1].job_id) if jobs and len(jobs) == asked.limit else None
    return JobPage(jobs=[JobTold.of(job) for job in jobs], next=following)


def get_job(library: Library, actor: Actor, asked: OneJob) -> JobTold:
    """How a job stands, and what came of it. For whoever knows its id."""
    return JobTold.of(library.jobs.get(asked.job_id))


def wait_for_job(library: Library, actor: Actor, asked: JobWait) -> JobTold:
    """A job when it has ended, or after so many seconds.

    Few may wait at a time; who comes beyond them is answered at once.
    """
    return JobTold.of(library.jobs.wait(asked.job_id, asked.seconds))


def cancel_job(library: Library, actor: Actor, asked: OneJob) -> JobTold:
    """End a job: one that waits at once, one that runs as soon as it can."""
    return JobTold.of(library.jobs.cancel(actor, asked.job_id))


def start_verify(library: Library, actor: Actor, asked: Nothing) -> JobTold:
    """Have all blocks read and hashed, as a job. For admins."""
    return JobTold.of(library.jobs.start(actor, VERIFY, {}))


def list_peers(library: Library, actor: Actor, asked: Nothing) -> PeersTold:
    """The servers that this one is set up to copy to. For admins."""
    return PeersTold(peers=[_peer(one) for one in known_peers(library, actor)])


def sync(library: Library, actor: Actor, asked: SyncAsked) -> JobTold:
    """Copy a flist, or blocks, to a peer, as a job: only what it misses is sent. For admins."""
    flist = None if asked.flist is None else FlistName.parse(asked.flist)
    blocks = None if asked.blocks is None else list(map(Digest.parse, asked.blocks))
    fields, about = sync_asked(library, actor, asked.peer, flist=flist, at=asked.at, blocks=blocks)
    return JobTold.of(library.jobs.start(actor, SYNC, fields, about))


METHODS: list[AnyMethod] = [
    Method("job.list", JobList, JobPage, list_jobs),
    Method("job.get", OneJob, JobTold, get_job),
    Method("job.wait", JobWait, JobTold, wait_for_job),
    Method("job.cancel", OneJob, JobTold, cancel_job),
    Method("verify.start", Nothing, JobTold, start_verify),
    Method("peer.list", Nothing, PeersTold, list_peers),
    Method("peer.sync", SyncAsked, JobTold, sync),
]


def _peer(one: Peer) -> PeerTold:
    key = None if one.key is None else str(one.key)
    return PeerTold(name=one.name, url=one.url, key=key, private=one.private)
