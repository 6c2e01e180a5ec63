"""cadaver: a command line that shows what neon makes of the answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import require_program
from tests.serving import Served

pytestmark = pytest.mark.clients

Cadaver = Callable[..., str]


@pytest.fixture
def cadaver(served: Served, flist: str, tmp_path: Path) -> Cadaver:
    """cadaver(command, ...) runs these lines in the flist, in tmp_path; returns all that it printed."""
    program = require_program("cadaver")
    secrets = tmp_path / ".netrc"
    secrets.write_text(f"machine 127.0.0.1 login admin password {served.token}\n")
    secrets.chmod(0o600)

    def run(*commands: str) -> str:
        done = subprocess.run(
            [program, served.dav(f"{flist}/")],
            input="\n".join([*commands, "quit", ""]),
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
            check=True,
        )
        assert "failed" not in done.stdout, done.stdout + done.stderr
        return done.stdout

    return run


def test_files_are_put_listed_copied_moved_got_and_deleted(cadaver: Cadaver, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_bytes(b"there and back")
    cadaver(
        "mkcol folder",
        "put there.txt folder/a.txt",
        "copy folder copied",
        'move copied/a.txt "copied/b c.txt"',
        'get "copied/b c.txt" back.txt',
        "delete folder/a.txt",
        "rmcol folder",
    )
    assert (tmp_path / "back.txt").read_bytes() == b"there and back"
    listed = cadaver("ls", "ls copied")
    assert "folder" not in listed
    assert "b c.txt" in listed


def test_properties_are_set_named_and_read(cadaver: Cadaver, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    cadaver("put a.txt", "propset a.txt color blue", "chexec + a.txt")
    told = cadaver("propnames a.txt", "propget a.txt color", "ls")
    assert "getetag" in told
    assert "blue" in told
    assert "*a.txt" in told  # executable


def test_locks_are_taken_discovered_and_released(cadaver: Cadaver, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    told = cadaver("put a.txt", "lock a.txt", "discover a.txt", "put a.txt", "unlock a.txt", "put a.txt")
    assert "exclusive" in told
