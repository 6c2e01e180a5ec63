"""WebDAV at the address of a site, and protected sites, on real servers: by raw HTTP, rclone and davfs2."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.clients.trees import contents, plant
from tests.programs import require_program
from tests.serving import ENGINES, Served, serving

pytestmark = pytest.mark.clients

PHRASE = "correct horse battery"


def rclone(
    served: Served, tmp_path: Path, user: str, password: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run rclone; D: is the root of 127.0.0.1, which is the host name of the site."""
    program = require_program("rclone")
    hidden = subprocess.run([program, "obscure", password], capture_output=True, text=True, check=True)
    environ = {
        **os.environ,
        "RCLONE_CONFIG": str(tmp_path / "none.conf"),
        "RCLONE_CONFIG_D_TYPE": "webdav",
        "RCLONE_CONFIG_D_URL": served.url,
        "RCLONE_CONFIG_D_VENDOR": "other",
        **({"RCLONE_CONFIG_D_USER": user, "RCLONE_CONFIG_D_PASS": hidden.stdout.strip()} if user else {}),
    }
    return subprocess.run(
        [program, "-q", "--retries", "1", *arguments],
        capture_output=True, text=True, timeout=120, env=environ, check=False,
    )  # fmt: skip


def expose(served: Served, flist: str, host: str, *options: str, phrase: str = "") -> None:
    if phrase:
        file = served.data / "phrase"
        file.write_text(f"{phrase}\n")
        options = (*options, "--mode", "secret", "--secret-file", str(file))
    served.mylist("expose", flist, "--host", host, *options)


@pytest.fixture(params=["", PHRASE], ids=["public", "secret"])
def site(request: pytest.FixtureRequest, served: Served, flist: str) -> str:
    """A flist that is exposed on 127.0.0.1 with WebDAV for writing; the phrase that opens it, if one does."""
    expose(served, flist, "127.0.0.1", "--dav", "rw", phrase=request.param)
    request.addfinalizer(lambda: served.mylist("unexpose", "--host", "127.0.0.1"))
    return str(request.param)


def test_rclone_mounts_a_site_like_any_flist(site: str, served: Served, tmp_path: Path) -> None:
    sent, back = tmp_path / "sent", tmp_path / "back"
    plant(sent)
    (sent / ".hidden").write_bytes(b"dotfile")

    def writing(*arguments: str) -> str:
        done = rclone(served, tmp_path, "admin", served.token, *arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    writing("copy", str(sent), "D:t", "--create-empty-src-dirs")
    writing("check", "--download", str(sent), "D:t")
    writing("copy", "D:t", str(back), "--create-empty-src-dirs")
    assert contents(back) == contents(sent)
    writing("moveto", "D:t/.hidden", "D:t/shown.txt")
    assert writing("cat", "D:t/shown.txt") == "dotfile"
    writing("deletefile", "D:t/shown.txt")
    writing("purge", "D:t")
    assert writing("lsf", "D:") == ""


def test_rclone_reads_as_a_visitor_and_does_not_write(site: str, served: Served, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"words")
    for name in ("a.txt", ".hidden"):
        done = rclone(served, tmp_path, "admin", served.token, "copyto", str(tmp_path / "f"), f"D:{name}")
        assert done.returncode == 0, done.stderr
    user = "anybody" if site else ""
    assert rclone(served, tmp_path, user, site or "x", "lsf", "D:").stdout == "a.txt\n"
    assert rclone(served, tmp_path, user, site or "x", "cat", "D:a.txt").stdout == "words"
    assert rclone(served, tmp_path, user, site or "x", "copyto", str(tmp_path / "f"), "D:new").returncode != 0
    if site:
        assert rclone(served, tmp_path, "", "x", "lsf", "D:").returncode != 0
        assert rclone(served, tmp_path, "anybody", "wrong phrase", "lsf", "D:").returncode != 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_protected_site_is_one_in_all_processes(engine: str, tmp_path: Path) -> None:
    with serving(tmp_path, engine=engine, workers=2) as served:
        with served.client() as admin:
            assert admin.request("MKCOL", "/dav/admin/site").status_code == 201
            for name in ("a.txt", "index.html"):
                assert admin.put(f"/dav/admin/site/{name}", content=b"words").status_code == 201
        expose(served, "admin/site", "site.test", "--dav", "ro", phrase=PHRASE)
        browser = {"Host": "site.test", "Accept": "text/html"}

        def ask(method: str, path: str, **options: object) -> httpx.Response:
            """On a connection of its own, so that it may come to either process."""
            with httpx.Client(base_url=served.url, timeout=30) as client:
                return client.request(method, path, **options)  # type: ignore[arg-type]

        def looks() -> tuple[set[object], set[object]]:
            outside = {
                (r.status_code, r.text)
                for p in ("/", "/a.txt", "/x")
                for r in [ask("GET", p, headers=browser)]
            }
            inside = {
                ask("GET", "/a.txt", headers={**browser, "Cookie": cookie}).status_code for _ in range(12)
            }
            return outside, inside

        form = ask("POST", "/a.txt", headers=browser, data={"phrase": PHRASE})
        assert (form.status_code, form.headers["location"]) == (303, "/a.txt")
        cookie = form.headers["set-cookie"].partition(";")[0]
        outside, inside = looks()
        assert len(outside) == 1 and inside == {200}
        wrong = ask("POST", "/", headers=browser, data={"phrase": "wrong phrase"})
        assert wrong.status_code == 403
        too_large = ask("POST", "/", headers=browser, data={"phrase": "x" * 100_000})
        assert too_large.status_code == 413
        assert ask("PUT", "/a.txt", headers=browser, content=b"x").status_code == 401
        assert ask("PROPFIND", "/", headers={"Host": "site.test", "Depth": "1"}).status_code == 401
        found = ask("PROPFIND", "/", headers={"Host": "site.test", "Depth": "1"}, auth=("x", PHRASE))
        assert found.status_code == 207 and "/a.txt" in found.text
        expose(served, "admin/site", "site.test", phrase="another phrase")
        outside, inside = looks()
        assert len(outside) == 1 and inside == {401}
        logged = served.log.read_text()
        assert PHRASE not in logged and cookie not in logged and "Traceback" not in logged


def test_the_phrase_is_no_argument_and_stays_where_it_is(served: Served, flist: str) -> None:
    expose(served, flist, "phrase.test", phrase=PHRASE)
    for path in served.data.rglob("*"):
        if path.is_file() and path.name != "phrase":
            assert PHRASE.encode() not in path.read_bytes(), path.name
    assert PHRASE not in served.mylist("exposures", "--json")
    served.mylist("unexpose", "--host", "phrase.test")
