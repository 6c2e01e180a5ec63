"""mylist check"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import local_command, open_library
from mylist_dav.errors import Corrupt
from mylist_dav.model.actors import OPERATOR


@click.command()
@click.option("--resume-writes", is_flag=True, help="Clear the stop sign that a failed sync has set.")
@local_command
def check(resume_writes: bool) -> None:
    """Check the catalog and look for reasons to worry. Exit code 8 if there are any."""
    with open_library() as library:
        if resume_writes:
            library.upkeep.resume_writes(OPERATOR)
            click.echo("writes are allowed again")
        problems = library.upkeep.check(OPERATOR)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        found = "1 problem was" if len(problems) == 1 else f"{len(problems)} problems were"
        raise Corrupt(f"{found} found; docs/operating.md says what to do")
    click.echo("all is well; to re-read every block as well: mylist verify")
