"""The default engine: our own connections (http1.py) on uvloop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import uvloop

from mylist_dav.server.balance import Share
from mylist_dav.server.engines.connections import Connections
from mylist_dav.server.engines.http1 import Http1Connection
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.runtime import Runtime, log

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
    arrivals = _Arrivals(connections, runtime.share) if runtime.share is not None else None
    if arrivals is not None:
        arrivals.begin()
    ready()
    await stopped.wait()
    exchanges.stop_waiting()
    for server in servers:
        server.close()
    if arrivals is not None:
        arrivals.end()
    stopping = asyncio.ensure_future(connections.stop())
    await asyncio.wait([stopping, asyncio.ensure_future(at_once.wait())], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    connections.cut()
    await exchanges.wait_idle(_LAST_SECONDS)
    exchanges.close()


class _Arrivals:
    """Connections that other workers have passed on."""

    def __init__(self, connections: Connections, share: Share) -> None:
        self._connections = connections
        self._share = share
        self._beginning: set[asyncio.Task[object]] = set()

    def begin(self) -> None:
        """Have them passed to this worker from here on."""
        self._share.has_open(0)
        self._connections.loop.add_reader(self._share.incoming, self._take)

    def end(self) -> None:
        """Take no more but what is here already, which would else wait for the worker that comes after this one."""
        self._share.takes_no_more()
        self._connections.loop.remove_reader(self._share.incoming)
        self._take()

    def _take(self) -> None:
        try:
            while (passed := self._share.take()) is not None:
                task = self._connections.loop.create_task(self._go_on(passed))
                self._beginning.add(task)
                task.add_done_callback(self._beginning.discard)
        except OSError as error:
            log.error("a connection that another worker has passed on is lost: %s", error)

    async def _go_on(self, passed: socket.socket) -> None:
        try:
            await self._connections.loop.connect_accepted_socket(
                lambda: Http1Connection(self._connections, stays=True), passed
            )
        except OSError:  # it has ended meanwhile
            passed.close()


def _stop(stopped: asyncio.Event, at_once: asyncio.Event) -> None:
    (at_once if stopped.is_set() else stopped).set()
