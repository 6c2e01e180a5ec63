"""What an export holds, that it is the same every time, and that other programs read it."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from mylist_dav.errors import NotFound, TooMany, Unauthenticated
from mylist_dav.model.actors import GUEST, OPERATOR, Actor, Role
from mylist_dav.model.archives.tar_out import tar_header
from mylist_dav.model.archives.zip_out import (
    DEFLATED,
    Written,
    central_header,
    descriptor,
    end_records,
    local_header,
)
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.services.archives.exports import ENCODER_VERSION, EXPORTS_MAX, Export, Format, etag
from tests.services.archives.test_import import SMALL, write_tree
from tests.services.trees_in_memory import NAME, START_NS, Lab, Thing, Tree, file, folder, link, tar_of

MANY: Tree = {
    **SMALL,
    "Z": file(b"upper case first"),
    "a/deep": folder(),
    "a/deep/" + "n" * 200: file(b"a long name"),
    "a/deep/\u00fcml\u00e4ut": link("\u00fc" * 60),
    "a.b": file(b"between a and a/"),
    "big": file(random.Random(1).randbytes(2_800_000)),
    "\u00e9": file(b"composed"),
    "e\u0301": file(b"decomposed"),
    "past": file(b"", mtime_ns=-1_000_000_001),
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data")
    lab.take(tar_of(MANY))
    yield lab
    lab.close()


def in_order(tree: Tree) -> list[str]:
    """Depth first, each folder in binary order of name."""
    return sorted(tree, key=lambda name: [part.encode() for part in name.split("/")])


def members_of(tar: bytes) -> Tree:
    found: Tree = {}
    kinds = {tarfile.REGTYPE: Kind.FILE, tarfile.DIRTYPE: Kind.DIRECTORY, tarfile.SYMTYPE: Kind.SYMLINK}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for info in archive:
            content = info.linkname.encode()
            if info.isreg():
                reader = archive.extractfile(info)
                assert reader is not None
                content = reader.read()
            time = info.pax_headers.get("mtime", f"{int(info.mtime)}")
            whole, _, fraction = time.lstrip("-").partition(".")
            nanoseconds = int(whole) * 10**9 + int(fraction.ljust(9, "0"))
            mtime_ns = -nanoseconds if time.startswith("-") else nanoseconds
            found[info.name] = Thing(kinds[info.type], info.mode, mtime_ns, content)
            assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")
    return found


def test_a_tar_holds_everything_in_order_without_owners(lab: Lab) -> None:
    found = members_of(lab.export())
    assert found == MANY
    assert list(found) == in_order(MANY)


def test_packed_tars_hold_the_same_tar(lab: Lab) -> None:
    tar = lab.export()
    packed = lab.export(Format.TAR_GZ)
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\x03"  # no time, no name
    assert gzip.decompress(packed) == tar
    stream = zstandard.ZstdDecompressor().stream_reader(lab.export(Format.TAR_ZST))
    assert stream.read() == tar


@pytest.mark.parametrize("form", Format)
def test_the_same_revision_always_gives_the_same_bytes(lab: Lab, form: Format) -> None:
    first = lab.export(form)
    jid = lab.head_jid
    lab.put("later", b"1")
    assert lab.export(form, at_jid=jid) == first
    assert lab.export(form) != first


def test_the_same_tree_gives_the_same_bytes_however_it_came_about(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    for name in reversed(list(MANY)):
        other.take(tar_of({name: MANY[name]}), merge=True)
    other.take(tar_of(MANY))
    for form in Format:
        assert other.export(form) == lab.export(form)
    other.close()


def test_the_etag_names_revision_format_and_encoder(lab: Lab) -> None:
    flist = lab.flists.get(OPERATOR, NAME)
    tags = {etag(flist, jid, form) for jid, form in itertools.product((1, 2), Format)}
    assert len(tags) == 10
    export = lab.exports.open(OPERATOR, NAME, Format.TAR)
    assert export.etag == f'"{flist.flist_id}-2-tar-{ENCODER_VERSION}"'
    assert lab.exports.open(OPERATOR, NAME, Format.TAR, 2).etag == export.etag
    assert (export.media_type, export.file_name) == ("application/x-tar", "docs.tar")


def test_long_contents_are_slices_of_blocks(lab: Lab) -> None:
    pieces = list(lab.exports.open(OPERATOR, NAME, Format.TAR).pieces)
    sliced = sum(piece.length for piece in pieces if isinstance(piece, BlockSlice))
    assert sliced == len(MANY["big"].content)
    assert len(pieces) < 12


def test_blocks_are_named_by_their_digests_sorted_and_each_once(lab: Lab) -> None:
    lab.take(tar_of({"copy of big": MANY["big"]}), merge=True)
    names = []
    total_bytes = 0
    with tarfile.open(fileobj=io.BytesIO(lab.export(Format.BLOCKS))) as archive:
        for info in archive:
            reader = archive.extractfile(info)
            assert reader is not None
            content = reader.read()
            assert str(Digest.of(content)) == info.name
            names.append(info.name)
            total_bytes += len(content)
    assert names == sorted(set(names))
    assert set(names) == {str(digest) for digest in lab.blocks.digests()}
    assert total_bytes == sum(
        len(content) for content in {t.content for t in MANY.values() if t.kind is Kind.FILE}
    )


def test_a_zip_holds_everything_that_zip_can_say(lab: Lab) -> None:
    with zipfile.ZipFile(io.BytesIO(lab.export(Format.ZIP))) as archive:
        assert archive.testzip() is None
        assert [name.rstrip("/") for name in archive.namelist()] == in_order(MANY)
        assert archive.read("big") == MANY["big"].content
        assert archive.getinfo("run").external_attr >> 16 == 0o104755
    lab.take(lab.export(Format.ZIP))
    assert lab.tree() == {
        name: thing._replace(mtime_ns=thing.mtime_ns // 100 * 100) for name, thing in MANY.items()
    }


def test_an_empty_flist_exports_as_an_empty_archive(lab: Lab) -> None:
    lab.take(tar_of({}))
    assert lab.export() == bytes(10_240)
    assert zipfile.ZipFile(io.BytesIO(lab.export(Format.ZIP))).namelist() == []
    assert lab.take(lab.export()).jid is None
    assert lab.take(lab.export(Format.ZIP)).jid is None


def test_an_old_revision_can_be_exported_and_one_that_never_was_cannot(lab: Lab) -> None:
    lab.take(tar_of({"only": file()}))
    assert members_of(lab.export(at_jid=2)) == MANY
    with pytest.raises(NotFound):
        lab.exports.open(OPERATOR, NAME, Format.TAR, 99)
    with pytest.raises(Unauthenticated):
        lab.exports.open(GUEST, NAME, Format.TAR)


def test_an_export_does_not_see_what_is_committed_while_it_runs(lab: Lab) -> None:
    expected = lab.export()
    pieces = lab.exports.bytes_of(lab.exports.open(OPERATOR, NAME, Format.TAR))
    begun = next(pieces)
    lab.take(tar_of({"a": file(b"all else is gone")}))
    assert begun + b"".join(pieces) == expected


def test_sizes_past_eight_gibibytes_and_their_zip64_are_written(lab: Lab) -> None:
    path = TreePath.of(["huge"])
    entry = Entry(1, 0, "huge", Kind.FILE, 0o644, START_NS, START_NS, 2**34, Digest.of(b""), None, None, 1)
    with tarfile.open(fileobj=io.BytesIO(tar_header(path, entry) + bytes(1024))) as archive:
        assert archive.next().size == 2**34  # type: ignore[union-attr]
    written = Written(2**33, DEFLATED, 7, 2**33 + 1)
    record = central_header(path, entry, written)
    local = local_header(path, entry, DEFLATED, 0, 0)
    assert len(descriptor(entry, written)) == 24
    assert local[18:26] == b"\xff" * 8
    archive_bytes = record + end_records(1, 0, len(record))
    info = zipfile.ZipFile(io.BytesIO(archive_bytes)).infolist()[0]
    assert (info.file_size, info.compress_size, info.header_offset) == (2**34, 2**33 + 1, 2**33)


# -- real programs ---------------------------------------------------------------------------------------------


def on_disk(root: Path) -> Tree:
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        kind = Kind.SYMLINK if path.is_symlink() else Kind.DIRECTORY if path.is_dir() else Kind.FILE
        content = (
            str(path.readlink()).encode()
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else b""
        )
        found[str(path.relative_to(root))] = Thing(kind, state.st_mode & 0o7777, state.st_mtime_ns, content)
    return found


@pytest.mark.parametrize("form", [Format.TAR, Format.TAR_GZ, Format.TAR_ZST])
def test_gnu_tar_unpacks_an_export_exactly(
    lab: Lab, form: Format, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    if form is Format.TAR_ZST:
        require_program("zstd")
    (tmp_path / f"x.{form}").write_bytes(lab.export(form))
    subprocess.run(
        [require_program("tar"), "-xpaf", tmp_path / f"x.{form}", "-C", target], check=True, timeout=60
    )
    assert on_disk(target) == MANY


def test_info_zip_unpacks_an_export(lab: Lab, tmp_path: Path, require_program: Callable[[str], str]) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (tmp_path / "x.zip").write_bytes(lab.export(Format.ZIP))
    subprocess.run(
        [require_program("unzip"), "-q", tmp_path / "x.zip", "-d", target],
        check=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    found = on_disk(target)
    assert {name: (t.kind, t.content) for name, t in found.items()} == {
        name: (t.kind, t.content) for name, t in MANY.items()
    }
    assert found["a/text"].mtime_ns == MANY["a/text"].mtime_ns // 10**9 * 10**9
    assert found["a"].mode == 0o750


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_what_gnu_tar_writes_is_read(
    lab: Lab, form: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    tree = dict(SMALL)
    if form in ("gnu", "oldgnu", "posix"):
        tree["n" * 200] = file(b"long")
        tree["to"] = link("t" * 150)
    write_tree(source, tree)
    made = subprocess.run(
        [require_program("tar"), f"--format={form}", "-c", "-C", source, "."],
        check=True,
        timeout=60,
        capture_output=True,
    )
    lab.take(made.stdout)
    fine = form == "posix"
    assert lab.tree() == {
        name: thing if fine else thing._replace(mtime_ns=thing.mtime_ns // 10**9 * 10**9)
        for name, thing in tree.items()
    }


# -- parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(Format))
def test_a_part_of_an_export_is_what_the_whole_has_there(lab: Lab, form: Format) -> None:
    whole = lab.export(form)
    export = lab.exports.open(OPERATOR, NAME, form)
    assert lab.exports.size_bytes(export) == len(whole)
    for offset, length in ((0, 1), (511, 2), (len(whole) // 2, 100_000), (len(whole) - 5, 5)):
        assert part(lab, export, offset, length) == whole[offset : offset + length]


def part(lab: Lab, export: Export, offset: int, length: int) -> bytes:
    found = b""
    for piece in lab.exports.stretch(export, offset, length):
        if isinstance(piece, BlockSlice):
            found += lab.blocks.get(piece.digest)[piece.offset : piece.offset + piece.length]
        else:
            found += piece
    return found


def test_contents_before_a_part_of_a_tar_are_not_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lab.export()
    export = lab.exports.open(OPERATOR, NAME, Format.TAR)
    read: list[Digest] = []
    get = lab.blocks.get
    monkeypatch.setattr(lab.blocks, "get", lambda digest: read.append(digest) or get(digest))
    assert part(lab, export, len(whole) - 1024, 1024) == whole[-1024:]
    assert lab.exports.size_bytes(export) == len(whole)
    assert read == []


def test_the_size_of_a_compressed_export_is_known_once_it_was_made(lab: Lab) -> None:
    export = lab.exports.open(OPERATOR, NAME, Format.ZIP)
    assert lab.exports.known_bytes(export) is None
    size_bytes = len(lab.export(Format.ZIP))
    assert lab.exports.known_bytes(export) == size_bytes


def test_the_size_of_a_large_flist_is_not_worth_a_second_making(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.services.archives.exports.COUNTED_BYTES_MAX", 100)
    assert lab.exports.ranged_bytes(lab.exports.open(OPERATOR, NAME, Format.ZIP)) is None
    assert lab.exports.ranged_bytes(lab.exports.open(OPERATOR, NAME, Format.TAR)) == len(lab.export())


def test_one_account_has_a_bounded_number_of_archives_made_at_a_time(lab: Lab) -> None:
    anna = Actor("anna", Role.ADMIN)
    under_way = [lab.exports.open(anna, NAME, Format.ZIP).pieces for _ in range(EXPORTS_MAX)]
    for pieces in under_way:
        next(pieces)
    with pytest.raises(TooMany):
        lab.exports.open(anna, NAME, Format.TAR_GZ)
    lab.exports.open(anna, NAME, Format.TAR)
    lab.exports.open(anna._replace(account="otto"), NAME, Format.ZIP)
    list(under_way[0])
    lab.exports.open(anna, NAME, Format.TAR_GZ)
    under_way[1].close()  # type: ignore[attr-defined]
    assert len(list(lab.exports.open(anna, NAME, Format.BLOCKS).pieces)) > 0
