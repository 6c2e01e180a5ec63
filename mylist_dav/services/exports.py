"""Export: a revision of a flist as one archive. The same revision and encoder give the same bytes, always.

Sorted by name, folder by folder; owners, access times and whatever else depends on the machine are left out.
"""

from __future__ import annotations

import contextlib
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import zstandard

from mylist_dav.model.actors import Actor
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header, tar_header, tar_padding
from mylist_dav.model.archives.zip_out import (
    DEFLATED,
    STORED,
    Written,
    central_header,
    descriptor,
    end_records,
    local_header,
)
from mylist_dav.model.audit import Action
from mylist_dav.model.contents import BlockRef, BlockSlice
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.ledger import Ledger, RequestMeter
from mylist_dav.services.revisions import Revision
from mylist_dav.services.rights import readable
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog
from mylist_dav.store.disk import Disk
from mylist_dav.store.scratch import Scratch
from mylist_dav.store.sorting import SortedBlocks

ENCODER_VERSION = 1
"""Raised whenever the bytes of an export change for the same revision."""

_PIECE_BYTES = 256 * 1024
_INLINE_BYTES_MAX = 64 * 1024
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3

Piece = bytes | BlockSlice


class Format(StrEnum):
    """What a flist can be exported as. BLOCKS: a tar of all its blocks, named by their digests."""

    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_ZST = "tar.zst"
    ZIP = "zip"
    BLOCKS = "blocks"


class Export(NamedTuple):
    """One export. pieces: to be used up once, in order; a slice stands for these bytes of a block.

    media_type and file_name are for HTTP; etag is quoted, and strong.
    """

    flist: Flist
    jid: int
    etag: str
    media_type: str
    file_name: str
    pieces: Iterator[Piece]
    actor: Actor


MEDIA_TYPES = {
    Format.TAR: "application/x-tar",
    Format.TAR_GZ: "application/gzip",
    Format.TAR_ZST: "application/zstd",
    Format.ZIP: "application/zip",
    Format.BLOCKS: "application/x-tar",
}
_PACKERS = {
    Format.TAR_GZ: f"-zlib{zlib.ZLIB_RUNTIME_VERSION}.{_GZIP_LEVEL}",
    Format.TAR_ZST: f"-zstd{'.'.join(map(str, zstandard.ZSTD_VERSION))}.{_ZSTD_LEVEL}",
    Format.ZIP: f"-zlib{zlib.ZLIB_RUNTIME_VERSION}.{_GZIP_LEVEL}",
}


def etag(flist: Flist, jid: int, form: Format) -> str:
    """The entity tag of an export: it names the revision, the format, and what encodes it."""
    return f'"{flist.flist_id}-{jid}-{form.value}-{ENCODER_VERSION}{_PACKERS.get(form, "")}"'


class Exports:
    """The verb export. data: the data directory; its tmp/ takes what is needed for the time of an export."""

    def __init__(
        self, catalog: Catalog, blocks: BlockStore, data: Path, ledger: Ledger | None = None
    ) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._ledger = ledger
        self._disk = Disk()
        self._scratch = Scratch(data / "tmp", self._disk)

    def open(self, actor: Actor, name: FlistName, form: Format, at_jid: int | None = None) -> Export:
        """Begin an export of a revision; None is the head. Nothing is read before pieces are asked for.

        Raises NotFound. The pieces may raise NotFound (the flist was deleted meanwhile) and Corrupt.
        """
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            jid = flist.head_jid if at_jid is None else at_jid
            view.tree(flist, jid)
        ending = "blocks.tar" if form is Format.BLOCKS else form.value
        return Export(
            flist, jid, etag(flist, jid, form), MEDIA_TYPES[form], f"{flist.flist_name.name}.{ending}",
            self._pieces(Revision(self._catalog, flist, jid), form), actor,
        )  # fmt: skip

    def bytes_of(self, export: Export) -> Iterator[bytes]:
        """The export as bytes, each slice read and verified. How many were taken is recorded."""
        meter = self.meter(export)
        taken_bytes = 0
        try:
            for piece in self._read(export.pieces):
                taken_bytes += len(piece)
                yield piece
        finally:
            if meter is not None:
                meter.sent(200, taken_bytes)

    def meter(self, export: Export) -> RequestMeter | None:
        """What records how much of an export was taken, for whoever sends its pieces."""
        if self._ledger is None:
            return None
        what = f"revision {export.jid}: {export.file_name}"
        return self._ledger.request(export.actor, export.flist.flist_name, path=what, action=Action.EXPORT)

    def close(self) -> None:
        """Let go of the folder of temporary files."""
        self._scratch.close()

    def _pieces(self, revision: Revision, form: Format) -> Iterator[Piece]:
        if form is Format.TAR:
            return _gathered(self._tar(revision))
        if form is Format.BLOCKS:
            return _gathered(self._tar_of_blocks(revision))
        if form is Format.ZIP:
            return _gathered(_Zip(revision, self._read).pieces())
        packer = (
            zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)  # its header has neither a time nor a name
            if form is Format.TAR_GZ
            else zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
        )
        return _gathered(_packed(packer, self._read(_gathered(self._tar(revision)))))

    def _read(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, BlockSlice):
                block = self._blocks.get(piece.digest)
                whole = piece.offset == 0 and piece.length == len(block)
                yield block if whole else block[piece.offset : piece.offset + piece.length]
            else:
                yield piece

    def _tar(self, revision: Revision) -> Iterator[Piece]:
        written_bytes = 0
        for path, entry in revision.walk():
            header, padding = tar_header(path, entry), tar_padding(entry.size_bytes)
            yield header
            yield from self._content(revision, entry)
            yield padding
            written_bytes += len(header) + entry.size_bytes + len(padding)
        yield tar_end(written_bytes)

    def _content(self, revision: Revision, entry: Entry) -> Iterator[Piece]:
        """A short content as bytes, so that it goes out together with others; a long one as slices."""
        if entry.digest is None or not entry.size_bytes:
            return
        if entry.size_bytes <= _INLINE_BYTES_MAX:
            yield self._blocks.get(entry.digest)
            return
        yield from revision.slices(entry)

    def _tar_of_blocks(self, revision: Revision) -> Iterator[Piece]:
        written_bytes = 0
        with contextlib.closing(SortedBlocks(self._scratch, self._disk)) as blocks:
            for _, entry in revision.walk():
                if entry.size_bytes:
                    blocks.add(revision.recipe(entry).blocks)
            for ref in blocks:
                yield tar_file_header(ref.digest.hex(), ref.size_bytes)
                yield from self._block(ref)
                yield tar_padding(ref.size_bytes)
                written_bytes += 512 + ref.size_bytes + len(tar_padding(ref.size_bytes))
        yield tar_end(written_bytes)

    def _block(self, ref: BlockRef) -> Iterator[Piece]:
        if ref.size_bytes <= _INLINE_BYTES_MAX:
            yield self._blocks.get(ref.digest)
        else:
            yield BlockSlice(ref.digest, 0, ref.size_bytes)


class _Packer(Protocol):
    """A compressor of the standard library or of zstandard."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _packed(packer: _Packer, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _gathered(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes in pieces of a good size; slices stay slices."""
    waiting: list[bytes] = []
    waiting_bytes = 0
    for piece in pieces:
        if not isinstance(piece, BlockSlice):
            waiting.append(piece)
            waiting_bytes += len(piece)
        if waiting and (waiting_bytes >= _PIECE_BYTES or isinstance(piece, BlockSlice)):
            yield b"".join(waiting)
            waiting, waiting_bytes = [], 0
        if isinstance(piece, BlockSlice):
            yield piece
    if waiting:
        yield b"".join(waiting)


class _Zip:
    """A zip archive in the making. Of each member 20 bytes are remembered; the rest is read again for the directory."""

    def __init__(self, revision: Revision, read: Callable[[Iterable[Piece]], Iterator[bytes]]) -> None:
        self._revision = revision
        self._read = read
        self._offsets = array("Q")
        self._packed_bytes = array("Q")
        self._crcs = array("I")
        self._at = 0

    def pieces(self) -> Iterator[bytes]:
        for path, entry in self._revision.walk():
            self._offsets.append(self._at)
            for piece in self._streamed(path, entry) if entry.size_bytes else self._stored(path, entry):
                self._at += len(piece)
                yield piece
        start = self._at
        for number, (path, entry) in enumerate(self._revision.walk()):
            record = central_header(path, entry, self._written(number, entry))
            self._at += len(record)
            yield record
        yield end_records(len(self._offsets), start, self._at - start)

    def _stored(self, path: TreePath, entry: Entry) -> Iterator[bytes]:
        content = (entry.target or "").encode()
        crc = zlib.crc32(content)
        self._note(crc, len(content))
        yield local_header(path, entry, STORED, crc, len(content)) + content

    def _streamed(self, path: TreePath, entry: Entry) -> Iterator[bytes]:
        yield local_header(path, entry, DEFLATED, 0, 0)
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -15)
        crc = packed_bytes = 0
        for piece in self._read(self._revision.slices(entry)):
            crc = zlib.crc32(piece, crc)
            packed = packer.compress(piece)
            packed_bytes += len(packed)
            yield packed
        packed = packer.flush()
        packed_bytes += len(packed)
        yield packed
        self._note(crc, packed_bytes)
        yield descriptor(entry, self._written(len(self._offsets) - 1, entry))

    def _note(self, crc: int, packed_bytes: int) -> None:
        self._crcs.append(crc)
        self._packed_bytes.append(packed_bytes)

    def _written(self, number: int, entry: Entry) -> Written:
        method = DEFLATED if entry.size_bytes else STORED
        return Written(self._offsets[number], method, self._crcs[number], self._packed_bytes[number])
