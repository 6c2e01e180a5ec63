"""Rows in a file of the user's cache, in columns: many times as quick to read and to write as JSON.

A file begins with a line "mylist cache 3 little <BLAKE3-256 of the rest>", and goes on with a line of JSON: what else
is to be remembered, and `columns`, the length of each in bytes. Then come the columns: texts in UTF-8, each ended by
NUL, or 64-bit integers, "q" signed and "Q" not, in the byte order that the first line names.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from mylist_dav.client.logins.folder import write_private
from mylist_dav.errors import MylistError

FILE_BYTES_MAX = 1024 * 1024 * 1024
FILES_MAX = 200
"""Most files of one kind that are kept; those used longest ago go first."""

TEXTS = "s"
_HEAD = f"mylist cache 3 {sys.byteorder} ".encode()
_COLUMNS = "columns"
_LINE_BYTES_MAX = 4096
"""Of what is read of a file before it is known to be whole."""


class Rows(NamedTuple):
    """more: any JSON. columns: all of one length, of texts or integers."""

    more: Mapping[str, Any]
    columns: Sequence[Sequence[Any]]


def read_rows(path: Path, kinds: str) -> Rows | None:
    """The rows of a file, if it is whole and has columns of these kinds: s, q, Q."""
    try:
        with path.open("rb") as file:
            head, data = file.readline(_LINE_BYTES_MAX), file.read(FILE_BYTES_MAX)
    except OSError:
        return None
    if head != b"%s%s\n" % (_HEAD, blake3(data).hexdigest().encode()):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # for _forget_old
    line, _, packed = data.partition(b"\n")
    more = json.loads(line)
    columns, at = list[Sequence[Any]](), 0
    for kind, length in zip(kinds, more.pop(_COLUMNS), strict=True):
        columns.append(_unpacked(kind, packed[at : at + length]))
        at += length
    return Rows(more, columns)


def peek(path: Path) -> Mapping[str, Any] | None:
    """What is remembered beside the rows, as far as the beginning of a file tells."""
    try:
        with path.open("rb") as file:
            if not file.readline(_LINE_BYTES_MAX).startswith(_HEAD):
                return None
            more = json.loads(file.readline(_LINE_BYTES_MAX))
    except (OSError, ValueError):
        return None
    return more if isinstance(more, dict) else None


def write_rows(path: Path, kinds: str, rows: Rows) -> None:
    """Write a file anew. What cannot be written costs time the next time, and nothing else."""
    with contextlib.suppress(MylistError, OverflowError, ValueError):
        packed = [_packed(kind, column) for kind, column in zip(kinds, rows.columns, strict=True)]
        line = json.dumps({**rows.more, _COLUMNS: [len(column) for column in packed]}).encode()
        data = b"".join((line, b"\n", *packed))
        if len(data) <= FILE_BYTES_MAX:
            head = b"%s%s\n" % (_HEAD, blake3(data).hexdigest().encode())
            write_private(path, head + data, replace=True, durable=False)
            _forget_old(path.parent)


def _packed(kind: str, column: Sequence[Any]) -> bytes:
    """Texts end with a NUL each: so none and one empty one are told apart."""
    if kind == TEXTS:
        text = "\0".join((*column, ""))
        if text.count("\0") != len(column):
            raise ValueError("a text holds a NUL")
        return text.encode("utf-8", "surrogateescape")
    return array(kind, column).tobytes()


def _unpacked(kind: str, packed: bytes) -> Sequence[Any]:
    if kind == TEXTS:
        return packed.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return array(kind, packed)


def _forget_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-FILES_MAX]:
            path.unlink()
