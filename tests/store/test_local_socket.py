"""Sockets in the file system: for whom, whose, and what becomes of those that a crash has left."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.client.rpc import LOCAL_SOCKET
from mylist_dav.errors import Exists, MylistError
from mylist_dav.store.processes.local_socket import (
    FOLDER,
    LOCK,
    SOCKET,
    FileSocket,
    LocalSocket,
    socket_address,
)

BACKLOG = 8


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)


def answers(path: Path) -> bool:
    with socket_address(path) as address, socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(address)
        except OSError:
            return False
        return True


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Of a socket, short enough to be bound as it is."""
    kept = Path.cwd()
    os.chdir(tmp_path)
    yield Path("rpc.sock")
    os.chdir(kept)


def test_folder_and_socket_are_for_their_owner_alone_and_the_lock_says_whose(tmp_path: Path) -> None:
    with LocalSocket(tmp_path, BACKLOG):
        folder = tmp_path / FOLDER
        assert (mode(folder), mode(folder / SOCKET), mode(folder / LOCK)) == (0o700, 0o600, 0o600)
        assert (folder / LOCK).read_text() == f"{os.getpid()}\n"
        assert answers(folder / SOCKET)


def test_clients_look_for_it_where_it_is(tmp_path: Path) -> None:
    assert Path(LOCAL_SOCKET) == Path(FOLDER, SOCKET)


def test_a_folder_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(mode=0o755)
    (tmp_path / FOLDER).chmod(0o755)
    with LocalSocket(tmp_path, BACKLOG):
        assert mode(tmp_path / FOLDER) == 0o700


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to("elsewhere")
    with pytest.raises(MylistError, match="folder run"):
        LocalSocket(tmp_path, BACKLOG)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with LocalSocket(tmp_path, BACKLOG):
        with pytest.raises(Exists, match=f"process {os.getpid()} "):
            LocalSocket(tmp_path, BACKLOG)
        assert answers(tmp_path / FOLDER / SOCKET), "the first still has it"
    with LocalSocket(tmp_path, BACKLOG):
        assert answers(tmp_path / FOLDER / SOCKET)


def test_at_its_end_the_socket_is_gone(tmp_path: Path) -> None:
    LocalSocket(tmp_path, BACKLOG).close()
    assert sorted(each.name for each in (tmp_path / FOLDER).iterdir()) == [LOCK]


def test_what_a_crash_has_left_is_replaced(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        LocalSocket(tmp_path, BACKLOG)
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / FOLDER / SOCKET).is_socket() and not answers(tmp_path / FOLDER / SOCKET)
    with LocalSocket(tmp_path, BACKLOG):
        assert answers(tmp_path / FOLDER / SOCKET)


def test_the_lock_holds_as_long_as_a_fork_of_its_owner_lives(tmp_path: Path) -> None:
    told, tell = os.pipe()
    owner = LocalSocket(tmp_path, BACKLOG)
    child = os.fork()
    if not child:
        os.close(tell)
        os.read(told, 1)
        os._exit(0)
    os.close(told)
    owner.close()
    with pytest.raises(Exists):
        LocalSocket(tmp_path, BACKLOG)
    os.close(tell)
    os.waitpid(child, 0)
    LocalSocket(tmp_path, BACKLOG).close()


def test_a_server_that_answers_is_not_replaced(path: Path) -> None:
    first = FileSocket(path, 0o660, BACKLOG)
    with pytest.raises(Exists, match=r"answers on the socket rpc\.sock already"):
        FileSocket(path, 0o660, BACKLOG)
    assert (mode(path), answers(path)) == (0o660, True)
    first.close()
    assert not path.exists()


def test_a_server_whose_queue_is_full_lives(path: Path) -> None:
    first = FileSocket(path, 0o660, 0)
    waiting = []
    for _ in range(20):
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].setblocking(False)
        try:
            waiting[-1].connect(str(path))
        except BlockingIOError:
            break
    with pytest.raises(Exists):
        FileSocket(path, 0o660, BACKLOG)
    for each in waiting:
        each.close()
    first.close()


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(Exists, match="no socket"):
        FileSocket(path, 0o660, BACKLOG)
    path.rename("precious")
    path.symlink_to("precious")
    with pytest.raises(Exists, match="no socket"):
        FileSocket(path, 0o660, BACKLOG)
    assert Path("precious").read_text() == "precious"


def test_closing_leaves_the_socket_of_somebody_else(path: Path) -> None:
    first = FileSocket(path, 0o660, BACKLOG)
    path.unlink()
    second = FileSocket(path, 0o660, BACKLOG)
    first.close()
    assert answers(path)
    second.close()


def test_a_folder_that_is_not_there_is_said_without_its_path(path: Path) -> None:
    with pytest.raises(
        MylistError, match=r"could not listen on the socket rpc\.sock: No such file"
    ) as raised:
        FileSocket(path.parent / "absent" / "rpc.sock", 0o660, BACKLOG)
    assert "absent" not in str(raised.value)


def test_a_path_longer_than_the_kernel_takes_works_too(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 40)
    root.mkdir()
    with LocalSocket(root, BACKLOG):
        assert answers(root / FOLDER / SOCKET)
    assert not (root / FOLDER / SOCKET).exists()
