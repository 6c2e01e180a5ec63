"""The signed manifest of a revision. docs/format.md says what is signed."""

from __future__ import annotations

from pydantic import Field

from mylist_dav.wire.documents import Asked, DigestText, FlistText, Jid, QueryNumber, SizeBytes, TimeNs, Told


class ManifestAsked(Asked):
    at: QueryNumber | None = Field(None, description="a revision; else the head")


class ManifestTold(Told):
    version: int
    server: str
    flist: FlistText
    revision: Jid
    committed: TimeNs
    entries: int
    size_bytes: SizeBytes
    root: DigestText
    content_root: DigestText
    key: str
    signature: str
