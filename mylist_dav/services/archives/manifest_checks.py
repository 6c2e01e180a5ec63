"""Digesting what was downloaded, a folder or an archive, as a manifest does it. Needs no data directory."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from mylist_dav.model.archives.members import Limits, Pieces, Source
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import DIRECTORY_MODE, FILE_MODE, Kind
from mylist_dav.model.manifest import Part, Roots, TreeDigest
from mylist_dav.services.archives.sources import archive_in_file
from mylist_dav.store.assembly import ROOT_NODE, Assembly, Node
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch
from mylist_dav.store.walking import FolderSource

ENTRIES_MAX = 10_000_000
_LIMITS = Limits(members=ENTRIES_MAX, size_bytes=2**62)


def roots_of_folder(folder: Path, scratch_folder: Path) -> Roots:
    """Digest what is in a folder; scratch_folder takes what is needed meanwhile. Raises NotFound, BadArchive, ..."""
    return roots_of_source(FolderSource(folder, _LIMITS), scratch_folder)


def roots_of_archive(file: BinaryIO, scratch_folder: Path) -> Roots:
    """Digest what is in an archive, of any kind that can be imported; file: can be read from any place.

    Modes and times that it does not say count as 0644, 0755 and the epoch: the digest over them then differs. Raises
    BadArchive, Incomplete, LimitExceeded, ...
    """
    return roots_of_source(archive_in_file(file, _LIMITS), scratch_folder)


def roots_of_source(source: Source, scratch_folder: Path) -> Roots:
    """Digest what has members, in any order."""
    disk = Disk()
    with (
        contextlib.closing(Scratch(scratch_folder, disk)) as scratch,
        contextlib.closing(Assembly(scratch, disk, ENTRIES_MAX)) as assembly,
    ):
        for member, pieces in source.members():
            assembly.add(member, _digest_of(pieces) if member.kind is Kind.FILE else None)
        digest = TreeDigest()
        depths = {ROOT_NODE: 0}
        for node in assembly.below(ROOT_NODE):
            depth = depths[node.parent_id] + 1
            digest.add(depth, _part_of(node))
            if node.kind is Kind.DIRECTORY:
                depths = {each: at for each, at in depths.items() if at < depth}  # of the way here, no others
                depths[node.node_id] = depth
        return digest.finish()


def _digest_of(pieces: Pieces) -> Digest:
    running = blake3()
    for piece in pieces:
        running.update(piece)
    return Digest(running.digest())


def _part_of(node: Node) -> Part:
    mode = node.mode
    if mode is None:
        mode = DIRECTORY_MODE if node.kind is Kind.DIRECTORY else FILE_MODE
    mtime_ns = node.mtime_ns or 0
    return Part(node.name, node.kind, mode, mtime_ns, node.size_bytes, node.digest, node.target)
