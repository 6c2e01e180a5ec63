"""mylist token"""

from __future__ import annotations

from typing import Any

import click

from mylist_dav.cli.shared import (
    FLIST,
    json_option,
    local_command,
    open_library,
    read_settings,
    show,
    when,
)
from mylist_dav.model.actors import OPERATOR, Scope
from mylist_dav.model.names import FlistName


@click.group()
def token() -> None:
    """Make, list and revoke tokens: what WebDAV clients take as a password."""


@token.command("new")
@click.argument("account", required=False)
@click.option("--server", metavar="URL", help="Without ACCOUNT: where [default: your last login].")
@click.option("--days", type=float, help="Life of the token [default: the setting days_default].")
@click.option("--label", default="", help="What it is for, to find it again.")
@click.option("--flist", type=FLIST, metavar="ACCOUNT/NAME", help="It is for this flist, and sees no other.")
@click.option("--read-only", is_flag=True, help="It changes nothing.")
@local_command
def new(
    account: str | None,
    server: str | None,
    days: float | None,
    label: str,
    flist: FlistName | None,
    read_only: bool,
) -> None:
    """Make a token for an ACCOUNT, and print it alone on the last line. It cannot be shown again.

    Without an ACCOUNT it is one of your own, from the server where you are logged in (mylist login). It may what its
    account may, or less of it. Paste it as the password into a file manager, or a sync program.
    """
    if account is None:
        _of_ones_own(server, days, label, flist, read_only)
        return
    if server is not None:
        raise click.UsageError("with --server the token is one of your own: leave out ACCOUNT")
    settings = read_settings()
    with open_library(settings) as library:
        life = settings.tokens.days_default if days is None else days
        scope = Scope(flist, read_only)
        secret = library.identity.new_token(OPERATOR, account, days=life, label=label, scope=scope)
    click.echo(f"user name {account}, password (valid for {life:g} day{'' if life == 1 else 's'}):", err=True)
    click.echo(secret)


def _of_ones_own(
    server: str | None, days: float | None, label: str, flist: FlistName | None, read_only: bool
) -> None:
    from mylist_dav.cli.remote import (
        session_with,
    )  # with what speaks HTTP, which local commands need not load

    only = None if flist is None else str(flist)
    with session_with(server) as session:
        made = session.new_token(days=days, label=label, flist=only, read_only=read_only)
    click.echo(
        f"user name {made.get('account')}, password (valid until {when(int(made['expires_ns']))}):", err=True
    )
    click.echo(made["token"])


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
                "used": when(one.used_ns) if one.used_ns else None,
                "flist": str(one.scope.flist_name) if one.scope.flist_name else None,
                "read_only": one.scope.read_only,
            }
            for one in library.identity.tokens(OPERATOR)
        ]
    show(rows, as_json, _line)


def _line(row: dict[str, Any]) -> str:
    """One token, to read."""
    scope = f"{row['flist'] or 'all flists'}{', read only' if row['read_only'] else ''}"
    used = f"last used {row['used']}" if row["used"] else "not used yet"
    line = f"{row['id']}  {row['account']}  until {row['expires']}  {scope}  {used}  {row['label']}"
    return line.rstrip()


@token.command("revoke")
@click.argument("token_id")
@local_command
def revoke(token_id: str) -> None:
    """Revoke the token whose id (see: mylist token list) begins with TOKEN_ID."""
    with open_library() as library:
        library.identity.revoke_token(OPERATOR, token_id)
    click.echo(f"token {token_id} is revoked")
