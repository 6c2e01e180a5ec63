"""mylist delete"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, local_command, open_library
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("flist", type=FLIST)
@click.option("--yes", is_flag=True, help="Do not ask.")
@local_command
def delete(flist: FlistName, yes: bool) -> None:
    """Delete a flist with all its revisions and exposures. This cannot be undone."""
    with open_library() as library:
        found = library.flists.get(OPERATOR, flist)
        if not yes:
            click.confirm(f"Delete {flist}: {found.entries} entries, {found.head_jid} revisions?", abort=True)
        library.flists.delete(OPERATOR, flist)
    click.echo(f"{flist} is deleted")
