"""Slow clients beside quick ones: how long small requests take meanwhile, and how much memory the server needs.

    python -m bench.slow_clients [--engine uvloop] [--readers 200] [--uploaders 100] [--seconds 10]

Each reader takes a body of 4 MiB of its own, each uploader sends one, at some 40 KiB/s. Goals: p99 of the small
requests below 50 ms, resident memory below 400 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import time
from pathlib import Path

from tests.server.raw_http import Server

STEP_SECONDS = 0.1
STEP_BYTES = 4096
BODY_BYTES = 4 * 1024 * 1024


async def connect(port: int, narrow: bool) -> socket.socket:
    """A connection; narrow: with as small a receive buffer as the system allows."""
    made = socket.socket()
    made.setblocking(False)
    if narrow:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    return made


async def read_slowly(port: int, number: int) -> None:
    """Ask for a body nobody else asks for, and take a little of it at a time."""
    loop = asyncio.get_running_loop()
    with await connect(port, narrow=True) as wire:
        await loop.sock_sendall(
            wire, f"GET /block-list/{number}/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        while await loop.sock_recv(wire, STEP_BYTES):
            await asyncio.sleep(STEP_SECONDS)


async def upload_slowly(port: int, number: int) -> None:
    """Send a body a little at a time."""
    loop = asyncio.get_running_loop()
    target = f"/sink/up-{number}/{BODY_BYTES}/{BODY_BYTES}"
    head = f"PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    with await connect(port, narrow=False) as wire:
        await loop.sock_sendall(wire, head.encode())
        for _ in range(BODY_BYTES // STEP_BYTES):
            await loop.sock_sendall(wire, b"u" * STEP_BYTES)
            await asyncio.sleep(STEP_SECONDS)


async def ask_quickly(port: int, target: str, until: float, taken: list[float]) -> None:
    """One small request after the other over one connection; how long each took, in seconds."""
    loop = asyncio.get_running_loop()
    with await connect(port, narrow=False) as wire:
        while time.monotonic() < until:
            began = time.monotonic()
            await loop.sock_sendall(wire, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            if not await loop.sock_recv(wire, 4096):
                raise ConnectionError("the server closed a quick connection")
            taken.append(time.monotonic() - began)
            await asyncio.sleep(0.005)


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def part(taken: list[float], share: float) -> float:
    """A quantile, in ms."""
    return sorted(taken)[int(len(taken) * share)] * 1000 if taken else float("nan")


async def measure(server: Server, readers: int, uploaders: int, seconds: float) -> None:
    """Print what is measured."""
    before = resident_mib(server.process.pid)
    slow = [asyncio.create_task(read_slowly(server.port, number)) for number in range(readers)]
    slow += [asyncio.create_task(upload_slowly(server.port, number)) for number in range(uploaders)]
    until = time.monotonic() + seconds
    from_memory: list[float] = []
    from_thread: list[float] = []
    quick = [
        asyncio.create_task(ask_quickly(server.port, "/now", until, from_memory)),
        asyncio.create_task(ask_quickly(server.port, "/hello", until, from_thread)),
    ]
    most = 0.0
    while time.monotonic() < until:
        most = max(most, resident_mib(server.process.pid))
        await asyncio.sleep(0.1)
    await asyncio.gather(*quick)
    ended = sum(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    print(f"{server.engine}: {readers} slow readers, {uploaders} slow uploaders, {ended} of them ended early")
    for name, taken in (("from memory", from_memory), ("from a thread", from_thread)):
        print(
            f"  {name}: {len(taken)} requests, p50 {part(taken, 0.5):.1f} ms, p99 {part(taken, 0.99):.1f} ms"
        )
    print(f"  resident: {before:.0f} MiB before, at most {most:.0f} MiB")


def main() -> None:
    """Run it once."""
    options = argparse.ArgumentParser()
    options.add_argument("--engine", default="uvloop")
    options.add_argument("--readers", type=int, default=200)
    options.add_argument("--uploaders", type=int, default=100)
    options.add_argument("--seconds", type=float, default=10)
    given = options.parse_args()
    server = Server(engine=given.engine)
    try:
        asyncio.run(measure(server, given.readers, given.uploaders, given.seconds))
    finally:
        server.end()


if __name__ == "__main__":
    main()
