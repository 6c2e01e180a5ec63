"""Bodies that wait for their job: durable, bounded, and gone when nobody needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mylist_dav.errors import NotFound, OutOfSpace, TooLarge
from mylist_dav.store.bodies import Bodies
from mylist_dav.store.disk import Disk


@pytest.fixture
def bodies(tmp_path: Path) -> Bodies:
    return Bodies(tmp_path / "jobs", Disk(), size_bytes_max=10, together_bytes_max=15)


def names(bodies: Bodies) -> list[str]:
    return sorted(path.name for path in bodies.folder.iterdir())


def test_what_is_kept_can_be_read_until_it_is_removed(bodies: Bodies) -> None:
    with bodies.new("a") as body:
        body.write(b"one")
        body.write(b"two")
        body.sync()
        body.keep()
    with bodies.open("a") as file:
        assert file.read() == b"onetwo"
    bodies.remove("a")
    bodies.remove("a")
    with pytest.raises(NotFound):
        bodies.open("a")


class _NotingDisk(Disk):
    """synced: the folders whose names were made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[Path] = []

    def sync_folder(self, path: Path | str) -> None:
        super().sync_folder(path)
        self.synced.append(Path(path))


def test_the_first_body_makes_its_folder_durable_too(tmp_path: Path) -> None:
    disk = _NotingDisk()
    bodies = Bodies(tmp_path / "data" / "jobs", disk, size_bytes_max=10, together_bytes_max=15)
    for name in "ab":
        with bodies.new(name) as body:
            body.sync()
    assert disk.synced == [bodies.folder, bodies.folder.parent, bodies.folder]


def test_what_is_not_kept_is_gone_when_it_is_closed(bodies: Bodies) -> None:
    with bodies.new("a") as body:
        body.write(b"one")
        assert names(bodies) == ["a"]
    assert names(bodies) == []


def test_a_body_is_bounded_and_so_are_all_together(bodies: Bodies) -> None:
    with bodies.new("a") as first, bodies.new("b") as second:
        first.write(b"0123456789")
        with pytest.raises(TooLarge):
            first.write(b"0")
        second.write(b"01234")
        with pytest.raises(OutOfSpace):
            bodies.new("c")
    with bodies.new("c") as third:
        third.write(b"0")


def test_what_nobody_writes_and_nobody_needs_is_removed(bodies: Bodies) -> None:
    with bodies.new("kept") as kept, bodies.new("written") as written:
        kept.write(b"1")
        kept.keep()
        kept.close()
        written.write(b"2")
        (bodies.folder / "left").write_bytes(b"3")
        assert bodies.remove_unused(lambda name: name == "kept") == 1
        assert names(bodies) == ["kept", "written"]


def test_a_body_is_readable_by_its_owner_alone(bodies: Bodies) -> None:
    with bodies.new("a"):
        assert (bodies.folder / "a").stat().st_mode & 0o777 == 0o600
        assert bodies.folder.stat().st_mode & 0o777 == 0o700
