"""A tar of small files whose bytes are pushed as they come, with no thread waiting for them.

What is no small file is passed over and said so, and the members after it are read on. Only what hides where the next
member begins, a damaged header or a missing end mark, is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import BadArchive, Incomplete, LimitExceeded
from mylist_dav.model.archives.tar_in import (
    FILES,
    META_BYTES_MAX,
    META_IN_A_ROW_MAX,
    TAIL_BYTES_MAX,
    Header,
    as_text,
    read_header,
    read_records,
)
from mylist_dav.model.archives.tar_out import BLOCK, tar_file_header

_NAME_CHARS_MAX = 200
_EMPTY_TYPES = b"123456"
"""Links, devices and folders: they have no content, whatever their header says of its size."""


class SmallMember(NamedTuple):
    """A member. problem: why it is no small file, '' when it is one."""

    name: str
    content: bytes
    problem: str = ""


class SmallMembers:
    """Takes the bytes of a tar and gives its members. Holds at most one of them. Folders are not given."""

    def __init__(self, size_bytes_max: int, members_max: int) -> None:
        """size_bytes_max: of a content."""
        self._size_bytes_max = size_bytes_max
        self._members_max = members_max
        self._members = 0
        self._held = bytearray()
        self._skip_bytes = 0
        self._tail_bytes = 0
        self._wanted: tuple[int, Callable[[bytes], SmallMember | None]] = (BLOCK, self._header)
        self._ended = False
        self._metas = 0
        self._name: str | None = None
        self._last = "the first member"

    def feed(self, piece: bytes) -> list[SmallMember]:
        """The members that end in these bytes. Raises BadArchive, LimitExceeded."""
        if self._ended:
            self._count_tail(len(piece))
            return []
        self._held += piece
        found: list[SmallMember] = []
        self._take_plain(found)
        while not self._ended and self._ready():
            size_bytes, take = self._wanted
            taken = bytes(memoryview(self._held)[:size_bytes])
            del self._held[:size_bytes]
            member = take(taken)
            if member is not None:
                found.append(member)
                self._take_plain(found)
        return found

    def _take_plain(self, found: list[SmallMember]) -> None:
        """Take the members that begin here and are as tar_file_header has them, as far as they are all here.

        To see that a header is the very one costs a tenth of reading it, and most are: bundles have no others.
        """
        if self._skip_bytes or self._metas or self._name is not None or self._wanted[1] != self._header:
            return
        at, left = 0, self._members_max - self._members
        with memoryview(self._held) as held:
            while (
                left > 0 and (size_bytes := _plain_size(header := bytes(held[at : at + BLOCK]))) is not None
            ):
                end = at + BLOCK + size_bytes
                name = header[:100].split(b"\0", 1)[0].decode("ascii", "replace")
                if size_bytes > self._size_bytes_max or end + -end % BLOCK > len(held) or name.endswith("/"):
                    break
                if tar_file_header(name, size_bytes) != header:
                    break
                found.append(SmallMember(name, bytes(held[at + BLOCK : end])))
                at, left = end + -end % BLOCK, left - 1
        if at:
            self._members = self._members_max - left
            self._last = found[-1].name
            del self._held[:at]

    def finish(self) -> None:
        """That was all. Raises Incomplete unless the end mark was there."""
        if not self._ended:
            raise Incomplete(f"the archive is cut off after {self._last}: its end mark is missing")

    def _ready(self) -> bool:
        """Whether what is wanted next is here; what is to be passed over goes first."""
        passed = min(self._skip_bytes, len(self._held))
        if passed:
            del self._held[:passed]
            self._skip_bytes -= passed
        return not self._skip_bytes and len(self._held) >= self._wanted[0]

    def _header(self, block: bytes) -> SmallMember | None:
        if not any(block):
            self._ended = True
            self._count_tail(len(self._held))
            self._held.clear()
            return None
        header = read_header(block, self._last)
        if header.type in b"xXgLKV":
            self._want_meta(header)
            return None
        name = as_text(header.name) if self._name is None else self._name
        self._name, self._metas = None, 0
        self._last = name[:_NAME_CHARS_MAX]
        return self._begin(name, header)

    def _begin(self, name: str, header: Header) -> SmallMember | None:
        if header.type == b"5" or (header.type in FILES and name.endswith("/")):
            return None
        self._members += 1
        if self._members > self._members_max:
            raise LimitExceeded(f"the archive has more than {self._members_max} members")
        size_bytes = 0 if header.type in _EMPTY_TYPES else header.size_bytes
        if size_bytes < 0:
            raise BadArchive(f"{self._last} has a negative size")
        if header.type not in FILES:
            self._skip_bytes = size_bytes + -size_bytes % BLOCK
            return SmallMember(self._last, b"", "it is no plain file")
        if size_bytes > self._size_bytes_max:
            self._skip_bytes = size_bytes + -size_bytes % BLOCK
            return SmallMember(
                self._last, b"", f"it has {size_bytes} bytes: at most {self._size_bytes_max} may be"
            )
        self._wanted = size_bytes + -size_bytes % BLOCK, lambda taken: self._content(taken, size_bytes)
        return None

    def _content(self, taken: bytes, size_bytes: int) -> SmallMember:
        self._wanted = BLOCK, self._header
        return SmallMember(self._last, taken[:size_bytes])

    def _want_meta(self, header: Header) -> None:
        """An extended header: only the name that it gives counts."""
        self._metas += 1
        if self._metas > META_IN_A_ROW_MAX or not 0 <= header.size_bytes <= META_BYTES_MAX:
            raise BadArchive(f"there are too many or too large extended headers after {self._last}")
        size_bytes = header.size_bytes
        self._wanted = size_bytes + -size_bytes % BLOCK, lambda taken: self._meta(header, taken[:size_bytes])

    def _meta(self, header: Header, content: bytes) -> None:
        self._wanted = BLOCK, self._header
        if header.type == b"L":
            self._name = as_text(content.rstrip(b"\0"))
        elif header.type in b"xX":
            self._name = dict(read_records(content, self._last)).get("path", self._name)

    def _count_tail(self, size_bytes: int) -> None:
        self._tail_bytes += size_bytes
        if self._tail_bytes > TAIL_BYTES_MAX:
            raise BadArchive(f"more than {TAIL_BYTES_MAX} bytes follow the end of the archive")


def _plain_size(header: bytes) -> int | None:
    """What stands where a header has the size, if it is a plain number."""
    digits = header[124:135]
    return int(digits, 8) if digits.isdigit() and b"8" not in digits and b"9" not in digits else None
