"""The engine on granian: hyper reads and writes in its own threads, and the exchanges run on our loop over ASGI.

Its embedded server is used, with our listening sockets: worker processes, signals and stopping are ours, alike for
every engine. HTTP/1.1 only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from mylist_dav.server.engines.asgi import AsgiApplication
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import Runtime

_LAST_SECONDS = 2.0


class _GranianOnSocket(Server):
    """Granian takes an address; here it gets a socket that listens already."""

    def __init__(self, listening: socket.socket, application: Any, limits: EngineLimits) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(limits.header_timeout_seconds * 1000),
                max_buffer_size=max(limits.header_bytes, 8192),
            ),
            websockets=False,
            backlog=max(limits.backlog, 128),
            backpressure=limits.connections,
            log_enabled=False,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        duplicate = os.dup(self._listening.fileno())
        self._shd = SocketHolder(duplicate, False, self.backlog)  # type: ignore[assignment,call-arg]  # stubs lag


def run(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve the listening sockets until SIGTERM or SIGINT; see uvloop_engine.run."""
    sys.setswitchinterval(runtime.limits.switch_interval_seconds)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve(runtime, sockets, ready))
    finally:
        loop.set_exception_handler(lambda *_: None)
        asyncio.set_event_loop(None)
        loop.close()


async def _serve(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    stopped, at_once = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (at_once if stopped.is_set() else stopped).set())
    exchanges = Exchanges(runtime)
    application = AsgiApplication(exchanges)
    servers = [_GranianOnSocket(each, application, runtime.limits) for each in sockets]
    serving = [asyncio.ensure_future(server.serve()) for server in servers]
    sweeping = asyncio.ensure_future(_sweep(application, runtime.limits.sweep_seconds))
    ready()
    await stopped.wait()
    exchanges.stop_waiting()
    application.stopping = True
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]
    ending = [asyncio.ensure_future(exchanges.wait_idle(runtime.limits.stop_seconds)), *serving]
    await asyncio.wait(
        [asyncio.ensure_future(asyncio.wait(ending)), asyncio.ensure_future(at_once.wait())],
        timeout=runtime.limits.stop_seconds,
        return_when=asyncio.FIRST_COMPLETED,
    )
    sweeping.cancel()
    await exchanges.wait_idle(_LAST_SECONDS if not at_once.is_set() else 0.1)
    exchanges.close()


async def _sweep(application: AsgiApplication, seconds: float) -> None:
    measures, before = application.measures, application.now()
    while True:
        await asyncio.sleep(seconds)
        now = application.now()
        measures.lag.add(max(0.0, now - before - seconds))
        before = now
        application.sweep()
