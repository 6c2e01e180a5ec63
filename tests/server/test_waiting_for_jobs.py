"""Waiting for a job over sockets: it holds no thread, and nobody else waits for it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from mylist_dav.services.jobs.jobs import Kind
from tests.server.small_peer import small_peer
from tests.services.job_bench import ADMIN, library_in
from tests.serving import Served, running, serving

WAITERS = 40


def waiting_job(data: Path) -> str:
    """A job that no server takes: of a time without workers."""
    with library_in(data) as library:
        library.jobs.register(Kind("never", lambda actor, asked: None, lambda run: {}))
        return library.jobs.start(ADMIN, "never", {}).job_id


def no_jobs(data: Path) -> list[str]:
    """Options of a server that runs none."""
    settings = data.parent / "settings.toml"
    settings.write_text("[jobs]\nthreads = 0\n")
    return ["--config", str(settings)]


def test_more_wait_than_there_are_threads_and_all_are_told_of_the_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    job_id = waiting_job(data)
    with serving(data, *no_jobs(data)) as served, ThreadPoolExecutor(WAITERS) as pool:
        url = f"{served.url}/api/v1/jobs/{job_id}"
        waiting = [pool.submit(httpx.get, f"{url}?wait=60", timeout=90) for _ in range(WAITERS)]
        with served.client() as client:
            assert client.get("/api/v1/whoami").status_code == 200, "others are answered"
            assert not any(each.done() for each in waiting)
            assert client.delete(f"/api/v1/jobs/{job_id}").json()["state"] == "cancelled"
        assert {each.result().json()["state"] for each in waiting} == {"cancelled"}


def test_a_server_that_stops_answers_those_who_wait(tmp_path: Path) -> None:
    data = tmp_path / "data"
    job_id = waiting_job(data)
    with serving(data, *no_jobs(data)) as served, ThreadPoolExecutor(1) as pool:
        url = f"{served.url}/api/v1/jobs/{job_id}"
        waiting = pool.submit(httpx.get, f"{url}?wait=60", timeout=90)
        assert httpx.get(f"{url}?wait=1", timeout=30).json()["state"] == "queued", (
            "the other one waits by now"
        )
        assert not waiting.done()
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert waiting.result().json()["state"] == "queued"
        assert served.process.wait(30) == 0
        assert time.monotonic() - began < 10


def test_a_client_that_leaves_while_it_waits_harms_nobody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    job_id = waiting_job(data)
    with serving(data, *no_jobs(data)) as served:
        request = f"GET /api/v1/jobs/{job_id}?wait=60 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for _ in range(WAITERS):
            with served.connect() as connection:
                connection.sendall(request)
        found = httpx.get(f"{served.url}/api/v1/jobs/{job_id}?wait=1", timeout=30)
        assert found.json()["state"] == "queued"
    assert "Traceback" not in served.log.read_text()


def test_cheroot_answers_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    job_id = waiting_job(data)
    with serving(data, *no_jobs(data), engine="cheroot") as served:
        found = httpx.get(f"{served.url}/api/v1/jobs/{job_id}?wait=60", timeout=30)
        assert json.loads(found.content)["state"] == "queued"


def packed() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"one"))
    return made.getvalue()


def test_an_archive_is_taken_and_imported_later_and_its_end_is_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers=2) as served, served.client() as client:
        taken = client.post("/flist/upload", params={"name": "admin/site", "async": "1"}, content=packed())
        assert (taken.status_code, taken.json()["kind"]) == (202, "import"), taken.text
        job = client.get(taken.headers["location"], params={"wait": "60"}).json()
        assert (job["state"], job["result"]["added"], job["result"]["made"]) == ("done", 1, True)
        assert client.get("/dav/admin/site/a").content == b"one"
        refused = client.post(
            "/flist/upload", params={"name": "admin/other", "async": "1"}, content=b"no archive"
        )
        job = client.get(refused.headers["location"], params={"wait": "60"}).json()
        assert (job["state"], job["problem"]["status"]) == ("failed", 415)


def test_an_import_that_waits_is_done_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with serving(data, *no_jobs(data)) as served, served.client() as client:
        taken = client.post("/flist/upload", params={"name": "admin/site", "async": "1"}, content=packed())
        assert taken.json()["state"] == "queued"
    with running(data, served.token) as again, again.client() as client:
        job = client.get(taken.headers["location"], params={"wait": "60"}).json()
        assert (job["state"], job["result"]["added"]) == ("done", 1)


def test_a_job_whose_worker_is_killed_is_run_by_the_next_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    held, let_go = threading.Event(), threading.Event()
    with small_peer() as peer:

        def misbehave(method: str, path: str, body: bytes) -> None:
            if path == "/blocks/exists":
                held.set()
                assert let_go.wait(60)

        peer.misbehave = misbehave
        settings = tmp_path / "settings.toml"
        settings.write_text(f'[[peers]]\nname = "small"\nurl = "{peer.url}"\nprivate = true\n')
        with serving(data, "--config", str(settings), workers=2) as served, served.client() as client:
            asked = {"peer": "small", "blocks": ["0" * 64]}
            address = client.post("/sync", json=asked).headers["location"]
            assert held.wait(60)
            assert client.get(address).json()["state"] == "active"
            for worker in workers_of(served):
                os.kill(worker, signal.SIGKILL)
            let_go.set()
            with served.client(transport=httpx.HTTPTransport(retries=5)) as again:
                found = until_ended(again, address)
            assert (found["state"], found["result"]["absent"]) == ("done", ["0" * 64])
            assert sum(path == "/blocks/exists" for _, path in peer.seen) == 2
            end = time.monotonic() + 60
            while len(workers_of(served)) < 2 or not all(map(takes_a_stop, workers_of(served))):
                assert time.monotonic() < end
                threading.Event().wait(0.05)


def workers_of(served: Served) -> list[int]:
    """The processes that the server has started."""
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def takes_a_stop(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM by now: until then the signal just kills it."""
    with contextlib.suppress(FileNotFoundError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def until_ended(client: httpx.Client, address: str) -> dict[str, Any]:
    """The job when it has ended, of a server whose workers are just coming back."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            found: dict[str, Any] = client.get(address, params={"wait": "5"}).json()
            if found["ended_ns"] is not None:
                return found
    raise AssertionError("it never ended")
