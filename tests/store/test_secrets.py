"""A secret in a file of its own: whole or not there, whatever fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mylist_dav.errors import Corrupt, MylistError, OutOfSpace
from mylist_dav.store.secrets import SECRET_BYTES_MAX, SecretFile
from tests.store.disks import FailingDisk


def test_a_file_is_made_once_and_replaced_when_told(tmp_path: Path) -> None:
    file = SecretFile(tmp_path, "secret")
    assert (file.stamp(), file.read()) == (None, None)
    assert file.create(b"one")
    first = file.stamp()
    assert not file.create(b"two")
    assert (file.read(), file.stamp()) == (b"one", first)
    file.replace(b"three")
    assert file.read() == b"three"
    assert file.stamp() != first
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("secret", 0o600)]


@pytest.mark.parametrize("replace", [False, True])
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new(tmp_path: Path, replace: bool) -> None:
    calls = 0
    while True:
        calls += 1
        root = tmp_path / str(calls)
        root.mkdir()
        if replace:
            SecretFile(root, "secret").create(b"old")
        disk = FailingDisk(calls)
        file = SecretFile(root, "secret", disk)
        try:
            file.replace(b"new") if replace else file.create(b"new")
        except MylistError:
            assert SecretFile(root, "secret").read() in ((b"old", b"new") if replace else (None, b"new"))
            assert [path.name for path in root.iterdir() if path.name != "secret"] == []
        else:
            break
    assert calls == (6 if replace else 7)
    assert SecretFile(root, "secret").read() == b"new"


def test_a_full_disk_is_said_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace) as caught:
        SecretFile(tmp_path, "secret", FailingDisk(2, errno.ENOSPC)).create(b"x")
    assert str(tmp_path) not in str(caught.value)


def test_what_is_no_plain_file_or_far_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(SECRET_BYTES_MAX + 1))
    (tmp_path / "link").symlink_to("large")
    (tmp_path / "folder").mkdir()
    for name, error in (("large", Corrupt), ("link", MylistError), ("folder", Corrupt)):
        with pytest.raises(error):
            SecretFile(tmp_path, name).read()
