"""The stop sign of a data directory."""

from __future__ import annotations

import errno
import logging
import os
import timeit
from pathlib import Path

import pytest

from mylist_dav.errors import MylistError, WritesStopped
from mylist_dav.store.processes.stopping import StopSign


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "writes-stopped"


def test_a_new_sign_lets_everything_pass(path: Path) -> None:
    sign = StopSign(path)
    sign.check()
    assert (sign.is_set, sign.reason) == (False, "")


def test_a_data_directory_that_is_made_for_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    StopSign(tmp_path / "new" / "writes-stopped")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_set_sign_says_why_and_what_to_do(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sign = StopSign(path)
    sign.stop("sync failed: Input/output error")
    with pytest.raises(WritesStopped, match=r"Input/output error.*verify.*clear"):
        sign.check()
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


def test_it_is_seen_at_once_by_all_who_had_it_open_before(path: Path) -> None:
    one, other = StopSign(path), StopSign(path)
    one.stop("broken")
    assert (other.is_set, other.reason) == (True, "broken")
    other.clear()
    one.check()


def test_it_survives_a_restart(path: Path) -> None:
    sign = StopSign(path)
    sign.stop("broken")
    sign.close()
    assert StopSign(path).reason == "broken"


def test_the_first_reason_is_kept_and_a_long_one_is_cut(path: Path) -> None:
    sign = StopSign(path)
    sign.stop("x" * 10_000)
    sign.stop("second")
    assert sign.reason == "x" * 999


def test_after_clearing_it_can_be_set_again_for_another_reason(path: Path) -> None:
    sign = StopSign(path)
    sign.stop("a long first reason")
    sign.clear()
    sign.stop("short")
    assert sign.reason == "short"


def test_it_stops_this_process_even_when_the_disk_takes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = StopSign(path)

    def refuse(*args: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "pwrite", refuse)
    sign.stop("broken")
    with pytest.raises(WritesStopped):
        sign.check()
    with pytest.raises(WritesStopped):
        sign.clear()
    monkeypatch.undo()
    sign.clear()
    sign.check()


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MylistError, match="could not write to the data directory"):
        StopSign(tmp_path / "file" / "writes-stopped")


def test_looking_at_it_costs_no_system_call(path: Path) -> None:
    """Far below a microsecond; the bound leaves room for a busy machine."""
    sign = StopSign(path)
    assert min(timeit.repeat(sign.check, number=10_000, repeat=5)) / 10_000 < 1e-6
