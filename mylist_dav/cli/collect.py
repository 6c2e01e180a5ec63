"""mylist collect"""

from __future__ import annotations

import json

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, size
from mylist_dav.model.actors import OPERATOR
from mylist_dav.services.upkeep.collecting import Collected


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@local_command
def collect(dry_run: bool, as_json: bool) -> None:
    """Delete blocks that nothing refers to any more: at first they are condemned, and after a grace deleted.

    A running server does it by itself; this goes through everything once, at once.
    """
    with open_library() as library:
        done = library.collector.run(OPERATOR, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(done._asdict(), indent=1))
        return
    for line in _lines(done):
        click.echo(line)


def _lines(done: Collected) -> list[str]:
    lines = [
        f"condemned  {done.condemned} blocks, {size(done.condemned_bytes)}",
        f"deleted    {done.deleted} blocks, {size(done.deleted_bytes)}",
        f"orphans    {done.orphans} files, {size(done.orphan_bytes)}",
        f"waiting    {done.waiting} condemned blocks, {size(done.waiting_bytes)}, until their grace is over",
    ]
    if done.busy:
        lines.append(
            "imports are running, which may need what no flist has yet: try again when they have ended"
        )
    return lines
