"""mylist verify"""

from __future__ import annotations

import click

from mylist_dav.cli.progress import Bar
from mylist_dav.cli.shared import local_command, open_library, size
from mylist_dav.errors import Corrupt
from mylist_dav.model.actors import OPERATOR


@click.command()
@local_command
def verify() -> None:
    """Read every block and check it against its digest. Bad ones are set aside; exit code 8 tells of them."""
    checked = checked_bytes = 0
    bad = []
    with open_library() as library, Bar("verify") as bar:
        for one in library.upkeep.verify(OPERATOR):
            checked += 1
            checked_bytes += one.size_bytes
            if one.problem:
                bad.append(one)
                click.echo(f"{one.digest}  {one.problem}", err=True)
            bar.show(f"{checked} blocks, {size(checked_bytes)}")
    click.echo(f"{checked} blocks, {size(checked_bytes)}: {len(bad)} bad")
    if bad:
        raise Corrupt(f"{len(bad)} of {checked} blocks are missing or damaged")
