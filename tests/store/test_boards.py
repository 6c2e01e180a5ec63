"""The board of figures: notes of the processes of one run, the living and the dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError
from mylist_dav.store.processes.boards import Board, is_alive


def dead_process() -> int:
    """The id of a process that has just ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def folder_of(root: Path) -> Path:
    folder = root / "run" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def leave(root: Path, run: str, process: int, note: bytes) -> Path:
    path = folder_of(root) / f"{run}.{process}"
    path.write_bytes(note)
    return path


def test_notes_of_one_run_are_read_and_others_are_not(tmp_path: Path) -> None:
    board = Board(tmp_path, "aa")
    board.post(b"mine")
    board.post(b"mine, newer")
    leave(tmp_path, "aa", 1, b"of a sibling")
    leave(tmp_path, "bb", 1, b"of another server")
    assert board.notes() == {1: b"of a sibling", os.getpid(): b"mine, newer"}
    board.leave()
    board.leave()
    assert board.notes() == {1: b"of a sibling"}


def test_the_note_of_a_dead_process_is_taken_over_by_one_only(tmp_path: Path) -> None:
    board = Board(tmp_path, "aa")
    folder_of(tmp_path)
    dead = dead_process()
    assert not is_alive(dead)
    leave(tmp_path, "aa", dead, b"left")
    leave(tmp_path, "aa", 1, b"alive")
    leave(tmp_path, "bb", dead, b"of another run")
    assert [board.take_over(), board.take_over()] == [b"left", None]
    assert board.notes() == {1: b"alive"}


def test_what_servers_that_are_gone_have_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    board = Board(tmp_path, "aa")
    folder_of(tmp_path)
    dead = dead_process()
    gone = [leave(tmp_path, "bb", dead, b"x"), leave(tmp_path, "bb", dead, b"x").with_suffix(f".{dead}.new")]
    gone[1].write_bytes(b"half")
    kept = [leave(tmp_path, "bb", 1, b"lives"), leave(tmp_path, "aa", dead, b"ours")]
    board.clear()
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_a_note_that_cannot_be_left_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"no folder")
    with pytest.raises(MylistError, match="could not leave figures"):
        Board(tmp_path, "aa").post(b"x")


def test_a_folder_that_is_not_there_is_an_empty_board(tmp_path: Path) -> None:
    board = Board(tmp_path, "aa")
    assert board.notes() == {}
    assert board.take_over() is None
    board.clear()
    board.leave()
