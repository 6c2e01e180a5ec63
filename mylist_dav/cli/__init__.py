"""The command line: one file a command. It parses, calls a service, and prints; errors end with an exit code."""

from __future__ import annotations

import sys

import click

from mylist_dav import __version__
from mylist_dav.cli.account import account
from mylist_dav.cli.audit import audit
from mylist_dav.cli.check import check
from mylist_dav.cli.delete import delete
from mylist_dav.cli.export import export_command
from mylist_dav.cli.expose import expose, exposures, unexpose
from mylist_dav.cli.flists import flists
from mylist_dav.cli.grant import grant, grants, private
from mylist_dav.cli.importing import import_command
from mylist_dav.cli.key import key
from mylist_dav.cli.log import log
from mylist_dav.cli.login import login, logout, whoami
from mylist_dav.cli.ls import ls
from mylist_dav.cli.rollback import rollback
from mylist_dav.cli.rotate import rotate_server_key
from mylist_dav.cli.serve import serve
from mylist_dav.cli.shared import COMMON_OPTIONS, remember
from mylist_dav.cli.stats import stats
from mylist_dav.cli.token import token
from mylist_dav.cli.verify import verify
from mylist_dav.cli.verify_manifest import verify_manifest
from mylist_dav.errors import MylistError
from mylist_dav.outcomes import outcome

EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@COMMON_OPTIONS
@click.version_option(__version__, prog_name="mylist")
@click.pass_context
def mylist(context: click.Context, config: str | None, data: str | None) -> None:
    """Versioned file trees: mount them over WebDAV, publish them as websites.

    Local commands work on the data directory, with the server running or not. To begin:

    \b
      mylist import ./public alice/site            put a folder into a new flist
      mylist expose alice/site --host www.example  answer for a host name with it
      mylist serve                                 start the server
    """
    remember(context, config, data)


for command in (
    serve, import_command, export_command, ls, flists, log, rollback, delete, expose, unexpose, exposures, account,
    token, key, grant, grants, private, rotate_server_key, verify, check, stats, audit, verify_manifest, login, whoami,
    logout,
):  # fmt: skip
    mylist.add_command(command)


def main() -> None:
    """Run the command of this process. Exit codes: those of outcomes.py, 2 for wrong usage, 130 for Ctrl-C."""
    try:
        sys.exit(mylist.main(standalone_mode=False) or 0)
    except MylistError as error:
        click.echo(f"mylist: {error}", err=True)
        sys.exit(outcome(error).exit)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("mylist: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        sys.exit(0)
