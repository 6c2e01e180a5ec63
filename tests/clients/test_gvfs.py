"""gvfs: what Nautilus and other programs of GNOME mount with, in a session bus of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.programs import require, require_program
from tests.serving import Served

pytestmark = pytest.mark.clients

PHRASE = "correct horse battery"
BACKENDS = (Path("/usr/libexec/gvfsd-dav"), Path("/usr/lib/gvfs/gvfsd-dav"))
Session = Callable[[str, str, str, tuple[str, ...]], str]

SCRIPT = """set -e
printf '%s\\n' "$2" | gio mount "$1" > "$HOME/asked"
shift 2
for line; do eval "$line"; done
"""
"""$1: the address, $2: the password, then lines to be run in which $D is the address."""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """session(user, url, password, lines) mounts url and runs lines of the shell; returns what they print."""
    for program in ("gio", "dbus-run-session"):
        require_program(program)
    require(any(each.exists() for each in BACKENDS), "gvfs has no backend for WebDAV here")
    for name in ("run", "home"):
        (tmp_path / name).mkdir(mode=0o700)

    def run(user: str, url: str, password: str, lines: tuple[str, ...]) -> str:
        address = url.replace("http://", f"dav://{user}@")
        done = subprocess.run(
            ["dbus-run-session", "--", "sh", "-c", SCRIPT, "sh", address, password, *lines],
            capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "D": address,
                 "GVFS_DISABLE_FUSE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_flist_is_mounted_with_a_token_and_changed(
    session: Session, served: Served, flist: str, tmp_path: Path
) -> None:
    (tmp_path / "f.txt").write_bytes(b"there and back")
    printed = session(
        "admin", served.dav(f"{flist}/"), served.token,
        (
            'gio copy f.txt "${D}größe%20a.txt"',
            'gio mkdir "${D}folder"',
            'gio move "${D}größe%20a.txt" "${D}folder/b.txt"',
            'gio copy "${D}folder/b.txt" back.txt',
            'gio list "$D"',
            'gio list "${D}folder"',
            'gio remove "${D}folder/b.txt"',
            'gio remove "${D}folder"',
        ),
    )  # fmt: skip
    assert printed.split() == ["folder", "b.txt"]
    assert (tmp_path / "back.txt").read_bytes() == b"there and back"
    assert served.mylist("ls", flist).split() == []


def test_a_token_for_reading_one_flist_reads_it_and_nothing_more(
    session: Session, served: Served, flist: str, tmp_path: Path
) -> None:
    with served.client() as client:
        client.put(f"/dav/{flist}/a.txt", content=b"words")
    token = served.mylist("token", "new", "admin", "--flist", flist, "--read-only").splitlines()[-1]
    (tmp_path / "f.txt").write_bytes(b"x")
    printed = session(
        "admin", served.dav(f"{flist}/"), token,
        ('gio cat "${D}a.txt"', 'gio copy f.txt "${D}b.txt" 2>/dev/null || echo " refused"',
         'gio remove "${D}a.txt" 2>/dev/null || echo refused'),
    )  # fmt: skip
    assert printed.split() == ["words", "refused", "refused"]


@pytest.fixture(params=["ro", "rw"])
def site(request: pytest.FixtureRequest, served: Served, flist: str) -> Iterator[str]:
    """A flist with a file at the root of 127.0.0.1, with a pass phrase; whether it may be written there."""
    with served.client() as client:
        client.put(f"/dav/{flist}/there.txt", content=b"words")
    file = served.data / "phrase"
    file.write_text(f"{PHRASE}\n")
    served.mylist(
        "expose", flist, "--host", "127.0.0.1", "--dav", request.param,
        "--mode", "secret", "--secret-file", str(file),
    )  # fmt: skip
    yield str(request.param)
    served.mylist("unexpose", "--host", "127.0.0.1")


def test_a_site_is_mounted_by_its_phrase_and_only_read(
    session: Session, served: Served, site: str, tmp_path: Path
) -> None:
    (tmp_path / "f.txt").write_bytes(b"x")
    printed = session(
        "anybody", f"{served.url}/", PHRASE,
        ('gio list "$D"', 'gio cat "${D}there.txt"', 'gio copy f.txt "${D}b.txt" 2>/dev/null || echo " refused"'),
    )  # fmt: skip
    assert printed.split() == ["there.txt", "words", "refused"]


def test_a_site_is_written_by_who_may_where_it_may_be(
    session: Session, served: Served, site: str, tmp_path: Path
) -> None:
    (tmp_path / "f.txt").write_bytes(b"x")
    printed = session(
        "admin", f"{served.url}/", served.token,
        ('gio copy f.txt "${D}b.txt" 2>/dev/null || echo refused', 'gio list "$D"'),
    )  # fmt: skip
    assert printed.split() == (["b.txt", "there.txt"] if site == "rw" else ["refused", "there.txt"])
