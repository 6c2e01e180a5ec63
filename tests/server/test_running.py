"""Start and stop: addresses, signals, worker processes, the access log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.conftest import ENGINES
from tests.server.raw_http import ROOT, Server, running


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_lets_running_requests_finish_and_exits_0(engine: str, workers: int) -> None:
    with (
        running(engine=engine, workers=workers, limits={"stop_seconds": 10}) as server,
        server.wire() as wire,
    ):
        wire.request("PUT", "/sink/last/1000000/1000", "Content-Length: 200000", "Expect: 100-continue")
        assert wire.answer().status == 100
        wire.send(b"x" * 100_000)
        with server.wire() as idle:
            server.signal(signal.SIGTERM)
            assert idle.closed()
        wire.send(b"x" * 100_000)
        found = wire.answer()
        assert (found.status, found.headers.get("connection", "close")) == (201, "close")
        assert wire.closed()
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_does_not_wait_for_ever(engine: str) -> None:
    with running(engine=engine, limits={"stop_seconds": 0.2}) as server, server.wire() as wire:
        wire.request("PUT", "/sink/never/1000000/1000", "Content-Length: 200000", body=b"x" * 100_000)
        server.seen("never", "write")
        server.signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert wire.answer().status == 0


def test_a_second_signal_stops_at_once() -> None:
    with running(limits={"stop_seconds": 1000}) as server, server.wire() as wire:
        wire.request("PUT", "/sink/twice/1000000/1000", "Content-Length: 200000", body=b"x" * 100_000)
        server.seen("twice", "write")
        with server.wire() as idle:
            server.signal(signal.SIGINT)
            assert idle.closed()
        server.signal(signal.SIGINT)
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_several_addresses_are_served_and_told(engine: str) -> None:
    with running(engine=engine, listen=["127.0.0.1:0", "[::1]:0"]) as server:
        assert server.addresses[0].startswith("127.0.0.1:")
        assert server.addresses[1].startswith("[::1]:")
        assert server.get("/now").status == 200


def test_an_address_in_use_is_told() -> None:
    with running() as server, pytest.raises(RuntimeError, match="cannot listen on"):
        Server(listen=[server.addresses[0]])


@pytest.mark.parametrize(
    "text", ["", "8080", "127.0.0.1", "127.0.0.1:", "a:99999", "::1:80", "[::1]", "a:-1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RuntimeError, match="BadSettings"):
        Server(listen=[text])


def test_all_workers_answer_on_the_one_port() -> None:
    with running(workers=2, factory="tests.server.test_running:build_pid") as server:
        found = {server.get("/").body for _ in range(60)}
    assert len(found) == 2


def test_a_worker_that_dies_is_started_again() -> None:
    with running(workers=2, factory="tests.server.test_running:build_pid") as server:
        first = {server.get("/").body for _ in range(60)}
        os.kill(int(first.pop()), signal.SIGKILL)
        found = {server.get("/").body for _ in range(60)}
        assert len(found - first) == 1
        server.signal()
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_workers_are_starting_is_an_orderly_one_too(
    tmp_path: Path, number: int, workers: int
) -> None:
    given = {
        "workers": workers, "factory": "tests.server.test_running:build_slowly", "settings": str(tmp_path / "began"),
    }  # fmt: skip
    os.mkfifo(tmp_path / "began")
    command = [sys.executable, "-m", "tests.server.fake_server", json.dumps(given)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            (tmp_path / "began").read_bytes()
            process.send_signal(number)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_without_an_access_log_takes_no_harm_from_the_rotation_of_logs(workers: int) -> None:
    with running(workers=workers, factory="tests.server.test_running:build_pid") as server:
        first = {server.get("/").body for _ in range(60)}
        server.signal(signal.SIGHUP)
        for pid in first:
            os.kill(int(pid), signal.SIGHUP)
        assert {server.get("/").body for _ in range(60)} == first


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose its cores")
@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_keeps_to_one_core_unless_told_not_to(workers: int) -> None:
    every = os.sched_getaffinity(0)
    with running(workers=workers) as kept, running(workers=workers, one_core_each=False) as free:
        cores = [os.sched_getaffinity(pid) for pid in _worker_pids(kept, workers)]
        assert [len(one) for one in cores] == [1] * workers
        assert len(set.union(*cores)) == min(workers, len(every))
        assert all(os.sched_getaffinity(pid) == every for pid in _worker_pids(free, workers))


def _worker_pids(server: Server, workers: int) -> list[int]:
    pid = server.process.pid
    if workers == 1:
        return [pid]
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_an_app_that_cannot_be_made_ends_the_start() -> None:
    with pytest.raises(RuntimeError, match="no such app"):
        Server(factory="tests.server.test_running:build_nothing")


def test_the_access_log_tells_of_each_request_and_of_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with running(access_log="json", access_log_file=str(path)) as server, server.wire() as wire:
        wire.request(
            "GET",
            "/hello?token=secret",
            "Authorization: Bearer secret",
            "Cookie: secret",
            "Referer: /a?secret",
        )
        assert wire.answer().status == 200
        wire.request("GET", "/now?secret", 'User-Agent: one"two')
        assert wire.answer().status == 200
        server.end()
    text = path.read_text()
    assert "secret" not in text
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["method"], first["target"], first["status"], first["size_bytes"]) == (
        "GET",
        "/hello",
        200,
        6,
    )
    assert (first["account"], first["client"], first["referer"]) == ("anna", "127.0.0.1", "/a")
    assert len(first["request_id"]) == 12
    assert second["agent"] == 'one"two'


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_request_is_logged_with_its_client_and_an_id_of_its_own(
    engine: str, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    with running(engine=engine, access_log="json", access_log_file=str(path)) as server:
        for _ in range(2):
            with server.wire() as wire:
                wire.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
                assert wire.answer().status == 400
        server.end()
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first["client"] == second["client"] == "127.0.0.1"
    assert first["request_id"] != second["request_id"]


def test_the_access_log_is_reopened_when_it_was_moved(tmp_path: Path) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "moved.log"
    with running(access_log="combined", access_log_file=str(path)) as server:
        server.get("/hello")
        path.rename(moved)
        server.signal(signal.SIGHUP)
        while not path.exists():
            server.get("/now")
        server.end()
    assert '"GET /hello HTTP/1.1" 200 6' in moved.read_text()


def build_pid(settings: object) -> object:
    """An App that answers with the id of its process."""
    from tests.server.fake_app import App, FakeFrontEnd, NumberedBlocks, Response

    class Pid(FakeFrontEnd):
        def answer_now(self, request: object) -> Response:
            return Response(200, [], str(os.getpid()).encode())

    blocks = NumberedBlocks(8)
    return App(Pid(blocks), blocks)


def build_slowly(settings: str) -> object:
    """Says so in a FIFO, and never ends."""
    Path(settings).write_bytes(b".")
    while True:
        signal.pause()


def build_nothing(settings: object) -> object:
    """Fails."""
    raise RuntimeError("no such app")
