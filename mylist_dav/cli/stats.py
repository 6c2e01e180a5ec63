"""mylist stats"""

from __future__ import annotations

import json

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, size
from mylist_dav.model.actors import OPERATOR


@click.command()
@json_option
@local_command
def stats(as_json: bool) -> None:
    """Show what is stored: accounts, flists, entries, and the size on disk after deduplication."""
    with open_library() as library:
        totals = library.upkeep.totals(OPERATOR)
    if as_json:
        click.echo(json.dumps(totals, indent=1))
        return
    for name, value in totals.items():
        click.echo(f"{name:12} {size(value) if name.endswith('_bytes') else value}")
