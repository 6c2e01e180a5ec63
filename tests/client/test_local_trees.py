"""What a push sees of a folder: its walk, what is ignored, what is remembered, and that no link leads out of it."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.client.folders.caches import GRAIN_NS, Hashes, Trees
from mylist_dav.client.folders.hashing import Hashed, Unsteady, hash_short, read_steadily
from mylist_dav.client.folders.ignoring import PATTERNS_MAX, Ignoring
from mylist_dav.client.folders.inside import Inside, Near
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Block, Node
from mylist_dav.client.folders.walking import Stamp, Walked, stamp_of, walk
from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.digest import EMPTY
from mylist_dav.store.blockstore.memory import MemoryBlocks
from mylist_dav.store.contents import ContentWriter
from tests.client.desks import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def inside(folder: Path) -> Iterator[Inside]:
    with Inside(folder) as opened:
        yield opened


def walked(folder: Path, ignoring: Ignoring | None = None) -> Walked:
    with Inside(folder) as inside, ThreadPoolExecutor(3) as threads:
        return walk(inside, ignoring or Ignoring(), lambda: threads)


# -- walking ---------------------------------------------------------------------------------------------------


def test_every_kind_of_entry_is_found_with_what_is_kept_of_it(folder: Path) -> None:
    write(folder, "a/b/file", content=b"four")
    (folder / "empty").mkdir(mode=0o750)
    (folder / "link").symlink_to("../elsewhere")
    (folder / "a" / "b" / "file").chmod(0o4640)
    os.utime(folder / "a" / "b" / "file", ns=(1, 1_234_567_890_123_456_789))
    tree = walked(folder).tree
    assert set(tree) == {"a", "a/b", "a/b/file", "empty", "link"}
    assert tree["a/b/file"] == Node(FILE, 4, 0o640, 1_234_567_890_123_456_789)
    assert (tree["empty"].kind, tree["empty"].mode) == (DIRECTORY, 0o750)
    assert (tree["link"].kind, tree["link"].target) == (SYMLINK, "../elsewhere")


def test_what_cannot_be_kept_is_named(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        os.close(os.open(os.fsencode(folder) + b"/b\xffd", os.O_CREAT | os.O_WRONLY))
        found = walked(folder)
    reasons = {path.encode("utf-8", "replace"): why for path, why in found.left_out.items()}
    assert reasons[b"pipe"] == "it is a FIFO"
    assert reasons[b"socket"] == "it is a socket"
    assert "not valid Unicode" in reasons[b"b?d"]
    assert found.tree == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_named_and_no_entry(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    found = walked(folder)
    assert (found.tree, list(found.left_out)) == ({}, ["closed"])


def test_a_link_to_a_folder_is_a_link_and_is_not_walked(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside/secret")
    (folder / "way").symlink_to(tmp_path / "outside")
    assert set(walked(folder).tree) == {"way"}


def test_what_an_unfinished_pull_has_left_is_no_entry(folder: Path) -> None:
    write(folder, ".mylist-0123456789abcdef.part", ".mylist-other")
    assert set(walked(folder).tree) == {".mylist-other"}


def test_no_name_on_the_way_is_followed_if_it_is_a_link(folder: Path, inside: Inside, tmp_path: Path) -> None:
    write(tmp_path, "outside/secret")
    write(folder, "real/file")
    (folder / "way").symlink_to(tmp_path / "outside")
    (folder / "file").symlink_to(tmp_path / "outside" / "secret")
    for path in ("way/secret", "file", "real/../way/secret"):
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"), inside.file(path):
            raise AssertionError("was opened")
    with inside.file("real/file") as descriptor:
        assert os.read(descriptor, 9) == b"x"


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "file")
    for name in ("file", "nothing"):
        with pytest.raises(NotFound, match="there is no folder"):
            Inside(tmp_path / name)


def test_what_is_known_of_a_file_stands_in_the_tree_until_its_stamp_is_another(folder: Path) -> None:
    write(folder, "same", "d/changed")
    known = {path: (stamp_of((folder / path).lstat()), path) for path in ("same", "d/changed")}
    os.utime(folder / "d" / "changed", ns=(1, 1))
    with Inside(folder) as inside, ThreadPoolExecutor(1) as threads:
        found = walk(inside, Ignoring(), lambda: threads, known)
    assert {path: found.tree[path].digest for path in found.stamps} == {"same": "same", "d/changed": ""}


@pytest.mark.parametrize(("tick_seconds", "share"), [(0.0, 0), (10.0, 8)])
def test_threads_help_where_the_system_has_to_be_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tick_seconds: float, share: int
) -> None:
    class Noting(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **named: Any) -> Any:
            submitted.append(arguments)
            return super().submit(*arguments, **named)

    submitted: list[Any] = []
    ticks = itertools.count(0.0, tick_seconds)
    monkeypatch.setattr("mylist_dav.client.folders.crew.time.perf_counter", lambda: next(ticks))
    monkeypatch.setattr("mylist_dav.client.folders.crew.time.thread_time", lambda: 0.0)
    write(folder, *(f"{number}/sub/file" for number in range(4)))
    with Inside(folder) as inside, Noting(2) as threads:
        found = walk(inside, Ignoring(), lambda: threads)
    assert (len(found.tree), len(submitted)) == (12, share)


# -- ignoring --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "out", "kept"),
    [
        (["*.o"], ["a.o", "x/y/a.o"], ["a.c", "o"]),
        (["/build"], ["build/", "build/x"], ["x/build/"]),
        (["build/"], ["build/", "x/build/y"], ["build"]),
        (["*.log", "!keep.log"], ["a.log"], ["keep.log", "x/keep.log"]),
        (["dir/", "!dir/keep"], ["dir/keep"], ["keep"]),
        (["doc/**/*.txt"], ["doc/a/b.txt", "doc/b.txt"], ["x/doc/b.txt"]),
        (["# note", "", "a\\ b"], ["a b"], ["# note"]),
    ],
)
def test_patterns_mean_what_they_mean_to_git(patterns: list[str], out: list[str], kept: list[str]) -> None:
    ignoring = Ignoring(patterns)
    for path in (*out, *kept):
        assert ignoring.is_out(path.rstrip("/"), path.endswith("/")) is (path in out), path


def test_ignore_files_count_below_their_folder_and_the_deeper_one_wins(folder: Path) -> None:
    write(folder, "a.o", "b.o", "sub/a.o", "sub/b.o", "sub/only", "only", "sub/gone/x")
    (folder / ".mylistignore").write_text("*.o\n")
    (folder / "sub" / ".mylistignore").write_text("!a.o\n/only\ngone/\n")
    tree = walked(folder).tree
    assert set(tree) == {".mylistignore", "only", "sub", "sub/.mylistignore", "sub/a.o"}
    assert set(walked(folder, Ignoring(["!b.o"])).tree) == {*tree, "b.o", "sub/b.o"}


def test_an_ignore_file_without_sense_or_bounds_is_refused(folder: Path) -> None:
    for text in ("!\n", "x\n" * (PATTERNS_MAX + 1), "#" * 2_000_000):
        (folder / ".mylistignore").write_text(text)
        with pytest.raises(Invalid, match=r"\.mylistignore"):
            walked(folder)


# -- hashing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [0, 1, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX + 1, 9_000_000])
def test_a_file_is_cut_just_as_the_server_cuts_it(folder: Path, inside: Inside, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    write(folder, "file", content=content)
    with ContentWriter(MemoryBlocks()) as writer:
        writer.write(content)
        recipe = writer.finish()
    read = read_steadily(Near(inside), "file")
    assert read.node.digest == str(recipe.digest)
    assert read.hashed.blocks == tuple(Block(str(ref.digest), ref.size_bytes) for ref in recipe.blocks)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    folder: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "file", content=b"one")
    reads, real = [0], os.read

    def read(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        reads[0] += 1
        if reads[0] <= changes:
            write(folder, "file", content=b"two" * reads[0])
        return data

    monkeypatch.setattr(os, "read", read)
    changes = 1
    assert read_steadily(Near(inside), "file").hashed == hash_short(b"two")
    reads[0], changes = 0, 99
    with pytest.raises(Unsteady, match="kept changing"):
        read_steadily(Near(inside), "file")


def test_what_is_no_file_any_more_is_not_read(folder: Path, inside: Inside) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(Unsteady, match="no file"):
        read_steadily(Near(inside), "pipe")


def test_an_ignore_file_that_goes_while_it_is_looked_for_takes_nothing_with_it(folder: Path) -> None:
    class Late(Inside):
        @contextmanager
        def file(self, path: str) -> Iterator[int]:
            (folder / path).unlink()
            with super().file(path) as descriptor:
                yield descriptor

    write(folder, "d/.mylistignore", "d/file", content=b"*.o")
    with Late(folder) as inside, ThreadPoolExecutor(1) as threads:
        walked = walk(inside, Ignoring(), lambda: threads)
    assert {"d", "d/file"} <= walked.tree.keys()


# -- remembering -----------------------------------------------------------------------------------------------

LONG = Hashed("ab" * 32, (Block("cd" * 32, 3), Block("ef" * 32, 4)))


def remembered(cache: Path, folder: Path, path: str) -> Hashed | None:
    return Hashes(cache, folder).get(path, stamp_of((folder / path).lstat()))


def remember(cache: Path, folder: Path, path: str, hashed: Hashed, after_ns: int = GRAIN_NS) -> None:
    hashes = Hashes(cache, folder)
    stamp = stamp_of((folder / path).lstat())
    hashes.keep(path, stamp, hashed, max(stamp.mtime_ns, stamp.ctime_ns) + after_ns)
    hashes.save()


def test_a_digest_is_remembered_while_the_file_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    write(folder, "short", "long", "empty", content=b"1234567")
    write(folder, "empty", content=b"")
    cache = tmp_path / "cache"
    for path, hashed in (("long", LONG), ("short", hash_short(b"1234567")), ("empty", hash_short(b""))):
        remember(cache, folder, path, hashed)
        assert remembered(cache, folder, path) == hashed
    assert remembered(cache, folder, "empty") == Hashed(str(EMPTY), ())


def test_a_file_edited_to_the_same_size_and_time_is_not_taken_for_the_old_one(
    folder: Path, tmp_path: Path
) -> None:
    write(folder, "file", content=b"old")
    before = (folder / "file").stat()
    remember(tmp_path / "cache", folder, "file", hash_short(b"old"))
    while (folder / "file").stat().st_ctime_ns == before.st_ctime_ns:  # clocks of file systems tick slowly
        write(folder, "file", content=b"new")
        os.utime(folder / "file", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(tmp_path / "cache", folder, "file") is None


def test_a_file_read_within_the_grain_of_the_clock_is_read_again(folder: Path, tmp_path: Path) -> None:
    write(folder, "file")
    remember(tmp_path / "cache", folder, "file", hash_short(b"x"), GRAIN_NS - 1)
    assert remembered(tmp_path / "cache", folder, "file") is None


def test_what_was_remembered_is_forgotten_when_the_file_is_found_to_hold_something_else(
    folder: Path, tmp_path: Path
) -> None:
    """Even where the clock of the file system was too coarse to tell."""
    write(folder, "file")
    remember(tmp_path / "cache", folder, "file", hash_short(b"x"))
    remember(tmp_path / "cache", folder, "file", hash_short(b"y"), GRAIN_NS - 1)
    assert remembered(tmp_path / "cache", folder, "file") is None


def test_files_that_are_gone_are_forgotten(folder: Path, tmp_path: Path) -> None:
    write(folder, "one", "two")
    for path in ("one", "two"):
        remember(tmp_path, folder, path, hash_short(b"x"))
    hashes = Hashes(tmp_path, folder)
    hashes.save({"one": stamp_of((folder / "one").lstat())})
    assert remembered(tmp_path, folder, "one") is not None
    assert remembered(tmp_path, folder, "two") is None


def test_files_may_be_read_while_others_are_written_down(folder: Path, tmp_path: Path) -> None:
    class Reading(dict[str, Stamp]):
        """Whenever it is asked for a file, another one is read."""

        def __contains__(self, path: object) -> bool:
            hashes.keep(f"new {path}", stamp, LONG, stamp.ctime_ns + GRAIN_NS)
            return super().__contains__(path)

    write(folder, "one", "two")
    for path, hashed in (("one", hash_short(b"x")), ("two", LONG)):
        remember(tmp_path, folder, path, hashed)
    stamp = stamp_of((folder / "one").lstat())
    hashes = Hashes(tmp_path, folder)
    hashes.keep("three", stamp, LONG, stamp.ctime_ns + GRAIN_NS)
    hashes.save(Reading(one=stamp, two=stamp, three=stamp))
    assert hashes.get("new one", stamp) == LONG
    assert set(Hashes(tmp_path, folder).known) == {"one", "two", "three"}


def test_a_handful_of_new_files_is_not_written_down(folder: Path, tmp_path: Path) -> None:
    """To write all anew costs more than to read these again."""

    def keep(*paths: str, size_bytes: int = 1, digest: str = "ab" * 32, certain: bool = True) -> bool:
        """Whether the cache was written."""
        hashes = Hashes(tmp_path, folder)
        before = {file: file.read_bytes() for file in tmp_path.rglob("hashes/*")}
        for path in paths:
            read_ns = stamp.ctime_ns + GRAIN_NS if certain else 0
            hashes.keep(path, stamp._replace(size_bytes=size_bytes), Hashed(digest, ()), read_ns)
        hashes.save()
        return {file: file.read_bytes() for file in tmp_path.rglob("hashes/*")} != before

    write(folder, "file")
    stamp = stamp_of((folder / "file").lstat())
    assert keep(*map(str, range(640)))
    assert not keep(*(f"new {number}" for number in range(10)))
    assert keep(*(f"new {number}" for number in range(11)))
    assert keep("large", size_bytes=5_000_000)
    assert keep("7", certain=False), "what is written there is wrong"
    assert "7" not in Hashes(tmp_path, folder).known


def test_a_damaged_cache_is_no_cache(folder: Path, tmp_path: Path) -> None:
    write(folder, "file")
    cache = tmp_path / "cache"
    remember(cache, folder, "file", hash_short(b"x"))
    kept = next((cache / "hashes").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-1], whole.replace(b"file", b"life"), b"\xff" + whole):
        kept.write_bytes(damaged)
        assert remembered(cache, folder, "file") is None
    kept.write_bytes(whole)
    assert remembered(cache, folder, "file") is not None


def test_a_tree_is_remembered_for_one_server_flist_and_making_of_it(tmp_path: Path) -> None:
    tree = {"a": Node(DIRECTORY, 0, 0o755, 1), "a/l": Node(SYMLINK, 0, 0, 2, "", "ü"), "f": Node(FILE, 1)}
    Trees(tmp_path, "http://one", "a/b").keep(7, 3, tree)
    assert Trees(tmp_path, "http://one", "a/b").get(7) == (3, tree)
    assert Trees(tmp_path, "http://one", "a/b").get(8) is None
    assert Trees(tmp_path, "http://two", "a/b").get(7) is None
    assert Trees(None, "http://one", "a/b").get(7) is None


def test_of_a_damaged_tree_it_is_not_known_at_once_that_it_is(tmp_path: Path) -> None:
    """Whoever looks whether it is worth to be read does not read it."""
    trees = Trees(tmp_path, "http://one", "a/b")
    assert not trees.is_of(7, 3)
    trees.keep(7, 3, {"f": Node(FILE, 1)})
    assert trees.is_of(7, 3)
    assert not trees.is_of(7, 4)
    assert not trees.is_of(8, 3)
    kept = next((tmp_path / "trees").iterdir())
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    assert trees.is_of(7, 3)
    assert trees.get(7) is None
    for damaged in (b"", b"mylist", whole[:80], whole.split(b"\n")[0] + b"\n[]\n"):
        kept.write_bytes(damaged)
        assert not trees.is_of(7, 3)


def test_a_handful_of_changes_is_remembered_beside_the_tree(tmp_path: Path) -> None:
    def trees() -> Trees:
        return Trees(tmp_path, "http://one", "a/b")

    tree = {f"f{number}": Node(FILE, number) for number in range(640)}
    trees().keep(7, 3, tree)
    base = next((tmp_path / "trees").iterdir()).read_bytes()
    first, second = {"f1": Node(FILE, 9)}, {"new": Node(FILE, 2)}
    known = trees()
    assert not known.keep_changed(7, 3, 4, first), "it was not read: nobody knows what has changed"
    assert known.get(7) == (3, tree)
    assert known.keep_changed(7, 3, 4, first)
    assert known.keep_changed(7, 4, 5, second)
    assert trees().is_of(7, 5)
    assert not trees().is_of(7, 3)
    assert trees().get(7) == (5, tree | first | second)
    assert base in [path.read_bytes() for path in (tmp_path / "trees").iterdir()]
    known = trees()
    known.get(7)
    assert not known.keep_changed(7, 4, 6, first), "of another revision than this one"
    assert not known.keep_changed(7, 5, 6, {f"f{number}": Node(FILE) for number in range(11)})
    known.keep(7, 6, first)
    assert (trees().get(7), trees().is_of(7, 6)) == ((6, first), True)
    assert trees().get(8) is None


def test_damaged_changes_lead_back_to_the_tree_they_are_of(tmp_path: Path) -> None:
    tree = {f"f{number}": Node(FILE, number) for number in range(64)}
    known = Trees(tmp_path, "http://one", "a/b")
    known.keep(7, 3, tree)
    known.get(7)
    assert known.keep_changed(7, 3, 4, {"f1": Node(FILE, 9)})
    later = next((tmp_path / "trees").glob("*.later"))
    later.write_bytes(later.read_bytes()[:-1])
    assert Trees(tmp_path, "http://one", "a/b").get(7) == (3, tree)


@pytest.mark.parametrize("disk", ["has room", "is full"])
def test_changes_belong_to_the_tree_that_was_fetched_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    """Somebody else has committed: the tree is asked for and kept, and then ours is pushed."""
    tree = {f"f{number}": Node(FILE, number) for number in range(640)}
    theirs = tree | {"f1": Node(FILE, 7777)}
    known = Trees(tmp_path, "http://one", "a/b")
    known.keep(7, 10, tree)
    known.get(7)
    if disk == "is full":
        monkeypatch.setattr("mylist_dav.client.folders.columns.FILE_BYTES_MAX", 2000)
    known.keep(7, 11, theirs)
    ours = {"f2": Node(FILE, 8888)}
    assert known.keep_changed(7, 11, 12, ours)
    monkeypatch.undo()
    again = Trees(tmp_path, "http://one", "a/b")
    if disk == "is full":
        assert not again.is_of(7, 12)
        assert again.get(7) == (10, tree)
    else:
        assert again.is_of(7, 12)
        assert again.get(7) == (12, theirs | ours)


def test_what_cannot_be_written_down_is_not(tmp_path: Path) -> None:
    trees = Trees(tmp_path, "http://one", "a/b")
    trees.keep(7, 3, {"link": Node(SYMLINK, target="a\0b")})
    trees.keep(7, 4, {"file": Node(FILE, size_bytes=2**70)})
    assert trees.get(7) is None
