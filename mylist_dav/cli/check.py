"""mylist check"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import local_command, open_library, read_settings
from mylist_dav.errors import Corrupt
from mylist_dav.model.actors import OPERATOR
from mylist_dav.settings import Settings, parse_listen
from mylist_dav.wire.auth import is_this_machine


@click.command()
@click.option("--resume-writes", is_flag=True, help="Clear the stop sign that a failed sync has set.")
@local_command
def check(resume_writes: bool) -> None:
    """Check the catalog and look for reasons to worry. Exit code 8 if there are any."""
    settings = read_settings()
    with open_library(settings) as library:
        if resume_writes:
            library.upkeep.resume_writes(OPERATOR)
            click.echo("writes are allowed again")
        problems = library.upkeep.check(OPERATOR)
    for note in notes(settings):
        click.echo(f"note: {note}", err=True)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        found = "1 problem was" if len(problems) == 1 else f"{len(problems)} problems were"
        raise Corrupt(f"{found} found; docs/operating.md says what to do")
    click.echo("all is well; to re-read every block as well: mylist verify")


def notes(settings: Settings) -> list[str]:
    """What is no damage, and still should be known."""
    hosts = [parse_listen(address)[0] for address in settings.server.listen]
    outside = [host for host in hosts if host != "localhost" and not is_this_machine(host)]
    in_clear = not settings.server.public_url.startswith("https://")
    if outside and in_clear and settings.tokens.over_plain_http != "refuse":
        return [
            f"the server listens on {outside[0]} and public_url is not https: tokens can be read on their way;"
            ' put TLS in front, or set [tokens] over_plain_http = "refuse"'
        ]
    return []
