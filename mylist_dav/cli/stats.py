"""mylist stats"""

from __future__ import annotations

import json

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, size
from mylist_dav.model.actors import OPERATOR
from mylist_dav.services.audit import Total

_HEAD = ("requests", "up", "down", "stored")


@click.command()
@json_option
@local_command
def stats(as_json: bool) -> None:
    """Show what is stored, with the size on disk after deduplication, and the traffic of each account and flist."""
    with open_library() as library:
        counts = library.upkeep.totals(OPERATOR)
        totals = library.audit.totals(OPERATOR)
    if as_json:
        click.echo(json.dumps({**counts, "traffic": [one._asdict() for one in totals]}, indent=1))
        return
    for name, value in counts.items():
        click.echo(f"{name:12} {size(value) if name.endswith('_bytes') else value}")
    if totals:
        click.echo("\n" + "".join(f"{word:>11}" for word in _HEAD))
    for one in totals:
        click.echo(_line(one))


def _line(one: Total) -> str:
    sizes = (one.up_bytes, one.down_bytes, one.stored_bytes)
    return (
        f"{one.requests:>11}"
        + "".join(f"{size(each):>11}" for each in sizes)
        + f"  {one.kind.value} {one.name}"
    )
