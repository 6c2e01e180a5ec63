"""Pushes to a real server, and what they leave there; races, interruptions, and files that do not keep still."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.client.calls import Calls, Committed, Lost, Missing
from mylist_dav.client.folders.caches import Trees
from mylist_dav.client.folders.hashing import Read, read_steadily
from mylist_dav.client.folders.inside import Near
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK
from mylist_dav.client.folders.sending import Room
from mylist_dav.client.folders.walking import Stamp
from mylist_dav.client.logins.known import Login, Tokens
from mylist_dav.errors import Conflict, Forbidden, MylistError, NotFound, PreconditionFailed
from mylist_dav.model.names import FlistName
from tests.client.desks import Desk, of_several_blocks, plant, write
from tests.programs import require
from tests.serving import Served, run_mylist, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of two processes, where the account bob may read and no more."""
    data = tmp_path_factory.mktemp("push") / "data"
    with serving(data, workers=2) as server:
        server.mylist("account", "add", "bob")
        yield server


@pytest.fixture
def desk(served: Served, tmp_path: Path) -> Desk:
    return Desk(served, tmp_path)


def test_a_folder_becomes_the_head_of_a_new_flist_in_one_commit(desk: Desk) -> None:
    plant(desk.folder)
    done = desk.push()
    assert (done.made, done.jid, done.plan.counts, done.left_out) == (True, 2, (8, 0, 0), {})
    there = desk.there()
    assert {path: node.kind for path, node in there.items()} == {
        "a": DIRECTORY,
        "a/b": DIRECTORY,
        "a/b/file": FILE,
        "a/link": SYMLINK,
        "a/twin": FILE,
        "empty": FILE,
        "long": FILE,
        "none": DIRECTORY,
    }
    assert (there["a/b/file"].mode, there["a/b/file"].mtime_ns) == (0o600, 1_234_567_890_123_456_789)
    assert (there["a"].mtime_ns, there["none"].mode, there["a/link"].target) == (
        987_654_321,
        0o700,
        "b/file",
    )
    for path in ("a/b/file", "empty", "long", "a/twin"):
        assert desk.content(path) == (desk.folder / path).read_bytes()


def test_an_unchanged_push_is_one_request_and_no_commit(desk: Desk) -> None:
    plant(desk.folder)
    first = desk.push()
    again = desk.push()
    assert (again.plan.counts, again.jid, again.round_trips) == ((0, 0, 0), first.jid, 1)
    assert desk.head() == first.jid


def test_what_is_remembered_of_the_server_is_what_it_has(desk: Desk) -> None:
    plant(desk.folder)
    desk.push()
    write(desk.folder, "a/b/new", "z/y/x", content=b"new")
    (desk.folder / "a" / "twin").unlink()
    (desk.folder / "a" / "link").unlink()
    (desk.folder / "a" / "link").symlink_to("elsewhere")
    done = desk.push(delete=True)
    calls = desk.calls()
    details = calls.details()
    calls.close()
    assert details is not None
    assert Trees(desk.cache, desk.served.url, str(desk.flist)).get(details.moment) == (done.jid, desk.there())


def test_only_what_is_missing_is_sent(desk: Desk) -> None:
    plant(desk.folder)
    first = desk.push()
    assert first.sent_bytes == 3_000_005  # the twin costs nothing
    long = bytearray((desk.folder / "long").read_bytes())
    long[-1] ^= 1
    write(desk.folder, "long", content=bytes(long))
    write(desk.folder, "copy of the twin", content=(desk.folder / "a" / "twin").read_bytes())
    changed = desk.push()
    assert changed.sent_blocks == 1
    assert changed.round_trips <= 4
    assert desk.content("long") == bytes(long)
    (desk.folder / "a" / "twin").touch()
    (desk.folder / "empty").chmod(0o751)
    touched = desk.push()
    assert (touched.sent_blocks, touched.round_trips) == (0, 2)
    assert desk.there()["empty"].mode == 0o751


def test_a_long_file_may_be_one_block(desk: Desk) -> None:
    write(desk.folder, "monotonous", content=bytes([7]) * 2_000_000)
    assert desk.push().sent_blocks == 1
    assert desk.content("monotonous") == bytes([7]) * 2_000_000


def test_nothing_is_removed_unless_that_is_asked_for(desk: Desk) -> None:
    write(desk.folder, "a/one", "a/two", "three")
    desk.push()
    (desk.folder / "a" / "one").unlink()
    (desk.folder / "three").unlink()
    assert desk.push().plan.counts == (0, 1, 0)  # the time of the folder has changed
    assert set(desk.there()) == {"a", "a/one", "a/two", "three"}
    assert desk.push(delete=True).plan.counts == (0, 0, 2)
    assert set(desk.there()) == {"a", "a/two"}


def test_kinds_change(desk: Desk) -> None:
    write(desk.folder, "file", "folder/member", "link")
    desk.push()
    for path in ("file", "folder/member", "link"):
        (desk.folder / path).unlink()
    (desk.folder / "folder").rmdir()
    write(desk.folder, "file/member", "folder")
    (desk.folder / "link").symlink_to("file")
    with pytest.raises(Conflict, match="folder"):
        desk.push()
    desk.push(delete=True)
    assert {path: node.kind for path, node in desk.there().items()} == {
        "file": DIRECTORY,
        "file/member": FILE,
        "folder": FILE,
        "link": SYMLINK,
    }


def test_what_is_ignored_is_neither_sent_nor_removed(desk: Desk) -> None:
    write(desk.folder, "a.o", "a.c", "build/x")
    desk.push()
    (desk.folder / ".mylistignore").write_text("*.o\n")
    for path in ("a.o", "a.c", "build/x"):
        (desk.folder / path).unlink()
    (desk.folder / "build").rmdir()
    write(desk.folder, "new.o")
    desk.push(delete=True, excluded=("/build/",))
    assert set(desk.there()) == {".mylistignore", "a.o", "build", "build/x"}


def test_what_is_left_out_is_named_and_not_removed(desk: Desk) -> None:
    write(desk.folder, "pipe", "file")
    desk.push()
    (desk.folder / "pipe").unlink()
    os.mkfifo(desk.folder / "pipe")
    done = desk.push(delete=True)
    assert (done.left_out, set(desk.there())) == ({"pipe": "it is a FIFO"}, {"pipe", "file"})


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    write(desk.folder, "file")
    assert (desk.push(dry_run=True).plan.counts, desk.head()) == ((1, 0, 0), None)
    desk.push()
    write(desk.folder, "file", content=b"more")
    write(desk.folder, "new")
    done = desk.push(dry_run=True)
    assert (done.plan.counts, desk.head(), desk.content("file")) == ((1, 1, 0), 2, b"x")


# -- others ----------------------------------------------------------------------------------------------------


def after_somebody_else(commits: list[list[dict[str, Any]]]) -> type[Calls]:
    """Calls, where somebody else is a moment faster with these commits."""

    class Slow(Calls):
        def commit(
            self, base_jid: int, operations: list[dict[str, Any]], note: str
        ) -> Committed | Missing | Lost:
            if commits:
                details = self.details()
                assert details is not None
                assert isinstance(
                    super().commit(details.head_jid, commits.pop(0), "somebody else"), Committed
                )
            return super().commit(base_jid, operations, note)

    return Slow


def mkdir(path: str) -> list[dict[str, Any]]:
    return [{"op": "mkdir", "path": path}]


def test_a_lost_race_over_other_paths_is_run_again(desk: Desk) -> None:
    write(desk.folder, "ours/file")
    desk.push()
    write(desk.folder, "ours/new")
    done = desk.push(after_somebody_else([mkdir("theirs")]))
    assert done.jid == 4
    assert set(desk.there()) == {"ours", "ours/file", "ours/new", "theirs"}
    assert desk.push().round_trips == 1  # and the tree is known as it is now


def test_a_lost_race_over_the_same_paths_says_what_changed(desk: Desk) -> None:
    write(desk.folder, "file")
    desk.push()
    write(desk.folder, "new", content=b"ours")
    with pytest.raises(PreconditionFailed, match=r"from revision 2 to 3 .*(?s:.)*  new\n.*Push again"):
        desk.push(after_somebody_else([mkdir("new")]))
    assert (desk.head(), desk.there()["new"].kind) == (3, DIRECTORY)
    with pytest.raises(PreconditionFailed, match="somewhere"):  # what they have added would be removed
        desk.push(after_somebody_else([mkdir("somewhere")]), delete=True)
    desk.push()
    assert desk.there()["new"].kind == FILE


def test_a_race_is_run_again_once(desk: Desk) -> None:
    write(desk.folder, "file")
    desk.push()
    write(desk.folder, "new")
    with pytest.raises(PreconditionFailed):
        desk.push(after_somebody_else([mkdir("one"), mkdir("two")]))
    assert set(desk.there()) == {"file", "one", "two"}


class Deaf(Calls):
    """What it commits is done, and the answer is lost."""

    def commit(self, *arguments: Any) -> Committed | Missing | Lost:
        assert isinstance(super().commit(*arguments), Committed)
        return Lost("the answer was lost")


def test_what_is_remembered_stays_true_through_changes_and_races(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.client.folders.caches._WORTH_SHARE", 1)  # all that fits is written beside
    write(desk.folder, *(f"file-{number}" for number in range(9)))
    desk.push()

    def push_and_compare(calls: type[Calls] = Calls, **wishes: Any) -> None:
        desk.push(calls, **wishes)
        with closing(desk.calls()) as asking:
            details = asking.details()
        assert details is not None
        remembered = Trees(desk.cache, desk.served.url, str(desk.flist))
        assert remembered.get(details.moment) == (details.head_jid, desk.there())
        assert desk.push(**wishes).round_trips == 1

    write(desk.folder, "new", "file-1", content=b"new")
    push_and_compare()
    assert len(list((desk.cache / "trees").iterdir())) == 2
    write(desk.folder, "file-2", content=b"other")
    push_and_compare(after_somebody_else([mkdir("theirs")]))
    write(desk.folder, "file-3", content=b"other")
    push_and_compare(Deaf)
    write(desk.folder, "file-4", content=b"other")
    push_and_compare()
    (desk.folder / "file-5").unlink()
    push_and_compare(delete=True)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(desk: Desk) -> None:
    write(desk.folder, "file")
    done = desk.push(Deaf)
    assert (done.jid, desk.head()) == (2, 2)


def test_a_flist_made_anew_under_its_name_is_not_taken_for_the_old_one(desk: Desk) -> None:
    write(desk.folder, "one")
    desk.push()
    desk.served.mylist("delete", str(desk.flist), "--yes")
    write(desk.folder.parent / "other", "two")
    desk.served.mylist("import", str(desk.folder.parent / "other"), str(desk.flist))
    assert desk.head() == 2
    desk.push()
    assert set(desk.there()) == {"one", "two"}


def test_who_may_not_write_changes_nothing(desk: Desk) -> None:
    token = desk.served.mylist("token", "new", "bob").splitlines()[-1]
    write(desk.folder, "file")
    with pytest.raises((Forbidden, NotFound)):
        desk.push(token=token)
    assert desk.head() is None
    desk.push()
    write(desk.folder, "new")
    with pytest.raises(Forbidden, match="nothing was sent"):
        desk.push(token=token)
    assert desk.push(token=token, dry_run=True).plan.counts == (1, 0, 0)
    assert set(desk.there()) == {"file"}


# -- interruptions and unrest ----------------------------------------------------------------------------------


def test_a_push_that_was_interrupted_sends_the_rest_the_next_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Calls):
        def upload(
            self, count: int, size_bytes: int, pieces: Callable[[], Iterator[bytes]]
        ) -> dict[str, str]:
            if sent:
                raise MylistError("the line is dead")
            sent.append(size_bytes)
            return super().upload(count, size_bytes, pieces)

    sent: list[int] = []
    monkeypatch.setattr("mylist_dav.client.folders.bundles.BUNDLE_BLOCKS", 10)
    for number in range(40):
        write(desk.folder, f"file-{number}", content=os.urandom(2000))
    with pytest.raises(MylistError, match="dead"):
        desk.push(Interrupted)
    assert desk.there() == {}
    assert len(sent) == 1
    done = desk.push()
    assert done.sent_blocks == 30
    assert len(desk.there()) == 40


def restless(disturb: Callable[[], None]) -> type[Calls]:
    """Calls before which something happens to the files that are to be sent, each time."""

    class Restless(Calls):
        def upload(
            self, count: int, size_bytes: int, pieces: Callable[[], Iterator[bytes]]
        ) -> dict[str, str]:
            disturb()
            return super().upload(count, size_bytes, pieces)

    return Restless


def test_a_file_that_changes_before_it_is_read_again_arrives_as_it_is_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disturb() -> None:
        write(desk.folder, "file", content=b"newer")
        (desk.folder / "gone").unlink(missing_ok=True)

    monkeypatch.setattr("mylist_dav.client.folders.sending.KEPT_BYTES_MAX", 0)
    first = os.urandom(10)
    write(desk.folder, "file", "twin", content=first)
    write(desk.folder, "gone", content=os.urandom(10))
    done = desk.push(restless(disturb))
    assert (done.left_out, set(desk.there())) == ({}, {"file", "twin"})
    assert (desk.content("file"), desk.content("twin")) == (b"newer", first)


def test_a_file_that_never_rests_is_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.client.folders.sending.KEPT_BYTES_MAX", 0)
    write(desk.folder, "log", content=os.urandom(10))
    write(desk.folder, "file")
    done = desk.push(restless(lambda: write(desk.folder, "log", content=os.urandom(10))))
    assert done.left_out == {"log": "it kept changing while it was sent"}
    assert set(desk.there()) == {"file"}


def test_small_files_are_sent_as_they_were_hashed_without_reading_them_again(desk: Desk) -> None:
    write(desk.folder, "file", content=b"first")
    done = desk.push(restless(lambda: write(desk.folder, "file", content=b"other")))
    assert (done.left_out, desk.content("file")) == ({}, b"first")
    desk.push()
    assert desk.content("file") == b"other"


def test_several_threads_read_what_has_to_be_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.client.folders.sending._ALONE_BYTES", -1)
    plant(desk.folder)
    write(desk.folder, *(f"more/{number}" for number in range(200)))
    done = desk.push()
    assert (done.left_out, len(desk.there())) == ({}, done.entries)
    assert desk.content("long") == (desk.folder / "long").read_bytes()


def test_what_goes_to_another_machine_travels_packed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.client.link.is_loopback", lambda server: False)
    plant(desk.folder)
    done = desk.push()
    assert (done.left_out, len(desk.there())) == ({}, done.entries)
    assert desk.content("long") == (desk.folder / "long").read_bytes()


def test_a_remembered_tree_that_is_damaged_is_asked_for(desk: Desk) -> None:
    plant(desk.folder)
    first = desk.push()
    kept = next((desk.cache / "trees").iterdir())
    kept.write_bytes(kept.read_bytes()[:-1])
    again = desk.push()
    assert (again.jid, bool(again.plan)) == (first.jid, False)


def test_memory_for_files_is_bounded_and_given_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.client.folders.sending.KEPT_BYTES_MAX", 1000)
    for number in range(20):
        write(desk.folder, f"file-{number}", content=os.urandom(300))
    write(desk.folder, "twin-1", "twin-2", content=os.urandom(300))
    rooms: list[Room] = []

    class Counted(Room):
        def __init__(self, size_bytes: int) -> None:
            super().__init__(size_bytes)
            rooms.append(self)

    monkeypatch.setattr("mylist_dav.client.folders.sending.Room", Counted)
    desk.push()
    assert len(desk.there()) == 22
    assert (rooms[0].take(1001), rooms[0].take(1000), rooms[0].take(1)) == (False, True, False)


class Asking(Calls):
    """Notes how many ids each question has."""

    asked: list[int]

    def missing(self, ids: list[str]) -> set[str]:
        self.asked.append(len(ids))
        return super().missing(ids)


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> type[Asking]:
    """Questions about two blocks at first, and about any."""
    monkeypatch.setattr("mylist_dav.client.folders.sending._ASK_FIRST", 2)
    monkeypatch.setattr("mylist_dav.client.folders.sending.UNASKED_BYTES", 0)
    monkeypatch.setattr(Asking, "asked", [], raising=False)
    return Asking


def test_the_first_question_is_short_and_later_ones_are_longer(
    desk: Desk, asking: type[Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.client.folders.sending._TRUSTED_BYTES_MAX", 0)
    for number in range(20):
        write(desk.folder, f"file-{number}", content=os.urandom(300))
    desk.push(asking)
    assert sorted(asking.asked[:3]) == [2, 4, 8]
    assert (sum(asking.asked), len(desk.there())) == (20, 20)


def test_a_server_that_has_none_of_what_it_is_asked_for_is_not_asked_for_each_small_block(
    desk: Desk, asking: type[Asking]
) -> None:
    for number in range(60):
        write(desk.folder, f"file-{number:02}", content=os.urandom(300))
    pushed = desk.push(asking)
    assert 2 <= sum(asking.asked) < 60
    assert (pushed.sent_blocks, len(desk.there())) == (60, 60)
    assert all(desk.content(f"file-{n:02}") == (desk.folder / f"file-{n:02}").read_bytes() for n in range(60))


def test_a_server_that_has_some_of_it_is_asked_for_all(desk: Desk, asking: type[Asking]) -> None:
    for number in range(60):
        write(desk.folder, f"file-{number:02}", content=os.urandom(300))
    desk.push()
    desk.flist = FlistName("admin", f"{desk.flist.name}-again")
    shutil.rmtree(desk.cache)
    pushed = desk.push(asking)
    assert (sum(asking.asked), pushed.sent_blocks, len(desk.there())) == (60, 0, 60)


def test_what_is_little_is_sent_without_asking(desk: Desk) -> None:
    write(desk.folder, "file", content=b"little")
    first = desk.push()
    write(desk.folder, "file", content=b"more")
    changed = desk.push()
    assert (first.round_trips, changed.round_trips) == (4, 3)


def test_blocks_that_the_server_no_longer_has_are_sent_after_all(desk: Desk) -> None:
    class Forgetful(Calls):
        def missing(self, ids: list[str]) -> set[str]:
            return set()  # as if all were there, and collected before the commit

    write(desk.folder, "file", content=os.urandom(10))
    write(desk.folder, "long", content=os.urandom(2_500_000))
    done = desk.push(Forgetful)
    assert done.sent_bytes == 2_500_010
    assert desk.content("long") == (desk.folder / "long").read_bytes()


# -- files that are remembered ---------------------------------------------------------------------------------


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need not be two seconds old to be remembered."""
    monkeypatch.setattr("mylist_dav.client.folders.caches.GRAIN_NS", 0)


def no_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_steadily(near: object, path: str, seen: object) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("mylist_dav.client.folders.sending.read_steadily", read_steadily)


@pytest.mark.usefixtures("settled")
def test_an_unchanged_push_reads_no_file_and_writes_nothing_down(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(desk.folder)
    first = desk.push()
    written = {path: path.stat().st_ino for path in desk.cache.rglob("*") if path.is_file()}
    no_file_is_read(monkeypatch)
    again = desk.push(delete=True)
    assert (again.plan.counts, again.jid, again.entries) == ((0, 0, 0), first.jid, first.entries)
    assert again.size_bytes == first.size_bytes
    assert {path: path.stat().st_ino for path in desk.cache.rglob("*") if path.is_file()} == written
    assert len(written) == 2


@pytest.mark.usefixtures("settled")
def test_of_changed_files_those_alone_are_read_and_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(desk.folder)
    desk.push()
    write(desk.folder, "a/twin", content=b"other")
    (desk.folder / "empty").chmod(0o751)
    (desk.folder / "long").unlink()
    read: list[str] = []
    real = read_steadily

    def noting(near: Near, path: str, seen: Stamp | None) -> Read:
        read.append(path)
        return real(near, path, seen)

    monkeypatch.setattr("mylist_dav.client.folders.sending.read_steadily", noting)
    done = desk.push(delete=True)
    assert sorted(read) == ["a/twin", "empty"]
    assert (done.sent_bytes, done.plan.counts) == (5, (0, 2, 1))
    there = desk.there()
    assert ("long" not in there, there["empty"].mode, desk.content("a/twin")) == (True, 0o751, b"other")


@pytest.mark.usefixtures("settled")
def test_remembered_files_that_the_server_lacks_are_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(desk.folder)
    desk.push(dry_run=True)
    no_file_is_read(monkeypatch)
    assert desk.push().sent_bytes == 3_000_005
    assert desk.content("long") == (desk.folder / "long").read_bytes()


@pytest.mark.usefixtures("settled")
def test_remembered_files_that_change_or_go_before_they_are_sent_arrive_as_they_are_then(desk: Desk) -> None:
    def disturb() -> None:
        write(desk.folder, "file", content=b"newer")
        (desk.folder / "gone").unlink(missing_ok=True)

    write(desk.folder, "file", content=os.urandom(10))
    write(desk.folder, "gone", content=os.urandom(10))
    desk.push(dry_run=True)
    done = desk.push(restless(disturb))
    assert (done.left_out, set(desk.there()), desk.content("file")) == ({}, {"file"}, b"newer")


@pytest.mark.usefixtures("settled")
def test_a_remembered_long_file_is_put_back_without_sending_it(desk: Desk) -> None:
    class Forgotten(Calls):
        def commit(
            self, base_jid: int, operations: list[dict[str, Any]], note: str
        ) -> Committed | Missing | Lost:
            if operations not in asked:
                asked.append(operations)
                return Missing(frozenset(each["id"] for each in operations[0]["blocks"]))
            return super().commit(base_jid, operations, note)

    asked: list[list[dict[str, Any]]] = []
    write(desk.folder, "one", "two", content=of_several_blocks(3_000_000))
    first = desk.push()
    removed = [{"op": "delete", "path": "two"}]
    calls = desk.calls()
    assert first.jid is not None
    calls.commit(first.jid, removed, "")
    again = desk.push()
    assert (again.sent_bytes, desk.content("two")) == (0, desk.content("one"))
    assert again.jid is not None
    calls.commit(again.jid, removed, "")
    calls.close()
    assert desk.push(Forgotten).sent_bytes == 3_000_000  # as if its blocks had been collected meanwhile
    assert desk.content("two") == desk.content("one")


# -- the command -----------------------------------------------------------------------------------------------


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    """Of somebody who is logged in as admin."""
    config = tmp_path / "config"
    Tokens(config / "mylist").keep(served.url, Login(served.token, "admin", "admin", "2099-01-01T00:00:00Z"))
    return {"XDG_CONFIG_HOME": str(config), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}


def test_the_command_says_what_it_has_done(desk: Desk, environ: dict[str, str]) -> None:
    write(desk.folder, "file", content=os.urandom(9))
    name, folder = str(desk.flist), str(desk.folder)
    first = run_mylist("push", folder, name, environ=environ)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        f"{name} is new",
        f"{name} is at revision 2: 1 added, 0 changed, 0 removed; 9 B of 9 B sent",
        f"  {desk.served.dav(name)}/",
    ]
    again = run_mylist("push", folder, name, environ=environ)
    assert again.stdout.splitlines()[0] == f"{name} is as it was, at revision 2: 1 entries"
    os.mkfifo(desk.folder / "pipe")
    write(desk.folder, "new\nline")
    dry = run_mylist("push", folder, name, "--dry-run", environ=environ)
    assert (dry.returncode, dry.stdout, dry.stderr) == (
        9,
        "+ 'new\\nline'\n",
        "left out: pipe: it is a FIFO\n",
    )
    told = run_mylist("push", folder, name, "--json", environ=environ)
    found = json.loads(told.stdout)
    assert (found["revision"], found["added"], found["left_out"]) == (
        3,
        1,
        [{"path": "pipe", "reason": "it is a FIFO"}],
    )
    assert run_mylist("push", folder, name, "--quiet", "--exclude", "pipe", environ=environ).stdout == ""
    assert run_mylist("push", str(desk.folder / "no"), name, environ=environ).returncode == 4


def test_a_token_that_holds_no_longer_says_what_to_do(
    desk: Desk, environ: dict[str, str], tmp_path: Path
) -> None:
    login = Login("0" * 43, "admin", "admin", "2099-01-01T00:00:00Z")
    Tokens(tmp_path / "config" / "mylist").keep(desk.served.url, login)
    refused = run_mylist("push", str(desk.folder), str(desk.flist), environ=environ)
    assert refused.returncode == 3
    assert f"mylist login --server {desk.served.url}" in refused.stderr


def test_a_push_can_be_shown_at_once(desk: Desk) -> None:
    with desk.served.client() as client:
        require(client.post("/rpc", json={}).status_code != 404, "this server has no /rpc")
    write(desk.folder, "index.html", content=b"<p>hello</p>")
    done = desk.push(expose=f"/{desk.folder.parent.name}/")
    assert done.exposures == (f"{desk.served.url}/{desk.folder.parent.name}/",)
    with desk.served.client() as client:
        assert client.get(done.exposures[0]).content == b"<p>hello</p>"
    again = desk.push(expose=f"/{desk.folder.parent.name}")
    assert (again.exposures, again.round_trips) == (done.exposures, 1)


@pytest.mark.parametrize("files", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_large_tree_pushed_again_is_one_request_and_a_second(
    desk: Desk, environ: dict[str, str], files: int
) -> None:
    for number in range(files):
        write(desk.folder, f"{number // 100}/{number}", content=b"file %d of %d" % (number, files))
    command = ("push", str(desk.folder), str(desk.flist), "--json")
    first = json.loads(run_mylist(*command, environ=environ).stdout)
    assert (first["added"], first["sent_blocks"]) == (files * 101 // 100, files)
    run_mylist(*command, environ=environ)  # reads again what was younger than the grain of the clock
    began = time.monotonic()
    again = json.loads(run_mylist(*command, environ=environ).stdout)
    seconds = time.monotonic() - began
    assert (again["added"], again["changed"], again["sent_blocks"]) == (0, 0, 0)
    assert again["round_trips"] == 1
    for number in range(10):
        write(desk.folder, f"7/{700 + number}", content=b"changed %d of %d" % (number, files))
    changed = json.loads(run_mylist(*command, environ=environ).stdout)
    assert (changed["changed"], changed["sent_blocks"]) == (10, 10)
    assert seconds < 5  # one second on an idle machine, which this may not be; the bench measures it
