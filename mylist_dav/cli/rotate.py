"""mylist rotate-server-key"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import local_command, open_library
from mylist_dav.model.actors import OPERATOR


@click.command("rotate-server-key")
@local_command
def rotate_server_key() -> None:
    """Give the server a new key of its own, which the old one signs for.

    Clients that know the old key follow by that; so do servers that run. If the old key may be in strange hands, tell
    people the new one instead: they log in once with --server-key.
    """
    with open_library() as library:
        old = library.server_key.public
        new = library.server_key.rotate(OPERATOR)
    click.echo(f"the server key was {old.fingerprint}\nit is now         {new.fingerprint}")
    click.echo(str(new))
