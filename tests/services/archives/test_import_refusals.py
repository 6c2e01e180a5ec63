"""What an import refuses: by the name of the member, and with nothing applied."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import socket
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from mylist_dav.errors import BadArchive, Incomplete, LimitExceeded, MylistError, TooLarge, UnsupportedMedia
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.archives.members import Limits
from tests.services.trees_in_memory import (
    NAME,
    Lab,
    file,
    folder,
    link,
    pieces_of,
    special_tar,
    tar_info,
    tar_of,
)

BEFORE = {"kept": file(b"as it was"), "d": folder(), "d/e": file()}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data", limits=Limits(members=50, size_bytes=100_000), entries_max=60)
    lab.take(tar_of(BEFORE))
    yield lab
    lab.close()


def refuse(lab: Lab, archive: bytes, error: type[MylistError], message: str) -> None:
    """The archive is refused with this message, be it to replace or to merge, and the tree stays."""
    for merge in (False, True):
        with pytest.raises(error, match=message):
            lab.take(archive, merge=merge)
    assert lab.tree() == BEFORE
    assert lab.head_jid == 2
    assert lab.staged() == 0


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = tar_info("good", file(b""))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (tar_info("/etc/passwd", file(b"")), "/etc/passwd is refused: its name is absolute"),
        (tar_info("a/../../b", file(b"")), r"a/\.\./\.\./b is refused: its name climbs out"),
        (tar_info("..", folder()), r"\.\./ is refused: its name climbs out"),
        (tar_info("d/" * 300 + "deep", file(b"")), r"d/d/.* is refused: a path of 301 names is too deep"),
        (tar_info("n" * 256, file(b"")), "nnn.* is refused: .* 256 bytes, and 255 are allowed"),
        (tar_info("l", link("x" * 4097)), "l is refused: the target of a symlink"),
        (
            special("empty-link", tarfile.SYMTYPE),
            "empty-link is refused: it is a symlink without a proper target",
        ),
        (special("dev/null", tarfile.CHRTYPE), "dev/null is refused: it is a character device"),
        (special("dev/sda", tarfile.BLKTYPE), "dev/sda is refused: it is a block device"),
        (special("pipe", tarfile.FIFOTYPE), "pipe is refused: it is a FIFO"),
        (special("holes", tarfile.GNUTYPE_SPARSE), "holes is refused: it is sparse"),
        (special("odd", b"Z"), "odd is refused: a member of type b'Z' is not known"),
        (special("hard", tarfile.LNKTYPE, "nowhere"), "hard is refused: it is a hard link to /nowhere"),
        (special("hard", tarfile.LNKTYPE, "../out"), r"\.\./out is refused: its name climbs out"),
        (tar_info("./", file(b"")), r"\./? is refused: only a folder|\. is refused: only a folder"),
        (tar_info("late", file(b"", mtime_ns=2**70)), "late is refused: its time of modification"),
    ],
    ids=lambda value: value.name[:20] if isinstance(value, tarfile.TarInfo) else "",
)
def test_a_member_that_cannot_be_kept_is_named(lab: Lab, info: tarfile.TarInfo, message: str) -> None:
    if message.startswith(r"\./?"):
        info.name = "."
    refuse(lab, special_tar(GOOD, info), BadArchive, message)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a", file()), ("a/b", file())], "a/b is refused: /a is another member"),
        ([("a/b", file()), ("a", file())], "a is refused: there are other members below it"),
        ([("a", link("d")), ("a/b", file())], "a/b is refused: /a is another member"),
        ([("a/b/c", folder()), ("a/b", link("c"))], "a/b is refused: there are other members below it"),
    ],
)
def test_members_that_clash_are_named(lab: Lab, members: list[tuple[str, object]], message: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, thing in members:
            archive.addfile(tar_info(name, thing), io.BytesIO(thing.content))  # type: ignore[attr-defined, arg-type]
    refuse(lab, out.getvalue(), BadArchive, message)


def test_a_name_that_is_not_unicode_is_shown_escaped(lab: Lab) -> None:
    archive = tar_of({"caf@": file(b"")}, tarfile.USTAR_FORMAT)
    block = bytearray(archive[:512])
    block[3] = 0xE9
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    refuse(lab, bytes(block) + archive[512:], BadArchive, r"'caf\\udce9' is refused: .* not valid Unicode")


# -- limits and bombs ------------------------------------------------------------------------------------------


def test_too_many_members_are_refused(lab: Lab) -> None:
    refuse(
        lab,
        tar_of({f"f{n}": file() for n in range(51)}),
        LimitExceeded,
        "f50 is member 51, and 50 are allowed",
    )


def test_repeated_members_count_too(lab: Lab) -> None:
    refuse(lab, special_tar(*[tar_info("same", file(b""))] * 51), LimitExceeded, "same is member 51")


def test_too_many_entries_are_refused_though_few_members_imply_them(lab: Lab) -> None:
    refuse(
        lab,
        tar_of({"/".join("abcdefghij") + f"/{n}/x/y/z": file() for n in range(20)}),
        LimitExceeded,
        "entries",
    )


def test_a_declared_size_over_the_limit_is_refused_before_anything_of_it_is_read(lab: Lab) -> None:
    huge = tar_info("huge", file(b""))
    huge.size = 2**50
    refuse(
        lab, huge.tobuf(tarfile.PAX_FORMAT), LimitExceeded, "huge brings the contents past the 100000 bytes"
    )


def test_sizes_are_summed(lab: Lab) -> None:
    archive = tar_of({f"f{n}": file(bytes(30_000)) for n in range(4)})
    refuse(lab, archive, LimitExceeded, "f3 brings the contents past the 100000 bytes")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_packed_bomb_is_refused(lab: Lab, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(tar_of({"bomb": file(bytes(50_000_000))}))
    assert len(bomb) < 60_000
    refuse(lab, bomb, LimitExceeded, "bomb brings the contents past")


def test_padding_without_end_is_refused(lab: Lab) -> None:
    archive = tar_of({"x": file()}) + bytes(70_000_000)
    refuse(lab, gzip.compress(archive, 1), BadArchive, "follow the end of the archive")


def test_extended_headers_without_end_are_refused(lab: Lab) -> None:
    pax = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
    refuse(lab, pax * 20 + tar_of({"x": file()}), BadArchive, "too many extended headers in a row")


def test_an_extended_header_of_any_size_is_refused(lab: Lab) -> None:
    refuse(
        lab,
        tar_of({"x/" + "y" * 100: file()} | {"p" * 2_000_000: file()}),
        BadArchive,
        "an extended header after",
    )


# -- damage ----------------------------------------------------------------------------------------------------


def test_an_archive_that_is_cut_off_anywhere_is_refused(lab: Lab) -> None:
    whole = tar_of({"one": file(b"1" * 700), "two": file(b"2" * 700)})
    end = 2 * (512 + 1024 + (1024 if whole[156:157] == b"x" else 0))
    for size in [*range(600, end, 300), *range(512, end + 1, 512)]:
        with pytest.raises(MylistError, match=r"cut off|no archive"):
            lab.take(whole[:size])
    assert lab.tree() == BEFORE


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_packed_archive_that_is_cut_off_is_refused(lab: Lab, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(tar_of({"x": file(random.Random(5).randbytes(5000))}))
    for size in range(20, len(whole) - 20, 500):
        with pytest.raises((Incomplete, UnsupportedMedia, BadArchive)):
            lab.take(whole[:size])
    assert lab.tree() == BEFORE


def test_a_damaged_header_is_not_taken_for_the_end(lab: Lab) -> None:
    archive = bytearray(tar_of({"one": file(b"", mtime_ns=0), "two": file(b"", mtime_ns=0)}))
    archive[512 + 3] ^= 1
    refuse(lab, bytes(archive), BadArchive, "damaged after one")


def test_damage_inside_of_a_packed_archive_is_noticed(lab: Lab) -> None:
    packed = bytearray(gzip.compress(tar_of({"x": file(os.urandom(5000))})))
    packed[3000] ^= 1
    with pytest.raises(BadArchive):
        lab.take(bytes(packed))


@pytest.mark.parametrize("junk", [b"", b"hello", b"\x7fELF" + bytes(600), b"<html>" * 200])
def test_what_is_no_archive_is_not_taken_for_one(lab: Lab, junk: bytes) -> None:
    refuse(lab, junk, UnsupportedMedia, "no archive")


def test_random_bytes_never_raise_anything_foreign(lab: Lab) -> None:
    chance = random.Random(7)
    archives = [
        tar_of(BEFORE),
        gzip.compress(tar_of(BEFORE)),
        zstandard.compress(tar_of(BEFORE)),
        zip_of({"a": b"1" * 300, "b/c": b""}),
    ]
    for archive in archives * 60:
        damaged = bytearray(archive)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            lab.take(bytes(damaged), merge=True)
        except MylistError:
            continue


# -- zip -------------------------------------------------------------------------------------------------------


def zip_of(contents: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/abs", "/abs is refused: its name is absolute"),
        ("a/../../b", "climbs out"),
        ("n" * 300, "255 are allowed"),
    ],
)
def test_a_name_in_a_zip_that_leads_out_is_refused(lab: Lab, name: str, message: str) -> None:
    refuse(lab, zip_of({"good": b"", name: b"x"}), BadArchive, message)


def test_a_zip_from_windows_cannot_lead_out_with_its_own_separator(lab: Lab) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename, info.create_system = "..\\x", 0
        archive.writestr(info, b"")
    refuse(lab, out.getvalue(), BadArchive, "climbs out")


def test_a_device_in_a_zip_is_refused(lab: Lab) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("null")
        info.create_system, info.external_attr = 3, (stat.S_IFCHR | 0o666) << 16
        archive.writestr(info, b"")
    refuse(lab, out.getvalue(), BadArchive, "null is refused: it is a character device")


def patched(archive: bytes, name: str, offset: int, value: bytes) -> bytes:
    """Overwrite a field of a member's record in the central directory."""
    at = archive.index(b"PK\x01\x02")
    while archive[at + 46 : at + 46 + len(name)] != name.encode():
        at = archive.index(b"PK\x01\x02", at + 1)
    return archive[: at + offset] + value + archive[at + offset + len(value) :]


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (8, struct.pack("<H", 1), "b is refused: it is encrypted"),
        (10, struct.pack("<H", 14), "b is refused: it is compressed by method 14"),
        (16, struct.pack("<L", 1), "b is refused: its content does not match"),
        (24, struct.pack("<L", 100), "b is refused: it is larger than the 100 bytes that it declares"),
        (24, struct.pack("<L", 60_000), "b is refused: its content does not match"),
        (20, struct.pack("<L", 10), "b is refused: its compressed content is cut off"),
        (20, struct.pack("<L", 10_000), "b is refused: its content lies outside"),
        (42, struct.pack("<L", 0), "b is refused: its two headers do not agree"),
        (42, struct.pack("<L", 7), "b is refused: the archive is damaged where it should begin"),
    ],
)
def test_a_zip_that_contradicts_itself_is_refused(lab: Lab, offset: int, value: bytes, message: str) -> None:
    archive = zip_of({"a": b"first", "b": b"second" * 100})
    refuse(lab, patched(archive, "b", offset, value), BadArchive, message)


def test_a_zip_bomb_is_refused_by_what_it_declares_and_by_what_it_is(lab: Lab) -> None:
    bomb = zip_of({"bomb": bytes(50_000_000)})
    refuse(lab, bomb, LimitExceeded, "bomb brings the contents past")
    refuse(lab, patched(bomb, "bomb", 24, struct.pack("<L", 99)), BadArchive, "larger than the 99 bytes")


def test_members_of_a_zip_may_not_share_their_content(lab: Lab) -> None:
    """Overlapping members make small archives of any size; here two records name one content."""
    archive = zip_of({"aa": os.urandom(1000)}, zipfile.ZIP_STORED)
    start = archive.index(b"PK\x01\x02")
    end = archive.index(b"PK\x05\x06")
    record = archive[start:end]
    directory = record * 3
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), start, 0)
    refuse(lab, archive[:start] + directory + tail, BadArchive, "aa is refused: it shares its content")


def test_a_zip_through_a_pipe_is_bounded(lab: Lab) -> None:
    archive = zip_of({"x": os.urandom(200_000)}, zipfile.ZIP_STORED)
    source = lab.imports.archive_pieces(pieces_of(archive, 5000))
    with pytest.raises(TooLarge):
        lab.imports.run(OPERATOR, NAME, source)
    assert lab.tree() == BEFORE


def test_a_zip_that_is_cut_off_is_refused(lab: Lab) -> None:
    archive = zip_of({"x": b"1" * 100, "y": b"2" * 100})
    for size in range(30, len(archive), 7):
        with pytest.raises(MylistError):
            lab.take(archive[:size])
    assert lab.tree() == BEFORE


class BrokenDisk(io.BytesIO):
    """Fails after a while, as a disk or a pipe may."""

    def read(self, count: int | None = -1, /) -> bytes:
        if self.tell() >= 1024:
            raise OSError(errno.EIO, "broken")
        return super().read(min(count or 0, 1024))


@pytest.mark.parametrize("archive", [tar_of({"a": file(bytes(9000))}), zip_of({"a": os.urandom(9000)})])
def test_an_archive_that_cannot_be_read_gives_an_error_of_ours(lab: Lab, archive: bytes) -> None:
    with pytest.raises(MylistError, match="could not read the archive"):
        lab.imports.run(OPERATOR, NAME, lab.imports.archive(BrokenDisk(archive)))
    assert lab.tree() == BEFORE


# -- directories -----------------------------------------------------------------------------------------------


def test_special_files_in_a_directory_are_refused_by_name(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    os.mkfifo(source / "d" / "pipe")
    with pytest.raises(BadArchive, match="d/pipe is refused: it is a FIFO"):
        lab.imports.run(OPERATOR, NAME, lab.imports.folder(source))
    (source / "d" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(source / "d" / "s"))
        with pytest.raises(BadArchive, match="d/s is refused: it is a socket"):
            lab.imports.run(OPERATOR, NAME, lab.imports.folder(source))
    assert lab.tree() == BEFORE


def test_a_file_name_that_is_not_unicode_is_refused_by_name(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / os.fsdecode(b"caf\xe9")).write_bytes(b"")
    with pytest.raises(BadArchive, match=r"caf\\udce9"):
        lab.imports.run(OPERATOR, NAME, lab.imports.folder(source))


def test_a_directory_is_held_to_the_limits_too(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "big").write_bytes(bytes(100_001))
    with pytest.raises(LimitExceeded, match="big brings the contents past"):
        lab.imports.run(OPERATOR, NAME, lab.imports.folder(source))
