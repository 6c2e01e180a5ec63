"""Blocks by their ids."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mylist_dav.wire.documents import Asked, DigestText, Told

IDS_MAX = 10_000


class BlocksAsked(Asked):
    """The ids of blocks; one that stands there twice counts once."""

    ids: Annotated[list[DigestText], Field(max_length=IDS_MAX)]


class ExistAsked(Asked):
    """present: leave out what is missing, which the caller can tell from what it asked for."""

    tell: Literal["all", "present"] = "all"


class ExistTold(Told):
    """Each id once, in the order it was asked for."""

    present: list[DigestText]
    missing: list[DigestText] = Field(description="not here, or not for the caller; empty with tell=present")


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


class UploadAsked(Asked):
    """bad: name only the members that were not kept; the others are counted."""

    tell: Literal["all", "bad"] = "all"


class UploadTold(Told):
    """Every member but folders, in order; with tell=bad those alone that are. How many there were of each state."""

    blocks: list[BroughtBlock]
    stored: int
    present: int
    bad: int


class RefusedBlock(Told):
    """A block that is needed."""

    id: DigestText
    reason: str


class DeleteTold(Told):
    """Each id once."""

    deleted: list[DigestText]
    missing: list[DigestText]
    refused: list[RefusedBlock]


class VerifiedBlocks(Told):
    """Each once, in the order they were named."""

    blocks: list[VerifiedBlock]


class CollectTold(Told):
    """What was done, or by a dry run would be. waiting: blocks that are condemned and not deleted yet.

    busy: something is under way that may need what no flist has yet, so that nothing more could be done.
    """

    leftovers: int
    released: int
    recipes: int
    condemned: int
    condemned_bytes: int
    deleted: int
    deleted_bytes: int
    orphans: int
    orphan_bytes: int
    waiting: int
    waiting_bytes: int
    busy: bool
