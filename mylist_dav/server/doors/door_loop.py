"""Serves the doors: on an event loop in a thread of its own, beside whatever engine runs in the main thread.

It is the machinery of the default engine, so slow and silent clients cost no thread here either.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import uvloop

from mylist_dav.errors import Forbidden
from mylist_dav.server.app import App
from mylist_dav.server.doors.doors import OWNER, Door
from mylist_dav.server.engines.connections import Connections
from mylist_dav.server.engines.http1 import Http1Connection
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import Runtime
from mylist_dav.server.watching.access_log import AccessLog
from mylist_dav.server.watching.measures import Notes

THREADS = 8
CONNECTIONS = 256
"""Of each door."""

LOST = "lost"
_LAST_SECONDS = 2.0
_CREDENTIALS = struct.Struct("iII")
"""Process, user and group of a peer (unix(7), SO_PEERCRED)."""

log = logging.getLogger("mylist_dav.server")


@contextmanager
def serving(
    app: App, doors: Sequence[Door], limits: EngineLimits, access_log: AccessLog | None
) -> Iterator[None]:
    """Answer at the doors while the block runs; at its end running requests have stop_seconds."""
    limits = replace(limits, threads=THREADS, connections=CONNECTIONS)
    runtimes = [
        Runtime(replace(app, front_end=app.doors[door.front_end]), limits, access_log) for door in doors
    ]
    loop = _DoorLoop(doors, runtimes)
    app.measures.sources.append(loop.note)
    loop.start()
    loop.begun.wait()
    try:
        yield
    finally:
        loop.stop()
        loop.join(limits.stop_seconds + 2 * _LAST_SECONDS)


class _DoorLoop(threading.Thread):
    """The thread. begun: connections are answered, or never will be."""

    def __init__(self, doors: Sequence[Door], runtimes: Sequence[Runtime]) -> None:
        super().__init__(name="doors", daemon=True)
        self.begun = threading.Event()
        self._doors = doors
        self._runtimes = runtimes
        self._loop = uvloop.new_event_loop()
        self._stopped = asyncio.Event()
        self._is_lost = False

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # the border of the thread: the engine goes on without doors
            self._is_lost = True
            log.error("the sockets for JSON-RPC are not served any more", exc_info=error)
        finally:
            self.begun.set()
            # A thread that does not come back may keep an exchange: it is left, as the engine does it.
            self._loop.set_exception_handler(lambda *_: None)
            self._loop.close()

    def note(self, notes: Notes) -> None:
        """How many doors are answered, and how many should be and are not."""
        process = str(os.getpid())
        is_lost = self._is_lost
        notes.levels["doors", process, "answered"] = 0 if is_lost else len(self._doors)
        notes.levels["doors", process, LOST] = len(self._doors) if is_lost else 0

    def stop(self) -> None:
        """From another thread: end soon."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self) -> None:
        served = [
            await _Served.begin(door, runtime)
            for door, runtime in zip(self._doors, self._runtimes, strict=True)
        ]
        self.begun.set()
        await self._stopped.wait()
        await asyncio.gather(*(each.end() for each in served))


class _Served:
    """One door."""

    def __init__(self, exchanges: Exchanges, connections: Connections, server: asyncio.Server) -> None:
        self._exchanges = exchanges
        self._connections = connections
        self._server = server

    @classmethod
    async def begin(cls, door: Door, runtime: Runtime) -> _Served:
        """Accept connections. The listening socket stays the parent's."""
        exchanges = Exchanges(runtime)
        connections = Connections(exchanges)
        kind = _OwnersConnection if door.front_end == OWNER else Http1Connection
        loop, backlog = connections.loop, runtime.limits.backlog
        is_file = door.listening.family == socket.AF_UNIX
        create: Callable[..., asyncio.Future[asyncio.Server]] = (
            loop.create_unix_server if is_file else loop.create_server  # type: ignore[assignment]
        )
        server = await create(lambda: kind(connections), sock=door.listening.dup(), backlog=backlog)
        return cls(exchanges, connections, server)

    async def end(self) -> None:
        """Let running requests end within stop_seconds; then cut what is left."""
        self._server.close()
        await self._connections.stop()
        self._connections.cut()
        await self._exchanges.wait_idle(_LAST_SECONDS)
        self._exchanges.close()


class _OwnersConnection(Http1Connection):
    """A connection that is heard only if it comes from the user that this server runs as, or from root."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._deaf and not is_owner(self._descriptor):
            self.refuse(Forbidden("this socket is for the owner of the data directory alone"))
            self._close_when_done()


def is_owner(descriptor: int) -> bool:
    """Whether the process at the other end of a connected socket is of our user, or of root."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return user in (0, os.geteuid())
