"""A whole tree as programs send it: one JSON object a line (NDJSON), each with what is to be at one path."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mylist_dav.errors import Invalid
from mylist_dav.model.archives.members import Member
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.operations import NOTE_CHARS_MAX
from mylist_dav.model.paths import TreePath
from mylist_dav.wire.documents import (
    Asked,
    DigestText,
    Jid,
    PathText,
    QueryNumber,
    SizeBytes,
    TimeNs,
    Told,
    complaint,
    read_json,
)
from mylist_dav.wire.documents.changes import BLOCKS_MAX, BlockAsked
from mylist_dav.wire.documents.entries import Mode, TypeText
from mylist_dav.wire.documents.flists import Flag

NDJSON = "application/x-ndjson"


class FileLine(Asked):
    """A file. `blocks` is needed for a content of several blocks that the server does not know yet. What is left out
    stays, or is as usual for a new file. `content_type`: "" takes it away."""

    kind: Literal["file"]
    path: PathText
    digest: DigestText
    size_bytes: SizeBytes
    mtime_ns: TimeNs
    blocks: Annotated[list[BlockAsked], Field(max_length=BLOCKS_MAX)] | None = None
    mode: Mode | None = None
    content_type: TypeText | None = None

    def member(self, path: TreePath) -> Member:
        blocks = None
        if self.blocks is not None:
            blocks = tuple(BlockRef(Digest.parse(one.id), one.size_bytes) for one in self.blocks)
        return Member(
            self.path, path, Kind.FILE, self.mode, self.mtime_ns, self.size_bytes, None, None,
            Digest.parse(self.digest), blocks, self.content_type,
        )  # fmt: skip


class FolderLine(Asked):
    """A folder, which may be there. What is left out stays, or is as usual for a new one."""

    kind: Literal["directory"]
    path: PathText
    mtime_ns: TimeNs | None = None
    mode: Mode | None = None

    def member(self, path: TreePath) -> Member:
        return Member(self.path, path, Kind.DIRECTORY, self.mode, self.mtime_ns)


class LinkLine(Asked):
    """A symbolic link."""

    kind: Literal["symlink"]
    path: PathText
    target: Annotated[str, Field(min_length=1, max_length=4096)]
    mtime_ns: TimeNs

    def member(self, path: TreePath) -> Member:
        if "\0" in self.target or len(self.target.encode()) > 4096:
            raise Invalid("the target of a symbolic link has 1 to 4096 bytes, and no NUL")
        return Member(self.path, path, Kind.SYMLINK, None, self.mtime_ns, 0, self.target)


class GoneLine(Asked):
    """What is at the path goes, with all below it."""

    kind: Literal["absent"]
    path: PathText

    def member(self, path: TreePath) -> Member:
        return Member(self.path, path, None, None, None, goes=True)


LINE: TypeAdapter[FileLine | FolderLine | LinkLine | GoneLine] = TypeAdapter(
    Annotated[FileLine | FolderLine | LinkLine | GoneLine, Field(discriminator="kind")]
)


def member_of(line: bytes) -> Member:
    """What a line says. Raises Invalid, BadName."""
    try:
        asked = LINE.validate_python(read_json(line))
    except ValidationError as error:
        raise Invalid(complaint(error)) from error
    path = TreePath.parse(asked.path)
    if not path:
        raise Invalid("the root of a flist is no entry")
    return asked.member(path)


def added_member_of(line: bytes) -> Member:
    """The same where nothing goes but what is not named."""
    member = member_of(line)
    if member.goes:
        raise Invalid("'absent' is for merge=1: without it everything goes that is not named")
    return member


class TreePutAsked(Asked):
    base_jid: QueryNumber | None = Field(None, description="the head must be this revision still")
    merge: Flag = Field("0", description="1: what is not named stays; 0: it goes")
    note: Annotated[str, Field(max_length=NOTE_CHARS_MAX, description="what for, for the log")] = ""


class TreePutTold(Told):
    """jid, head_jid: of the head after it; changed: whether that is a new revision. entries, size_bytes: of what was
    sent; added, changed_entries, removed: of the flist."""

    jid: Jid
    head_jid: Jid
    changed: bool
    entries: int
    size_bytes: SizeBytes
    added: int
    changed_entries: int
    removed: int
