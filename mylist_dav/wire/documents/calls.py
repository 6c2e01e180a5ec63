"""What the methods of JSON-RPC are asked: one model a method, its fields in the order of params by position."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mylist_dav.model.operations import NOTE_CHARS_MAX, OPERATIONS_MAX
from mylist_dav.wire.documents import (
    PAGE_DEFAULT,
    PAGE_MAX,
    Asked,
    Cursor,
    DigestText,
    FlistText,
    Jid,
    SizeBytes,
    TimeNs,
)
from mylist_dav.wire.documents.changes import OperationAsked
from mylist_dav.wire.documents.flists import LabelText
from mylist_dav.wire.documents.jobs import JobId

NAME_CHARS_MAX = 400
TEXT_CHARS_MAX = 8000

AccountName = Annotated[str, Field(max_length=NAME_CHARS_MAX, description="Name of an account.")]
KeyText = Annotated[
    str, Field(max_length=TEXT_CHARS_MAX, description="A public key: 64 hex digits, or an ssh-ed25519 line.")
]
Label = Annotated[str, Field(max_length=NAME_CHARS_MAX, description="What it is for, to find it again.")]
After = Cursor | None
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX, description="At most so many.")]
Quota = Annotated[SizeBytes | None, Field(description="Of all its flists together; null is no limit.")]


class Nothing(Asked):
    """No params."""


class Paged(Asked):
    """A page of a list."""

    after: After = None
    limit: Limit = PAGE_DEFAULT


# -- accounts, keys, tokens, grants ----------------------------------------------------------------------------


class AccountAdd(Asked):
    account: AccountName
    role: Literal["user", "admin"] = "user"
    quota_bytes: Quota = None
    key: KeyText | None = None
    key_label: Label = ""


class OneAccount(Asked):
    account: AccountName


class AccountQuota(Asked):
    account: AccountName
    quota_bytes: Quota


class OfAccount(Asked):
    account: Annotated[AccountName | None, Field(description="Of this account; null: all you manage.")] = None
    after: After = None
    limit: Limit = PAGE_DEFAULT


class KeyAdd(Asked):
    account: AccountName
    key: KeyText
    label: Label = ""


class OneKey(Asked):
    key: KeyText


class TokenCreate(Asked):
    account: AccountName
    days: Annotated[
        float | None, Field(gt=0, le=100_000, description="Its life; null: the setting days_default.")
    ] = None
    label: Label = ""
    flist: Annotated[FlistText | None, Field(description="For this flist alone: account/name.")] = None
    read_only: Annotated[bool, Field(description="It changes nothing.")] = False


class OneToken(Asked):
    token_id: Annotated[str, Field(max_length=64, description="What its id begins with.")]


class GrantSet(Asked):
    account: AccountName
    flist: FlistText
    right: Literal["read", "write", "none"]


class OfFlist(Asked):
    flist: FlistText
    after: After = None
    limit: Limit = PAGE_DEFAULT


# -- flists, exposures -----------------------------------------------------------------------------------------


class OneFlist(Asked):
    flist: FlistText


class FlistList(Asked):
    account: Annotated[AccountName | None, Field(description="Of this account.")] = None
    name_contains: Annotated[str | None, Field(max_length=255, description="Whose name has this in it.")] = (
        None
    )
    private: Annotated[bool | None, Field(description="Those that are private, or are not.")] = None
    exposed: Annotated[bool | None, Field(description="Those that are shown somewhere, or are not.")] = None
    after: After = None
    limit: Limit = PAGE_DEFAULT


class FlistRename(Asked):
    flist: FlistText
    new_name: FlistText


class FlistCommit(Asked):
    flist: FlistText
    operations: Annotated[list[OperationAsked], Field(min_length=1, max_length=OPERATIONS_MAX)]
    base_jid: Annotated[Jid | None, Field(description="The head must be this revision still.")] = None
    note: Annotated[str, Field(max_length=NOTE_CHARS_MAX, description="What for, for the log.")] = ""


class FlistDiff(Asked):
    flist: FlistText
    from_jid: Annotated[Jid, Field(description="A revision.")]
    to_jid: Annotated[Jid | None, Field(description="Another one; null: the head.")] = None
    after: After = None
    limit: Limit = PAGE_DEFAULT


class LabelSet(Asked):
    flist: FlistText
    label: LabelText
    jid: Annotated[Jid | None, Field(description="A revision; null: the head.")] = None


class OneLabel(Asked):
    flist: FlistText
    label: LabelText


class FlistCreate(Asked):
    flist: FlistText
    private: Annotated[bool, Field(description="For its account and those with a grant only.")] = False
    make_account: Annotated[bool, Field(description="Make its account too, as a user, if it is new.")] = False


class FlistPrivate(Asked):
    flist: FlistText
    private: bool


class FlistRollback(Asked):
    flist: FlistText
    jid: Jid


class Place(Asked):
    host: Annotated[str | None, Field(max_length=NAME_CHARS_MAX, description="A host name.")] = None
    prefix: Annotated[str | None, Field(max_length=4096, description="Or a prefix, as in /docs.")] = None


class ExposureSet(Asked):
    flist: FlistText
    host: Annotated[str | None, Field(max_length=NAME_CHARS_MAX, description="A host name.")] = None
    prefix: Annotated[str | None, Field(max_length=4096, description="Or a prefix, as in /docs.")] = None
    at_jid: Annotated[Jid | None, Field(description="Stay at this revision; null: the newest.")] = None
    mode: Literal["public", "secret", "keys"] = "public"
    listing: Annotated[bool, Field(description="List folders without index.html.")] = True
    dav: Literal["off", "ro", "rw"] = "off"
    secret: Annotated[
        str | None, Field(max_length=TEXT_CHARS_MAX, description="Pass phrase of mode secret; null keeps it.")
    ] = None
    visitors: Annotated[
        list[Annotated[str, Field(max_length=TEXT_CHARS_MAX)]] | None,
        Field(max_length=1000, description="For mode keys: accounts, and public keys; null keeps the list."),
    ] = None


# -- records, upkeep -------------------------------------------------------------------------------------------


class AuditList(Asked):
    account: Annotated[AccountName | None, Field(description="What this account did.")] = None
    flist: Annotated[FlistText | None, Field(description="What was done with this flist.")] = None
    action: Annotated[str | None, Field(max_length=40, description="Of this kind, as in login.")] = None
    since_ns: Annotated[TimeNs | None, Field(description="From then on.")] = None
    until_ns: Annotated[TimeNs | None, Field(description="Before then.")] = None
    after: After = None
    limit: Limit = PAGE_DEFAULT


class VerifyRun(Asked):
    after: After = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX, description="Read at most so many blocks.")] = PAGE_DEFAULT


# -- jobs ------------------------------------------------------------------------------------------------------


class JobList(Asked):
    state: Annotated[
        Literal["queued", "active", "done", "failed", "cancelled"] | None,
        Field(description="Of one state only."),
    ] = None
    after: After = None
    limit: Limit = PAGE_DEFAULT


class OneJob(Asked):
    job_id: JobId


class JobWait(Asked):
    job_id: JobId
    seconds: Annotated[int, Field(ge=0, le=60, description="At most so long.")] = 30


# -- blocks ----------------------------------------------------------------------------------------------------


class BlockVerify(Asked):
    ids: Annotated[
        list[DigestText], Field(max_length=PAGE_MAX, description="Of blocks; read at most so many.")
    ]


class CollectRun(Asked):
    dry_run: Annotated[bool, Field(description="Only say what would be done.")] = False
    wholly: Annotated[bool, Field(description="Go through all entries and files too.")] = False
