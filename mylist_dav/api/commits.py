"""Commits of a flist: make one of many operations, list them, compare revisions, go back to one."""

from __future__ import annotations

from mylist_dav.api.conditions import conditions_of, require_none
from mylist_dav.api.flists import ADDRESS
from mylist_dav.api.operations import Call, Operation
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import Paged, changes, flists

COMMIT_BYTES_MAX = 32 * 1024 * 1024
_TAG = "Commits"


def operations() -> list[Operation]:
    return [
        Operation(
            "GET", f"{ADDRESS}/commits", "listCommits", _TAG, "The commits of a flist, newest first", log,
            query=Paged, told=flists.Commits,
        ),
        Operation(
            "POST", f"{ADDRESS}/commits", "makeCommit", _TAG,
            "Do many operations as one commit, or none of them", commit,
            body=changes.CommitAsked, told=changes.CommitTold, limit_bytes=COMMIT_BYTES_MAX,
            describes="A commit that is refused has done nothing. Its problem (`refused`, or `outdated` when others"
            " have changed what it is about) has `head_jid`, `conflicts`: [{`index`, `path`, `reason`, `now`}],"
            " `missing`: ids of blocks that are to be uploaded first, and `changes`: how `base_jid` and the head"
            " differ.",
        ),
        Operation(
            "GET", f"{ADDRESS}/diff", "diffRevisions", _TAG, "How two revisions differ", diff,
            query=changes.DiffAsked, told=changes.DiffTold,
        ),
        Operation(
            "POST", f"{ADDRESS}/rollback", "rollBack", _TAG,
            "Make the newest revision what an earlier one was, as a new commit", rollback,
            body=flists.RevisionAsked, told=flists.Head,
        ),
    ]  # fmt: skip


def log(call: Call) -> flists.Commits:
    """One page."""
    asked: Paged = call.query
    before = int(read_cursor(asked.after, int)[0]) if asked.after is not None else None
    some = call.library.flists.log(call.actor, call.flist_name, before, asked.limit)
    return flists.Commits(
        commits=[flists.Commit(**one._asdict()) for one in some],
        next=cursor(some[-1].jid) if len(some) == asked.limit and some[-1].jid > 1 else None,
    )


def commit(call: Call) -> changes.CommitTold:
    asked: changes.CommitAsked = call.body
    require_none(call.request, "a commit has its conditions in the body: base_jid, and the 'if' of a put")
    done = call.library.changes.commit(
        call.actor,
        call.flist_name,
        asked.base_jid,
        changes.values_of(asked.operations),
        asked.note,
        conditions_of(call.request),
    )
    return changes.CommitTold(jid=done.jid, head_jid=done.jid, changed=done.changed)


def diff(call: Call) -> changes.DiffTold:
    """One page. The cursor holds both revisions, so that pages fit together when the head moves on."""
    asked: changes.DiffAsked = call.query
    to_jid, after = changes.goes_on(asked.after, asked.from_jid, asked.to_jid)
    return changes.DiffTold.of(
        call.library.differences.page(
            call.actor, call.flist_name, asked.from_jid, to_jid, after=after, limit=asked.limit
        )
    )


def rollback(call: Call) -> flists.Head:
    asked: flists.RevisionAsked = call.body
    flist = call.library.flists.rollback(call.actor, call.flist_name, asked.jid, conditions_of(call.request))
    return flists.Head(head_jid=flist.head_jid)
