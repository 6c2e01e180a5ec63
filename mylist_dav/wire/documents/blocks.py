"""Blocks by their ids."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mylist_dav.wire.documents import Asked, DigestText, Told

IDS_MAX = 10_000


class BlocksAsked(Asked):
    """The ids of blocks; one that stands there twice counts once."""

    ids: Annotated[list[DigestText], Field(max_length=IDS_MAX)]


class ExistTold(Told):
    """Each id once, in the order it was asked for."""

    present: list[DigestText]
    missing: list[DigestText] = Field(description="not here, or not for the caller")


class VerifiedBlock(Told):
    """One line of the answer of verifyBlocks."""

    id: DigestText
    state: Literal["ok", "missing", "corrupt"]


class BroughtBlock(Told):
    """What became of one member of the archive."""

    name: str
    id: DigestText | None
    state: Literal["stored", "present", "bad"]
    detail: str = Field(description="what is wrong with a bad one")


class UploadTold(Told):
    """Every member but folders, in order."""

    blocks: list[BroughtBlock]


class RefusedBlock(Told):
    """A block that is needed."""

    id: DigestText
    reason: str


class DeleteTold(Told):
    """Each id once."""

    deleted: list[DigestText]
    missing: list[DigestText]
    refused: list[RefusedBlock]
