"""mylist token"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, read_settings, show, when
from mylist_dav.model.actors import OPERATOR


@click.group()
def token() -> None:
    """Make, list and revoke tokens: what WebDAV clients take as a password."""


@token.command("new")
@click.argument("account")
@click.option("--days", type=float, help="Life of the token [default: the setting days_default].")
@click.option("--label", default="", help="What it is for, to find it again.")
@local_command
def new(account: str, days: float | None, label: str) -> None:
    """Make a token for an ACCOUNT, and print it alone on the last line. It cannot be shown again."""
    settings = read_settings()
    with open_library(settings) as library:
        life = settings.tokens.days_default if days is None else days
        secret = library.identity.new_token(OPERATOR, account, days=life, label=label)
    click.echo(f"user name {account}, password (valid for {life:g} day{'' if life == 1 else 's'}):", err=True)
    click.echo(secret)


@token.command("list")
@json_option
@local_command
def list_tokens(as_json: bool) -> None:
    """List the tokens, newest first; not the secrets, which are not kept."""
    with open_library() as library:
        rows = [
            {
                "id": one.token_id,
                "account": one.account,
                "label": one.label,
                "created": when(one.created_ns),
                "expires": when(one.expires_ns),
            }
            for one in library.identity.tokens(OPERATOR)
        ]
    show(rows, as_json, lambda row: f"{row['id']}  {row['account']}  until {row['expires']}  {row['label']}")


@token.command("revoke")
@click.argument("token_id")
@local_command
def revoke(token_id: str) -> None:
    """Revoke the token whose id (see: mylist token list) begins with TOKEN_ID."""
    with open_library() as library:
        library.identity.revoke_token(OPERATOR, token_id)
    click.echo(f"token {token_id} is revoked")
