"""mylist rollback"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, local_command, open_library
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("flist", type=FLIST)
@click.argument("jid", type=int)
@local_command
def rollback(flist: FlistName, jid: int) -> None:
    """Make a flist what it was at revision JID, as a new revision: nothing is lost by it."""
    with open_library() as library:
        before = library.flists.get(OPERATOR, flist).head_jid
        now = library.flists.rollback(OPERATOR, flist, jid)
    if now.head_jid == before:
        click.echo(f"{flist} is already as it was at revision {jid}")
    else:
        click.echo(f"{flist} is at revision {now.head_jid} now, with the content of revision {jid}")
