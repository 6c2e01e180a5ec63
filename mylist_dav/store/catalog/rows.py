"""Rows to values and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import apsw

from mylist_dav.model.contents import BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Flist, Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.locks import Lock, Scope
from mylist_dav.model.names import FlistName

Row = tuple[Any, ...]


class Rows(Protocol):
    """The result of a statement."""

    def fetchall(self) -> list[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Statements(Protocol):
    """What is used of a SQLite connection to read and write rows."""

    def execute(self, statements: str, bindings: Sequence[Any] = ()) -> Rows: ...

    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]]) -> Rows: ...

    def changes(self) -> int: ...

    def total_changes(self) -> int: ...


def array(values: Iterable[bytes]) -> object:
    """Values for carray(), which takes at least one: digests of 32 bytes never equal the empty one."""
    return apsw.carray(tuple(values) or (b"",))


ENTRY_COLUMNS = (
    "entry_id, parent_id, name, kind, mode, mtime_ns, created_ns, size_bytes, digest, target, content_type,"
    " since_jid"
)
FLIST_COLUMNS = (
    "f.flist_id, a.name, f.name, f.head_jid, f.oldest_jid, f.entries, f.size_bytes, f.created_ns,"
    " f.changed_ns, f.private, a.quota_bytes"
)
LOCK_COLUMNS = "token, entry_id, scope, infinite, owner_xml, principal, timeout_seconds, expires_ns"
EXPOSURE_COLUMNS = (
    "x.exposure_id, x.host, x.prefix, a.name, f.name, x.flist_id, x.at_jid, x.mode, x.listing, x.dav,"
    " x.changed_ns"
)

_new = tuple.__new__
_KINDS = {int(kind): kind for kind in Kind}
_BLOCK = struct.Struct(">32sI")


def to_entry(row: Row) -> Entry:
    """A row of ENTRY_COLUMNS. Made without Entry.__new__, which costs half as much again: listings make many."""
    entry_id, parent_id, name, kind, mode, mtime_ns, created_ns, size_bytes, digest, target, type_, jid = row
    known = Digest(digest) if digest is not None else None
    fields = (
        entry_id, parent_id, name, _KINDS[kind], mode, mtime_ns, created_ns, size_bytes, known, target, type_, jid,
    )  # fmt: skip
    return _new(Entry, fields)


def to_flist(row: Row) -> Flist:
    """A row of FLIST_COLUMNS."""
    (
        flist_id,
        account,
        name,
        head_jid,
        oldest_jid,
        entries,
        size_bytes,
        created_ns,
        changed_ns,
        private,
        quota,
    ) = row
    return Flist(
        flist_id, FlistName(account, name), head_jid, oldest_jid, entries, size_bytes, created_ns, changed_ns,
        private != 0, quota,
    )  # fmt: skip


def to_lock(row: Row) -> Lock:
    """A row of LOCK_COLUMNS."""
    return Lock(row[0], row[1], Scope(row[2]), bool(row[3]), *row[4:])


def to_exposure(row: Row) -> Exposure:
    """A row of EXPOSURE_COLUMNS."""
    return Exposure(
        row[0],
        row[1],
        row[2],
        FlistName(row[3], row[4]),
        row[5],
        row[6],
        Mode(row[7]),
        bool(row[8]),
        *row[9:],
    )


def pack_blocks(blocks: tuple[BlockRef, ...]) -> bytes:
    """The blocks column of a recipe."""
    return b"".join(_BLOCK.pack(ref.digest, ref.size_bytes) for ref in blocks)


def unpack_blocks(packed: bytes) -> tuple[BlockRef, ...]:
    """The blocks of a recipe, from its column."""
    return tuple(BlockRef(Digest(digest), size) for digest, size in _BLOCK.iter_unpack(packed))


def to_recipe(row: Row) -> Recipe:
    """A row of (digest, size_bytes, chunker, blocks)."""
    return Recipe(Digest(row[0]), row[1], row[2], unpack_blocks(row[3]))
