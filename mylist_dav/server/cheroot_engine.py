"""The engine on cheroot: a thread for each connection that is being served (cheroot_server.py).

A slow reader, uploader or header section costs a thread: for many of these there are the other engines.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from mylist_dav.server.cheroot_server import ThreadServer
from mylist_dav.server.runtime import Runtime
from mylist_dav.server.thread_exchange import ThreadExchanges

_LAST_SECONDS = 2.0
THREADS_MIN = 32


def run(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve the listening sockets until SIGTERM or SIGINT; see uvloop_engine.run."""
    sys.setswitchinterval(runtime.limits.switch_interval_seconds)
    stops = _StopSignals()
    exchanges = ThreadExchanges(runtime)
    threads = max(runtime.limits.threads, THREADS_MIN)
    servers = [ThreadServer(exchanges, each, threads) for each in sockets]
    for server in servers:
        _in_daemon(_prepare, server).join()
    serving = [_in_daemon(server.serve) for server in servers]
    ready()
    stops.wait(1, None)
    exchanges.stopping = True
    stopping = [_in_daemon(server.stop) for server in servers]
    stops.wait(2, runtime.limits.stop_seconds, stopping + serving)
    for server in servers:
        server.cut()
    for thread in stopping:
        thread.join(_LAST_SECONDS)


def _prepare(server: ThreadServer) -> None:
    """In a daemon thread, so that the threads of the pool are daemons too: one that hangs must not keep the process."""
    server.prepare()


def _in_daemon(call: Callable[..., Any], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=call, args=arguments, daemon=True)
    thread.start()
    return thread


class _StopSignals:
    """Counts SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self._count = 0
        self._arrived = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self._count += 1
        self._arrived.set()

    def wait(self, count: int, seconds: float | None, threads: Sequence[threading.Thread] = ()) -> None:
        """Wait for so many signals in all, at most so long; less when all threads have ended."""
        waited = 0.0
        while self._count < count and (seconds is None or waited < seconds):
            if threads and not any(thread.is_alive() for thread in threads):
                return
            self._arrived.clear()
            step = 3600.0 if seconds is None else min(0.05, seconds - waited)
            if self._count < count:
                self._arrived.wait(step)
            waited += step
