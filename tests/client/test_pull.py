"""Pulls from a real server into folders: what arrives, what stays, what is fetched, and what is not believed."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mylist_dav.client.answers import Fields
from mylist_dav.client.calls import Calls, _listed
from mylist_dav.client.folders.nodes import FILE, Block, Node, Tree
from mylist_dav.client.folders.pulling import Pull, Pulled
from mylist_dav.client.folders.pushing import Wishes
from mylist_dav.client.logins.known import Login, Tokens
from mylist_dav.errors import BadName, Conflict, Corrupt, MylistError, NotFound
from tests.client.desks import Desk, of_several_blocks, plant, write
from tests.serving import Served, run_mylist, serving

T = TypeVar("T")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of two processes."""
    with serving(tmp_path_factory.mktemp("pull") / "data", workers=2) as server:
        yield server


@pytest.fixture
def desk(served: Served, tmp_path: Path) -> Desk:
    return Desk(served, tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where it is pulled to; not made yet."""
    return tmp_path / "target"


def pull(desk: Desk, target: Path, kind: type[Calls] | None = None, **wishes: Any) -> Pulled:
    calls = desk.calls(kind)
    try:
        return Pull(target, calls, desk.cache, Wishes(**wishes)).run()
    finally:
        calls.close()


def seen(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is kept of a tree."""
    found = {}
    for path in sorted(folder.rglob("*")):
        of = path.lstat()
        content = (
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b"a folder"
        )
        mode = 0 if path.is_symlink() else stat.S_IMODE(of.st_mode)
        found[path.relative_to(folder).as_posix()] = (content, mode, of.st_mtime_ns)
    return found


def test_a_folder_comes_back_as_it_was_pushed(desk: Desk, target: Path) -> None:
    plant(desk.folder)
    desk.push()
    done = pull(desk, target)
    assert seen(target) == seen(desk.folder)
    assert (done.jid, done.plan.counts, done.received_bytes) == (2, (8, 0, 0), 3_000_005)
    again = pull(desk, target)
    assert (again.plan.counts, again.round_trips) == ((0, 0, 0), 1)
    assert desk.push().plan.counts == (0, 0, 0)


def test_only_what_is_missing_is_fetched(desk: Desk, target: Path) -> None:
    plant(desk.folder)
    desk.push()
    pull(desk, target)
    long = bytearray((desk.folder / "long").read_bytes())
    (desk.folder / "moved").write_bytes(long)
    long[-1] ^= 1
    write(desk.folder, "long", content=bytes(long))
    write(desk.folder, "a/new", content=b"new")
    (desk.folder / "a" / "link").unlink()
    (desk.folder / "a" / "link").symlink_to("elsewhere")
    (desk.folder / "a" / "twin").chmod(0o640)
    desk.push()
    done = pull(desk, target)
    assert seen(target) == seen(desk.folder)
    assert done.received_blocks == 2  # the end of one file, and another one
    assert done.received_bytes < 3_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_many_copies_of_a_long_file_need_few_descriptors_and_are_fetched_once(
    desk: Desk, target: Path
) -> None:
    content = os.urandom(1_100_000)
    for number in range(50):
        write(desk.folder, f"d{number}", content=content)
    desk.push()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 60, before[1]))
    try:
        found = pull(desk, target)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (found.left_out, found.received_bytes) == ({}, len(content))
    assert seen(target) == seen(desk.folder)


def test_what_was_renamed_is_not_fetched_again(desk: Desk, target: Path) -> None:
    plant(desk.folder)
    desk.push()
    pull(desk, target)
    (desk.folder / "long").rename(desk.folder / "longer")
    desk.push(delete=True)
    done = pull(desk, target, delete=True)
    assert (seen(target), done.received_blocks) == (seen(desk.folder), 0)


def test_what_is_here_alone_stays_unless_it_is_to_go(desk: Desk, target: Path) -> None:
    write(desk.folder, "file")
    desk.push()
    write(target, "mine/file", "file", "kept.o", content=b"mine")
    (target / ".mylistignore").write_text("*.o\n/.mylistignore\n")
    pull(desk, target)
    assert set(seen(target)) == {".mylistignore", "file", "kept.o", "mine", "mine/file"}
    assert (target / "file").read_bytes() == b"x"
    pull(desk, target, delete=True)
    assert set(seen(target)) == {".mylistignore", "file", "kept.o"}


def test_an_earlier_revision_can_be_had(desk: Desk, target: Path) -> None:
    write(desk.folder, "file", content=b"one")
    desk.push()
    write(desk.folder, "file", content=b"two")
    write(desk.folder, "more")
    desk.push()
    assert pull(desk, target, at_jid=2).jid == 2
    assert {path: found[0] for path, found in seen(target).items()} == {"file": b"one"}
    pull(desk, target)
    assert (target / "file").read_bytes() == b"two"
    with pytest.raises(NotFound):
        pull(desk, target, at_jid=99)


def test_a_dry_run_makes_nothing(desk: Desk, target: Path) -> None:
    write(desk.folder, "file")
    desk.push()
    assert (pull(desk, target, dry_run=True).plan.counts, target.exists()) == ((1, 0, 0), False)
    target.mkdir()
    assert (pull(desk, target, dry_run=True).plan.counts, seen(target)) == ((1, 0, 0), {})


def test_kinds_change(desk: Desk, target: Path, tmp_path: Path) -> None:
    write(desk.folder, "file", "folder/member", "link/member")
    desk.push()
    write(tmp_path, "outside/member", content=b"safe")
    write(target, "folder", "file/mine")
    (target / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Conflict, match="file"):
        pull(desk, target)
    pull(desk, target, delete=True)
    assert seen(target) == seen(desk.folder)
    assert (tmp_path / "outside" / "member").read_bytes() == b"safe"


def test_what_cannot_be_written_is_named_and_the_rest_arrives(desk: Desk, target: Path) -> None:
    write(desk.folder, "pipe", "file")
    desk.push()
    target.mkdir()
    os.mkfifo(target / "pipe")
    done = pull(desk, target, delete=True)
    assert done.left_out == {"pipe": "it is a FIFO"}
    assert (target / "file").read_bytes() == b"x"
    assert stat.S_ISFIFO((target / "pipe").lstat().st_mode)


def test_there_must_be_such_a_flist(desk: Desk, target: Path) -> None:
    with pytest.raises(NotFound, match="there is no flist"):
        pull(desk, target)
    assert not target.exists()


# -- what is not believed --------------------------------------------------------------------------------------


def answering(change: Callable[[bytes], bytes]) -> type[Calls]:
    """Calls, to which a server sends other blocks than it should."""

    class Lying(Calls):
        def download(self, ids: list[str], read: Callable[[Iterator[bytes]], T]) -> T:
            return super().download(ids, lambda pieces: read(iter([change(b"".join(pieces))])))

    return Lying


@pytest.mark.parametrize("size_bytes", [100, 2_500_000])
def test_bytes_that_are_not_what_they_are_called_are_not_written(
    desk: Desk, target: Path, size_bytes: int
) -> None:
    content = b"GOOD" + os.urandom(size_bytes)
    write(desk.folder, "file", content=content)
    desk.push()
    write(target, "file", content=b"mine")
    with pytest.raises(Corrupt):
        pull(desk, target, answering(lambda data: data.replace(b"GOOD", b"EVIL")))
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"file": b"mine"}
    pull(desk, target)
    assert (target / "file").read_bytes() == content


def test_blocks_that_do_not_make_up_the_content_are_not_written(desk: Desk, target: Path) -> None:
    class Lying(Calls):
        def recipes(self, digests: list[str]) -> dict[str, tuple[Block, ...]]:
            return {digest: tuple(reversed(blocks)) for digest, blocks in super().recipes(digests).items()}

    write(desk.folder, "file", content=of_several_blocks(3_000_000))
    desk.push()
    with pytest.raises(Corrupt, match="do not make up"):
        pull(desk, target, Lying)
    assert list(target.iterdir()) == []


def test_recipes_that_did_not_fit_are_asked_for_once_more(desk: Desk, target: Path) -> None:
    class Little(Calls):
        def _json(self, method: str, path: str, asked: Any = None, **options: Any) -> dict[str, Any]:
            left = []
            if path.endswith("/recipes"):
                left = asked["digests"][1:]
                asked = {"digests": asked["digests"][:1]}
            found = super()._json(method, path, asked, **options)
            return found | {"left": left} if left else found

    contents = {f"file{n}": os.urandom(1_500_000) for n in range(3)}
    for name, content in contents.items():
        write(desk.folder, name, content=content)
    desk.push()
    pull(desk, target, Little)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == contents


@pytest.mark.parametrize("path", ["../file", "a/../../file", "/etc/file", "a//b", ".", "a/./b"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    entry = {"path": path, "kind": "directory", "mode": 0o755, "mtime_ns": 0}
    with pytest.raises((BadName, MylistError)):
        _listed(Fields(entry, "it"))


def test_a_tree_with_something_in_a_link_is_refused(desk: Desk, target: Path, tmp_path: Path) -> None:
    class Lying(Calls):
        def tree(self, jid: int) -> Tree:
            link = Node("symlink", target=str(tmp_path))
            return {**super().tree(jid), "way": link, "way/file": Node(FILE, 0, 0o644, 1, "ab" * 32)}

    write(desk.folder, "file")
    desk.push()
    desk.cache = None  # type: ignore[assignment]
    with pytest.raises(Conflict, match="lies in no folder"):
        pull(desk, target, Lying)


def test_the_command_says_what_it_has_done(desk: Desk, target: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    login = Login(desk.served.token, "admin", "admin", "2099-01-01T00:00:00Z")
    Tokens(config / "mylist").keep(desk.served.url, login)
    environ = {"XDG_CONFIG_HOME": str(config), "XDG_CACHE_HOME": str(tmp_path / "c"), "HOME": str(tmp_path)}
    write(desk.folder, "a/file", "b")
    desk.push()
    name = str(desk.flist)
    first = run_mylist("pull", name, str(target), environ=environ)
    assert (first.returncode, first.stderr) == (0, "")
    assert (
        first.stdout
        == f"{target} has revision 2 of {name}: 3 added, 0 changed, 0 removed; 1 B of 2 B fetched\n"
    )
    again = run_mylist("pull", name, str(target), environ=environ)
    assert again.stdout == f"{target} is as {name} is at revision 2: nothing changed\n"
    (target / "b").write_text("mine")
    write(target, "c")
    dry = run_mylist("pull", name, str(target), "-n", "--delete", environ=environ)
    assert dry.stdout.splitlines() == ["- c", "~ b"]
    told = json.loads(run_mylist("pull", name, str(target), "--json", environ=environ).stdout)
    assert (told["revision"], told["changed"], told["left_out"]) == (2, 1, [])
