"""A link between two network namespaces that holds each packet for a while: a relay between two tun devices.

python -m bench.link NEAR FAR DELAY_MS is the relay; link() makes the namespaces, starts it, and takes all away again.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

NEAR_ADDRESS, FAR_ADDRESS = "10.213.7.1", "10.213.7.2"
_DEVICE = "link0"
_MTU_BYTES = 1500
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN_NO_PI = 0x400454CA, 0x1001
_PACKETS_AT_ONCE = 64


class Place(NamedTuple):
    """Where clients and servers run: what goes before their commands, and the address of the servers."""

    near: list[str]
    far: list[str]
    address: str


HERE = Place([], [], "127.0.0.1")


def missing() -> str:
    """Why there can be no link here, or ''."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    return "" if Path("/dev/net/tun").exists() else "there are no tun devices"


@contextmanager
def link(delay_ms: float) -> Iterator[Place]:
    """Two namespaces with a link that takes delay_ms in each direction."""
    near, far = (f"bench-{side}-{os.getpid()}" for side in ("near", "far"))
    relay = None
    try:
        for name in (near, far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        relay = subprocess.Popen(
            [sys.executable, "-m", "bench.link", near, far, str(delay_ms)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parent.parent,
        )
        assert relay.stdout is not None
        relay.stdout.readline()  # the devices are there now
        for name, own, other in ((near, NEAR_ADDRESS, FAR_ADDRESS), (far, FAR_ADDRESS, NEAR_ADDRESS)):
            _ip("-n", name, "address", "add", own, "peer", other, "dev", _DEVICE)
            _ip("-n", name, "link", "set", _DEVICE, "mtu", str(_MTU_BYTES), "txqueuelen", "10000", "up")
        enter = ["ip", "netns", "exec"]
        yield Place([*enter, near], [*enter, far], FAR_ADDRESS)
    finally:
        if relay is not None:
            relay.kill()
            relay.wait()
        for name in (near, far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _tun(name: str) -> int:
    """A tun device in a namespace, as a descriptor of packets."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/var/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(other, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {name}")
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN_NO_PI))
        libc.setns(own, _CLONE_NEWNET)
        return device
    finally:
        os.close(own)
        os.close(other)


def relay(near: str, far: str, delay_seconds: float) -> None:
    """Carry packets between two namespaces until killed."""
    ends = (_tun(near), _tun(far))
    other = dict(zip(ends, reversed(ends), strict=True))
    print("up", flush=True)
    under_way: list[tuple[float, int, int, bytes]] = []
    number = 0
    poll = select.epoll()
    for end in ends:
        poll.register(end, select.EPOLLIN)
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end, _ in poll.poll(wait):
            due = time.monotonic() + delay_seconds
            for packet in _packets(end):
                number += 1
                heapq.heappush(under_way, (due, number, other[end], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(under_way)
            with contextlib.suppress(OSError):  # a full device loses packets, as devices do
                os.write(end, packet)


def _packets(end: int) -> Iterator[bytes]:
    for _ in range(_PACKETS_AT_ONCE):
        try:
            yield os.read(end, 65536)
        except BlockingIOError:
            return


if __name__ == "__main__":
    relay(sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000)
