"""Doors: listening sockets beside those of the engine, each with a front end of its own. JSON-RPC answers there.

The parent of the workers opens them, as it does with the sockets of the engine: when the worker that serves them dies,
connections wait for the one that is started in its place. The first worker alone serves them.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mylist_dav.errors import BadSettings, Exists, MylistError
from mylist_dav.server.access_log import AccessLog
from mylist_dav.server.app import App
from mylist_dav.server.limits import EngineLimits
from mylist_dav.server.runtime import Runtime
from mylist_dav.server.sockets import Address, listen
from mylist_dav.settings import RpcSettings, parse_rpc_listen
from mylist_dav.store.local_socket import FileSocket, LocalSocket

OWNER = "owner"
TOKEN = "token"
"""The front ends of App.doors: for the owner of the data directory, and for who has a token."""

THREADS = 8
CONNECTIONS = 256
_SHARED_MODE = 0o660
_LAST_SECONDS = 2.0
_CREDENTIALS = struct.Struct("iII")
"""Process, user and group of a peer (unix(7), SO_PEERCRED)."""

log = logging.getLogger("mylist_dav.server")


class Door(NamedTuple):
    """A listening socket, and which front end of App.doors answers there."""

    listening: socket.socket
    front_end: str


@contextmanager
def open_doors(settings: RpcSettings, data: Path, backlog: int) -> Iterator[list[Door]]:
    """The doors of a server on this data directory. Raises BadSettings for an address that is not to be had.

    Without the local socket the server goes on, and says so in the log: another one has it, or it cannot be made.
    """
    with ExitStack() as stack:
        doors = []
        if settings.local_socket:
            try:
                local = stack.enter_context(LocalSocket(data, backlog))
                doors.append(Door(local.listening, OWNER))
            except Exists as error:
                log.warning("the local socket for JSON-RPC: %s; this server goes on without one", error)
            except MylistError as error:
                log.warning("no local socket for JSON-RPC: %s", error)
        doors += [Door(_opened(stack, text, backlog), TOKEN) for text in settings.listen]
        yield doors


def _opened(stack: ExitStack, text: str, backlog: int) -> socket.socket:
    place = parse_rpc_listen(text)
    if not isinstance(place, str):
        (listening,) = listen(Address(*place), backlog, 1)
        stack.callback(listening.close)
        return listening
    try:
        found = FileSocket(Path(place), _SHARED_MODE, backlog)
    except MylistError as error:
        raise BadSettings(f"[rpc] listen: {text} is not to be had: {error}") from error
    stack.callback(found.close)
    return found.listening


@contextmanager
def serving(
    app: App, doors: Sequence[Door], limits: EngineLimits, access_log: AccessLog | None
) -> Iterator[None]:
    """Answer at the doors, in threads, while the block runs; at its end running requests have stop_seconds."""
    if not doors:
        yield
        return
    from mylist_dav.server.cheroot_server import ThreadServer, everybody
    from mylist_dav.server.thread_exchange import ThreadExchanges

    limits = replace(limits, threads=THREADS, connections=CONNECTIONS)
    servers = []
    for door in doors:
        runtime = Runtime(App(app.doors[door.front_end], app.blocks), limits, access_log)
        admits = is_owner if door.front_end == OWNER else everybody
        servers.append(ThreadServer(ThreadExchanges(runtime), door.listening, THREADS, admits))
    for server in servers:
        _in_daemon(server.prepare).join()  # the threads of its pool are daemons then
        _in_daemon(server.serve)
    try:
        yield
    finally:
        for server in servers:
            server.exchanges.stopping = True
        stopping = [_in_daemon(server.stop) for server in servers]
        for thread in stopping:
            thread.join(limits.stop_seconds + _LAST_SECONDS)
        for server in servers:
            server.cut()


def is_owner(connection: socket.socket) -> bool:
    """Whether the process at the other end is of the user that this one runs as, or of root."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return user in (0, os.geteuid())


def _in_daemon(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread
