"""Owners: a name that lives as long as its process, whatever way that ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.owners import Owners

PROGRAM = """
import sys
from pathlib import Path
from mylist_dav.store.disk import Disk
from mylist_dav.store.processes.owners import Owners
owners = Owners(Path(sys.argv[1]), Disk())
sys.stdout.write(owners.own_name() + "\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture
def owners(tmp_path: Path) -> Iterator[Owners]:
    made = Owners(tmp_path / "run" / "owners", Disk())
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process, and its name."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run" / "owners")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_the_own_name_lives_until_it_is_given_up(owners: Owners) -> None:
    name = owners.own_name()
    assert owners.own_name() == name
    assert owners.lives(name)
    owners.close()
    assert not owners.lives(name)
    assert owners.own_name() != name


def test_a_process_lives_for_others_until_it_is_killed(
    owners: Owners, other: tuple[subprocess.Popen[str], str]
) -> None:
    process, name = other
    assert owners.lives(name)
    assert owners.remove_dead() == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not owners.lives(name)
    assert owners.remove_dead() == 1
    assert not owners.lives(name)


def test_a_process_whose_name_was_cleaned_away_lives_again_as_soon_as_it_looks(
    tmp_path: Path, owners: Owners
) -> None:
    name, others = owners.own_name(), Owners(tmp_path / "run" / "owners", Disk())
    shutil.rmtree(tmp_path / "run")
    assert not others.lives(name)
    assert owners.own_name() == name
    assert others.lives(name)


@pytest.mark.parametrize("name", ["", "0" * 32, "../../catalog.sqlite", "x/y", "é" * 32])
def test_what_is_no_name_of_a_process_does_not_live(owners: Owners, name: str) -> None:
    assert not owners.lives(name)
