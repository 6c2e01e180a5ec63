"""mylist account"""

from __future__ import annotations

from typing import Any

import click

from mylist_dav.cli.shared import SIZE, json_option, local_command, open_library, show, size
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.keys import key_comment, parse_public_key


@click.group()
def account() -> None:
    """Make and list accounts; let them in or not."""


@account.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["user", "admin"]), default="user", show_default=True)
@click.option(
    "--key", "key_text", metavar="KEY", help="A public key of theirs: 64 hex digits, or an ssh-ed25519 line."
)
@click.option(
    "--quota", type=SIZE, metavar="SIZE", help="Of all its flists together, as in 10G [default: no limit]."
)
@local_command
def add(name: str, role: str, key_text: str | None, quota: int | None) -> None:
    """Make an account. NAME: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit."""
    key = None if key_text is None else parse_public_key(key_text)
    with open_library(make=True) as library:
        library.identity.add_account(
            OPERATOR, name, Role(role), quota_bytes=quota, key=key, key_label=key_comment(key_text or "")
        )
    how = f"a token for it: mylist token new {name}" if key is None else f"its key is {key.fingerprint}"
    click.echo(f"account {name} is there, as {role}; {how}")


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
    show(rows, as_json, _line)


def _line(row: dict[str, Any]) -> str:
    """One account, to read."""
    keys = f"{row['keys']} key{'' if row['keys'] == 1 else 's'}"
    quota = "" if row["quota_bytes"] is None else f", quota {size(row['quota_bytes'])}"
    return f"{row['account']}  {row['role']}{', disabled' if row['disabled'] else ''}, {keys}{quota}"


@account.command("disable")
@click.argument("name")
@local_command
def disable(name: str) -> None:
    """Let nobody in as NAME any more, at once, with whatever key or token. Its flists stay."""
    with open_library() as library:
        library.identity.set_disabled(OPERATOR, name, True)
    click.echo(f"account {name} is disabled; to undo it: mylist account enable {name}")


@account.command("enable")
@click.argument("name")
@local_command
def enable(name: str) -> None:
    """Let NAME in again, with the keys, tokens and grants it had."""
    with open_library() as library:
        library.identity.set_disabled(OPERATOR, name, False)
    click.echo(f"account {name} is enabled")


@account.command("quota")
@click.argument("name")
@click.argument("limit", metavar="SIZE|none", type=SIZE)
@local_command
def quota(name: str, limit: int | None) -> None:
    """Limit what all flists of NAME may hold together, as in 500M or 10G."""
    with open_library() as library:
        library.identity.set_quota(OPERATOR, name, limit)
    click.echo(f"account {name} has {'no quota' if limit is None else f'a quota of {size(limit)}'}")
