"""mylist login, whoami, logout"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import click

from mylist_dav.cli.remote import ask_pass_phrase, can_be_overheard, own_folder, server_option, session_with
from mylist_dav.client.logins.known import Login
from mylist_dav.client.logins.session import Met, Session
from mylist_dav.client.logins.signers import key_from, usual_keys
from mylist_dav.client.proving import Signer
from mylist_dav.errors import NotFound, Unauthenticated
from mylist_dav.model.keys import parse_public_key


@click.command()
@server_option
@click.option(
    "--key", "key_file", metavar="FILE", type=click.Path(path_type=Path), help="The key to log in with."
)
@click.option(
    "--server-key", metavar="KEY", help="The key the server must have, in place of what is remembered."
)
def login(server: str | None, key_file: Path | None, server_key: str | None) -> None:
    """Log in with your key, and keep the token that the server gives for it.

    Without --key these are tried: your own key file (mylist key new), the Ed25519 keys of an ssh-agent, and
    ~/.ssh/id_ed25519. The key of the server is remembered at the first login; if it is another one later, nothing is
    signed.
    """
    with session_with(server) as session:
        if server_key is not None:
            session.trust(parse_public_key(server_key))
        if can_be_overheard(session.server):
            click.echo("warning: without TLS, whoever listens on the way can use your token", err=True)
        keys: Iterable[Signer] = (
            [key_from(key_file, os.environ, ask_pass_phrase)]
            if key_file
            else usual_keys(own_folder(), os.environ, ask_pass_phrase)
        )
        _tell(session, *_first_that_counts(session, keys))


@click.command()
@server_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def whoami(server: str | None, as_json: bool) -> None:
    """Say who you are for a server, and what your token may do there."""
    with session_with(server) as session:
        found = session.whoami()
        if as_json:
            click.echo(json.dumps({"server": session.server, **found}, indent=1, ensure_ascii=False))
            return
        limits = f"{', read only' if found.get('read_only') else ''}{_only(found.get('flist'))}"
        click.echo(f"{found.get('account')} ({found.get('role')}{limits}) at {session.server}")


@click.command()
@server_option
def logout(server: str | None) -> None:
    """Have your token revoked, at once, and forget it."""
    with session_with(server) as session:
        session.logout()
        click.echo(f"logged out at {session.server}")


def _first_that_counts(session: Session, keys: Iterable[Signer]) -> tuple[Login, Met]:
    """Log in with the first key that the server takes. Raises Unauthenticated when it takes none."""
    refused: list[str] = []
    for each in keys:
        try:
            return session.login(each)
        except Unauthenticated as error:
            refused.append(f"  {each.public.fingerprint}: {error}")
    if not refused:
        raise NotFound("you have no key: mylist key new, and give its public half to an admin of the server")
    raise Unauthenticated("\n".join([f"{session.server} took none of your keys:", *refused]))


def _tell(session: Session, done: Login, met: Met) -> None:
    if met.before is None:
        click.echo(f"the key of {session.server} is {met.key.fingerprint}; it is remembered", err=True)
    elif met.before != met.key:
        click.echo(
            f"{session.server} has a new key, and the old one vouches for it: {met.key.fingerprint}", err=True
        )
    click.echo(f"logged in at {session.server} as {done.account} ({done.role}) until {done.expires}")


def _only(flist: object) -> str:
    return f", {flist} only" if flist else ""
