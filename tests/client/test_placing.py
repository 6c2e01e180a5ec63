"""What a pull does to a folder: files whole or not at all, nothing outside of it, nothing that has changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mylist_dav.client.folders.bundles import Bundle, Source, read_bundle
from mylist_dav.client.folders.hashing import hash_short
from mylist_dav.client.folders.ignoring import Ignoring
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.names_here import refused_names, without
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Block, Node, Tree
from mylist_dav.client.folders.placing import Placing
from mylist_dav.client.folders.planning import Step
from mylist_dav.client.folders.walking import walk
from mylist_dav.errors import Corrupt, Incomplete, LimitExceeded, OutOfSpace
from mylist_dav.model.archives.tar_out import tar_file_header
from mylist_dav.model.chunking import CHUNK_BYTES_MAX
from tests.client.desks import write

FILE_NODE = Node(FILE, 3, 0o640, 1_000_000_007, str(hash_short(b"new").digest))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def inside(folder: Path) -> Iterator[Inside]:
    with Inside(folder) as opened:
        yield opened


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def placing_in(inside: Inside) -> Placing:
    """Over what is there now."""
    with ThreadPoolExecutor(1) as threads:
        walked = walk(inside, Ignoring(), lambda: threads)
    return Placing(inside, walked.tree, walked.stamps)


def place(placing: Placing, path: str, was: Node | None, content: bytes = b"new") -> None:
    with placing.noting(path), placing.draft(path) as draft:
        draft.write(content)
        placing.place(draft, Step(path, was, FILE_NODE))


def test_a_file_appears_whole_with_its_mode_and_time(folder: Path, inside: Inside) -> None:
    write(folder, "d/file", content=b"old")
    placing = placing_in(inside)
    place(placing, "d/file", FILE_NODE)
    found = (folder / "d" / "file").stat()
    assert (folder / "d" / "file").read_bytes() == b"new"
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o640, 1_000_000_007)
    assert (names_in(folder / "d"), placing.left_out) == (["file"], {})


def test_a_file_that_is_not_finished_leaves_nothing(folder: Path, inside: Inside) -> None:
    write(folder, "file", content=b"old")
    placing = placing_in(inside)
    with pytest.raises(OutOfSpace), placing.noting("file"), placing.draft("file") as draft:
        draft.write(b"half")
        raise OSError(28, "no space")
    assert names_in(folder) == ["file"]
    assert (folder / "file").read_bytes() == b"old"


def test_nothing_is_written_through_a_link(folder: Path, inside: Inside, tmp_path: Path) -> None:
    write(tmp_path, "outside/file", content=b"safe")
    (folder / "d").mkdir()
    placing = placing_in(inside)
    (folder / "d").rmdir()
    (folder / "d").symlink_to(tmp_path / "outside")  # between the look and the write
    place(placing, "d/file", None)
    placing.folder(Step("d/e", None, Node(DIRECTORY, 0, 0o755, 1)))
    placing.link(Step("d/l", None, Node(SYMLINK, 0, 0, 1, "", "t")))
    placing.remove(Step("d", Node(DIRECTORY), None))
    placing.finish({"d": Node(DIRECTORY, 0, 0o700, 1)})
    assert names_in(tmp_path / "outside") == ["file"]
    assert (tmp_path / "outside" / "file").read_bytes() == b"safe"
    assert set(placing.left_out) >= {"d/file", "d/e", "d/l", "d"}


def test_a_link_in_the_way_is_replaced_and_not_followed(folder: Path, inside: Inside, tmp_path: Path) -> None:
    write(tmp_path, "outside", content=b"safe")
    (folder / "file").symlink_to(tmp_path / "outside")
    (folder / "d").symlink_to(tmp_path)
    placing = placing_in(inside)
    links = {path: placing._there[path] for path in ("file", "d")}
    place(placing, "file", links["file"])
    placing.folder(Step("d", links["d"], Node(DIRECTORY, 0, 0o755, 1)))
    assert (folder / "file").read_bytes() == b"new"
    assert not (folder / "file").is_symlink()
    assert not (folder / "d").is_symlink()
    assert ((tmp_path / "outside").read_bytes(), placing.left_out) == (b"safe", {})


@pytest.mark.parametrize("what", ["edit", "come", "go"])
def test_what_has_changed_meanwhile_stays_and_is_named(folder: Path, inside: Inside, what: str) -> None:
    if what != "come":
        write(folder, "file", content=b"old")
    placing = placing_in(inside)
    if what == "go":
        (folder / "file").unlink()
    else:
        write(folder, "file", content=b"theirs")
    was = None if what == "come" else FILE_NODE
    place(placing, "file", was)
    assert placing.left_out == {"file": "it was changed here meanwhile"}
    assert names_in(folder) == ([] if what == "go" else ["file"])
    if what == "edit":
        placing.remove(Step("file", FILE_NODE, None))
        placing.attributes(Step("file", FILE_NODE, FILE_NODE._replace(mode=0o600)))
        assert ((folder / "file").read_bytes(), (folder / "file").stat().st_mode & 0o777 != 0o600) == (
            b"theirs",
            True,
        )


def test_a_folder_with_something_new_in_it_is_not_removed(folder: Path, inside: Inside) -> None:
    write(folder, "d/old", "d/e/old")
    placing = placing_in(inside)
    write(folder, "d/e/new")
    placing.remove(Step("d", Node(DIRECTORY), None))
    left = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))]
    assert left == ["d", "d/e", "d/e/new"]
    assert list(placing.left_out) == ["d"]


def test_folders_get_their_time_after_all_that_happens_in_them(folder: Path, inside: Inside) -> None:
    node = Node(DIRECTORY, 0, 0o550, 42)
    placing = placing_in(inside)
    placing.folder(Step("d", None, node))
    place(placing, "d/file", None)
    placing.finish({"d": node, "d/file": FILE_NODE})
    found = (folder / "d").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o550, 42)


def test_bits_that_give_rights_away_are_not_written(folder: Path, inside: Inside) -> None:
    placing = placing_in(inside)
    with placing.draft("file") as draft:
        placing.place(draft, Step("file", None, FILE_NODE._replace(mode=0o6777)))
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o777


def test_names_that_fall_together_are_refused_where_case_does_not_count(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree: Tree = dict.fromkeys(("README", "readme", "e\u0301", "\u00e9", "d"), FILE_NODE)
    assert refused_names(tree, inside) == {}  # this file system tells them apart
    monkeypatch.setattr(Inside, "stat", lambda *_: object())  # as if it did not
    refused = refused_names(tree, inside)
    assert set(refused) == {"readme", "\u00e9"}
    assert set(without(tree, refused)) == {"README", "e\u0301", "d"}


def test_a_name_of_an_unfinished_pull_is_refused(inside: Inside) -> None:
    assert list(refused_names({"d/.mylist-0123456789abcdef.part": FILE_NODE}, inside)) == [
        "d/.mylist-0123456789abcdef.part"
    ]


# -- bundles ---------------------------------------------------------------------------------------------------


def bundle_of(inside: Inside, folder: Path, contents: dict[str, bytes]) -> Bundle:
    bundle = Bundle(inside)
    for path, content in contents.items():
        write(folder, path, content=content)
        bundle.add(Source(path, 0, Block(hash_short(content).digest, len(content))))
    return bundle


def test_blocks_come_out_of_a_bundle_as_they_went_in(folder: Path, inside: Inside) -> None:
    contents = {"a": b"x", "b": os.urandom(512), "c": os.urandom(700_000)}
    bundle = bundle_of(inside, folder, contents)
    pieces = list(bundle.pieces())
    assert sum(map(len, pieces)) == bundle.tar_bytes
    ids = {hash_short(content).digest: content for content in contents.values()}
    assert read_bundle(iter(pieces), set(ids)) == ids
    small = (bytes([byte]) for byte in b"".join(pieces)[:4096])
    with pytest.raises(Incomplete):
        read_bundle(small, set(ids))


def test_a_file_that_has_changed_goes_out_as_zeros_and_is_named(folder: Path, inside: Inside) -> None:
    bundle = bundle_of(inside, folder, {"a": b"one", "b": b"two", "c": b"three"})
    write(folder, "a", content=b"new")
    (folder / "c").unlink()
    whole = b"".join(bundle.pieces())
    assert (bundle.changed, len(whole)) == ({"a", "c"}, bundle.tar_bytes)
    assert (b"new" in whole, b"two" in whole) == (False, True)


def test_a_bundle_with_something_else_in_it_is_refused(folder: Path, inside: Inside) -> None:
    whole = b"".join(bundle_of(inside, folder, {"a": b"one", "b": b"two"}).pieces())
    ids = {hash_short(b"one").digest, hash_short(b"two").digest}
    for wrong, asked in (
        (whole.replace(b"two", b"TWO"), ids),
        (whole, ids - {hash_short(b"two").digest}),
        (whole, ids | {"ab" * 32}),
    ):
        with pytest.raises((Corrupt, LimitExceeded)):
            read_bundle(iter([wrong]), asked)


def test_a_block_that_is_too_long_is_refused_before_it_is_read(folder: Path, inside: Inside) -> None:
    ids = {hash_short(content).digest for content in (b"one", b"two")}
    size_bytes = CHUNK_BYTES_MAX + 1
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        yield tar_file_header(min(ids), size_bytes)
        for _ in range(size_bytes // 1024):
            read += 1024
            yield bytes(1024)

    with pytest.raises(Corrupt):
        read_bundle(pieces(), ids)
    assert read <= 65_536
