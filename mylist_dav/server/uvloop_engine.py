"""The default engine: our own connections (http1.py) on uvloop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import uvloop

from mylist_dav.server.connections import Connections
from mylist_dav.server.exchange import Exchanges
from mylist_dav.server.http1 import Http1Connection
from mylist_dav.server.runtime import Runtime


def run(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve the listening sockets until SIGTERM or SIGINT; a second signal ends it at once. ready: called when it
    accepts connections. Must be called in the main thread.
    """
    sys.setswitchinterval(runtime.limits.switch_interval_seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(runtime, sockets, ready))


async def _serve(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    at_once = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopped, at_once)
    exchanges = Exchanges(runtime)
    connections = Connections(exchanges)
    servers = [
        await loop.create_server(
            lambda: Http1Connection(connections), sock=each, backlog=runtime.limits.backlog
        )
        for each in sockets
    ]
    ready()
    await stopped.wait()
    for server in servers:
        server.close()
    stopping = asyncio.ensure_future(connections.stop())
    await asyncio.wait([stopping, asyncio.ensure_future(at_once.wait())], return_when=asyncio.FIRST_COMPLETED)
    exchanges.close()


def _stop(stopped: asyncio.Event, at_once: asyncio.Event) -> None:
    (at_once if stopped.is_set() else stopped).set()
