"""Every method of JSON-RPC as a typed function.

Made from the table of methods by `make reference`, and not to be edited. Long because each method has a function.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from mylist_dav.wire.documents import Asked
from mylist_dav.wire.documents.accounts import Accounts, Grants, Keys, NewToken, Tokens
from mylist_dav.wire.documents.audits import AuditPage
from mylist_dav.wire.documents.blocks import BlocksAsked, CollectTold, DeleteTold, ExistTold, VerifiedBlocks
from mylist_dav.wire.documents.calls import (
    AccountAdd,
    AccountQuota,
    AuditList,
    BlockVerify,
    CollectRun,
    ExposureSet,
    FlistCommit,
    FlistCreate,
    FlistDiff,
    FlistList,
    FlistPrivate,
    FlistRename,
    FlistRollback,
    GrantSet,
    JobList,
    JobWait,
    KeyAdd,
    LabelSet,
    Nothing,
    OfAccount,
    OfFlist,
    OneAccount,
    OneFlist,
    OneJob,
    OneKey,
    OneLabel,
    OneToken,
    Paged,
    Place,
    TokenCreate,
    VerifyRun,
)
from mylist_dav.wire.documents.changes import CommitTold, DiffTold, OperationAsked
from mylist_dav.wire.documents.exposures import Exposure, Exposures
from mylist_dav.wire.documents.flists import Commits, FlistDetails, FlistsFound, Head, LabelPage, LabelTold
from mylist_dav.wire.documents.jobs import JobPage, JobTold, PeersTold, SyncAsked
from mylist_dav.wire.documents.records import Stats, TrafficTable
from mylist_dav.wire.documents.upkeep import (
    Checked,
    Done,
    Health,
    HealthDetails,
    OpenRpc,
    Server,
    ServerKey,
    Verified,
)

R = TypeVar("R", bound=BaseModel)


class RpcMethods:
    """The functions; what carries a call is for a subclass. A dot in the name of a method is an underscore here."""

    def result_of(self, method: str, asked: type[Asked], result: type[R], **params: Any) -> R:
        """The checked result of a method."""
        raise NotImplementedError

    def account_add(
        self,
        account: str,
        *,
        role: Literal["user", "admin"] = "user",
        quota_bytes: int | None = None,
        key: str | None = None,
        key_label: str = "",
    ) -> Done:
        """Make an account.

        For admins. key: its first one; if that is taken nothing is made.
        """
        return self.result_of(
            "account.add",
            AccountAdd,
            Done,
            account=account,
            role=role,
            quota_bytes=quota_bytes,
            key=key,
            key_label=key_label,
        )

    def account_disable(self, account: str) -> Done:
        """Let nobody in as this account any more, at once.

        For admins. Its flists stay, and so do its keys and tokens.
        """
        return self.result_of("account.disable", OneAccount, Done, account=account)

    def account_enable(self, account: str) -> Done:
        """Let a disabled account in again, with the keys, tokens and grants it had.

        For admins.
        """
        return self.result_of("account.enable", OneAccount, Done, account=account)

    def account_list(self, *, after: str | None = None, limit: int = 100) -> Accounts:
        """All accounts, in order of name.

        For admins.
        """
        return self.result_of("account.list", Paged, Accounts, after=after, limit=limit)

    def account_quota(self, account: str, quota_bytes: int | None) -> Done:
        """Limit what all flists of an account may hold together.

        For admins.
        """
        return self.result_of("account.quota", AccountQuota, Done, account=account, quota_bytes=quota_bytes)

    def audit_list(
        self,
        *,
        account: str | None = None,
        flist: str | None = None,
        action: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> AuditPage:
        """What was done, newest first.

        Admins see all, users what they did themselves.
        """
        return self.result_of(
            "audit.list",
            AuditList,
            AuditPage,
            account=account,
            flist=flist,
            action=action,
            since_ns=since_ns,
            until_ns=until_ns,
            after=after,
            limit=limit,
        )

    def block_delete(self, ids: list[str]) -> DeleteTold:
        """Delete blocks that nothing refers to.

        For admins. The others are refused, each with the reason.
        """
        return self.result_of("block.delete", BlocksAsked, DeleteTold, ids=ids)

    def block_exists(self, ids: list[str]) -> ExistTold:
        """Which of these blocks need not be uploaded.

        What is present stays for hours.
        """
        return self.result_of("block.exists", BlocksAsked, ExistTold, ids=ids)

    def block_verify(self, ids: list[str]) -> VerifiedBlocks:
        """Read these blocks from disk and hash them.

        For admins.
        """
        return self.result_of("block.verify", BlockVerify, VerifiedBlocks, ids=ids)

    def check_run(self) -> Checked:
        """Check the catalog and look for reasons to worry.

        For admins. It reads all of the catalog.
        """
        return self.result_of("check.run", Nothing, Checked)

    def collect_run(self, *, dry_run: bool = False, wholly: bool = False) -> CollectTold:
        """Condemn blocks that nothing refers to any more, and delete those whose grace is over.

        For admins. wholly: also go through all entries and all files, which takes a while. A server that
        runs does all this by itself.
        """
        return self.result_of("collect.run", CollectRun, CollectTold, dry_run=dry_run, wholly=wholly)

    def exposure_list(self, *, after: str | None = None, limit: int = 100) -> Exposures:
        """What is published where, hosts first.

        For admins.
        """
        return self.result_of("exposure.list", Paged, Exposures, after=after, limit=limit)

    def exposure_remove(self, *, host: str | None = None, prefix: str | None = None) -> Done:
        """Take a website off a host name or prefix.

        For admins. The flist stays.
        """
        return self.result_of("exposure.remove", Place, Done, host=host, prefix=prefix)

    def exposure_set(
        self,
        flist: str,
        *,
        host: str | None = None,
        prefix: str | None = None,
        at_jid: int | None = None,
        mode: Literal["public", "secret", "keys"] = "public",
        listing: bool = True,
        dav: Literal["off", "ro", "rw"] = "off",
        secret: str | None = None,
        visitors: list[str] | None = None,
    ) -> Exposure:
        """Publish a flist on a host name or below a prefix, in place of what was there.

        For admins. Without a secret, or without visitors, those stay that the place has in the same mode.
        """
        return self.result_of(
            "exposure.set",
            ExposureSet,
            Exposure,
            flist=flist,
            host=host,
            prefix=prefix,
            at_jid=at_jid,
            mode=mode,
            listing=listing,
            dav=dav,
            secret=secret,
            visitors=visitors,
        )

    def flist_commit(
        self, flist: str, operations: list[OperationAsked], *, base_jid: int | None = None, note: str = ""
    ) -> CommitTold:
        """Do many operations as one commit, or none of them.

        What is in the way stands in the data of the error.
        """
        return self.result_of(
            "flist.commit",
            FlistCommit,
            CommitTold,
            flist=flist,
            operations=operations,
            base_jid=base_jid,
            note=note,
        )

    def flist_create(self, flist: str, *, private: bool = False, make_account: bool = False) -> FlistDetails:
        """Make an empty flist.

        For admins; with self-service, users under their own name.
        """
        return self.result_of(
            "flist.create", FlistCreate, FlistDetails, flist=flist, private=private, make_account=make_account
        )

    def flist_delete(self, flist: str) -> Done:
        """Delete a flist with its whole history and its exposures.

        It cannot be undone.
        """
        return self.result_of("flist.delete", OneFlist, Done, flist=flist)

    def flist_diff(
        self,
        flist: str,
        from_jid: int,
        *,
        to_jid: int | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> DiffTold:
        """How two revisions of a flist differ.

        The cursor holds both, so pages fit together when the head moves on.
        """
        return self.result_of(
            "flist.diff",
            FlistDiff,
            DiffTold,
            flist=flist,
            from_jid=from_jid,
            to_jid=to_jid,
            after=after,
            limit=limit,
        )

    def flist_get(self, flist: str) -> FlistDetails:
        """What there is to know of a flist.

        Where it is shown and its labels too.
        """
        return self.result_of("flist.get", OneFlist, FlistDetails, flist=flist)

    def flist_list(
        self,
        *,
        account: str | None = None,
        name_contains: str | None = None,
        private: bool | None = None,
        exposed: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> FlistsFound:
        """The flists that you may see, by account.

        In order of account and name.
        """
        return self.result_of(
            "flist.list",
            FlistList,
            FlistsFound,
            account=account,
            name_contains=name_contains,
            private=private,
            exposed=exposed,
            after=after,
            limit=limit,
        )

    def flist_log(self, flist: str, *, after: str | None = None, limit: int = 100) -> Commits:
        """The commits of a flist, newest first."""
        return self.result_of("flist.log", OfFlist, Commits, flist=flist, after=after, limit=limit)

    def flist_private(self, flist: str, private: bool) -> Done:
        """Keep a flist from all but its own account, those with a grant, and admins; or let all accounts read it.

        For admins. What it is exposed as is not touched by this.
        """
        return self.result_of("flist.private", FlistPrivate, Done, flist=flist, private=private)

    def flist_rename(self, flist: str, new_name: str) -> FlistDetails:
        """Give a flist another name in its account.

        Its history, exposures, grants and labels stay with it.
        """
        return self.result_of("flist.rename", FlistRename, FlistDetails, flist=flist, new_name=new_name)

    def flist_rollback(self, flist: str, jid: int) -> Head:
        """Make a flist what it was at a revision, as a new revision.

        Nothing is lost by it.
        """
        return self.result_of("flist.rollback", FlistRollback, Head, flist=flist, jid=jid)

    def grant_list(self, flist: str, *, after: str | None = None, limit: int = 100) -> Grants:
        """Who is granted what in a flist.

        For admins.
        """
        return self.result_of("grant.list", OfFlist, Grants, flist=flist, after=after, limit=limit)

    def grant_set(self, account: str, flist: str, right: Literal["read", "write", "none"]) -> Done:
        """Let an account read or write a flist, or take that away.

        For admins.
        """
        return self.result_of("grant.set", GrantSet, Done, account=account, flist=flist, right=right)

    def job_cancel(self, job_id: str) -> JobTold:
        """End a job: one that waits at once, one that runs as soon as it can."""
        return self.result_of("job.cancel", OneJob, JobTold, job_id=job_id)

    def job_get(self, job_id: str) -> JobTold:
        """How a job stands, and what came of it.

        For whoever knows its id.
        """
        return self.result_of("job.get", OneJob, JobTold, job_id=job_id)

    def job_list(
        self,
        *,
        state: Literal["queued", "active", "done", "failed", "cancelled"] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> JobPage:
        """Your own jobs, newest first.

        For admins all.
        """
        return self.result_of("job.list", JobList, JobPage, state=state, after=after, limit=limit)

    def job_wait(self, job_id: str, *, seconds: int = 30) -> JobTold:
        """A job when it has ended, or after so many seconds.

        Few may wait at a time; who comes beyond them is answered at once.
        """
        return self.result_of("job.wait", JobWait, JobTold, job_id=job_id, seconds=seconds)

    def key_add(self, account: str, key: str, *, label: str = "") -> Done:
        """Let an account log in with this key too.

        For admins; others show in the console that they have it.
        """
        return self.result_of("key.add", KeyAdd, Done, account=account, key=key, label=label)

    def key_list(self, *, account: str | None = None, after: str | None = None, limit: int = 100) -> Keys:
        """Public keys of an account, or all that you manage.

        In order of account and age.
        """
        return self.result_of("key.list", OfAccount, Keys, account=account, after=after, limit=limit)

    def key_remove(self, key: str) -> Done:
        """Let nobody log in with this key any more.

        Tokens that were handed out for it live on: revoke them too.
        """
        return self.result_of("key.remove", OneKey, Done, key=key)

    def label_list(self, flist: str, *, after: str | None = None, limit: int = 100) -> LabelPage:
        """The named revisions of a flist, in order of name."""
        return self.result_of("label.list", OfFlist, LabelPage, flist=flist, after=after, limit=limit)

    def label_remove(self, flist: str, label: str) -> Done:
        """Forget a label.

        Its revision is kept no longer than others.
        """
        return self.result_of("label.remove", OneLabel, Done, flist=flist, label=label)

    def label_set(self, flist: str, label: str, *, jid: int | None = None) -> LabelTold:
        """Name a revision, which is kept from then on.

        A label that is there moves.
        """
        return self.result_of("label.set", LabelSet, LabelTold, flist=flist, label=label, jid=jid)

    def peer_list(self) -> PeersTold:
        """The servers that this one is set up to copy to.

        For admins.
        """
        return self.result_of("peer.list", Nothing, PeersTold)

    def peer_sync(
        self, peer: str, *, flist: str | None = None, at: int | None = None, blocks: list[str] | None = None
    ) -> JobTold:
        """Copy a flist, or blocks, to a peer, as a job: only what it misses is sent.

        For admins.
        """
        return self.result_of("peer.sync", SyncAsked, JobTold, peer=peer, flist=flist, at=at, blocks=blocks)

    def rpc_discover(self) -> OpenRpc:
        """This document.

        It is made of what the server checks and answers by.
        """
        return self.result_of("rpc.discover", Nothing, OpenRpc)

    def server_details(self) -> HealthDetails:
        """All that is known of the health of the server.

        For admins.
        """
        return self.result_of("server.details", Nothing, HealthDetails)

    def server_health(self) -> Health:
        """Whether the server can do its work."""
        return self.result_of("server.health", Nothing, Health)

    def server_info(self) -> Server:
        """Version, key and address of the server."""
        return self.result_of("server.info", Nothing, Server)

    def server_resume_writes(self) -> Done:
        """Let the server write again after a failed sync, in all processes.

        For admins who have looked at the disk.
        """
        return self.result_of("server.resume_writes", Nothing, Done)

    def server_rotate_key(self) -> ServerKey:
        """Give the server a new key, which the old one signs for.

        For admins.
        """
        return self.result_of("server.rotate_key", Nothing, ServerKey)

    def server_stats(self) -> Stats:
        """Counts and sizes of everything that is stored.

        For admins.
        """
        return self.result_of("server.stats", Nothing, Stats)

    def server_traffic(self, *, after: str | None = None, limit: int = 100) -> TrafficTable:
        """What each account, flist and exposure has sent and received since counting began.

        For admins.
        """
        return self.result_of("server.traffic", Paged, TrafficTable, after=after, limit=limit)

    def token_create(
        self,
        account: str,
        *,
        days: float | None = None,
        label: str = "",
        flist: str | None = None,
        read_only: bool = False,
    ) -> NewToken:
        """Make a token for an account, shown this once.

        It may what its account may, or less.
        """
        return self.result_of(
            "token.create",
            TokenCreate,
            NewToken,
            account=account,
            days=days,
            label=label,
            flist=flist,
            read_only=read_only,
        )

    def token_list(self, *, account: str | None = None, after: str | None = None, limit: int = 100) -> Tokens:
        """Tokens of an account, or all that you manage.

        Newest first; the secrets themselves are not kept.
        """
        return self.result_of("token.list", OfAccount, Tokens, account=account, after=after, limit=limit)

    def token_revoke(self, token_id: str) -> Done:
        """Revoke the token whose id begins so, and sessions begun with it.

        At once, in all processes.
        """
        return self.result_of("token.revoke", OneToken, Done, token_id=token_id)

    def verify_run(self, *, after: str | None = None, limit: int = 100) -> Verified:
        """Read the next blocks and hash them; damaged ones are set aside.

        For admins. Call it again with `after`, as long as there is a `next`, to read all.
        """
        return self.result_of("verify.run", VerifyRun, Verified, after=after, limit=limit)

    def verify_start(self) -> JobTold:
        """Have all blocks read and hashed, as a job.

        For admins.
        """
        return self.result_of("verify.start", Nothing, JobTold)
