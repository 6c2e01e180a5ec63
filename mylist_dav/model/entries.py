"""What a tree consists of."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName


class Kind(IntEnum):
    """The three kinds of entry. The numbers are stored."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3


FILE_MODE = 0o644
DIRECTORY_MODE = 0o755
SYMLINK_MODE = 0o777


_FILE, _DIRECTORY = Kind.FILE, Kind.DIRECTORY
"""Here because a look-up in an enumeration costs five times what the comparison does, and listings make many."""


class Entry(NamedTuple):
    """One node of a tree at one revision.

    entry_id: survives renames; unique in its flist, never used again.
    parent_id: 0 for the root.
    mode: the permission bits, 12 of them. mtime_ns, created_ns: since the epoch.
    size_bytes: 0 but for files. digest: of the whole content; files only. target: symlinks only.
    content_type: as given by whoever wrote it, or None: derived from the name when served.
    since_jid: the commit that made this state of it.
    """

    entry_id: int
    parent_id: int
    name: str
    kind: Kind
    mode: int
    mtime_ns: int
    created_ns: int
    size_bytes: int
    digest: Digest | None
    target: str | None
    content_type: str | None
    since_jid: int

    @property
    def is_directory(self) -> bool:
        return self.kind is _DIRECTORY

    @property
    def is_file(self) -> bool:
        return self.kind is _FILE

    @property
    def etag(self) -> str | None:
        """The strong entity tag, quoted: the first 160 bits of the digest of the content. None for what has none.

        Not all of it: clients put several tags and lock tokens into one If header, and some keep 200 bytes for that.
        """
        return f'"{self.digest[:20].hex()}"' if self.digest is not None else None


class Flist(NamedTuple):
    """A named, versioned tree. entries and size_bytes count the head; oldest_jid is the oldest readable revision.

    private: for its account, and those with a grant, only. quota_bytes: of all flists of its account together.
    """

    flist_id: int
    flist_name: FlistName
    head_jid: int
    oldest_jid: int
    entries: int
    size_bytes: int
    created_ns: int
    changed_ns: int
    private: bool = False
    quota_bytes: int | None = None


class Label(NamedTuple):
    """A name for a revision, which is kept as long as it has one."""

    name: str
    jid: int
    created_ns: int


class Commit(NamedTuple):
    """One atomic change of a flist."""

    jid: int
    at_ns: int
    actor: str
    note: str
