"""What an import makes of an archive or a directory."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import Conflict, MylistError, NotFound
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.archives.exports import Format
from mylist_dav.services.archives.imports import Progress
from tests.services.trees_in_memory import (
    NAME,
    START_NS,
    Lab,
    Thing,
    Tree,
    counts_of,
    file,
    folder,
    link,
    pieces_of,
    tar_info,
    tar_of,
)

SMALL: Tree = {
    "a": folder(0o750),
    "a/empty": file(b""),
    "a/text": file(b"hello", 0o600, 1_234_567_890_987_654_321),
    "b": folder(),
    "link": link("a/text"),
    "run": file(b"#!/bin/sh\n", 0o4755),
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data")
    yield lab
    lab.close()


def test_a_tar_becomes_the_tree_with_modes_times_symlinks_and_what_is_empty(lab: Lab) -> None:
    done = lab.take(tar_of(SMALL))
    assert lab.tree() == SMALL
    assert lab.counted() == counts_of(SMALL)
    assert (done.jid, done.added, done.changed, done.removed, done.made) == (2, 6, 0, 0, True)
    assert (done.entries, done.size_bytes, done.new_blocks, done.new_bytes) == (6, 15, 2, 15)


def test_an_import_is_one_commit(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    lab.take(tar_of({**SMALL, "new": file(), "run": file(b"other")}))
    assert [commit.note for commit in lab.flists.log(OPERATOR, NAME)] == ["import", "import", "created"]


def test_an_unchanged_tree_makes_no_commit_and_no_block(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    done = lab.take(tar_of(dict(reversed(SMALL.items()))))
    assert (done.jid, done.added, done.changed, done.removed, done.new_bytes) == (None, 0, 0, 0, 0)
    assert lab.head_jid == 2


def test_a_tree_is_replaced_and_what_stays_keeps_its_ids(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    before = lab.ids()
    after: Tree = {
        "a": folder(),
        "a/text": file(b"changed"),
        "b": folder(),
        "b/new": file(),
        "link": link("b"),
    }
    done = lab.take(tar_of(after))
    assert lab.tree() == after
    assert lab.counted() == counts_of(after)
    assert {name: lab.ids()[name] for name in ("a", "a/text", "b", "link")} == {
        name: before[name] for name in ("a", "a/text", "b", "link")
    }
    assert (done.added, done.changed, done.removed) == (1, 3, 2)
    assert lab.tree(at_jid=2) == SMALL


def test_merging_deletes_nothing(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    lab.take(tar_of({"a/more": file(b"1"), "run": file(b"2")}), merge=True)
    assert lab.tree() == {**SMALL, "a/more": file(b"1"), "run": file(b"2")}


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"x": file()}, {"x": folder(), "x/y": file()}),
        ({"x": folder(), "x/y": file(), "x/z": folder()}, {"x": file(b"now")}),
        ({"x": link("y")}, {"x": file(b"y")}),
        ({"x": folder(), "x/y": file()}, {"x": link("y")}),
    ],
)
def test_something_of_another_kind_takes_the_place(lab: Lab, before: Tree, after: Tree, merge: bool) -> None:
    lab.take(tar_of(before))
    lab.take(tar_of(after), merge=merge)
    assert lab.tree() == after
    assert lab.counted() == counts_of(after)


def test_folders_that_are_only_implied_are_made_and_then_left_as_they_are(lab: Lab) -> None:
    lab.take(tar_of({"a/b/c": file()}))
    made = lab.tree()
    assert {name: thing.kind for name, thing in made.items()} == {
        "a": Kind.DIRECTORY,
        "a/b": Kind.DIRECTORY,
        "a/b/c": Kind.FILE,
    }
    assert lab.take(tar_of({"a/b/c": file()})).jid is None
    assert lab.tree() == made


def test_the_last_of_several_members_of_one_name_wins(lab: Lab) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, thing in [
            ("x", file(b"first")),
            ("y", folder(0o700)),
            ("x", file(b"second", 0o600)),
            ("y", file(b"now a file")),
            ("z", file()),
            ("z", folder(0o711)),
            ("z/in", file()),
        ]:
            archive.addfile(tar_info(name, thing), io.BytesIO(thing.content))
    lab.take(out.getvalue())
    assert lab.tree() == {
        "x": file(b"second", 0o600),
        "y": file(b"now a file"),
        "z": folder(0o711),
        "z/in": file(),
    }


def test_both_normal_forms_of_a_name_are_kept(lab: Lab) -> None:
    tree = {"\u00e9": file(b"composed"), "e\u0301": file(b"decomposed")}
    lab.take(tar_of(tree))
    assert lab.tree() == tree
    assert lab.take(tar_of(tree)).jid is None


def test_hard_links_become_files(lab: Lab) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tar_info("d/one", file(b"shared")), io.BytesIO(b"shared"))
        hard = tar_info("two", file(b"", 0o600))
        hard.type, hard.linkname = tarfile.LNKTYPE, "d/one"
        archive.addfile(hard)
    done = lab.take(out.getvalue())
    assert lab.tree()["two"] == file(b"shared", 0o600)
    assert done.new_bytes == 6


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        lambda data: gzip.compress(data[:3000]) + gzip.compress(data[3000:]),
        zstandard.ZstdCompressor(level=19).compress,
        lambda data: zstandard.compress(data[:3000]) + zstandard.compress(data[3000:]),
    ],
    ids=["tar", "gzip", "gzip of two members", "zstd", "zstd of two frames"],
)
@pytest.mark.parametrize("piece_bytes", [1, 511, 1 << 20])
def test_an_archive_is_known_by_its_bytes_and_may_come_in_pieces_of_any_size(
    lab: Lab, pack, piece_bytes: int
) -> None:
    packed = pack(tar_of(SMALL))
    source = lab.imports.archive_pieces(pieces_of(packed, piece_bytes))
    lab.imports.run(OPERATOR, NAME, source, make=True)
    assert lab.tree() == SMALL


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read(lab: Lab, form: int) -> None:
    tree = {
        "a" * 90 + "/" + "b" * 90: file(b"long", mtime_ns=START_NS // 10**9 * 10**9),
        "l": link("c" * 99, mtime_ns=START_NS // 10**9 * 10**9),
    }
    if form != tarfile.USTAR_FORMAT:
        tree["\u00fc/" + "d" * 200 + "/" + "e" * 200] = file(b"", mtime_ns=7 * 10**9)
        tree["m"] = link("f" * 300, mtime_ns=0)
    lab.take(tar_of(tree, form))
    assert {name: thing for name, thing in lab.tree().items() if thing.kind is not Kind.DIRECTORY} == tree


def test_a_content_of_many_blocks_is_read_piece_by_piece(lab: Lab) -> None:
    content = os.urandom(1000) * 6000
    done = lab.take(tar_of({"big": file(content)}))
    assert lab.tree() == {"big": file(content)}
    assert lab.take(tar_of({"big": file(content), "copy": file(content)})).new_bytes == 0
    assert done.size_bytes == 6_000_000


def test_what_a_put_has_said_of_a_file_stays(lab: Lab) -> None:
    lab.take(tar_of({}))
    upload = lab.uploads.open(OPERATOR, Place(NAME, TreePath.parse("x")), content_type="text/x-odd")
    upload.write(b"1")
    before = upload.finish().entry
    lab.take(tar_of({"x": file(b"2")}))
    entry = lab.trees.stat(OPERATOR, Place(NAME, TreePath.parse("x")))
    assert (entry.entry_id, entry.created_ns, entry.content_type) == (
        before.entry_id,
        before.created_ns,
        "text/x-odd",
    )


def test_without_make_the_flist_must_be_there(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.imports.run(OPERATOR, NAME, lab.imports.archive(io.BytesIO(tar_of(SMALL))))


def test_a_failed_import_does_not_leave_a_new_flist(lab: Lab) -> None:
    with pytest.raises(MylistError):
        lab.take(tar_of(SMALL)[:1500])
    with pytest.raises(NotFound):
        lab.flists.get(OPERATOR, NAME)


def test_an_import_tells_how_far_it_is(lab: Lab) -> None:
    seen: list[Progress] = []
    source = lab.imports.archive(io.BytesIO(tar_of({**SMALL, "big": file(bytes(21_000_000))})))
    lab.imports.run(OPERATOR, NAME, source, make=True, progress=seen.append)
    assert next(one.phase for one in seen if one.phase != "reading") == "comparing"
    assert [one.entries for one in seen] == sorted(one.entries for one in seen)
    assert len({one.size_bytes for one in seen}) > 5
    assert seen[-1].entries == 7


def test_an_import_leaves_no_temporary_file(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    with pytest.raises(MylistError):
        lab.take(tar_of(SMALL)[:1500])
    assert not [path for path in (lab.data / "tmp").rglob("*") if path.is_file()]


# -- directories -----------------------------------------------------------------------------------------------


def write_tree(root: Path, tree: Tree) -> None:
    """Put a tree on disk; times last, since writing changes those of folders."""
    for name, thing in tree.items():
        path = root / name
        if thing.kind is Kind.DIRECTORY:
            path.mkdir()
        elif thing.kind is Kind.SYMLINK:
            path.symlink_to(thing.content.decode())
        else:
            path.write_bytes(thing.content)
    for name, thing in reversed(tree.items()):
        if thing.kind is not Kind.SYMLINK:
            (root / name).chmod(thing.mode)
        os.utime(root / name, ns=(0, thing.mtime_ns), follow_symlinks=False)


def test_a_directory_becomes_the_tree_and_is_unchanged_afterwards(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_tree(source, SMALL)
    lab.imports.run(OPERATOR, NAME, lab.imports.folder(source), make=True)
    assert lab.tree() == SMALL
    assert lab.imports.run(OPERATOR, NAME, lab.imports.folder(source)).jid is None


def test_hard_links_in_a_directory_are_files(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "one").write_bytes(b"1")
    (source / "two").hardlink_to(source / "one")
    lab.imports.run(OPERATOR, NAME, lab.imports.folder(source), make=True)
    assert {name: thing.content for name, thing in lab.tree().items()} == {"one": b"1", "two": b"1"}


def test_a_file_that_changes_while_it_is_read_is_named(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "grows").write_bytes(bytes(9_000_000))

    def grow(progress: Progress) -> None:
        with (source / "grows").open("ab") as out:
            out.write(b"more")

    with pytest.raises(Conflict, match="grows was changed while it was read"):
        lab.imports.run(OPERATOR, NAME, lab.imports.folder(source), make=True, progress=grow)


def test_a_directory_that_is_not_there_is_not_found(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        lab.imports.folder(tmp_path / "nothing")


# -- any tree --------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(["a", "b", "A", "\u00e9", "e\u0301", "a b", "-", "x" * 255, "\u20ac" * 40]),
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
    ).filter(lambda name: name not in (".", "..")),
)
TIMES = st.one_of(st.integers(0, 2**62), st.sampled_from([0, 1, 999_999_999, -1, -1_500_000_000, START_NS]))
MODES = st.integers(0, 0o7777)
CONTENTS = st.one_of(st.binary(max_size=600), st.sampled_from([b"", b"\0" * 512, b"y" * 1025]))
THINGS = st.one_of(
    st.builds(Thing, st.just(Kind.FILE), MODES, TIMES, CONTENTS),
    st.builds(Thing, st.just(Kind.DIRECTORY), MODES, TIMES, st.just(b"")),
    st.builds(Thing, st.just(Kind.SYMLINK), st.just(0o777), TIMES, NAMES.map(str.encode)),
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree in which every folder is a member, folders first."""
    tree: Tree = {}
    places = [""]
    for _ in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from(places)) + draw(NAMES)
        thing = draw(THINGS)
        if name in tree:
            continue
        tree[name] = thing
        if thing.kind is Kind.DIRECTORY and name.count("/") < 4:
            places.append(f"{name}/")
    return tree


@pytest.fixture(scope="module")
def long_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("long"))
    yield lab
    lab.close()


@settings(max_examples=60)
@given(tree=trees(), form=st.sampled_from([Format.TAR, Format.TAR_GZ, Format.TAR_ZST]))
def test_any_tree_comes_out_as_it_went_in_and_goes_in_again_unchanged(
    long_lab: Lab, tree: Tree, form: Format
) -> None:
    long_lab.take(tar_of(tree))
    assert long_lab.tree() == tree
    assert long_lab.counted() == counts_of(tree)
    exported = long_lab.export(form)
    assert long_lab.take(exported).jid is None
    assert long_lab.take(exported, name=FlistName("alice", "copy")).entries == len(tree)
    assert long_lab.tree(name=FlistName("alice", "copy")) == tree


@settings(max_examples=40)
@given(before=trees(), after=trees())
def test_whatever_was_there_an_import_makes_it_the_new_tree(long_lab: Lab, before: Tree, after: Tree) -> None:
    long_lab.take(tar_of(before))
    jid = long_lab.head_jid
    long_lab.take(tar_of(after))
    assert long_lab.tree() == after
    assert long_lab.counted() == counts_of(after)
    assert long_lab.tree(at_jid=jid) == before
