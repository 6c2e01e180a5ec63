"""Pushes that are too large for the operations of a commit, and are one commit all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.client.calls import Calls, Committed, Lost, Missing
from mylist_dav.client.folders import operations
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK
from mylist_dav.errors import Conflict, MylistError, PreconditionFailed
from tests.client.desks import Desk, of_several_blocks, plant, write
from tests.serving import Served, serving

Lines = Callable[[], Iterator[bytes]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("large") / "data", workers=2) as server:
        yield server


@pytest.fixture
def desk(served: Served, tmp_path: Path) -> Desk:
    return Desk(served, tmp_path)


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps are too many for the operations of a commit."""
    monkeypatch.setattr(operations, "COMMIT_STEPS_MAX", 1)


def commits(desk: Desk) -> list[int]:
    with desk.served.client() as client:
        found = client.get(f"/api/v1/flists/{desk.flist}/commits").json()["commits"]
        return [commit["jid"] for commit in found]


class NoCommits(Calls):
    def commit(self, *_: object) -> Committed | Missing | Lost:
        raise AssertionError("this is too much for one")


def test_sixty_thousand_entries_are_one_commit(desk: Desk) -> None:
    long = of_several_blocks(1_500_000)
    for group in range(60):
        folder = desk.folder / f"{group}"
        folder.mkdir()
        for number in range(0, 998, 2):
            (folder / f"{number}").write_bytes(b"%d" % (number % 10))
            (folder / f"{number + 1}").symlink_to(f"{number}")
        (folder / "long").write_bytes(long)
    done = desk.push(NoCommits)
    assert (done.plan.counts, commits(desk)) == ((60_000, 0, 0), [2, 1])
    assert len(desk.there()) == 60_000
    assert (desk.content("59/996"), desk.content("7/long")) == (b"6", long)
    assert desk.push().round_trips == 1


@pytest.mark.usefixtures("small_commits")
def test_everything_arrives_as_it_is(desk: Desk) -> None:
    plant(desk.folder)
    desk.push(NoCommits)
    there = desk.there()
    assert there["a/link"].target == "b/file"
    assert (there["a/b/file"].mode, there["a/b/file"].mtime_ns) == (0o600, 1_234_567_890_123_456_789)
    assert (there["none"].kind, there["none"].mode, there["a"].mtime_ns) == (DIRECTORY, 0o700, 987_654_321)
    for path in ("empty", "long", "a/twin"):
        assert desk.content(path) == (desk.folder / path).read_bytes()
    (desk.folder / "a" / "twin").chmod(0o640)
    write(desk.folder, "long", content=of_several_blocks(2_000_000))
    done = desk.push(NoCommits)
    assert desk.there()["a/twin"].mode == 0o640
    assert desk.content("long") == (desk.folder / "long").read_bytes()
    assert commits(desk) == [3, 2, 1]
    assert done.jid == 3


@pytest.mark.usefixtures("small_commits")
def test_kinds_change_and_what_is_gone_goes_when_that_is_asked_for(desk: Desk) -> None:
    write(
        desk.folder, "file", "folder/member", "folder/deep/x", "link", "old/a", "old/b", "stays/a", "stays/b"
    )
    desk.push(NoCommits)
    for path in ("file", "folder/member", "folder/deep/x", "link", "old/a", "old/b", "stays/a"):
        (desk.folder / path).unlink()
    for path in ("folder/deep", "folder", "old"):
        (desk.folder / path).rmdir()
    write(desk.folder, "file/member", "folder")
    (desk.folder / "link").symlink_to("file")
    with pytest.raises(Conflict, match="folder"):
        desk.push(NoCommits)
    desk.push(NoCommits, delete=True, excluded=("/old/b",))
    assert {path: node.kind for path, node in desk.there().items()} == {
        "file": DIRECTORY, "file/member": FILE, "folder": FILE, "link": SYMLINK, "old": DIRECTORY, "old/b": FILE,
        "stays": DIRECTORY, "stays/b": FILE,
    }  # fmt: skip


@pytest.mark.usefixtures("small_commits")
def test_a_lost_race_is_told_or_run_again(desk: Desk) -> None:
    class Slow(NoCommits):
        """Somebody else makes a folder a moment before the first time."""

        def put_tree(self, base_jid: int, lines: Lines, note: str) -> Committed | Missing | Lost:
            if theirs:
                made = [{"op": "mkdir", "path": theirs.pop()}]
                assert isinstance(Calls.commit(self, base_jid, made, "somebody else"), Committed)
            return super().put_tree(base_jid, lines, note)

    write(desk.folder, "a", "b")
    desk.push()
    write(desk.folder, "new", "newer")
    theirs = ["new"]
    with pytest.raises(PreconditionFailed, match=r"from revision 2 to 3 .*(?s:.)*  new\n.*Push again"):
        desk.push(Slow)
    assert set(desk.there()) == {"a", "b", "new"}
    write(desk.folder, "third")
    theirs = ["theirs"]
    desk.push(Slow)
    assert set(desk.there()) == {"a", "b", "new", "newer", "third", "theirs"}


@pytest.mark.usefixtures("small_commits")
def test_a_commit_whose_answer_was_lost_is_not_made_twice(desk: Desk) -> None:
    class Deaf(NoCommits):
        def put_tree(self, base_jid: int, lines: Lines, note: str) -> Committed | Missing | Lost:
            assert isinstance(super().put_tree(base_jid, lines, note), Committed)
            return Lost("the answer was lost")

    write(desk.folder, "a", "b")
    assert (desk.push(Deaf).jid, desk.head()) == (2, 2)


@pytest.mark.usefixtures("small_commits")
def test_blocks_that_the_server_no_longer_has_are_sent_after_all(desk: Desk) -> None:
    class Forgetful(NoCommits):
        def missing(self, ids: list[str]) -> set[str]:
            return set()  # as if all were there, and collected before the commit

    write(desk.folder, "file", content=os.urandom(10))
    write(desk.folder, "long", content=of_several_blocks(2_500_000))
    desk.push(Forgetful)
    for path in ("file", "long"):
        assert desk.content(path) == (desk.folder / path).read_bytes()


@pytest.mark.usefixtures("small_commits")
def test_a_body_that_is_cut_off_changes_nothing_and_the_next_push_sends_no_block_again(desk: Desk) -> None:
    class Cut(NoCommits):
        def put_tree(self, base_jid: int, lines: Lines, note: str) -> Committed | Missing | Lost:
            def cut() -> Iterator[bytes]:
                yield next(lines())
                raise MylistError("the line is dead")

            return super().put_tree(base_jid, cut, note)

    write(desk.folder, "a", content=os.urandom(200_000))
    write(desk.folder, "b", content=os.urandom(200_000))
    with pytest.raises(MylistError, match="dead"):
        desk.push(Cut)
    assert desk.there() == {}
    assert desk.push(NoCommits).sent_blocks == 0
    assert set(desk.there()) == {"a", "b"}
