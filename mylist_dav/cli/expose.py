"""mylist expose, unexpose, exposures"""

from __future__ import annotations

from typing import TextIO

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName

_LINE_CHARS_MAX = 10_000
_WEAK = """\
Warning: this site is on a prefix, and shares its origin with the other prefixes and with the server itself. It is open
to Basic and Bearer only, without a form; pages of it load none of its own styles and scripts in a browser; and whatever
a browser keeps for it, it may send along when pages of other prefixes ask. Take a host name for what matters."""


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
    help="Who may look: everybody, those who know a pass phrase, those on a list.",
)
@click.option("--at", "at_jid", type=int, metavar="JID", help="Stay at this revision instead of the newest.")
@click.option(
    "--dav",
    type=click.Choice(["off", "ro", "rw"]),
    default="off",
    show_default=True,
    help="WebDAV at the same address: none, for reading, or for writing too.",
)
@click.option(
    "--listing/--no-listing", default=True, show_default=True, help="List folders without index.html."
)
@click.option(
    "--secret-file",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Read the pass phrase of mode secret from the first line of a file ('-': standard input).",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="KEY|ACCOUNT",
    help="Who may look in mode keys: an account, or a public key (hex, or an ssh-ed25519 line). Repeatable.",
)
@local_command
def expose(
    flist: FlistName,
    host: str,
    prefix: str,
    mode: str,
    at_jid: int | None,
    dav: str,
    listing: bool,
    secret_file: TextIO | None,
    allow: tuple[str, ...],
) -> None:
    """Publish a flist as a website, on a host name or below a prefix; in place of what was there.

    Mode secret asks for the pass phrase, or reads it with --secret-file; it is never an argument, which others could
    see. A place that is secret already keeps its phrase when an empty one is given, and one of mode keys its list.
    """
    _require_one(host, prefix)
    if secret_file is not None and mode != Mode.SECRET:
        raise click.UsageError("--secret-file goes with --mode secret")
    secret = _phrase(secret_file) if mode == Mode.SECRET else None
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
            secret=secret,
            visitors=allow,
        )
    pinned = f"at revision {exposure.at_jid}" if exposure.at_jid is not None else "at its newest revision"
    click.echo(f"{exposure.where} shows {flist} {pinned}")
    if exposure.prefix and exposure.mode is not Mode.PUBLIC:
        click.echo(_WEAK, err=True)


def _phrase(file: TextIO | None) -> str | None:
    """The pass phrase, typed twice or from a file; None for an empty one."""
    if file is not None:
        phrase = file.readline(_LINE_CHARS_MAX).rstrip("\r\n")
    else:
        phrase = click.prompt(
            "Pass phrase (empty keeps the one there is)",
            hide_input=True, confirmation_prompt=True, default="", show_default=False, err=True,
        )  # fmt: skip
    return phrase or None


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
                **({"visitors": library.exposures.visitors(OPERATOR, x)} if x.mode is Mode.KEYS else {}),
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
            + (f"  WebDAV {row['dav']}" if row["dav"] != "off" else "")
        ),
    )
