"""Starts the servers that are compared, each on a free port and one core, access logs off, over scratch folders."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import CLIENT_CORE, CORES, SERVER_CORE, Answer, Connection, request

ROOT = Path(__file__).resolve().parent.parent
SITE_HOST = "site.bench.example"
START_SECONDS = 60
STOP_SECONDS = 30
PROGRAMS = {"nginx": "nginx", "caddy": "caddy", "apache": "apache2", "rclone": "rclone", "wsgidav": ""}


class NotStarted(Exception):
    """A server ended, or did not answer in time."""


@dataclass
class Server:
    """A running server. prefix: of DAV targets; headers: of every request; folder: what it serves or keeps."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers = {"Host": f"127.0.0.1:{self.port}", **self.headers}

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """A request below the prefix, as bytes; header names with _ for -."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if "Destination" in more:
            more["Destination"] = f"http://{self.headers['Host']}{self.prefix}{more['Destination']}"
        return request(method, self.prefix + path, {**self.headers, **more}, body)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = Connection(self.port)
        try:
            return connection.ask(self.request(method, path, body, **headers))
        finally:
            connection.close()

    def rss_mib(self) -> float:
        """Resident memory of all its processes, in MiB. Pages they share count for each."""
        return sum(_memory_mib(pid, "VmRSS") for pid in _family(self.process.pid))

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        return sum(_cpu_ticks(pid) for pid in _family(self.process.pid)) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


def peak_mib(pid: int) -> float:
    """The most memory that a process has had resident so far; 0 when it is gone."""
    return _memory_mib(pid, "VmHWM")


def _memory_mib(pid: int, line: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"{line}:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def missing(name: str) -> str:
    """Why this peer cannot run here, or ''."""
    program = PROGRAMS.get(name, "")
    return f"{program} is not installed" if program and not _found(program) else ""


def _found(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def _running(command: list[str], scratch: Path, pinned: bool) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a group of its own until the block ends; pinned: on one core, Go with one processor."""
    scratch.mkdir(parents=True, exist_ok=True)
    cores = [SERVER_CORE] if pinned else CORES
    pin = ["taskset", "-c", ",".join(map(str, cores))]
    one_core = {"GOMAXPROCS": "1"} if pinned else {}
    with (scratch / "errors.log").open("ab") as errors:
        process = subprocess.Popen(
            pin + command,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **one_core, "PYTHONUNBUFFERED": "1", "XDG_CONFIG_HOME": str(scratch)},
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def mylist(
    scratch: Path, engine: str = "uvloop", name: str = "mylist", pinned: bool = True
) -> Iterator[Server]:
    """Our server over scratch/data, on a given engine; the token of `admin` is in its headers.

    pinned: on one core, with one worker; else as it comes.
    """
    folder = scratch / "data"
    folder.mkdir(parents=True, exist_ok=True)
    known = (folder / "catalog.sqlite").exists() and local(folder, "account", "list", "--json")
    if not known or '"admin"' not in known:
        local(folder, "account", "add", "admin", "--role", "admin")
    token = local(folder, "token", "new", "admin").splitlines()[-1]
    command = [sys.executable, "-m", "mylist_dav", "serve", "--data", str(folder)]
    command += ["--listen", "127.0.0.1:0", "--engine", engine, *(["--workers", "1"] if pinned else [])]
    with _running(command, scratch, pinned) as process:
        port = _announced_port(process, scratch)
        basic = base64.b64encode(f"admin:{token}".encode()).decode()
        yield Server(name, port, process, folder, "/dav/admin", {"Authorization": f"Basic {basic}"})


def _announced_port(process: subprocess.Popen[bytes], scratch: Path) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(rb"http://127\.0\.0\.1:(\d+)/dav/", line)
        if found:
            return int(found[1])
    raise NotStarted((scratch / "errors.log").read_text()[-4000:])


def local(data: Path, *arguments: str) -> str:
    """Run a `mylist` command on a data directory; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mylist_dav", *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"mylist {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def peer(name: str, scratch: Path, folder: Path, pinned: bool = True) -> Iterator[Server]:
    """Another server over a folder; pinned: on one core. Raises NotStarted."""
    port = free_port()
    command = _COMMANDS[name](port, scratch.resolve(), folder.resolve())
    with _running(command, scratch, pinned) as process:
        _await(port, process, scratch)
        yield Server(name, port, process, folder)


def _await(port: int, process: subprocess.Popen[bytes], scratch: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise NotStarted((scratch / "errors.log").read_text()[-4000:])


def _nginx(port: int, scratch: Path, folder: Path) -> list[str]:
    scratch.mkdir(parents=True, exist_ok=True)
    paths = "\n".join(
        f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (scratch / "nginx.conf").write_text(
        f"""{user} worker_processes 1; daemon off; pid {scratch}/nginx.pid;
events {{ worker_connections 1024; }}
http {{ include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
{paths}
server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""
    )
    return [str(_found("nginx")), "-p", str(scratch), "-c", str(scratch / "nginx.conf"), "-e", "stderr"]


def _caddy(port: int, scratch: Path, folder: Path) -> list[str]:
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "Caddyfile"
    path.write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://127.0.0.1:{port} {{\n root * {folder}\n file_server\n}}\n"
    )
    return [str(_found("caddy")), "run", "--adapter", "caddyfile", "--config", str(path)]


def _apache(port: int, scratch: Path, folder: Path) -> list[str]:
    scratch.mkdir(parents=True, exist_ok=True)
    modules = "/usr/lib/apache2/modules"
    names = ["mpm_event", "authz_core", "dir", "mime", "dav", "dav_fs"]
    user = ""
    if os.geteuid() == 0:
        user = "User www-data\nGroup www-data"
        for owned in (scratch, folder):
            shutil.chown(owned, "www-data", "www-data")
    (scratch / "apache.conf").write_text(
        "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names)
        + f"""
ServerRoot {scratch}
ServerName 127.0.0.1
PidFile {scratch}/apache.pid
Listen 127.0.0.1:{port}
{user}
ErrorLog {scratch}/apache.log
LogLevel error
TypesConfig /etc/mime.types
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DirectorySlash Off
DavLockDB {scratch}/locks
DocumentRoot {folder}
<Directory {folder}>
 Dav On
 AllowOverride None
 Require all granted
</Directory>
"""
    )
    return [str(_found("apache2")), "-f", str(scratch / "apache.conf"), "-D", "FOREGROUND"]


def _rclone(port: int, scratch: Path, folder: Path) -> list[str]:
    return ["rclone", "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}", "--config", os.devnull]


def _wsgidav(port: int, scratch: Path, folder: Path) -> list[str]:
    program = [sys.executable, "-m", "wsgidav.server.server_cli", "--no-config", "--server", "cheroot", "-qq"]
    return [
        *program,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--root",
        str(folder),
        "--auth",
        "anonymous",
    ]


_COMMANDS = {
    "nginx": _nginx,
    "caddy": _caddy,
    "apache": _apache,
    "rclone": _rclone,
    "wsgidav": _wsgidav,
}


def pin_clients(pinned: bool = True) -> None:
    """Keep this process, and what it starts without pinning, off the core of the servers, or let it run anywhere."""
    os.sched_setaffinity(0, {CLIENT_CORE} if pinned else CORES)
