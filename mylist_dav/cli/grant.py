"""mylist grant, grants, private"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("account")
@click.argument("flist", type=FLIST)
@click.argument("right", type=click.Choice([right.value for right in Right]))
@local_command
def grant(account: str, flist: FlistName, right: str) -> None:
    """Let an ACCOUNT read or write a FLIST, or take that away (none).

    A grant to read is needed for private flists only: others are read by all accounts.
    """
    with open_library() as library:
        library.grants.grant(OPERATOR, account, flist, Right(right))
    click.echo(f"{account} has no grant for {flist}" if right == "none" else f"{account} may {right} {flist}")


@click.command()
@click.argument("flist", type=FLIST)
@json_option
@local_command
def grants(flist: FlistName, as_json: bool) -> None:
    """List who is granted what in a FLIST. Its own account reads it, and admins do everything, without a grant."""
    with open_library() as library:
        rows = [
            {"account": one.account, "right": one.right.value}
            for one in library.grants.grants(OPERATOR, flist)
        ]
    show(rows, as_json, lambda row: f"{row['account']}  {row['right']}")


@click.command()
@click.argument("flist", type=FLIST)
@click.argument("private", type=click.Choice(["yes", "no"]), default="yes")
@local_command
def private(flist: FlistName, private: str) -> None:
    """Keep a FLIST from all but its own account, those with a grant, and admins; or no: show it to all accounts.

    What it is exposed as is not touched by this.
    """
    with open_library() as library:
        library.grants.set_private(OPERATOR, flist, private == "yes")
    click.echo(f"{flist} is {'private' if private == 'yes' else 'for all accounts to read'}")
