"""mylist expose, unexpose, exposures"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName


def _require_one(host: str, prefix: str) -> None:
    """Raises UsageError unless exactly one of them is given."""
    if bool(host) is bool(prefix):
        raise click.UsageError("give either --host HOST or --prefix /PREFIX; see: mylist exposures")


@click.command()
@click.argument("flist", type=FLIST)
@click.option("--host", default="", metavar="HOST", help="Answer for this host name.")
@click.option(
    "--prefix", default="", metavar="/PREFIX", help="Answer below this path of the server's own hosts."
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default="public",
    show_default=True,
    help="Who may look; only public is offered yet.",
)
@click.option("--at", "at_jid", type=int, metavar="JID", help="Stay at this revision instead of the newest.")
@click.option(
    "--dav",
    type=click.Choice(["off", "ro", "rw"]),
    default="off",
    show_default=True,
    help="WebDAV at the same address; only off is offered yet.",
)
@click.option(
    "--listing/--no-listing", default=True, show_default=True, help="List folders without index.html."
)
@local_command
def expose(
    flist: FlistName, host: str, prefix: str, mode: str, at_jid: int | None, dav: str, listing: bool
) -> None:
    """Publish a flist as a website, on a host name or below a prefix; in place of what was there."""
    _require_one(host, prefix)
    with open_library() as library:
        exposure = library.exposures.expose(
            OPERATOR,
            flist,
            host=host,
            prefix=prefix,
            at_jid=at_jid,
            mode=Mode(mode),
            listing=listing,
            dav=dav,
        )
    pinned = f"at revision {exposure.at_jid}" if exposure.at_jid is not None else "at its newest revision"
    click.echo(f"{exposure.where} shows {flist} {pinned}")


@click.command()
@click.option("--host", default="", metavar="HOST", help="The host name to take it off.")
@click.option("--prefix", default="", metavar="/PREFIX", help="The prefix to take it off.")
@local_command
def unexpose(host: str, prefix: str) -> None:
    """Take a website off a host name or prefix. The flist stays."""
    _require_one(host, prefix)
    with open_library() as library:
        library.exposures.unexpose(OPERATOR, host=host, prefix=prefix)
    click.echo(f"{host or prefix} shows nothing any more")


@click.command()
@json_option
@local_command
def exposures(as_json: bool) -> None:
    """List what is published where."""
    with open_library() as library:
        rows = [
            {
                "host": x.host or None,
                "prefix": x.prefix or None,
                "flist": str(x.flist_name),
                "at": x.at_jid,
                "mode": x.mode.value,
                "listing": x.listing,
                "dav": x.dav,
            }
            for x in library.exposures.list(OPERATOR)
        ]
    show(
        rows,
        as_json,
        lambda row: (
            f"{row['host'] or row['prefix'] + '/'}  {row['flist']}"
            + (f" at revision {row['at']}" if row["at"] is not None else "")
            + f"  {row['mode']}"
        ),
    )
