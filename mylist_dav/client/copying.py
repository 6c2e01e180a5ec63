"""A revision as the lines that make a peer's tree the same, and blocks as bundles. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from mylist_dav.client.calls import Listed
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header, tar_padding
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.entries import Entry

BUNDLE_BYTES = 8 * 1024 * 1024
BUNDLE_BLOCKS = 2_000
LINES_AT_ONCE = 500
Line = dict[str, Any]


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


def line(path: str, was: Listed | None, entry: Entry, recipe: Recipe | None) -> Line | None:
    """What makes an entry of ours of what is there; None when nothing is to be done. recipe: of a content that is new
    there."""
    now = listed(entry)
    if was is not None and _same(was, now):
        return None
    told: Line = {"kind": now.kind, "path": path, "mtime_ns": now.mtime_ns}
    if now.kind == "symlink":
        return {**told, "target": now.target}
    told["mode"] = now.mode
    if now.kind == "directory":
        return told
    told |= {"digest": now.digest, "size_bytes": entry.size_bytes, "content_type": now.content_type or ""}
    if recipe is not None and recipe.size_bytes > WHOLE_BYTES_MAX:
        told["blocks"] = [{"id": str(ref.digest), "size_bytes": ref.size_bytes} for ref in recipe.blocks]
    return told


def gone_lines(gone: set[str], replaced: set[str]) -> Iterator[Line]:
    """What takes away all paths that are gone. replaced: folders in whose places there is something else."""
    for path in sorted(gone):
        parent = path.rpartition("/")[0]
        if parent not in gone and parent not in replaced:
            yield {"kind": "absent", "path": path}


def packed(lines: Iterable[Line]) -> Iterator[bytes]:
    """Lines as the body of a request, some hundred at a time."""
    source = iter(lines)
    while some := list(islice(source, LINES_AT_ONCE)):
        yield b"".join(json.dumps(each).encode() + b"\n" for each in some)


def _same(was: Listed, now: Listed) -> bool:
    if now.kind == "symlink":
        return (was.kind, was.target, was.mtime_ns) == (now.kind, now.target, now.mtime_ns)
    if now.kind == "directory":
        return (was.kind, was.mode, was.mtime_ns) == (now.kind, now.mode, now.mtime_ns)
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
