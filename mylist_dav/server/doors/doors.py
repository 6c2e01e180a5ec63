"""Doors: listening sockets beside those of the engine, each with a front end of its own. JSON-RPC answers there.

The parent of the workers opens them, as it does with the sockets of the engine: when the worker that serves them dies,
connections wait for the one that is started in its place. The first worker alone serves them (door_loop.py).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from mylist_dav.errors import BadSettings, Exists, MylistError
from mylist_dav.server.engines.sockets import Address, listen
from mylist_dav.settings import RpcSettings, parse_rpc_listen
from mylist_dav.store.processes.local_socket import FileSocket, LocalSocket

OWNER = "owner"
TOKEN = "token"
"""The front ends of App.doors: for the owner of the data directory, and for who has a token."""

_SHARED_MODE = 0o660

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
