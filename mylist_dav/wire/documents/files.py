"""Single files by their digest."""

from __future__ import annotations

from pydantic import Field

from mylist_dav.wire.documents import Asked, DigestText, SizeBytes, Told


class FileTold(Told):
    """A file that was stored."""

    digest: DigestText
    name: str
    size: SizeBytes
    content_type: str


class FileCheckAsked(Asked):
    digest: DigestText
    hard: bool = Field(False, description="read and hash all of it, instead of looking for its blocks")


class FileCheckTold(Told):
    """whole: nothing is wrong. missing, bad: block ids, at most 1,000 of each; the counts say how many there are."""

    digest: DigestText
    size: SizeBytes
    blocks: int
    hard: bool
    whole: bool
    missing: list[DigestText]
    bad: list[DigestText]
    missing_count: int
    bad_count: int
