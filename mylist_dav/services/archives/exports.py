"""Export: a revision of a flist as one archive. The same revision and encoder give the same bytes, always.

Sorted by name, folder by folder; owners, access times and whatever else depends on the machine are left out.
"""

from __future__ import annotations

import contextlib
import zlib
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import zstandard

from mylist_dav.errors import TooMany
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
from mylist_dav.model.digest import EMPTY
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.ledger import Ledger, RequestMeter
from mylist_dav.services.rights import readable
from mylist_dav.services.tree.revisions import Revision
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.scratch import Scratch
from mylist_dav.store.sorting import SortedBlocks

ENCODER_VERSION = 1
"""Raised whenever the bytes of an export change for the same revision."""

_PIECE_BYTES = 256 * 1024
_INLINE_BYTES_MAX = 64 * 1024
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3

_SOON_ENTRIES_MAX = 20_000
"""The headers of so many entries are counted in some 0.1 s."""
_SIZES_MAX = 1_000

EXPORTS_MAX = 4
"""Exports of one account that may be compressed at a time, in one process: each takes a core. Tars are free."""

COUNTED_BYTES_MAX = 256 * 1024 * 1024
"""Of a flist of so many bytes an export is made to learn its size; of a larger one, ranges are not given."""

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
    form: Format


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
        self._sizes = _Sizes()
        self._slots = _Slots()

    def open(self, actor: Actor, name: FlistName, form: Format, at_jid: int | None = None) -> Export:
        """Begin an export of a revision; None is the head. Nothing is read before pieces are asked for.

        Raises NotFound, TooMany (an account has compressed ones under way already). The pieces may raise NotFound (the
        flist was deleted meanwhile) and Corrupt.
        """
        self._refuse_too_many(actor, form)
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            jid = flist.head_jid if at_jid is None else at_jid
            view.tree(flist, jid)
        ending = "blocks.tar" if form is Format.BLOCKS else form.value
        return Export(
            flist, jid, etag(flist, jid, form), MEDIA_TYPES[form], f"{flist.flist_name.name}.{ending}",
            self._counted(Revision(self._catalog, flist, jid), form, etag(flist, jid, form), actor), actor, form,
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

    def known_bytes(self, export: Export) -> int | None:
        """The size of an export, if it can be had at once: it was counted before, or it is a tar of few entries."""
        if export.form is Format.TAR and export.flist.entries <= _SOON_ENTRIES_MAX:
            return self.size_bytes(export)
        return self._sizes.get(export.etag)

    def ranged_bytes(self, export: Export) -> int | None:
        """The size of an export of which a part is asked for, or None: it would take too long to learn."""
        if export.form is Format.TAR or export.flist.size_bytes <= COUNTED_BYTES_MAX:
            return self.size_bytes(export)
        return self._sizes.get(export.etag)

    def size_bytes(self, export: Export) -> int:
        """The size of an export. Of a tar the headers are counted; any other is made for it, unless it is known."""
        known = self._sizes.get(export.etag)
        if known is not None:
            return known
        revision = Revision(self._catalog, export.flist, export.jid)
        if export.form is Format.TAR:
            size_bytes = _tar_bytes(revision)
            self._sizes.put(export.etag, size_bytes)
            return size_bytes
        pieces = self._counted(revision, export.form, export.etag, export.actor)
        return sum(_length(piece) for piece in pieces)

    def stretch(self, export: Export, offset: int, length: int) -> Iterator[Piece]:
        """A part of an export. Of a tar, contents before it are not read; any other is made up to its end."""
        revision = Revision(self._catalog, export.flist, export.jid)
        if export.form is Format.TAR:
            return _stretch(_gathered(self._tar(revision, offset)), offset, length)
        return _stretch(self._counted(revision, export.form, export.etag, export.actor), offset, length)

    def close(self) -> None:
        """Let go of the folder of temporary files."""
        self._scratch.close()

    def _counted(self, revision: Revision, form: Format, tag: str, actor: Actor) -> Iterator[Piece]:
        """The pieces; while they are taken the account has an export under way, and at the end the size is known."""
        compressing = form is not Format.TAR
        size_bytes = 0
        if compressing:
            self._slots.take(actor.account)
        try:
            for piece in self._pieces(revision, form):
                size_bytes += _length(piece)
                yield piece
        finally:
            if compressing:
                self._slots.give_back(actor.account)
        self._sizes.put(tag, size_bytes)

    def _refuse_too_many(self, actor: Actor, form: Format) -> None:
        if actor.account and form is not Format.TAR and self._slots.taken(actor.account) >= EXPORTS_MAX:
            raise TooMany(
                f"{actor.account} has {EXPORTS_MAX} archives made at the moment: wait for one, or take a plain tar",
                10,
            )

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

    def _tar(self, revision: Revision, start: int = 0) -> Iterator[Piece]:
        """start: what lies before it is not wanted. Members that end there are slices of nothing, to be left out."""
        written_bytes = 0
        for path, entry in revision.walk():
            header, padding = tar_header(path, entry), tar_padding(entry.size_bytes)
            member_bytes = len(header) + entry.size_bytes + len(padding)
            written_bytes += member_bytes
            if written_bytes <= start:
                yield BlockSlice(EMPTY, 0, member_bytes)
                continue
            yield header
            yield from self._content(revision, entry)
            yield padding
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


def _tar_bytes(revision: Revision) -> int:
    """The size of a tar, from its headers alone."""
    size_bytes = sum(
        len(tar_header(path, entry)) + entry.size_bytes + len(tar_padding(entry.size_bytes))
        for path, entry in revision.walk()
    )
    return size_bytes + len(tar_end(size_bytes))


def _length(piece: Piece) -> int:
    return piece.length if isinstance(piece, BlockSlice) else len(piece)


def _stretch(pieces: Iterator[Piece], offset: int, length: int) -> Iterator[Piece]:
    """length bytes from offset on. What comes before is dropped; what comes after is not asked for."""
    for piece in pieces:
        if not length:
            break
        size_bytes = _length(piece)
        if offset >= size_bytes:
            offset -= size_bytes
            continue
        wanted = min(size_bytes - offset, length)
        if isinstance(piece, BlockSlice):
            yield BlockSlice(piece.digest, piece.offset + offset, wanted)
        else:
            yield piece[offset : offset + wanted]
        offset, length = 0, length - wanted


class _Sizes:
    """The sizes of exports that were made, the last thousand of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, int] = OrderedDict()

    def get(self, tag: str) -> int | None:
        with self._lock:
            return self._known.get(tag)

    def put(self, tag: str, size_bytes: int) -> None:
        with self._lock:
            self._known[tag] = size_bytes
            self._known.move_to_end(tag)
            if len(self._known) > _SIZES_MAX:
                self._known.popitem(last=False)


class _Slots:
    """How many exports each account has under way. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: Counter[str] = Counter()

    def taken(self, account: str) -> int:
        with self._lock:
            return self._taken[account]

    def take(self, account: str) -> None:
        with self._lock:
            self._taken[account] += 1

    def give_back(self, account: str) -> None:
        with self._lock:
            self._taken[account] -= 1
            self._taken += Counter()  # drops those that have none


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
