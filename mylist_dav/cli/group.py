"""The command line: all commands by name, and what each error means to whoever has called."""

from __future__ import annotations

import importlib
import sys

import click

from mylist_dav import __version__
from mylist_dav.cli.shared import COMMON_OPTIONS, remember
from mylist_dav.errors import MylistError
from mylist_dav.outcomes import outcome

EXIT_INTERRUPTED = 130

_COMMANDS = {
    "account": "account:account",
    "audit": "audit:audit",
    "check": "check:check",
    "collect": "collect:collect",
    "delete": "delete:delete",
    "diff": "diff:diff",
    "export": "export:export_command",
    "expose": "expose:expose",
    "exposures": "expose:exposures",
    "flists": "flists:flists",
    "grant": "grant:grant",
    "grants": "grant:grants",
    "import": "importing:import_command",
    "jobs": "jobs:jobs",
    "key": "key:key",
    "label": "label:label",
    "log": "log:log",
    "login": "login:login",
    "logout": "login:logout",
    "ls": "ls:ls",
    "private": "grant:private",
    "pull": "pull:pull",
    "push": "push:push",
    "rename": "rename:rename",
    "rollback": "rollback:rollback",
    "rotate-server-key": "rotate:rotate_server_key",
    "rpc": "rpc:rpc",
    "serve": "serve:serve",
    "stats": "stats:stats",
    "token": "token:token",
    "unexpose": "expose:unexpose",
    "verify": "verify:verify",
    "verify-manifest": "verify_manifest:verify_manifest",
    "whoami": "login:whoami",
}
"""Each command, and the module and function in this package that it is. All of them together take half a second to
import, WebDAV, pages and HTTP client included; one alone takes what it needs."""


class _Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
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


def run() -> int:
    """Run the command of this process. Exit codes: those of outcomes.py, 2 for wrong usage, 130 for Ctrl-C."""
    try:
        return int(mylist.main(standalone_mode=False) or 0)
    except MylistError as error:
        click.echo(f"mylist: {error}", err=True)
        return outcome(error).exit
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("mylist: interrupted", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        return 0
