"""A revision as the operations that make a peer's tree the same, and blocks as bundles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mylist_dav.client.calls import Listed
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header, tar_padding
from mylist_dav.model.contents import BlockRef, Recipe
from mylist_dav.model.entries import Entry

BUNDLE_BYTES = 8 * 1024 * 1024
BUNDLE_BLOCKS = 2_000
Operation = dict[str, Any]


def listed(entry: Entry) -> Listed:
    """An entry of ours as the peer shows its own."""
    return Listed(
        entry.kind.name.lower(),
        entry.size_bytes if entry.is_file else 0,
        entry.mode,
        entry.mtime_ns,
        str(entry.digest) if entry.digest is not None else "",
        entry.target or "",
        entry.content_type,
    )


def must_go(was: Listed, now: Listed) -> bool:
    """Whether what is there has to be removed before what is wanted can be made: it cannot become that."""
    loses_type = now.content_type is None and was.content_type is not None
    return was.kind != now.kind or (was.kind == "file" and loses_type)


def topmost(paths: set[str]) -> list[str]:
    """Those that lie below none of the others, in order."""
    return sorted(path for path in paths if path.rpartition("/")[0] not in paths)


def operation(path: str, was: Listed | None, now: Listed, recipe: Recipe | None) -> Operation | None:
    """What makes `now` of `was`; None when nothing is to be done. recipe: of a file."""
    if was is not None and _same(was, now):
        return None
    attributes: Operation = {"mode": now.mode, "mtime_ns": now.mtime_ns}
    if now.content_type is not None:
        attributes["content_type"] = now.content_type
    if now.kind == "symlink":
        return {"op": "symlink", "path": path, "target": now.target, "mtime_ns": now.mtime_ns}
    if was is not None and was.digest == now.digest:
        return {"op": "attributes", "path": path, **attributes}
    if now.kind == "directory":
        return {"op": "mkdir", "path": path, "mode": now.mode, "mtime_ns": now.mtime_ns}
    assert recipe is not None, "a file has one"
    put: Operation = {"op": "put", "path": path, "digest": now.digest, "size_bytes": recipe.size_bytes}
    if len(recipe.blocks) > 1:
        put["blocks"] = [{"id": str(ref.digest), "size_bytes": ref.size_bytes} for ref in recipe.blocks]
    return {**put, **attributes}


def _same(was: Listed, now: Listed) -> bool:
    if now.kind == "symlink":
        return (was.target, was.mtime_ns) == (now.target, now.mtime_ns)
    if now.kind == "directory":
        return (was.mode, was.mtime_ns) == (now.mode, now.mtime_ns)
    return was == now


class Bundle(NamedTuple):
    """Blocks in a tar archive, named by their ids. size_bytes: of the blocks."""

    tar: bytes
    ids: set[str]
    size_bytes: int


def bundles(blocks: Iterable[tuple[BlockRef, bytes]]) -> Iterator[Bundle]:
    """Archives of some 8 MiB each."""
    parts: list[bytes] = []
    ids: set[str] = set()
    size_bytes = tar_bytes = 0
    for ref, data in blocks:
        header, padding = tar_file_header(str(ref.digest), len(data)), tar_padding(len(data))
        parts += (header, data, padding)
        tar_bytes += len(header) + len(data) + len(padding)
        ids.add(str(ref.digest))
        size_bytes += len(data)
        if size_bytes >= BUNDLE_BYTES or len(ids) >= BUNDLE_BLOCKS:
            yield Bundle(b"".join((*parts, tar_end(tar_bytes))), ids, size_bytes)
            parts, ids, size_bytes, tar_bytes = [], set(), 0, 0
    if parts:
        yield Bundle(b"".join((*parts, tar_end(tar_bytes))), ids, size_bytes)
