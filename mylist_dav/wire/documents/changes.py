"""Commits of many operations, and how two revisions differ, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from mylist_dav.errors import Invalid, Outdated, Refused
from mylist_dav.model import operations as model
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.paths import TreePath
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import (
    Asked,
    Cursor,
    DigestText,
    Jid,
    Paged,
    PathText,
    QueryNumber,
    SizeBytes,
    TimeNs,
    Told,
)
from mylist_dav.wire.documents.entries import Entry, Mode, TypeText

BLOCKS_MAX = 100_000


class BlockAsked(Asked):
    id: DigestText
    size_bytes: SizeBytes


class _Aliased(Asked):
    """Fields that cannot be called in Python what they are called in JSON go by that name alone."""

    model_config = ConfigDict(populate_by_name=False)


class PutAsked(_Aliased):
    """The file at a path, which may be there, has this content. `blocks` is needed for a content of several blocks that
    the server does not know yet. `if`: the digest that must be there, or "absent"."""

    op: Literal["put"]
    path: PathText
    digest: DigestText
    size_bytes: SizeBytes
    blocks: Annotated[list[BlockAsked], Field(max_length=BLOCKS_MAX)] | None = None
    mode: Mode | None = None
    mtime_ns: TimeNs | None = None
    content_type: TypeText | None = None
    only_if: DigestText | Literal["absent"] | None = Field(None, alias="if")

    def operation(self) -> model.Operation:
        only_if = None if self.only_if in (None, "absent") else Digest.parse(str(self.only_if))
        blocks = None
        if self.blocks is not None:
            blocks = tuple(BlockRef(Digest.parse(one.id), one.size_bytes) for one in self.blocks)
        return model.Put(
            path=TreePath.parse(self.path),
            digest=Digest(bytes.fromhex(self.digest)),
            size_bytes=self.size_bytes,
            blocks=blocks,
            mode=self.mode,
            mtime_ns=self.mtime_ns,
            content_type=self.content_type,
            only_if=only_if,
            only_if_absent=self.only_if == "absent",
        )


class MkdirAsked(Asked):
    """A new folder; with `parents` also those above it, and it may be there."""

    op: Literal["mkdir"]
    path: PathText
    mode: Mode | None = None
    mtime_ns: TimeNs | None = None
    parents: bool = False

    def operation(self) -> model.Operation:
        return model.MakeDirectory(
            path=TreePath.parse(self.path), mode=self.mode, mtime_ns=self.mtime_ns, parents=self.parents
        )


class SymlinkAsked(Asked):
    """A new symbolic link, or another target of the one that is there."""

    op: Literal["symlink"]
    path: PathText
    target: Annotated[str, Field(min_length=1, max_length=4096)]
    mtime_ns: TimeNs | None = None

    def operation(self) -> model.Operation:
        return model.MakeSymlink(path=TreePath.parse(self.path), target=self.target, mtime_ns=self.mtime_ns)


class DeleteAsked(Asked):
    """An entry goes, and all below it."""

    op: Literal["delete"]
    path: PathText

    def operation(self) -> model.Operation:
        return model.Delete(path=TreePath.parse(self.path))


class MoveAsked(_Aliased):
    """An entry to another place; it keeps its id."""

    op: Literal["move"]
    source: PathText = Field(alias="from")
    to: PathText
    overwrite: bool = False

    def operation(self) -> model.Operation:
        return model.Move(
            source=TreePath.parse(self.source), target=TreePath.parse(self.to), overwrite=self.overwrite
        )


class CopyAsked(_Aliased):
    """A copy of an entry and of all below it, under new ids."""

    op: Literal["copy"]
    source: PathText = Field(alias="from")
    to: PathText
    overwrite: bool = False

    def operation(self) -> model.Operation:
        return model.Copy(
            source=TreePath.parse(self.source), target=TreePath.parse(self.to), overwrite=self.overwrite
        )


class ExchangeAsked(Asked):
    """Two entries take each other's places."""

    op: Literal["exchange"]
    a: PathText
    b: PathText

    def operation(self) -> model.Operation:
        return model.Exchange(one=TreePath.parse(self.a), other=TreePath.parse(self.b))


class SetAttributesAsked(Asked):
    """What is null or left out stays."""

    op: Literal["attributes"]
    path: PathText
    mode: Mode | None = None
    mtime_ns: TimeNs | None = None
    content_type: TypeText | None = None

    def operation(self) -> model.Operation:
        return model.SetAttributes(
            path=TreePath.parse(self.path),
            mode=self.mode,
            mtime_ns=self.mtime_ns,
            content_type=self.content_type,
        )


OperationAsked = Annotated[
    PutAsked
    | MkdirAsked
    | SymlinkAsked
    | DeleteAsked
    | MoveAsked
    | CopyAsked
    | ExchangeAsked
    | SetAttributesAsked,
    Field(discriminator="op"),
]


class CommitAsked(Asked):
    """Operations in order, each on the tree as the ones before have left it; all are done, or none. `base_jid`: the
    head must be this revision still."""

    base_jid: Jid | None = None
    note: Annotated[str, Field(max_length=model.NOTE_CHARS_MAX)] = ""
    operations: Annotated[list[OperationAsked], Field(min_length=1, max_length=model.OPERATIONS_MAX)]


def values_of(asked: Sequence[OperationAsked]) -> list[model.Operation]:
    """Operations as values. Raises BadName, Invalid, with the number of the one that is malformed."""
    found: list[model.Operation] = []
    for number, one in enumerate(asked):
        try:
            found.append(one.operation())
        except Invalid as error:
            raise type(error)(f"operation {number}: {error}") from error
    return found


class CommitTold(Told):
    """jid, head_jid: of the head after it. changed: whether that is a new revision."""

    jid: Jid
    head_jid: Jid
    changed: bool


class DiffAsked(Paged):
    from_jid: QueryNumber = Field(alias="from", description="a revision")
    to_jid: QueryNumber | None = Field(None, alias="to", description="another one; else the head")


class Difference(Told):
    """An entry that differs. path: in the later tree, of one that was removed in the earlier. old_path: of one that was
    moved. What went or moved with its folder is not told again."""

    change: Literal["added", "removed", "changed", "moved"]
    path: str
    old_path: str | None
    entry: Entry

    @classmethod
    def of(cls, one: model.Difference) -> Difference:
        return cls(
            change=one.change.value,
            path=str(one.path),
            old_path=None if one.old_path is None else str(one.old_path),
            entry=Entry.of(one.path, one.entry),
        )


class DiffTold(Told):
    """In order of path. Of very many there may be none on a page; `next` is null at the end."""

    from_jid: Jid = Field(serialization_alias="from")
    to_jid: Jid = Field(serialization_alias="to")
    changes: list[Difference]
    next: Cursor | None

    @classmethod
    def of(cls, page: model.DifferencePage) -> DiffTold:
        """Its cursor holds both revisions, so that pages fit together when the head moves on."""
        ends, mark = (page.earlier_jid, page.later_jid), page.next
        return cls(
            from_jid=page.earlier_jid,
            to_jid=page.later_jid,
            changes=list(map(Difference.of, page.differences)),
            next=None if mark is None else cursor(*ends, str(mark.path), int(mark.whole)),
        )


def goes_on(after: str | None, from_jid: int, to_jid: int | None) -> tuple[int | None, model.Mark | None]:
    """The later revision, and where a page of its differences begins. Raises Invalid, BadName for a forged cursor."""
    if after is None:
        return to_jid, None
    began, ended, path, whole = read_cursor(after, int, int, str, int)
    if began != from_jid or to_jid not in (None, ended):
        raise Invalid("'after' is of another comparison")
    return int(ended), model.Mark(TreePath.parse(str(path)), bool(whole))


class Conflict(Told):
    """An operation that cannot be done. now: what is at its path."""

    index: int
    path: str
    reason: str
    now: Entry | None

    @classmethod
    def of(cls, one: model.Refusal) -> Conflict:
        now = None if one.now is None else Entry.of(one.path, one.now)
        return cls(index=one.number, path=str(one.path), reason=one.reason.value, now=now)


def refusal_members(error: BaseException) -> dict[str, Any]:
    """What a problem says beside its words of a commit that was refused; nothing for other errors."""
    if not isinstance(error, Refused | Outdated):
        return {}
    conflicts = [Conflict.of(one) for one in error.conflicts if isinstance(one, model.Refusal)]
    members: dict[str, Any] = {
        "head_jid": error.head_jid,
        "conflicts": [one.model_dump() for one in conflicts],
    }
    if isinstance(error, Refused):
        return {**members, "missing": [str(digest) for digest in error.missing]}
    changes = [Difference.of(one) for one in error.changes if isinstance(one, model.Difference)]
    return {**members, "changes": [one.model_dump() for one in changes]}
