"""Where everything is put together: from settings to the app of one worker, and to the service that runs it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from mylist_dav.api.health import HealthFrontEnd, MetricsFrontEnd
from mylist_dav.api.table import SEGMENTS, api
from mylist_dav.dav.frontend import DavFrontEnd
from mylist_dav.rpc.frontend import RpcFrontEnd, as_owner, by_token
from mylist_dav.server.app import App
from mylist_dav.server.cores import usable_cores
from mylist_dav.server.doors.doors import OWNER, TOKEN, open_doors
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.forwarded import Forwarded
from mylist_dav.server.routing import Router
from mylist_dav.server.running import EngineName, Service
from mylist_dav.server.syncing import Syncing
from mylist_dav.server.watching.access_log import LogFormat
from mylist_dav.server.watching.measures import Measures
from mylist_dav.server.watching.metrics import lost_doors, metrics_text, note_library
from mylist_dav.services.accounts.logins import own_hosts
from mylist_dav.services.opening import Library
from mylist_dav.settings import OLD_ENGINES, Settings
from mylist_dav.store.processes.boards import Board
from mylist_dav.web.console.front import ROUTES, ConsoleFrontEnd
from mylist_dav.web.front import NowhereFrontEnd, SiteFrontEnd
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import FrontEnd

WORKERS_MAX = 4

log = logging.getLogger("mylist_dav.server")


def build(settings: Settings) -> App:
    """The app of one worker process, over a library of its own. Raises BadSettings, OutOfSpace, WritesStopped."""
    library = Library(settings, time.time_ns)
    library.start_filing()
    measures = Measures([partial(note_library, library)])
    library.watch.doors_lost = partial(lost_doors, measures)
    sites = SiteFrontEnd(
        library.sites,
        library.blocks,
        library.gates,
        in_clear=InClear(settings.tokens.over_plain_http, library.clock),
        max_age_seconds=settings.sites.max_age_seconds,
        listing_entries=settings.sites.listing_entries_max,
        meter=lambda exposure, actor, path: library.ledger.visit(exposure, actor, path=path),
    )
    dav = DavFrontEnd(library)
    routes: dict[str, FrontEnd] = {
        "dav": dav,
        **dict.fromkeys(ROUTES, ConsoleFrontEnd(library)),
        **dict.fromkeys(SEGMENTS, api(library)),
        "rpc": RpcFrontEnd(library, by_token(library)),
        "healthz": HealthFrontEnd(library),
        "metrics": MetricsFrontEnd(library, partial(metrics_text, measures)),
    }
    front_end: FrontEnd = Router(
        sites,
        routes,
        dav,
        NowhereFrontEnd(),
        settings.server.hosts,
        site_domain=settings.accounts.base_domain,
        called=own_hosts(settings.server.public_url, settings.server.hosts),
    )
    if settings.server.trusted_proxies:
        front_end = Forwarded(front_end, settings.server.trusted_proxies)
    library.jobs.register(Syncing(library).kind())
    library.start_jobs()
    doors: dict[str, FrontEnd] = {OWNER: RpcFrontEnd(library, as_owner), TOKEN: routes["rpc"]}
    root = Path(settings.store.data)
    return App(front_end, library.blocks, library.close, measures, partial(Board, root), doors)


def service(settings: Settings) -> Service:
    """How `running.serve` is to run it."""
    server = settings.server
    return Service(
        factory=f"{__name__}:build",
        settings=settings,
        settled=lambda _, addresses: listening_at(settings, addresses),
        listen=server.listen,
        engine=engine_named(server.engine),
        workers=server.workers or one_per_core(),
        one_core_each=server.one_core_each,
        limits=engine_limits(settings),
        doors=lambda backlog: open_doors(settings.rpc, Path(settings.store.data), backlog),
        access_log=cast(LogFormat, server.access_log),
        access_log_file=Path(server.access_log_file) if server.access_log_file else None,
    )


def engine_named(name: str) -> EngineName:
    """The engine of this name. For an old name it is another one, and the log says so."""
    if name in OLD_ENGINES:
        log.warning("the engine %s is not offered any more: %s serves in its place", name, OLD_ENGINES[name])
    return cast(EngineName, OLD_ENGINES.get(name, name))


def listening_at(settings: Settings, addresses: list[str]) -> Settings:
    """The settings with the addresses as bound: logins name them, and port 0 is no name."""
    return replace(settings, server=replace(settings.server, listen=tuple(addresses)))


def one_per_core() -> int:
    """The worker processes of a machine that is not asked for a number: the cores this process may use, at most 4."""
    return min(len(usable_cores()), WORKERS_MAX)


def engine_limits(settings: Settings) -> EngineLimits:
    """The settings that bound the engine, as it knows them."""
    limits = settings.limits
    return EngineLimits(
        header_bytes=limits.header_bytes_max,
        header_fields=limits.header_fields_max,
        target_bytes=limits.target_bytes_max,
        header_timeout_seconds=limits.header_timeout_seconds,
        idle_timeout_seconds=limits.idle_timeout_seconds,
        body_idle_seconds=limits.body_idle_seconds,
        body_rate_bytes=limits.body_rate_bytes_min,
        body_budget_bytes=limits.body_budget_bytes,
        write_stall_seconds=limits.write_stall_seconds,
        connections=limits.connections_max,
        threads=settings.server.threads,
        stop_seconds=settings.server.stop_seconds,
    )
