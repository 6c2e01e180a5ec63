"""Headers of a PAX archive (POSIX.1-2001): the same entry always gives the same bytes.

Owner and group are 0 and without names. What a plain ustar header cannot say (long names, fractions of a second, sizes
past 8 GiB) stands in an extended header in front, and only then.
"""

from __future__ import annotations

from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath

BLOCK = 512
RECORD = 10_240
_NAME_BYTES = 100
_NANOSECONDS = 1_000_000_000
_SIZE_MAX = 0o77777777777
_TYPES = {Kind.FILE: b"0", Kind.DIRECTORY: b"5", Kind.SYMLINK: b"2"}


def tar_header(path: TreePath, entry: Entry) -> bytes:
    """Everything in front of an entry's content."""
    name = f"{path}/".encode() if entry.is_directory else str(path).encode()
    return _header(
        name, entry.mode, entry.size_bytes, entry.mtime_ns, entry.kind, (entry.target or "").encode()
    )


def tar_file_header(name: str, size_bytes: int) -> bytes:
    """The header of a plain file without a time."""
    raw, size = name.encode(), b"%011o" % size_bytes
    if len(raw) > _NAME_BYTES or not raw.isascii() or size_bytes > _SIZE_MAX:
        return _header(raw, 0o644, size_bytes, 0, Kind.FILE, b"")
    checksum = _BLANK_SUM + sum(raw) + sum(size)  # bundles have thousands of such headers: only this differs
    return b"%s%s%s%s%06o%s" % (
        raw.ljust(_NAME_BYTES, b"\0"), _BLANK[100:124], size, _BLANK[135:148], checksum, _BLANK[154:],
    )  # fmt: skip


def tar_padding(size_bytes: int) -> bytes:
    """What follows a content."""
    return bytes(-size_bytes % BLOCK)


def tar_end(written_bytes: int) -> bytes:
    """The end mark, padded to a whole record."""
    return bytes(2 * BLOCK + -(written_bytes + 2 * BLOCK) % RECORD)


def _header(name: bytes, mode: int, size_bytes: int, mtime_ns: int, kind: Kind, link: bytes) -> bytes:
    seconds, fraction = divmod(mtime_ns, _NANOSECONDS)
    records = b""
    if fraction or not 0 <= seconds <= _SIZE_MAX:
        records += _record(b"mtime", _decimal(mtime_ns))
    if len(name) > _NAME_BYTES or not name.isascii():
        records += _record(b"path", name)
    if len(link) > 100 or not link.isascii():
        records += _record(b"linkpath", link)
    if size_bytes > _SIZE_MAX:
        records += _record(b"size", b"%d" % size_bytes)
    seconds = min(max(seconds, 0), _SIZE_MAX)
    plain = _block(name[:_NAME_BYTES], mode, min(size_bytes, _SIZE_MAX), seconds, _TYPES[kind], link[:100])
    if not records:
        return plain
    front = _block(b"././@PaxHeader", 0o644, len(records), 0, b"x", b"")
    return front + records + bytes(-len(records) % BLOCK) + plain


def _decimal(time_ns: int) -> bytes:
    seconds, fraction = divmod(abs(time_ns), _NANOSECONDS)
    text = f"{'-' if time_ns < 0 else ''}{seconds}.{fraction:09d}".rstrip("0").rstrip(".")
    return text.encode()


def _record(key: bytes, value: bytes) -> bytes:
    """'<length> <key>=<value>\\n', where the length counts itself."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if rest + len(str(length)) != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def _block(name: bytes, mode: int, size_bytes: int, seconds: int, kind: bytes, link: bytes) -> bytes:
    front = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(_NAME_BYTES, b"\0"),
        mode,
        0,
        0,
        size_bytes,
        seconds,
    )
    back = b"%s%sustar\x0000" % (kind, link.ljust(100, b"\0"))
    back = (back + bytes(64) + b"%07o\0%07o\0" % (0, 0)).ljust(BLOCK - len(front) - 8, b"\0")
    checksum = sum(front) + 8 * 32 + sum(back)
    return front + b"%06o\0 " % checksum + back


_BLANK = _block(b"", 0o644, 0, 0, _TYPES[Kind.FILE], b"")
_BLANK_SUM = sum(_BLANK[:148]) + 8 * 32 + sum(_BLANK[156:]) - sum(b"%011o" % 0)
"""A header without a name, and what its bytes add up to without those of its size."""
