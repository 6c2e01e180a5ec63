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


def run(folder: Path, url: str, account: str, token: str, commands: tuple[str, ...]) -> str:
    """Run cadaver in a folder, with these lines; returns all that it printed."""
    program = require_program("cadaver")
    secrets = folder / ".netrc"
    secrets.write_text(f"machine 127.0.0.1 login {account} password {token}\n")
    secrets.chmod(0o600)
    done = subprocess.run(
        [program, url],
        input="\n".join([*commands, "quit", ""]),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def cadaver(served: Served, flist: str, tmp_path: Path) -> Cadaver:
    """cadaver(command, ...) runs these lines in the flist, in tmp_path; returns all that it printed."""

    def told(*commands: str) -> str:
        printed = run(tmp_path, served.dav(f"{flist}/"), "admin", served.token, commands)
        assert "failed" not in printed, printed
        return printed

    return told


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


# -- who may do what -------------------------------------------------------------------------------------------


def test_a_token_for_reading_reads_and_is_told_that_it_does_not_write(
    served: Served, flist: str, tmp_path: Path
) -> None:
    with served.client() as client:
        client.put(f"/dav/{flist}/a.txt", content=b"words")
    (tmp_path / "b.txt").write_bytes(b"x")
    token = served.mylist("token", "new", "admin", "--flist", flist, "--read-only").splitlines()[-1]
    printed = run(
        tmp_path,
        served.dav(f"{flist}/"),
        "admin",
        token,
        ("ls", "get a.txt", "put b.txt", "delete a.txt", "lock a.txt"),
    )
    assert (tmp_path / "a.txt").read_bytes() == b"words"
    assert printed.count("403 Forbidden") == 3
    assert served.mylist("ls", flist).split()[-1] == "a.txt"


@pytest.mark.parametrize(
    ("account", "token"), [("nobody", None), ("admin", "mylist_" + "A" * 43), ("admin", "no-token")]
)
def test_who_has_no_token_of_the_account_does_not_log_in(
    served: Served, flist: str, tmp_path: Path, account: str, token: str | None
) -> None:
    printed = run(tmp_path, served.dav(f"{flist}/"), account, token or served.token, ("ls",))
    assert "Authentication failed" in printed or "Could not authenticate" in printed


def test_a_private_flist_is_not_there_for_others(served: Served, flist: str, tmp_path: Path) -> None:
    account = "c" + flist.rpartition("/")[2][-30:].replace("-", "")
    served.mylist("account", "add", account)
    token = served.mylist("token", "new", account).splitlines()[-1]
    told = []
    for private in ("no", "yes"):
        served.mylist("private", flist, private)
        told.append(run(tmp_path, served.dav(f"{flist}/"), account, token, ("ls",)))
    unknown = run(tmp_path, served.dav("admin/unknown-here/"), account, token, ("ls",))
    assert "404 Not Found" not in told[0] and "404 Not Found" in told[1]
    assert told[1].replace(flist, "X") == unknown.replace("admin/unknown-here", "X")
