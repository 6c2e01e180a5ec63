"""mylist account"""

from __future__ import annotations

from typing import Any

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, show, size
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
            {
                "account": one.name,
                "role": one.role.value,
                "disabled": one.disabled,
                "quota_bytes": one.quota_bytes,
                "keys": one.keys,
            }
            for one in library.identity.accounts(OPERATOR)
        ]
    show(rows, as_json, lambda row: _line(row))


def _line(row: dict[str, Any]) -> str:
    """One account, to read."""
    keys = f"{row['keys']} key{'' if row['keys'] == 1 else 's'}"
    quota = "" if row["quota_bytes"] is None else f", quota {size(row['quota_bytes'])}"
    return f"{row['account']}  {'disabled' if row['disabled'] else row['role']}, {keys}{quota}"
