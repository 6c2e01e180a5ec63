"""What was done, newest first."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mylist_dav.wire.documents import Paged, TimeNs, Told

MomentText = Annotated[str, Field(max_length=40, examples=["2026-01-31T12:00:00Z"])]


class AuditAsked(Paged):
    account: str | None = Field(None, max_length=64)
    flist: str | None = Field(None, max_length=330)
    action: str | None = Field(None, max_length=40)
    since: MomentText | None = Field(None, description="rows from this time on (RFC 3339)")
    until: MomentText | None = Field(None, description="rows before this time")


class AuditRow(Told):
    audit_id: int
    at_ns: TimeNs
    account: str = Field(description="'' for guests and the owner of the data directory")
    address: str
    request_id: str
    action: str
    flist: str
    detail: dict[str, Any]
    repeats: int
    size_bytes: int


class AuditPage(Told):
    rows: list[AuditRow]
    next: str | None
