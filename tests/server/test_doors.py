"""The local socket of a running server and its further addresses: who serves them, and who gets in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from mylist_dav.client.rpc import LOCAL_SOCKET, RpcClient
from mylist_dav.errors import BadSettings, Unauthenticated
from mylist_dav.server.assembly import build
from mylist_dav.server.doors import door_loop, doors
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.settings import RpcSettings, load
from mylist_dav.wire.messages import Request, Response
from tests.programs import require_network, require_program, require_root
from tests.serving import ENGINES, Served, running, serving, token_of_admin

NOBODY = 65534
HEALTH = '{"jsonrpc": "2.0", "method": "server.health", "id": 1}'
PATIENCE_SECONDS = 30.0


def children(pid: int) -> list[int]:
    """The processes that a process has forked, oldest first."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def becomes(condition: Callable[[], object]) -> bool:
    """Whether it holds before long."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        pause.wait(0.02)
    return True


def post(path: Path, body: str = HEALTH, *, target: str = "/rpc", token: str = "") -> httpx.Response:
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, timeout=30) as client:
        return client.post(f"http://localhost{target}", content=body, headers=headers)


@pytest.mark.parametrize("engine", ENGINES)
def test_beside_every_engine_the_owner_is_answered_on_the_socket(tmp_path: Path, engine: str) -> None:
    with serving(tmp_path, engine=engine) as served:
        assert post(served.data / LOCAL_SOCKET).json()["result"]["status"] == "ok"
        assert post(served.data / LOCAL_SOCKET, target="/api/v1/whoami").status_code == 404
    assert not (tmp_path / LOCAL_SOCKET).exists()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Served]:
    """A server with two workers."""
    with serving(tmp_path, workers=2) as served:
        yield served


def test_a_worker_that_is_started_in_place_of_a_dead_one_answers(pair: Served) -> None:
    workers = children(pair.process.pid)
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    assert becomes(lambda: len(set(children(pair.process.pid)) - set(workers)) == 2)
    with RpcClient.local(pair.data / LOCAL_SOCKET) as client:  # its connection waits for the new worker
        assert client.server_health().status == "ok"


def test_a_second_server_on_the_same_data_says_so_and_goes_on_without_a_socket(pair: Served) -> None:
    with running(pair.data, pair.token) as second:
        assert httpx.get(f"{second.url}/healthz").status_code == 200
        log = second.log.read_text()
    assert f"it belongs to process {pair.process.pid} already; this server goes on without one" in log
    assert post(pair.data / LOCAL_SOCKET).status_code == 200


def test_what_a_killed_server_has_left_is_replaced(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mylist_dav", "serve", "--data", str(tmp_path)]
    with (tmp_path / "first.log").open("wb") as log:
        first = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--workers", "1"], stdout=log, stderr=log
        )
    assert becomes((tmp_path / LOCAL_SOCKET).is_socket)
    first.kill()
    first.wait()
    assert (tmp_path / LOCAL_SOCKET).is_socket()
    with serving(tmp_path) as again:
        assert post(tmp_path / LOCAL_SOCKET).status_code == 200
        assert "local socket" not in again.log.read_text()


def as_user(user: int, path: Path) -> bytes:
    """What a socket answers another user who asks for the health; b'OSError 13' if they may not connect."""
    request = (
        "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(HEALTH)}\r\n\r\n{HEALTH}"
    ).encode()
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read_end)
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(30)
                asking.connect(str(path))
                asking.sendall(request)
                while data := asking.recv(65536):
                    os.write(write_end, data)
        except OSError as error:
            os.write(write_end, f"OSError {error.errno}".encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def open_folders(tmp_path: Path) -> Iterator[None]:
    """Everybody may pass through the folders above."""
    require_root()
    changed = [each for each in (tmp_path, *tmp_path.parents) if not each.stat().st_mode & 0o001]
    modes = [each.stat().st_mode for each in changed]
    for each in changed:
        each.chmod(0o755)
    yield
    for each, mode in zip(changed, modes, strict=True):
        each.chmod(mode)


@pytest.mark.usefixtures("open_folders")
def test_the_socket_lets_in_nobody_but_the_owner_and_root(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        path = served.data / LOCAL_SOCKET
        assert b"OSError 13" in as_user(NOBODY, path), "the folder keeps others out"
        path.parent.chmod(0o755)
        assert b"OSError 13" in as_user(NOBODY, path), "and so does the socket"
        path.chmod(0o666)
        refused = as_user(NOBODY, path)
        assert (
            refused.startswith(b"HTTP/1.1 403 ") and b"for the owner of the data directory alone" in refused
        )
        assert as_user(0, path).startswith(b"HTTP/1.1 200 ")


def test_the_local_socket_can_be_turned_off(tmp_path: Path) -> None:
    with served_with({"MYLIST_RPC_LOCAL_SOCKET": "false"}, tmp_path):
        assert not (tmp_path / LOCAL_SOCKET).exists()


@contextmanager
def served_with(environ: dict[str, str], data: Path) -> Iterator[Served]:
    token = token_of_admin(data)
    with running(data, token, environ=environ) as served:
        yield served


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.bind((host, 0))
        port: int = taken.getsockname()[1]
        return port


def test_at_further_addresses_who_has_a_token_is_answered_and_rpc_alone_is_there(tmp_path: Path) -> None:
    url, path = f"http://127.0.0.1:{free_port()}", tmp_path / "further.sock"
    with served_with({"MYLIST_RPC_LISTEN": f"{url},unix:{path}"}, tmp_path) as served:
        with RpcClient.remote(url, served.token) as client:
            assert client.token_list().tokens[0].account == "admin"
        with RpcClient.remote(url, "mylist_nothing") as client, pytest.raises(Unauthenticated):
            client.server_health()
        assert httpx.get(f"{url}/", headers={"authorization": f"Bearer {served.token}"}).status_code == 404
        assert post(path).status_code == 401
        assert post(path, token=served.token).json()["result"]["status"] == "ok"
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


def test_clients_that_say_half_of_a_request_or_nothing_hold_nobody_up(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with served_with({"MYLIST_RPC_LISTEN": url}, tmp_path) as served:
        place = ("127.0.0.1", int(url.rpartition(":")[2]))
        silent = [socket.create_connection(place) for _ in range(60)]
        for each in silent[:30]:
            each.sendall(b"POST /rpc HTT")
        with RpcClient.remote(url, served.token, timeout_seconds=10) as client:  # a half one may take 15
            assert client.server_health().status == "ok"
        for each in silent:
            each.close()


def test_the_hosts_of_the_server_answer_at_rpc_too(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        with RpcClient.remote(served.url, served.token) as client:
            assert client.server_info().url == served.url
        assert httpx.get(f"{served.url}/rpc").status_code == 405


@pytest.mark.parametrize("kind", ["file", "server", "port", "folder"])
def test_an_address_that_is_not_to_be_had_stops_the_start(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as living, socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"unix:{path}"
        if kind == "file":
            path.write_text("precious")
        elif kind == "server":
            living.bind(str(path))
            living.listen()
        elif kind == "folder":
            text = f"unix:{tmp_path}/absent/x.sock"
        else:
            text = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings = RpcSettings(local_socket=False, listen=(text,))
        with pytest.raises(BadSettings), doors.open_doors(settings, tmp_path, 8):
            pass
    assert kind != "file" or path.read_text() == "precious"


@pytest.mark.parametrize(
    "text", ["127.0.0.1:80", "https://x:1", "http://x", "http://x:1/rpc", "unix:", "http://::1:80", "tcp:x:1"]
)
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadSettings, match="listen"):
        RpcSettings(listen=(text,))


# -- an overlay address ----------------------------------------------------------------------------------------

OVERLAY = "400:1234:5678::1"
"""As networks such as Mycelium give one: of 400::/7, and encrypted on the way."""


@pytest.fixture
def namespace() -> Iterator[list[str]]:
    """The words before a command that run it in a network of its own, in which there is an overlay address."""
    require_root()
    ip = require_program("ip")
    name = f"mylist-rpc-{os.getpid()}"
    made = subprocess.run([ip, "netns", "add", name], capture_output=True, text=True, check=False)
    require_network(made, "no network namespaces can be made here")
    inside = [ip, "netns", "exec", name]
    try:
        for command in (["link", "set", "lo", "up"], ["addr", "add", f"{OVERLAY}/128", "dev", "lo", "nodad"]):
            done = subprocess.run([*inside, ip, *command], capture_output=True, text=True, check=False)
            require_network(done, "a network namespace takes no IPv6 address")
        yield inside
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True)


ASK = """
import sys
from mylist_dav.client.rpc import RpcClient
from mylist_dav.errors import MylistError
url, token = sys.argv[1:]
try:
    with RpcClient.remote(url, token) as client:
        print(client.token_list().tokens[0].account)
except MylistError as error:
    print(type(error).__name__)
"""


def test_on_an_overlay_address_who_has_a_token_is_answered(tmp_path: Path, namespace: list[str]) -> None:
    url = f"http://[{OVERLAY}]:8091"
    token = token_of_admin(tmp_path)

    def ask(with_token: str) -> str:
        command = [*namespace, sys.executable, "-c", ASK, url, with_token]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    with running(tmp_path, token, environ={"MYLIST_RPC_LISTEN": url}, before=namespace):
        assert ask(token) == "admin"
        assert ask("mylist_nothing") == "Unauthenticated"
        assert post(tmp_path / LOCAL_SOCKET).status_code == 200, (
            "a socket in the file system is in no network"
        )
    with running(
        tmp_path,
        token,
        environ={"MYLIST_RPC_LISTEN": url, "MYLIST_TOKENS_OVER_PLAIN_HTTP": "refuse"},
        before=namespace,
    ):
        assert ask(token) == "Forbidden"


def test_doors_that_nobody_answers_any_more_show_in_health_and_figures(tmp_path: Path) -> None:
    app = build(load(environ={"MYLIST_STORE_DATA": str(tmp_path)}))
    ask = partial(
        Request, "GET", query="", headers=[], authority="127.0.0.1", host="127.0.0.1", client="127.0.0.1"
    )
    closed = socket.socket()
    closed.close()
    limits = EngineLimits(stop_seconds=1)
    with closing(app), door_loop.serving(app, [doors.Door(closed, doors.TOKEN)], limits, None):
        health = app.front_end.respond(ask(target="/healthz", request_id="1"))
        assert isinstance(health, Response)
        assert (health.status, health.body) == (200, b'{"status": "doors-lost"}\n')
        figures = app.front_end.respond(ask(target="/metrics", request_id="2"))
        assert isinstance(figures, Response)
        line = f'mylist_doors{{process="{os.getpid()}",state="lost"}} 1.0'
        assert isinstance(figures.body, bytes)
        assert line in figures.body.decode().splitlines()
