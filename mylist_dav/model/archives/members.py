"""One member of an archive, or of a directory on its way in, and what is refused in it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from mylist_dav.errors import BadArchive, BadName, LimitExceeded
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.paths import PATH_BYTES_MAX, ROOT, TreePath

TIME_NS_MAX = 2**63 - 1
_SHOWN_CHARS_MAX = 200


class Member(NamedTuple):
    """A member, in the order found.

    name: as found, for messages. kind: None for a hard link to an earlier member, whose path is link.
    mode: 12 bits, or None when it is not known. mtime_ns: since the epoch, or None. target: of a symlink.
    digest: of a content that is named, and does not come with the member; blocks: what it is made of, if that was told.
    content_type: None when it is not known, '' for none of its own. goes: nothing is to be at the path any more.
    """

    name: str
    path: TreePath
    kind: Kind | None
    mode: int | None
    mtime_ns: int | None
    size_bytes: int = 0
    target: str | None = None
    link: TreePath | None = None
    digest: Digest | None = None
    blocks: tuple[BlockRef, ...] | None = None
    content_type: str | None = None
    goes: bool = False


class Limits(NamedTuple):
    """members: how many an archive may have, repeated ones counted. size_bytes: of all contents, unpacked."""

    members: int = 1_000_000
    size_bytes: int = 2**40


Pieces = Iterator[bytes]
Found = Iterator[tuple[Member, Pieces]]


class Source(Protocol):
    """Where the members of an import come from."""

    def members(self) -> Found:
        """Each member with the pieces of its content, which are read before the next member is asked for, or never.

        To be called once. Raises BadArchive, LimitExceeded, Incomplete, each naming the member.
        """
        ...


class Count:
    """How much of the limits is used up."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.members = 0
        self.size_bytes = 0

    def member(self, name: str, size_bytes: int) -> None:
        """One more member of a declared size. Raises LimitExceeded before anything of it is read."""
        self.members += 1
        if self.members > self._limits.members:
            raise LimitExceeded(
                f"{shown(name)} is member {self.members}, and {self._limits.members} are allowed"
            )
        self.declared(name, size_bytes)

    def declared(self, name: str, size_bytes: int) -> None:
        """Raises LimitExceeded if so many bytes more are too many."""
        if self.size_bytes + size_bytes > self._limits.size_bytes:
            raise LimitExceeded(
                f"{shown(name)} brings the contents past the {self._limits.size_bytes} bytes that are allowed"
            )

    def read(self, name: str, size_bytes: int) -> None:
        """So many bytes were really there. Raises LimitExceeded."""
        self.declared(name, size_bytes)
        self.size_bytes += size_bytes


def shown(name: str) -> str:
    """A member's name as it may stand in a message: one line, no control characters, not too long."""
    text = name if len(name) <= _SHOWN_CHARS_MAX else name[: _SHOWN_CHARS_MAX - 1] + "…"
    return text if text.isprintable() and text else repr(text)


def refused(name: str, why: str) -> BadArchive:
    """The error for a member that is not taken."""
    return BadArchive(f"{shown(name)} is refused: {why}")


def member_path(name: str) -> TreePath:
    """Where a member goes; ROOT for './'. Raises BadArchive when that is outside, or no allowed name."""
    if name.startswith("/"):
        raise refused(name, "its name is absolute")
    parts = name.split("/")
    if ".." in parts:
        raise refused(name, "its name climbs out with '..'")
    if "" in parts or "." in parts:
        parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        if not name:
            raise refused(name, "it has no name")
        return ROOT
    try:
        return TreePath.of(parts)
    except BadName as error:
        raise refused(name, str(error)) from error


def checked_target(name: str, target: str) -> str:
    """The target of a symlink, wherever it leads: that is decided when it is followed. Raises BadArchive."""
    if not target or "\0" in target:
        raise refused(name, "it is a symlink without a proper target")
    try:
        if len(target.encode()) > PATH_BYTES_MAX:
            raise refused(name, f"the target of a symlink may have {PATH_BYTES_MAX} bytes")
    except UnicodeEncodeError as error:
        raise refused(name, "the target of the symlink is not valid Unicode") from error
    return target


def checked_time(name: str, time_ns: int) -> int:
    """Nanoseconds since the epoch that can be stored (years 1678 to 2262). Raises BadArchive."""
    if not -TIME_NS_MAX <= time_ns <= TIME_NS_MAX:
        raise refused(name, "its time of modification lies outside of the years 1678 to 2262")
    return time_ns


def kind_of_mode(name: str, mode: int) -> Kind:
    """The kind that the type bits of a Unix mode say. Raises BadArchive for what is no file, folder or symlink."""
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is None:
        raise refused(
            name, f"it is a {_SPECIAL.get(stat.S_IFMT(mode), 'special file')}, and those are not kept"
        )
    return kind


_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK, 0: Kind.FILE}
_SPECIAL = {
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
}
