"""mylist serve"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mylist_dav import __version__
from mylist_dav.cli.shared import local_command, open_library, read_settings
from mylist_dav.settings import ENGINES, OLD_ENGINES, Settings

if TYPE_CHECKING:
    from mylist_dav.services.starting import Started

log = logging.getLogger("mylist_dav.server")

_WELCOME_IN_WHEEL = Path(__file__).parents[1] / "web" / "welcome"
_WELCOME_IN_CHECKOUT = Path(__file__).parents[2] / "sites" / "welcome"


@click.command()
@click.option("--listen", multiple=True, metavar="HOST:PORT", help="Address to listen on; may be repeated.")
@click.option(
    "--engine",
    type=click.Choice([*ENGINES, *OLD_ENGINES]),
    metavar=f"[{'|'.join(ENGINES)}]",
    help="HTTP engine.",
)
@click.option(
    "--workers", type=click.IntRange(0, 256), metavar="N", help="Worker processes; 0: one per core."
)
@local_command
def serve(listen: tuple[str, ...], engine: str | None, workers: int | None) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    No settings file is needed: without one it listens on 127.0.0.1:8080 and keeps everything in ./store. The first
    start makes an admin account with your key (made if you have none) and a token, and publishes a welcome site.
    """
    # half a second of imports, which `mylist --help` need not wait for
    from mylist_dav.cli.operator import operator_key
    from mylist_dav.server.assembly import service
    from mylist_dav.server.running import serve as run
    from mylist_dav.server.signals import stop_in_order
    from mylist_dav.services.starting import first_start

    stop_in_order()
    settings = read_settings(server__listen=listen or None, server__engine=engine, server__workers=workers)
    logging.basicConfig(
        level=settings.server.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    with open_library(settings, make=True) as library:
        started = first_start(library, _welcome_folder(), lambda: operator_key(settings))
        log.info("the key of this server is %s", library.server_key.public.fingerprint)
    sys.exit(run(service(settings), lambda addresses: _announce(settings, addresses, started)))


def _welcome_folder() -> Path:
    return _WELCOME_IN_WHEEL if _WELCOME_IN_WHEEL.is_dir() else _WELCOME_IN_CHECKOUT


def _announce(settings: Settings, addresses: list[str], started: Started) -> None:
    """Say where it is and how to log in, once connections are answered."""
    urls = (
        [settings.server.public_url]
        if settings.server.public_url
        else [f"http://{each}" for each in addresses]
    )
    lines = [f"mylist {__version__} is running, with its data in {settings.store.data}"]
    for url in urls:
        lines.append(f"  console  {url}/")
        if settings.sites.welcome:
            lines.append(f"  website  {url}/welcome/")
        lines.append(f"  WebDAV   {url}/dav/")
    if started.token:
        lines += _how_to_log_in(settings, addresses, started)
    lines.append(f"  a token  mylist token new {started.account} --data {settings.store.data}")
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _how_to_log_in(settings: Settings, addresses: list[str], started: Started) -> list[str]:
    """For the admin of a first start: with the key, and with a token for what knows no keys."""
    from mylist_dav.services.accounts.logins import own_addresses

    hours = settings.tokens.days_default * 24
    names = own_addresses(settings.server.public_url, addresses)
    lines = [f"  log in   mylist login --server {names[0]}"] if started.key and names else []
    return [
        *lines,
        f"  {'log in ' if not lines else 'or with'}  user name {started.account}, password {started.token}",
        f"           (valid for {hours} hours; it is not shown again)",
    ]
