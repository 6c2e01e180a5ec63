"""mylist account"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, show
from mylist_dav.model.actors import OPERATOR, Role


@click.group()
def account() -> None:
    """Make and list accounts."""


@account.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["user", "admin"]), default="user", show_default=True)
@local_command
def add(name: str, role: str) -> None:
    """Make an account. NAME: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit."""
    with open_library(make=True) as library:
        library.identity.add_account(OPERATOR, name, Role(role))
    click.echo(f"account {name} is there, as {role}; a token for it: mylist token new {name}")


@account.command("list")
@json_option
@local_command
def list_accounts(as_json: bool) -> None:
    """List the accounts."""
    with open_library() as library:
        rows = [
            {"account": name, "role": role.value if role else None, "disabled": role is None}
            for name, role in library.identity.accounts(OPERATOR)
        ]
    show(rows, as_json, lambda row: f"{row['account']}  {row['role'] or 'disabled'}")
