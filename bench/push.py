"""mylist push next to rsync and rclone: a tree of 10,000 files, pushed first, unchanged, and with 10 files changed.

Here (loopback) and over a link of 80 ms there and back. What each has made is counted. Each round has new contents.
Each takes the start of its program: mylist that of Python, and what rclone would ask for that of rclone. rsync does not
sync what it writes, so a first push is also held against one that does.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.link import HERE, Place, link, missing
from bench.peers import ROOT, NotStarted, free_port, local
from bench.report import Measure
from bench.scene import Scene, Unexpected

DELAY_MS = 40.0
CHANGED = 10
FILE_BYTES = 4096
SYNC, DURABLE_SYNC, CLONE = "rsync", "rsync --fsync", "rclone replayed"
STEPS = ("first", "unchanged", "changed")


def near(scene: Scene) -> None:
    """Over loopback."""
    _measure(scene, HERE, "loopback")


def far(scene: Scene) -> None:
    """Over the link."""
    if why := missing():
        scene.note(f"there is no link of {2 * DELAY_MS:.0f} ms: {why}")
        return
    with link(DELAY_MS) as place:
        _measure(scene, place, f"{2 * DELAY_MS:.0f} ms")


def _measure(scene: Scene, place: Place, where: str) -> None:
    files = 2_000 if scene.quick else 10_000
    texts = {
        "first": "first push",
        "unchanged": "push, unchanged",
        "changed": f"push, {CHANGED} files changed",
    }
    measures = {step: scene.measure(f"{texts[step]}, {files:,} files, {where}", "s") for step in STEPS}
    trips = scene.measure(f"requests of an unchanged push, {files:,} files, {where}", "")
    with ExitStack() as stack:
        ours = stack.enter_context(_mylist(scene, place))
        clients: list[Mylist | Rsync] = [ours]
        if shutil.which("rsync"):
            clients += stack.enter_context(_rsyncs(scene, place))
        else:
            scene.note("rsync is left out: it is not installed")
        starts = scene.measure(f"start of rclone, {where}", "s")
        for turn in scene.rounds():
            trees = [_plant(scene.folder(f"{name}-{turn}"), files) for name in ("tree", "replayed")]
            time.sleep(2.1)  # what is younger is read again by the next push, and a tree is seldom that young
            tree, replayed = trees
            changed: list[str] = []
            for step in STEPS:
                if step == "changed":
                    changed, _ = (_change(each, turn) for each in trees)
                for client in clients:
                    if step not in client.steps:
                        continue
                    ours.settle()
                    spent_seconds = _spent_seconds()
                    measures[step].add(client.name, client.push(tree, turn))
                    cpu = scene.measure(f"{measures[step].name}: CPU time of the client", "s")
                    cpu.add(client.name, _spent_seconds() - spent_seconds)
                start_seconds = _rclone_start()
                starts.add("rclone", start_seconds)
                requests_seconds = ours.replay(replayed, turn, step, changed, files)
                measures[step].add(CLONE, start_seconds + requests_seconds)
                if step == "unchanged":
                    trips.add("mylist", ours.requests)
            for client in clients:
                client.check(turn, tree, files)
            for each in trees:
                shutil.rmtree(each)
    _goals(measures, trips)


def _rclone_start() -> float:
    """Seconds until rclone could ask anything; none where it is not installed."""
    return _timed(["rclone", "version"])[0] if shutil.which("rclone") else 0.0


def _goals(measures: dict[str, Measure], trips: Measure) -> None:
    for measure in measures.values():
        measure.at_most(1, SYNC)
        measure.at_most(1, CLONE)
    measures["unchanged"].at_most(1)
    measures["changed"].at_most(2)
    trips.at_most(2)


def _plant(tree: Path, files: int) -> Path:
    """Folders of a hundred files of 4 KiB at most. New ones each time: a server takes nothing twice."""
    chance = random.Random(str(tree))
    for number in range(files):
        folder = tree / f"folder-{number // 100:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"file-{number:05}.bin").write_bytes(chance.randbytes(chance.randint(1, FILE_BYTES)))
    return tree


def _change(tree: Path, turn: int) -> list[str]:
    """Ten files get other contents of the same size; returns their paths."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    chosen = random.Random(turn).sample(files, CHANGED)
    for path in chosen:
        path.write_bytes(os.urandom(path.stat().st_size))
    return [path.relative_to(tree).as_posix() for path in chosen]


def _spent_seconds() -> float:
    """Processor time of all programs that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(command: list[str], environ: dict[str, str] | None = None) -> tuple[float, str]:
    """Seconds from its start to its end, and what it printed. Raises Unexpected."""
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(environ or {})}, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise Unexpected(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return seconds, done.stdout


class Mylist:
    """Our client and server. Each round has a flist and a cache of its own."""

    name = "mylist"
    steps = STEPS

    def __init__(self, place: Place, scratch: Path, port: int, token: str) -> None:
        self._place, self._scratch, self._port, self._token = place, scratch, port, token
        self._url = f"http://{place.address}:{port}"
        login = {"token": token, "account": "admin", "role": "admin", "expires": ""}
        folder = scratch / "config" / "mylist"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokens.json").write_text(json.dumps({"latest": self._url, "servers": {self._url: login}}))
        self.requests = 0

    def push(self, tree: Path, turn: int) -> float:
        """Seconds of one push, the start of Python included."""
        seconds, printed = _timed(self._command("push", str(tree), f"admin/push-{turn}"), self._environ(turn))
        self.requests = json.loads(printed)["round_trips"]
        return seconds

    def settle(self) -> None:
        """Until the server has filed the small blocks: nobody else is measured meanwhile. Raises Unexpected."""
        address = f"http://{self._place.address}:{self._port}/metrics"
        ask = f"import urllib.request as r; print(r.urlopen(r.Request({address!r}, headers={{'Authorization':"
        ask += f" 'Bearer {self._token}'}})).read().decode())"
        until = time.monotonic() + 120
        while time.monotonic() < until:
            told = _timed([*self._place.near, sys.executable, "-c", ask])[1]
            found = re.search(r"^mylist_intake_bytes ([\d.e+]+)$", told, re.MULTILINE)
            if found and float(found[1]) == 0:
                return
            time.sleep(0.5)
        raise Unexpected("the server does not file what it has taken in")

    def replay(self, tree: Path, turn: int, step: str, changed: list[str], files: int) -> float:
        """Seconds of what rclone would ask for, in other flists of the same server.

        Far away the first copy takes minutes: a tenth of the files is sent, and the time multiplied.
        """
        data = self._scratch / "data"
        sent = files if self._place == HERE else files // 10
        if step == "first":
            local(data, "import", str(self._scratch / "nothing"), f"admin/first-{turn}")
            return self._replayed(tree, f"first-{turn}", step, [str(sent)]) * files / sent
        if step == "unchanged":
            local(data, "import", str(tree), f"admin/clone-{turn}")
        return self._replayed(tree, f"clone-{turn}", step, changed)

    def _replayed(self, tree: Path, flist: str, step: str, more: list[str]) -> float:
        command = [*self._place.near, sys.executable, "-m", "bench.replays", self._place.address]
        command += [str(self._port), self._token, f"/dav/admin/{flist}", str(tree), step, *more]
        return float(_timed(command)[1])

    def check(self, turn: int, tree: Path, files: int) -> None:
        """Raises Unexpected unless all is there as it is here."""
        environ = {**self._environ(turn), "XDG_CACHE_HOME": str(self._scratch / "no-cache")}
        printed = _timed(self._command("push", str(tree), f"admin/push-{turn}", "--dry-run"), environ)[1]
        found = json.loads(printed)
        if found["changes"] or found["entries"] != files + files // 100:
            raise Unexpected(f"the server has another tree: {found['changes'][:3]}")

    def _command(self, *arguments: str) -> list[str]:
        return [*self._place.near, sys.executable, "-m", "mylist_dav", *arguments, "--json", "--quiet"]

    def _environ(self, turn: int) -> dict[str, str]:
        return {
            "XDG_CONFIG_HOME": str(self._scratch / "config"),
            "XDG_CACHE_HOME": str(self._scratch / f"cache-{turn}"),
        }


class Rsync:
    """rsync and its daemon. Each round has a folder of its own. durable: each file is synced, in a first push."""

    def __init__(self, place: Place, port: int, folder: Path, *, durable: bool = False) -> None:
        self._place, self._port, self._folder = place, port, folder
        self.name = DURABLE_SYNC if durable else SYNC
        self.steps = STEPS[:1] if durable else STEPS
        self._options = ["-a", "--fsync"] if durable else ["-a"]
        self._below = "durable-" if durable else ""

    def push(self, tree: Path, turn: int) -> float:
        """Seconds of one run."""
        target = f"rsync://{self._place.address}:{self._port}/all/{self._below}{turn}/"
        return _timed([*self._place.near, "rsync", *self._options, f"{tree}/", target])[0]

    def check(self, turn: int, tree: Path, files: int) -> None:
        """Raises Unexpected unless all is there."""
        found = sum(path.is_file() for path in (self._folder / f"{self._below}{turn}").rglob("*"))
        if found != files:
            raise Unexpected(f"rsync has left {found} files")


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=ROOT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(place: Place, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens there. Raises NotStarted."""
    ask = f"import socket; socket.create_connection(({place.address!r}, {port}), timeout=5)"
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if not subprocess.run(
            [*place.near, sys.executable, "-c", ask], capture_output=True, check=False
        ).returncode:
            return
        time.sleep(0.1)
    raise NotStarted(log.read_text()[-4000:])


@contextmanager
def _mylist(scene: Scene, place: Place) -> Iterator[Mylist]:
    scratch = scene.folder("mylist")
    data, log = scratch / "data", scratch / "serve.log"
    (scratch / "nothing").mkdir()
    data.mkdir()
    local(data, "account", "add", "admin", "--role", "admin")
    token = local(data, "token", "new", "admin").splitlines()[-1]
    port = free_port()
    command = [*place.far, sys.executable, "-m", "mylist_dav", "serve", "--data", str(data)]
    with _running([*command, "--listen", f"{place.address}:{port}"], log) as process:
        _await(place, port, process, log)
        yield Mylist(place, scratch, port, token)


@contextmanager
def _rsyncs(scene: Scene, place: Place) -> Iterator[list[Rsync]]:
    folder, log = scene.folder("rsync"), scene.scratch / "rsync.log"
    port = free_port()
    owner = f"uid = {os.geteuid()}\ngid = {os.getegid()}\n" if os.geteuid() == 0 else ""
    config = scene.scratch / "rsyncd.conf"
    config.write_text(f"use chroot = no\n{owner}[all]\npath = {folder}\nread only = no\n")
    command = [*place.far, "rsync", "--daemon", "--no-detach", f"--config={config}", f"--port={port}"]
    with _running([*command, f"--address={place.address}"], log) as process:
        _await(place, port, process, log)
        yield [Rsync(place, port, folder), Rsync(place, port, folder, durable=True)]
