"""Entries of a tree, and recipes of contents, as programs are told of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mylist_dav.model import entries as model
from mylist_dav.model.contents import Recipe
from mylist_dav.model.paths import TreePath
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

TREE_PAGE_MAX = 10_000
RECIPES_MAX = 1_000

Mode = Annotated[int, Field(ge=0, le=0o7777, description="permission bits")]
TypeText = Annotated[str, Field(max_length=255, description="a Content-Type; else the name says it")]
TreeLimit = Annotated[QueryNumber, Field(ge=1, le=TREE_PAGE_MAX, description="entries a page")]


class Entry(Told):
    """One node of a tree. entry_id survives renames. digest: of files; target: of symbolic links."""

    path: str
    kind: Literal["file", "directory", "symlink"]
    entry_id: int
    size_bytes: SizeBytes
    mode: int
    mtime_ns: TimeNs
    digest: DigestText | None
    target: str | None
    content_type: str | None

    @classmethod
    def of(cls, path: TreePath, entry: model.Entry) -> Entry:
        """Nothing is checked anew: what comes from the catalog fits, and listings make many."""
        return cls.model_construct(
            path=str(path),
            kind=_KINDS[entry.kind],
            entry_id=entry.entry_id,
            size_bytes=entry.size_bytes,
            mode=entry.mode,
            mtime_ns=entry.mtime_ns,
            digest=None if entry.digest is None else str(entry.digest),
            target=entry.target,
            content_type=entry.content_type,
        )


_KINDS: dict[model.Kind, Literal["file", "directory", "symlink"]] = {
    model.Kind.FILE: "file",
    model.Kind.DIRECTORY: "directory",
    model.Kind.SYMLINK: "symlink",
}


class TreeAsked(Asked):
    at: QueryNumber | None = Field(None, description="a revision; else the head")
    after: Cursor | None = None
    limit: TreeLimit = 1_000


class TreeTold(Told):
    """In order of path, folders before what is in them."""

    jid: Jid
    entries: list[Entry]
    next: Cursor | None


class EntryAsked(Paged):
    at: QueryNumber | None = Field(None, description="a revision; else the head")


class EntryTold(Told):
    """An entry, and some of its members if it is a folder, in order of name."""

    entry: Entry
    members: list[Entry] = Field(default_factory=list)
    next: Cursor | None = None


class AttributesAsked(Asked):
    """What is null or left out stays."""

    mode: Mode | None = None
    mtime_ns: TimeNs | None = None
    content_type: TypeText | None = None


class EntryAction(Asked):
    """mkdir makes a folder here; move and copy take what is here to another path of the flist."""

    action: Literal["mkdir", "move", "copy"]
    to: PathText | None = None
    overwrite: bool = False


class ContentAsked(Asked):
    at: QueryNumber | None = Field(None, description="a revision; else the head")


class ContentPut(Asked):
    mtime_ns: QueryNumber | None = Field(None, description="nanoseconds since 1970; else now")


class BlockTold(Told):
    """A block of a recipe."""

    id: DigestText
    size_bytes: SizeBytes


class RecipeTold(Told):
    """A content, and the blocks that make it, in order."""

    digest: DigestText
    size_bytes: SizeBytes
    blocks: list[BlockTold]

    @classmethod
    def of(cls, recipe: Recipe) -> RecipeTold:
        return cls(
            digest=str(recipe.digest),
            size_bytes=recipe.size_bytes,
            blocks=[BlockTold(id=str(ref.digest), size_bytes=ref.size_bytes) for ref in recipe.blocks],
        )


class RecipesAsked(Asked):
    digests: Annotated[list[DigestText], Field(min_length=1, max_length=RECIPES_MAX)]


class RecipesTold(Told):
    """Of the contents that were asked for and that the flist holds. `left`: what is to be asked for once more, because
    the blocks of the others are so many."""

    recipes: list[RecipeTold]
    left: list[str]
