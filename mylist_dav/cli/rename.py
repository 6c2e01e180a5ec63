"""mylist rename"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, local_command, open_library
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("flist", type=FLIST)
@click.argument("new_name", type=FLIST)
@local_command
def rename(flist: FlistName, new_name: FlistName) -> None:
    """Give a flist another name under its account. What is exposed, granted and labelled stays."""
    with open_library() as library:
        library.flists.rename(OPERATOR, flist, new_name)
    click.echo(f"{flist} is {new_name} now")
