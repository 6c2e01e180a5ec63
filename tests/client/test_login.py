"""Logging in to real servers, as people and programs do it; and what stands between."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from nacl.signing import SigningKey

from mylist_dav.cli.group import mylist
from mylist_dav.cli.remote import can_be_overheard
from mylist_dav.client.logins.folder import write_private
from mylist_dav.client.logins.key_files import PrivateKey, read_private, written
from mylist_dav.client.logins.known import KnownServers, Tokens
from mylist_dav.client.logins.session import Session
from mylist_dav.errors import Forbidden, MylistError, NotFound, Unauthenticated
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.keys import PublicKey, parse_public_key
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.programs import require
from tests.serving import Served, run_mylist, running, serving
from tests.tidy.sources import ROOT

ALICE = PrivateKey(SigningKey(b"\1" * 32), "alice@laptop")
STRANGER = PrivateKey(SigningKey(b"\2" * 32))
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def add_account(data: Path, name: str, key: PublicKey) -> None:
    """A user with a key, beside the running server."""
    with_library(data, lambda library: library.identity.add_account(OPERATOR, name, Role.USER))
    with_library(data, lambda library: library.identity.add_key(OPERATOR, name, key))


def with_library(data: Path, call: Callable[[Library], Any]) -> Any:
    library = Library(load(given={"store.data": str(data)}), time.time_ns)
    try:
        return call(library)
    finally:
        library.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of two processes, where alice has a key."""
    data = tmp_path_factory.mktemp("login") / "data"
    with serving(data, workers=2) as server:
        add_account(data, "alice", ALICE.public)
        yield server


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "SSH_AUTH_SOCK": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "xdg" / "mylist"


class Unwilling:
    """A key that must not be used."""

    public = ALICE.public

    def sign(self, message: bytes) -> bytes:
        raise AssertionError(f"was asked to sign {message!r}")


def asked(served: Served, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{served.url}/api/v1{path}", json=body, timeout=30)


def test_the_whole_dance_by_commands(served: Served, config: dict[str, str], folder: Path) -> None:
    made = run_mylist("key", "new", "--comment", "bob@desk", environ=config)
    public = parse_public_key(made.stdout)
    assert made.stdout.endswith("bob@desk\n")
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert run_mylist("key", "new", environ=config).returncode == 5  # never replaced
    refused = run_mylist("login", "--server", served.url, environ=config)
    assert (refused.returncode, public.fingerprint in refused.stderr) == (3, True)

    add_account(served.data, "bob", public)
    done = run_mylist("login", "--server", served.url + "/", environ=config)
    assert (done.returncode, done.stdout.startswith(f"logged in at {served.url} as bob (user)")) == (0, True)
    assert (folder / "tokens.json").stat().st_mode & 0o777 == 0o600
    token = Tokens(folder).get(served.url).token
    assert token not in done.stdout + done.stderr
    assert run_mylist("whoami", environ=config).stdout == f"bob (user) at {served.url}\n"
    shown = json.loads(run_mylist("whoami", "--json", environ=config).stdout)
    assert (shown["account"], shown["server"]) == ("bob", served.url)
    assert httpx.get(served.dav(), auth=("bob", token)).status_code != 401

    assert run_mylist("logout", environ=config).returncode == 0
    assert {httpx.get(served.dav(), auth=("bob", token)).status_code for _ in range(10)} == {401}
    assert run_mylist("whoami", environ=config).returncode == 4
    assert token not in served.log.read_text()


def test_who_is_logged_in_makes_a_token_for_a_file_manager(
    served: Served, config: dict[str, str], folder: Path
) -> None:
    refused = run_mylist("token", "new", "--days", "30", environ=config)
    assert refused.returncode == 4 and "log in" in refused.stderr
    write_private(folder / "key", written(PrivateKey(SigningKey(b"\5" * 32))), replace=False)
    add_account(served.data, "tom", PublicKey(bytes(SigningKey(b"\5" * 32).verify_key)))
    served.mylist("account", "list")
    with_library(served.data, lambda library: library.flists.create(OPERATOR, FlistName("tom", "site")))
    assert run_mylist("login", "--server", served.url, environ=config).returncode == 0
    words = ("--flist", "tom/site", "--read-only", "--days", "30", "--label", "Finder on the laptop")
    made = run_mylist("token", "new", *words, environ=config)
    assert made.returncode == 0 and "user name tom" in made.stderr
    token = made.stdout.strip()
    assert httpx.get(served.dav("tom/site/"), auth=("tom", token)).status_code == 200
    assert httpx.put(served.dav("tom/site/x"), auth=("tom", token), content=b"x").status_code == 403
    assert run_mylist("token", "new", "tom", "--server", served.url, environ=config).returncode == 2


def test_a_protected_openssh_key_asks_for_its_pass_phrase(
    served: Served, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    path, phrases = tmp_path / "id", []
    command = [require_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "horse", "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    add_account(served.data, "carl", parse_public_key(path.with_name("id.pub").read_text()))
    key = read_private(path.read_text(), "id", lambda name: phrases.append(name) or "horse")
    with Session(served.url, tmp_path) as session:
        assert session.login(key)[0].account == "carl"
    assert phrases == ["id"]


def test_a_sealed_key_file_asks_too_and_a_wrong_phrase_ends_it(
    served: Served, config: dict[str, str], folder: Path
) -> None:
    made = CliRunner().invoke(mylist, ["key", "new", "--pass-phrase"], input="horse\nhorse\n", env=config)
    assert made.exit_code == 0
    add_account(served.data, "dora", parse_public_key(made.stdout.splitlines()[-1]))
    command = ["login", "--server", served.url, "--key", str(folder / "key")]
    wrong = CliRunner().invoke(mylist, command, input="zebra\n", env=config)
    assert "not the pass phrase" in str(wrong.exception)
    done = CliRunner().invoke(mylist, command, input="horse\n", env=config)
    assert f"logged in at {served.url} as dora" in done.stdout
    assert "horse" not in made.output + done.output


def test_the_key_a_server_must_have_can_be_given(
    served: Served, config: dict[str, str], folder: Path
) -> None:
    write_private(folder / "key", written(ALICE), replace=False)
    command = ["login", "--server", served.url, "--server-key"]
    other = CliRunner().invoke(mylist, [*command, str(STRANGER.public)], env=config)
    assert "nothing was signed" in str(other.exception)
    shown = httpx.get(f"{served.url}/api/v1/server-key").json()["openssh"]
    assert CliRunner().invoke(mylist, [*command, shown], env=config).exit_code == 0


def test_plain_http_to_another_machine_is_warned_of() -> None:
    urls = [
        "http://files.example.org",
        "https://files.example.org",
        "http://127.0.0.2:1",
        "http://[::1]",
        "http://localhost",
    ]
    assert [url for url in urls if can_be_overheard(url)] == urls[:1]


def test_the_key_of_the_server_is_remembered_and_followed_when_it_changes(
    served: Served, tmp_path: Path
) -> None:
    with Session(served.url, tmp_path) as session:
        first = session.login(ALICE)[1]
        assert (first.before, session.login(ALICE)[1].before) == (None, first.key)
        new = served.mylist("rotate-server-key").splitlines()[-1]
        met = session.login(ALICE)[1]
        assert (met.before, str(met.key)) == (first.key, new)
        assert KnownServers(tmp_path).key_of(served.url) == met.key


def test_a_server_with_another_key_gets_no_signature(served: Served, tmp_path: Path) -> None:
    with Session(served.url, tmp_path) as session:
        session.trust(STRANGER.public)
        with pytest.raises(Forbidden, match="not the one it had; nothing was signed"):
            session.login(Unwilling())
        shown = httpx.get(f"{served.url}/api/v1/server-key").json()["key"]
        session.trust(parse_public_key(shown))
        session.login(ALICE)


def test_a_login_that_is_sent_twice_counts_once_in_all_processes(served: Served) -> None:
    again = PrivateKey(
        SigningKey(b"\7" * 32)
    )  # of its own: logins of one key are limited, in all processes together
    add_account(served.data, "again", again.public)
    for _ in range(5):
        text = asked(served, "/login/challenge", {"key": str(again.public)}).json()["challenge"]
        body = {"key": str(again.public), "challenge": text, "signature": again.sign(text.encode()).hex()}
        with ThreadPoolExecutor(6) as pool:  # each on a connection of its own: both processes get some
            codes = sorted(pool.map(lambda _, body=body: asked(served, "/login", body).status_code, range(6)))
        assert codes == [200] + [401] * 5


# -- what stands between ---------------------------------------------------------------------------------------


class LookAlike(BaseHTTPRequestHandler):
    """Hands every request on to the real server, and its answer back, changed as it likes."""

    real = ""
    change = staticmethod(lambda text: text)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        upstream = http.client.HTTPConnection(self.real, timeout=30)
        upstream.request("POST", self.path, body, {"content-type": "application/json", "host": self.real})
        answer = upstream.getresponse()
        data = self.change(answer.read().decode()).encode()
        upstream.close()
        self.send_response(answer.status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def look_alike(tmp_path: Path) -> Iterator[tuple[Served, type[LookAlike], str]]:
    """A server, and a second one that pretends to be it, at an address of its own."""
    data = tmp_path / "data"
    with serving(data) as server, ThreadingHTTPServer(("127.0.0.1", 0), LookAlike) as between:
        add_account(data, "alice", ALICE.public)
        LookAlike.real, LookAlike.change = f"127.0.0.1:{server.port}", staticmethod(lambda text: text)
        thread = threading.Thread(target=between.serve_forever)
        thread.start()
        yield server, LookAlike, f"http://127.0.0.1:{between.server_address[1]}"
        between.shutdown()
        thread.join()


def test_a_look_alike_that_hands_the_challenge_on_gets_no_signature(
    look_alike: tuple[Served, type[LookAlike], str], tmp_path: Path
) -> None:
    served, between, url = look_alike
    changes: list[Callable[[str], str]] = [
        lambda text: text,
        lambda text: text.replace(served.url, url),
        lambda text: text.replace(str(ALICE.public), str(STRANGER.public)),
        lambda text: text.replace("mylist login by challenge", "mylist login by time"),
        lambda text: re.sub(r'"challenge": "[^"]*"', '"challenge": "pay 100 to mallory"', text),
        lambda text: re.sub(r'"signature": "[^"]*"', '"signature": "zz"', text),
    ]
    for change in changes:
        between.change = staticmethod(change)
        with Session(url, tmp_path) as session, pytest.raises(Forbidden, match="nothing was signed"):
            session.login(Unwilling())
    assert not (tmp_path / "servers.json").exists()
    with Session(served.url, tmp_path) as session:
        session.login(ALICE)


def test_an_answer_that_is_not_of_mylist_is_refused(
    look_alike: tuple[Served, type[LookAlike], str], tmp_path: Path
) -> None:
    _, between, url = look_alike
    for answer in (
        "",
        "[]",
        "nonsense",
        "{}",
        '{"challenge": 7}',
        "[" * 100_000,
        '"' + "x" * 2_000_000 + '"',
    ):
        between.change = staticmethod(lambda text, answer=answer: answer)
        with Session(url, tmp_path) as session, pytest.raises(MylistError):
            session.login(Unwilling())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Session("http://127.0.0.1:9", tmp_path) as session:
        with pytest.raises(MylistError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
            session.login(Unwilling())
        with pytest.raises(NotFound, match="not logged in"):
            session.whoami()


def test_a_flood_writes_nothing(look_alike: tuple[Served, type[LookAlike], str]) -> None:
    served = look_alike[0]

    def counts() -> tuple[int, ...]:
        def read(library: Library) -> tuple[int, ...]:
            with library.catalog.view() as view:
                tables = ("nonce", "token", "key_")
                return tuple(
                    view._sql.execute(f"SELECT count(*) FROM {one}").fetchall()[0][0] for one in tables
                )

        found: tuple[int, ...] = with_library(served.data, read)
        return found

    before, codes = counts(), set()
    with httpx.Client(base_url=f"{served.url}/api/v1", timeout=30) as client:
        for number in range(300):
            pair = PrivateKey(SigningKey((number + 100).to_bytes(32, "big")))
            asked_for = client.post("/login/challenge", json={"key": str(pair.public)})
            codes.add(asked_for.status_code)
            if asked_for.status_code == 200:
                text = asked_for.json()["challenge"]
                proof = {"challenge": text, "signature": pair.sign(text.encode()).hex()}
                codes.add(client.post("/login", json={"key": str(pair.public), **proof}).status_code)
    assert counts() == before
    assert codes == {200, 401, 429}


# -- the first start -------------------------------------------------------------------------------------------


def test_the_first_start_makes_the_operator_an_admin_by_key(
    tmp_path: Path, config: dict[str, str], folder: Path
) -> None:
    (tmp_path / "xdg").mkdir()
    with running(tmp_path / "data", "", environ=config) as served:
        done = run_mylist("login", "--server", served.url, environ=config)
        assert (done.returncode, " as admin (admin)" in done.stdout) == (0, True), done.stderr
        assert (tmp_path / "data" / "server.key").stat().st_mode & 0o777 == 0o600
    key = (folder / "key").read_text()
    with running(tmp_path / "other", "", environ=config) as served:  # the key that is there is used
        assert run_mylist("login", "--server", served.url, environ=config).returncode == 0
    assert (folder / "key").read_text() == key


@pytest.mark.parametrize("home", ["/nonexistent", "", "data"])
def test_where_nobody_has_a_home_there_is_only_a_token(tmp_path: Path, home: str) -> None:
    place = str(tmp_path / home) if home == "data" else home
    environ = {"HOME": place, "XDG_CONFIG_HOME": "", "SSH_AUTH_SOCK": ""}
    with running(tmp_path / "data", "", environ=environ):
        assert with_library(tmp_path / "data", lambda library: library.identity.keys(OPERATOR)) == []
        assert with_library(tmp_path / "data", lambda library: len(library.identity.tokens(OPERATOR))) == 1
    assert list((tmp_path / "data").glob(".config")) == []


# -- any other client ------------------------------------------------------------------------------------------


def test_the_client_in_shell_and_openssl_of_the_documentation_logs_in(
    served: Served, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    openssl = require_program("openssl")
    require_program("curl")
    script = (ROOT / "docs" / "login.md").read_text("utf-8").split("```sh\n")[1].split("```")[0]
    assert len(script.splitlines()) <= 20
    pem = tmp_path / "key.pem"
    made = subprocess.run(
        [openssl, "genpkey", "-algorithm", "ed25519", "-out", str(pem)], capture_output=True, timeout=60
    )
    version = subprocess.run([openssl, "version"], capture_output=True, text=True, timeout=60).stdout
    require(
        made.returncode == 0 and version.startswith("OpenSSL 3"),
        f"{version.strip()} cannot sign with Ed25519",
    )
    key = read_private(pem.read_text(), "key.pem", lambda name: "")
    add_account(served.data, "shell", key.public)
    (tmp_path / "login.sh").write_text(script)
    done = subprocess.run(
        [shutil.which("sh") or "sh", str(tmp_path / "login.sh"), served.url, str(pem)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    me = httpx.get(f"{served.url}/api/v1/whoami", headers={"authorization": f"Bearer {done.stdout.strip()}"})
    assert me.json()["account"] == "shell"
    assert list(tmp_path.glob("tmp.*")) == []


def test_a_refused_key_says_no_more_than_that(served: Served, tmp_path: Path) -> None:
    with (
        Session(served.url, tmp_path) as session,
        pytest.raises(Unauthenticated, match="unknown or its account"),
    ):
        session.login(STRANGER)
