"""Private keys in every form that people have them, with and without a pass phrase."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.client.logins.agent import agent_keys
from mylist_dav.client.logins.folder import config_folder, read_file, write_private
from mylist_dav.client.logins.key_files import PrivateKey, read_private, read_public, written
from mylist_dav.client.logins.signers import key_from, usual_keys
from mylist_dav.errors import Exists, Invalid, MylistError, NotFound, Unauthenticated
from mylist_dav.model.keys import parse_public_key, verify

KEY = PrivateKey(SigningKey(b"\1" * 32), "alice@laptop")
Require = Callable[[str], str]


def never(name: str) -> str:
    raise AssertionError(f"asked for the pass phrase of {name}")


def made_by_ssh(program: str, path: Path, *options: str, phrase: str = "") -> Path:
    command = [program, "-q", "-N", phrase, "-f", str(path), *(options or ("-t", "ed25519"))]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return path


def test_our_own_form_reads_back_as_what_it_was() -> None:
    text = written(KEY)
    assert read_private(text, "key", never) == KEY
    assert read_public(text) == KEY.public
    assert text.splitlines()[0] == "mylist private key, version 1"
    assert bytes(KEY.pair).hex() not in repr(KEY)


def test_a_pass_phrase_protects_it() -> None:
    text = written(KEY, "correct horse")
    assert bytes(KEY.pair).hex() not in text
    assert read_public(text) == KEY.public
    assert read_private(text, "key", lambda name: "correct horse") == KEY
    with pytest.raises(Unauthenticated, match="pass phrase of key"):
        read_private(text, "key", lambda name: "wrong")
    other = PrivateKey(SigningKey(b"\2" * 32))
    with pytest.raises(Unauthenticated):  # the public half is bound to it
        read_private(text.replace(str(KEY.public), str(other.public)), "key", lambda name: "correct horse")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "mylist private key, version 1\n",
        "mylist private key, version 2\nseed: " + "00" * 32,
        written(KEY).replace("seed: 01", "seed: 02"),
        written(KEY).replace("seed: 01", "seed: zz"),
        f"mylist private key, version 1\npublic: {KEY.public}\nsealed: rot13 1 2 3 4\n",
        f"mylist private key, version 1\npublic: {KEY.public}\nsealed: pbkdf2-sha256 99999999 "
        f"{'0' * 32} {'0' * 24} {'0' * 96}\n",
        KEY.public.openssh_line(),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_private(text, "key", never)


@pytest.mark.parametrize("phrase", ["", "correct horse"])
def test_keys_of_openssh_are_read(tmp_path: Path, require_program: Require, phrase: str) -> None:
    path = made_by_ssh(require_program("ssh-keygen"), tmp_path / "id", phrase=phrase)
    key = read_private(path.read_text(), "id", (lambda name: phrase) if phrase else never)
    assert key.public == parse_public_key(path.with_name("id.pub").read_text())
    assert verify(key.public, b"x", key.sign(b"x"))
    if phrase:
        with pytest.raises(Unauthenticated):
            read_private(path.read_text(), "id", lambda name: "wrong")


def test_keys_of_openssl_are_read(tmp_path: Path, require_program: Require) -> None:
    made = subprocess.run(
        [require_program("openssl"), "genpkey", "-algorithm", "ed25519"],
        check=True,
        timeout=60,
        capture_output=True,
    )
    key = read_private(made.stdout.decode(), "key.pem", never)
    assert verify(key.public, b"x", key.sign(b"x"))


def test_other_kinds_of_keys_are_refused(tmp_path: Path, require_program: Require) -> None:
    path = made_by_ssh(require_program("ssh-keygen"), tmp_path / "id", "-t", "ecdsa")
    with pytest.raises(Invalid, match="Ed25519"):
        read_private(path.read_text(), "id", never)


@pytest.fixture
def agent(tmp_path: Path, require_program: Require) -> object:
    """The environment of an ssh-agent with an Ed25519 key, and one of another kind."""
    keygen = require_program("ssh-keygen")
    environ = {"SSH_AUTH_SOCK": str(tmp_path / "agent"), "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [require_program("ssh-agent"), "-D", "-a", environ["SSH_AUTH_SOCK"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()  # it says where it is once it is there
    for name, kind in (("id_ecdsa", "ecdsa"), ("id", "ed25519")):
        made_by_ssh(keygen, tmp_path / name, "-t", kind)
        command = [require_program("ssh-add"), "-q", str(tmp_path / name)]
        subprocess.run(command, check=True, timeout=60, env=environ, capture_output=True)
    yield environ
    process.terminate()
    process.wait()
    process.stdout.close()


def test_an_agent_signs_with_its_ed25519_keys(agent: dict[str, str], tmp_path: Path) -> None:
    (key,) = agent_keys(agent["SSH_AUTH_SOCK"])
    assert key.public == parse_public_key((tmp_path / "id.pub").read_text())
    assert verify(key.public, b"message", key.sign(b"message"))
    assert key_from(tmp_path / "id.pub", agent, never) == key


def test_an_agent_that_does_not_have_the_key_is_no_help(agent: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.pub"
    other.write_text(KEY.public.openssh_line())
    with pytest.raises(NotFound, match="ssh-agent"):
        key_from(other, agent, never)


def test_keys_are_tried_in_order_and_each_once(agent: dict[str, str], tmp_path: Path) -> None:
    write_private(tmp_path / "config" / "key", written(KEY), replace=False)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "id").rename(tmp_path / ".ssh" / "id_ed25519")
    (tmp_path / "id.pub").rename(tmp_path / ".ssh" / "id_ed25519.pub")
    found = [key.public for key in usual_keys(tmp_path / "config", agent, never)]
    assert found == [KEY.public, agent_keys(agent["SSH_AUTH_SOCK"])[0].public]
    without = {**agent, "SSH_AUTH_SOCK": "/nowhere/at/all"}
    assert [key.public for key in usual_keys(tmp_path / "config", without, never)] == found


def test_an_agent_that_talks_nonsense_is_refused(tmp_path: Path) -> None:
    for answer in (
        b"",
        b"\0\0\0\1\5",
        b"\0\0\0\5\x0c\0\0\0\1",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x09\x0c\0\0\0\1\xff\xff\xff\xff",
    ):
        path = str(tmp_path / f"s{len(answer)}{answer[-1:].hex()}")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen(1)

            def serve(listening: socket.socket = listening, answer: bytes = answer) -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(MylistError):
                agent_keys(path)
            thread.join()


def test_the_folder_is_where_the_desktop_says() -> None:
    assert config_folder({"HOME": "/h"}) == Path("/h/.config/mylist")
    assert config_folder({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}) == Path("/x/mylist")
    assert config_folder({"HOME": "/h", "XDG_CONFIG_HOME": "x"}) == Path("/h/.config/mylist")
    with pytest.raises(NotFound):
        config_folder({})


def test_a_private_file_is_for_its_owner_alone_and_not_replaced_by_chance(tmp_path: Path) -> None:
    path = tmp_path / "mylist" / "key"
    write_private(path, "one", replace=False)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(Exists):
        write_private(path, "two", replace=False)
    assert read_file(path) == "one"
    write_private(path, "three", replace=True)
    assert read_file(path) == "three"
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_private_key_that_others_may_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    write_private(path, written(KEY), replace=False)
    assert key_from(path, {}, never) == KEY and not caplog.records
    path.chmod(0o640)
    assert key_from(path, {}, never) == KEY
    assert "others may read it: chmod 600" in caplog.text
