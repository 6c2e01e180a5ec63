"""mylist log"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show, when
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("flist", type=FLIST)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Newest N only."
)
@json_option
@local_command
def log(flist: FlistName, limit: int, as_json: bool) -> None:
    """Show the commits of a flist, newest first."""
    with open_library() as library:
        rows = [
            {"jid": commit.jid, "at": when(commit.at_ns), "actor": commit.actor, "note": commit.note}
            for commit in library.flists.log(OPERATOR, flist, limit=limit)
        ]
    show(rows, as_json, lambda row: f"{row['jid']:>6}  {row['at']}  {row['actor']}  {row['note']}")
