"""zip archives: of the standard library, of Info-ZIP, and with what other programs put into them."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.entries import Kind
from tests.services.archives.test_import import SMALL, write_tree
from tests.services.trees_in_memory import NAME, Lab, file, pieces_of


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data")
    yield lab
    lab.close()


def zip_with(info: zipfile.ZipInfo, content: bytes = b"content") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, content)
    return out.getvalue()


def test_info_zip_and_its_symlinks_modes_and_times_are_read(
    lab: Lab, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_tree(source, SMALL)
    subprocess.run(
        [require_program("zip"), "-qry", tmp_path / "a.zip", "."], cwd=source, check=True, timeout=60
    )
    lab.take((tmp_path / "a.zip").read_bytes())
    whole_seconds = {
        name: thing._replace(mtime_ns=thing.mtime_ns // 10**9 * 10**9) for name, thing in SMALL.items()
    }
    assert lab.tree() == whole_seconds


def test_a_zip_that_cannot_be_sought_is_kept_aside_and_read(lab: Lab) -> None:
    archive = zip_with(zipfile.ZipInfo("x"))
    lab.imports.run(OPERATOR, NAME, lab.imports.archive_pieces(pieces_of(archive, 7)), make=True)
    assert lab.tree()["x"].content == b"content"
    assert not [path for path in (lab.data / "tmp").rglob("*") if path.is_file()]


def test_a_zip_with_something_in_front_of_it_is_read_through_its_directory(lab: Lab) -> None:
    archive = zip_with(zipfile.ZipInfo("x"))
    lab.take(archive)
    front = b"PK\x03\x04 looks like a member but is none"
    lab.take(front + archive)
    assert list(lab.tree()) == ["x"]


def test_many_members_need_zip64_and_are_read(lab: Lab) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"{number % 10}/{number}"), b"")
    assert lab.take(out.getvalue()).entries == 66_010
    assert lab.take(out.getvalue()).jid is None


@pytest.mark.parametrize(
    ("raw", "flags", "system", "extra", "name"),
    [
        ("h\u00e9".encode(), 0x800, 0, b"", "h\u00e9"),
        ("h\u00e9".encode(), 0, 3, b"", "h\u00e9"),
        ("h\u00e9".encode("cp437"), 0, 0, b"", "h\u00e9"),
        ("h\u00e9".encode("cp437"), 0, 3, b"", "h\u00e9"),
        (b"h?", 0, 0, "unicode", "h\u00e9"),
        (b"d\\f", 0, 0, b"", "d/f"),
        (b"d\\f", 0, 3, b"", "d\\f"),
    ],
    ids=["flag", "unix without flag", "cp437", "unix cp437", "unicode path", "backslash", "unix backslash"],
)
def test_a_name_is_read_as_its_program_meant_it(
    lab: Lab, raw: bytes, flags: int, system: int, extra: bytes | str, name: str
) -> None:
    if extra == "unicode":
        text = "h\u00e9".encode()
        extra = struct.pack("<2HBL", 0x7075, 5 + len(text), 1, zlib.crc32(raw)) + text
    assert isinstance(extra, bytes)
    lab.take(hand_made(raw, flags, system, extra))
    assert [path for path, thing in lab.tree().items() if thing.kind is Kind.FILE] == [name]


def hand_made(raw: bytes, flags: int = 0, system: int = 3, extra: bytes = b"", attributes: int = 0) -> bytes:
    """A zip archive of one empty member, byte by byte."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, 0, 0, 0x21, 0, 0, 0, len(raw), 0) + raw
    record = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", system << 8 | 20, 20, flags, 0, 0, 0x21, 0, 0, 0, len(raw), len(extra), 0, 0, 0,
        attributes, 0,
    )  # fmt: skip
    record += raw + extra
    return local + record + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(record), len(local), 0)


@pytest.mark.parametrize(
    ("extra", "mtime_ns"),
    [
        (b"", 315_532_800 * 10**9),
        (struct.pack("<2HBl", 0x5455, 5, 1, -86_400), -86_400 * 10**9),
        (struct.pack("<2HL2H3Q", 10, 32, 0, 1, 24, 116_444_736_000_000_017, 0, 0), 1700),
    ],
    ids=["DOS", "Unix", "NTFS"],
)
def test_the_best_time_there_is_counts(lab: Lab, extra: bytes, mtime_ns: int) -> None:
    lab.take(hand_made(b"x", extra=extra))
    assert lab.tree()["x"].mtime_ns == mtime_ns


def test_a_zip_without_modes_gives_usual_ones_and_leaves_those_that_are_there(lab: Lab) -> None:
    lab.take(hand_made(b"x", system=0))
    assert lab.tree()["x"].mode == 0o644
    info = zipfile.ZipInfo("x")
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o751) << 16
    lab.take(zip_with(info))
    lab.take(hand_made(b"x", system=0))
    assert lab.tree()["x"].mode == 0o751


def test_a_folder_is_known_by_its_slash_or_its_attribute(lab: Lab) -> None:
    lab.take(hand_made(b"x/", system=0))
    assert lab.tree()["x"].kind is Kind.DIRECTORY
    lab.take(hand_made(b"y", system=0, attributes=0x10))
    assert lab.tree()["y"].kind is Kind.DIRECTORY


def test_stored_and_deflated_contents_of_any_length_are_read(lab: Lab) -> None:
    contents = {"long": os.urandom(2000) * 1500, "short": b"s", "none": b""}
    for packed in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packed) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        lab.take(out.getvalue())
        assert {name: thing.content for name, thing in lab.tree().items()} == contents


def test_a_zip_that_is_streamed_by_its_program_is_read(lab: Lab) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError("a pipe has no place")

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"streamed" * 100)
    lab.take(out.getvalue())
    assert lab.tree()["x"].content == file(b"streamed" * 100).content
