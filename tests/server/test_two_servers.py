"""Two servers, each in a network of its own: a copy goes on where it was, whichever of the two is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.programs import require_network, require_program, require_root
from tests.serving import mylist, token_of_admin

FILES, FILE_BYTES = 120, 30_000
LARGE_BYTES = 48 * 1024 * 1024
PATIENCE_SECONDS = 120.0
PORT = 8080
_CALL = """
import http.client, sys
method, server, path, token, body = sys.argv[1:]
headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
connection = http.client.HTTPConnection(server, timeout=90)
connection.request(method, path, body or None, headers)
found = connection.getresponse()
text = found.read().decode()
assert 200 <= found.status < 300, f"{found.status} {text}"
sys.stdout.write(text)
"""
"""No library but Python's own: it runs some thirty times, and importing one would take longer than to ask."""


@dataclass
class Machine:
    """A server in a network namespace. inside: the words before a command that run it there."""

    data: Path
    address: str
    inside: list[str]
    settings: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def start(self) -> None:
        config = self.data.with_suffix(".toml")
        config.write_text(f'[server]\npublic_url = "{self.url}"\nworkers = 2\n{self.settings}')
        command = [*self.inside, sys.executable, "-m", "mylist_dav", "serve", "--config", str(config)]
        command += ["--data", str(self.data), "--listen", f"{self.address}:{PORT}"]
        with self.data.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for(self.answers, "it answers")

    def kill(self) -> None:
        """All of its processes, without a word."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def answers(self) -> bool:
        return self._ask("GET", "/healthz", "", "").returncode == 0

    def call(self, method: str, path: str, token: str, body: object = None) -> dict[str, object]:
        text = json.dumps(body) if body is not None else ""
        done = self._ask(method, path, token, text)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    def _ask(self, method: str, path: str, token: str, body: str) -> subprocess.CompletedProcess[str]:
        server = f"{self.address}:{PORT}"
        command = [*self.inside, sys.executable, "-c", _CALL, method, server, path, token, body]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def key(self) -> str:
        """Its public key, from what it says when it starts."""
        return str(self.call("GET", "/api/v1/server-key", "")["key"])

    def block_bytes(self) -> int:
        """What has arrived as block files."""
        return sum(path.stat().st_size for path in (self.data / "blocks").glob("*/*/*"))

    def export(self) -> bytes:
        target = self.data.with_suffix(".tar")
        mylist(self.data, "export", "anna/site", "--format", "tar", "-o", str(target))
        return target.read_bytes()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    pause = threading.Event()
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        pause.wait(0.01)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two, with a cable between them."""
    require_root()
    ip = require_program("ip")
    names = [f"mylist-{os.getpid()}-{end}" for end in "ab"]
    addresses = ["10.77.0.1", "10.77.0.2"]
    made: list[str] = []
    both = []
    try:
        for name in names:
            done = subprocess.run([ip, "netns", "add", name], capture_output=True, text=True, check=False)
            require_network(done, "no network namespaces can be made here")
            made.append(name)
        cable = [
            ip,
            "-n",
            names[0],
            "link",
            "add",
            "cable",
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            names[1],
        ]
        done = subprocess.run(cable, capture_output=True, text=True, check=False)
        require_network(done, "no virtual cable can be laid here")
        for name, address in zip(names, addresses, strict=True):
            for command in (
                ["addr", "add", f"{address}/24", "dev", "cable"],
                ["link", "set", "lo", "up"],
                ["link", "set", "cable", "up"],
            ):
                subprocess.run([ip, "-n", name, *command], check=True)
            both.append(Machine(tmp_path / name[-1], address, [ip, "netns", "exec", name]))
        yield both[0], both[1]
    finally:
        for machine in both:
            machine.kill()
        for name in made:
            subprocess.run([ip, "netns", "delete", name], check=True)


def plant(folder: Path) -> None:
    """A tree of many small files and one that takes its time."""
    random = Random(11)
    for number in range(FILES):
        path = folder / f"folder {number % 7}" / f"file-{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.randbytes(FILE_BYTES))
        path.chmod(0o640 if number % 2 else 0o755)
    (folder / "large").write_bytes(random.randbytes(LARGE_BYTES))
    (folder / "link").symlink_to("folder 0/file-0.bin")


def test_a_copy_survives_the_death_of_either_server_and_is_byte_exact(
    tmp_path: Path, machines: tuple[Machine, Machine]
) -> None:
    here, there = machines
    plant(tmp_path / "tree")
    mylist(here.data, "import", str(tmp_path / "tree"), "anna/site")
    token = token_of_admin(here.data)
    mylist(there.data, "account", "add", "anna")
    there.start()
    peer = f'[[peers]]\nname = "there"\nurl = "{there.url}"\nkey = "{there.key()}"\nprivate = true\n'
    here.settings = f"[jobs]\nthreads = 1\n{peer}"
    here.start()
    mylist(there.data, "account", "add", "here", "--role", "admin", "--key", here.key())
    job = here.call("POST", "/sync", token, {"peer": "there", "flist": "anna/site"})

    wait_for(lambda: there.block_bytes() > LARGE_BYTES // 6, "a part of it has arrived")
    there.kill()
    there.start()
    wait_for(lambda: there.block_bytes() > LARGE_BYTES // 3, "it goes on after the peer came back")
    before_bytes = there.block_bytes()
    here.kill()
    assert json.loads(mylist(here.data, "jobs", "--json"))[0]["state"] == "queued", "it waits for somebody"
    here.start()

    ended = here.call("GET", f"/api/v1/jobs/{job['job_id']}?wait=60", "")
    assert ended["state"] == "done", ended
    result = ended["result"]
    assert isinstance(result, dict)
    total_bytes = FILES * FILE_BYTES + LARGE_BYTES
    assert (result["size_bytes"], result["commits"]) == (total_bytes, 1)
    assert result["sent_bytes"] <= total_bytes - before_bytes + 16 * 1024 * 1024, (
        "what was there was not sent again"
    )
    assert here.export() == there.export()
    assert re.search(r": 0 bad", mylist(there.data, "verify"))

    again = here.call("POST", "/sync", token, {"peer": "there", "flist": "anna/site"})
    ended = here.call("GET", f"/api/v1/jobs/{again['job_id']}?wait=60", "")
    result = ended["result"]
    assert isinstance(result, dict), ended
    assert (result["sent_blocks"], result["operations"], result["changed"]) == (0, 0, False)
