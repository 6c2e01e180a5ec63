"""mylist label set, list, remove"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show, when
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName


@click.group()
def label() -> None:
    """Name revisions of a flist; what has a name is kept."""


@label.command("set")
@click.argument("flist", type=FLIST)
@click.argument("name")
@click.argument("jid", type=int, required=False)
@local_command
def set_label(flist: FlistName, name: str, jid: int | None) -> None:
    """Give revision JID the NAME, or the newest one. A label that is there moves."""
    with open_library() as library:
        made = library.labels.set(OPERATOR, flist, name, jid)
    click.echo(f"{made.name} is revision {made.jid} of {flist}")


@label.command("list")
@click.argument("flist", type=FLIST)
@json_option
@local_command
def list_labels(flist: FlistName, as_json: bool) -> None:
    """List the labels of a flist."""
    with open_library() as library:
        rows = [
            {"label": one.name, "jid": one.jid, "created": when(one.created_ns)}
            for one in library.labels.list(OPERATOR, flist)
        ]
    show(rows, as_json, lambda row: f"{row['label']}  revision {row['jid']}")


@label.command("remove")
@click.argument("flist", type=FLIST)
@click.argument("name")
@local_command
def remove_label(flist: FlistName, name: str) -> None:
    """Forget a label. The revision stays as long as others do."""
    with open_library() as library:
        library.labels.remove(OPERATOR, flist, name)
    click.echo(f"{flist} has no label {name} any more")
