"""Flists as a whole, their commits and labels, as programs are told of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mylist_dav.model import entries as model
from mylist_dav.model.exposures import Exposure
from mylist_dav.wire.documents import (
    Asked,
    Cursor,
    FlistText,
    Jid,
    Paged,
    QueryNumber,
    SizeBytes,
    TimeNs,
    Told,
)

Flag = Annotated[Literal["0", "1"], Field(description="1: yes, 0: no")]
LabelText = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["v1.0"])]


class Flist(Told):
    """A flist. head_jid: its newest revision; oldest_jid: the oldest that can be read. entries, size_bytes: of the
    newest."""

    name: FlistText
    head_jid: Jid
    oldest_jid: Jid
    entries: int
    size_bytes: SizeBytes
    private: bool
    created_ns: TimeNs
    changed_ns: TimeNs

    @classmethod
    def of(cls, flist: model.Flist) -> Flist:
        return cls(**flist_fields(flist))


class ExposureTold(Told):
    """A host name or a prefix that shows the flist. at: the revision, null for the newest."""

    host: str | None
    prefix: str | None
    at: Jid | None
    mode: str
    listing: bool
    dav: str

    @classmethod
    def of(cls, exposure: Exposure) -> ExposureTold:
        return cls(
            host=exposure.host or None,
            prefix=exposure.prefix or None,
            at=exposure.at_jid,
            mode=exposure.mode.value,
            listing=exposure.listing,
            dav=exposure.dav,
        )


class LabelTold(Told):
    """A name of a revision."""

    label: LabelText
    jid: Jid
    created_ns: TimeNs

    @classmethod
    def of(cls, label: model.Label) -> LabelTold:
        return cls(label=label.name, jid=label.jid, created_ns=label.created_ns)


class FlistDetails(Flist):
    """may_write: whether who asks may change what is in it."""

    may_write: bool
    exposures: list[ExposureTold] = Field(default_factory=list)
    labels: list[LabelTold] = Field(default_factory=list)


class AccountFlists(Told):
    """Flists of one account, in order of name."""

    account: str
    flists: list[Flist]


class FlistsFound(Told):
    """In order of account and name. An account may go on on the next page."""

    accounts: list[AccountFlists]
    next: Cursor | None


class FlistsAsked(Paged):
    account: Annotated[str | None, Field(max_length=64)] = None
    name_contains: Annotated[str | None, Field(max_length=255)] = None
    private: Flag | None = None
    exposed: Flag | None = None


class NewFlist(Asked):
    name: FlistText
    private: bool = False


class FlistSettings(Asked):
    """What is null or left out stays."""

    name: FlistText | None = None
    private: bool | None = None


class Commit(Told):
    """One change of a flist: what it was at jid is what this commit made of it."""

    jid: Jid
    at_ns: TimeNs
    actor: str
    note: str


class Commits(Told):
    """Newest first."""

    commits: list[Commit]
    next: Cursor | None


class Head(Told):
    """The newest revision by now."""

    head_jid: Jid


class RevisionAsked(Asked):
    jid: Jid


class LabelsTold(Told):
    """In order of name."""

    labels: list[LabelTold]


class AtAsked(Asked):
    at: QueryNumber | None = Field(None, description="a revision; else the head")


class DownloadAsked(AtAsked):
    format: Literal["tar", "tar.gz", "tar.zst", "zip", "blocks"] = "tar.gz"


class UploadAsked(Asked):
    name: FlistText
    merge: Flag = Field("0", description="1: what the archive has not stays; 0: it goes")


class UploadTold(Told):
    """What an archive has made. jid: of the head; changed: whether there was anything to change. made: the flist is
    new. entries, size_bytes: of the archive; added, changed_entries, removed: of the flist. new_bytes: of blocks that
    were not here before."""

    name: FlistText
    jid: Jid
    changed: bool
    made: bool
    entries: int
    size_bytes: SizeBytes
    added: int
    changed_entries: int
    removed: int
    new_blocks: int
    new_bytes: SizeBytes


def flist_fields(flist: model.Flist) -> dict[str, Any]:
    """What is told of every flist."""
    return {
        "name": str(flist.flist_name),
        "head_jid": flist.head_jid,
        "oldest_jid": flist.oldest_jid,
        "entries": flist.entries,
        "size_bytes": flist.size_bytes,
        "private": flist.private,
        "created_ns": flist.created_ns,
        "changed_ns": flist.changed_ns,
    }
