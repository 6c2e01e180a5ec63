"""The default engine: our own connections (http1.py) on uvloop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import uvloop

from mylist_dav.server.engines.connections import Connections
from mylist_dav.server.engines.http1 import Http1Connection
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.runtime import Runtime

_LAST_SECONDS = 2.0
"""For sinks to abort after their connections were cut."""


def run(runtime: Runtime, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve the listening sockets until SIGTERM or SIGINT; a second signal ends it at once. ready: called when it
    accepts connections. Must be called in the main thread.
    """
    sys.setswitchinterval(runtime.limits.switch_interval_seconds)
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(_serve(runtime, sockets, ready))
    finally:
        # A thread that does not come back may keep an exchange: it is left, since waiting for it could be for ever.
        loop.set_exception_handler(lambda *_: None)
        loop.close()


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
    exchanges.stop_waiting()
    for server in servers:
        server.close()
    stopping = asyncio.ensure_future(connections.stop())
    await asyncio.wait([stopping, asyncio.ensure_future(at_once.wait())], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    connections.cut()
    await exchanges.wait_idle(_LAST_SECONDS)
    exchanges.close()


def _stop(stopped: asyncio.Event, at_once: asyncio.Event) -> None:
    (at_once if stopped.is_set() else stopped).set()
