"""Starts and stops the service: sockets, engine, worker processes.

The parent binds and, with several workers, only watches: it imports nothing of the app, so that each worker makes its
own after the fork (connections to a database do not survive one).
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from mylist_dav.errors import BadSettings
from mylist_dav.server.app import App
from mylist_dav.server.balance import Balance, Share
from mylist_dav.server.cores import keep_to_one_core
from mylist_dav.server.doors.doors import Door
from mylist_dav.server.engines.sockets import Address, listen
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import Runtime
from mylist_dav.server.memory import give_back_freed_blocks, holes_given_back
from mylist_dav.server.signals import stop_in_order
from mylist_dav.server.watching.access_log import AccessLog, LogFormat
from mylist_dav.server.workers import Workers

EngineName = Literal["uvloop", "cheroot"]
Engine = Callable[[Runtime, list[socket.socket], Callable[[], None]], None]
_ENGINES = {name: f"mylist_dav.server.engines.{name}_engine:run" for name in get_args(EngineName)}

log = logging.getLogger("mylist_dav.server")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What to serve and how.

    factory: 'module:function', called as function(settings) in each worker; gives an App. listen: HOST:PORT each.
    settled: gives the settings for the workers, from those here and the addresses as bound.
    access_log_file: None for standard error; reopened at SIGHUP.
    run: names what the workers have in common; serve() gives it.
    one_core_each: every worker keeps to one core (cores.py).
    doors: opens further sockets (doors.py) for as long as the server runs; called with the backlog.
    """

    factory: str
    settings: object = None
    settled: Callable[[Any, list[str]], object] = lambda settings, addresses: settings
    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    engine: EngineName = "uvloop"
    workers: int = 1
    one_core_each: bool = True
    limits: EngineLimits = field(default_factory=EngineLimits)
    access_log: LogFormat = "off"
    access_log_file: Path | None = None
    doors: Callable[[int], AbstractContextManager[list[Door]]] = lambda backlog: nullcontext([])
    run: str = ""


def serve(service: Service, ready: Callable[[list[str]], None]) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code, 0 after an orderly stop. For the main thread only.

    ready is called once, with the addresses as bound (HOST:PORT), when connections are answered. Raises BadSettings.
    """
    if service.engine not in _ENGINES or service.workers < 1:
        raise BadSettings(f"the engine is one of {', '.join(_ENGINES)}, and there is at least one worker")
    addresses = [Address.parse(text) for text in service.listen]
    stop_in_order()
    bound = [listen(address, service.limits.backlog, service.workers) for address in addresses]
    names = [str(Address(*copies[0].getsockname()[:2])) for copies in bound]
    try:
        run = f"{os.getpid():x}{time.time_ns():x}"
        service = replace(service, settings=service.settled(service.settings, names), run=run)
        shares = [list(share) for share in zip(*bound, strict=True)]
        with service.doors(service.limits.backlog) as doors:
            return _serve(service, shares, doors, lambda: ready(names))
    finally:
        for copies in bound:
            for each in copies:
                each.close()


def _serve(
    service: Service, shares: list[list[socket.socket]], doors: list[Door], ready: Callable[[], None]
) -> int:
    """One worker for each share of the sockets, or this process if that is all; the first one has the doors too."""
    first_core = os.getpid()  # servers that run side by side begin at different ones

    def begin(number: int, told: Callable[[], None], share: Share | None = None) -> None:
        if service.one_core_each:
            keep_to_one_core(first_core + number)
        work(service, shares[number], told, doors if number == 0 else [], share)

    if service.workers == 1:
        begin(0, ready)
        return 0
    with closing(Balance(service.workers)) as balance:
        workers = Workers(
            service.limits, lambda number, told: begin(number, told, balance.share_of(number)), balance.ended
        )
        return workers.run(service.workers, ready)


def work(
    service: Service,
    sockets: list[socket.socket],
    ready: Callable[[], None],
    doors: Sequence[Door] = (),
    share: Share | None = None,
) -> None:
    """Be a worker: make the app, run the engine until it is stopped, close the app."""
    give_back_freed_blocks()
    engine: Engine = _named(_ENGINES[service.engine])
    access_log = None
    if service.access_log != "off":
        access_log = AccessLog(service.access_log, service.access_log_file, time.time)
        signal.signal(signal.SIGHUP, lambda *_: access_log.reopen_soon())
    app: App = _named(service.factory)(service.settings)
    try:
        if app.board is not None:
            app.measures.begin(app.board(service.run))
        with holes_given_back(), _doors_served(app, doors, service.limits, access_log):
            engine(Runtime(app, service.limits, access_log, share=share), sockets, ready)
    finally:
        app.measures.end()
        app.close()
        if access_log is not None:
            access_log.close()


def _doors_served(
    app: App, doors: Sequence[Door], limits: EngineLimits, access_log: AccessLog | None
) -> AbstractContextManager[None]:
    """Answer at the doors as long as the block runs."""
    if not doors:
        return nullcontext()
    serving: Callable[..., AbstractContextManager[None]] = _named("mylist_dav.server.doors.door_loop:serving")
    return serving(app, doors, limits, access_log)


def _named(text: str) -> Any:
    """The function of 'module:function'."""
    module, _, name = text.partition(":")
    return getattr(importlib.import_module(module), name)
