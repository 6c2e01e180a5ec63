"""A real server in a process of its own, for tests over sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.services.opening import Library
from mylist_dav.settings import Settings, StoreSettings

ENGINES = ("uvloop", "cheroot")
START_SECONDS = 30


@dataclass
class Served:
    """A running server. token: of the admin account `admin`. log: the file of its output."""

    data: Path
    port: int
    token: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def dav(self, path: str = "") -> str:
        """The URL of a path below /dav/."""
        return f"{self.url}/dav/{path}"

    def client(self, **options: object) -> httpx.Client:
        """An HTTP client that is logged in as admin."""
        return httpx.Client(base_url=self.url, auth=("admin", self.token), timeout=30, **options)  # type: ignore[arg-type]

    def connect(self) -> socket.socket:
        """A plain connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, sent: bytes) -> bytes:
        """Send these bytes on a connection of their own, and read until it is closed."""
        with self.connect() as connection:
            connection.sendall(sent)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    def mylist(self, *arguments: str) -> str:
        """Run a local command on the same data directory; returns its standard output."""
        return mylist(self.data, *arguments)


def mylist(data: Path, *arguments: str) -> str:
    """Run `mylist` on a data directory; returns its standard output."""
    done = run_mylist(*arguments, "--data", str(data))
    assert done.returncode == 0, (
        f"mylist {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    )
    return done.stdout


def run_mylist(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of `mylist` in a process of its own. environ: variables to be set beside those there are."""
    return subprocess.run(
        [sys.executable, "-m", "mylist_dav", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**_environment(), **(environ or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def serving(data: Path, *options: str, engine: str = "uvloop", workers: int = 1) -> Iterator[Served]:
    """Run `mylist serve` on a free port until the block ends; it must then stop with exit code 0.

    The account admin is there before, with a token.
    """
    with running(data, token_of_admin(data), *options, engine=engine, workers=workers) as served:
        yield served


def token_of_admin(data: Path) -> str:
    """A new token of the account admin, which is made where there is none. No command: that would take a process."""
    library = Library(Settings(store=StoreSettings(data=str(data))), time.time_ns, make=True)
    try:
        if not any(account.name == "admin" for account in library.identity.accounts(OPERATOR)):
            library.identity.add_account(OPERATOR, "admin", Role.ADMIN)
        return library.identity.new_token(OPERATOR, "admin", days=1)
    finally:
        library.close()


@contextmanager
def running(
    data: Path,
    token: str,
    *options: str,
    engine: str | None = "uvloop",
    workers: int = 1,
    environ: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Iterator[Served]:
    """As serving, with the data as they are, or none.

    engine: None leaves it to the settings. before: words before the command, as of `ip netns exec`.
    """
    data.mkdir(exist_ok=True)
    log = data / "serve.log"
    command = [*before, sys.executable, "-m", "mylist_dav"]
    command += ["serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    command += [*(["--engine", engine] if engine else []), "--workers", str(workers), *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**_environment(), **(environ or {})},
            start_new_session=True,
        )
        try:
            yield Served(data, _port(process, log), token, process, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=START_SECONDS) == 0, log.read_text()[-4000:]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    """The port, read from what the server prints when it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/dav/", line)
        if found:
            return int(found.group(1))
    raise AssertionError(f"the server did not start:\n{log.read_text()[-4000:]}")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}
