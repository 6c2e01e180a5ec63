"""mylist key"""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

import click
from nacl.signing import SigningKey

from mylist_dav.cli.remote import own_folder
from mylist_dav.client.folder import write_private
from mylist_dav.client.key_files import PrivateKey, written
from mylist_dav.client.signers import KEY_FILE


@click.group()
def key() -> None:
    """Make a key pair to log in with; add, list and remove the public keys of accounts."""


@key.command("new")
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="Where to [default: key, in your folder]."
)
@click.option("--comment", default=None, help="What it is called [default: you@this machine].")
@click.option("--pass-phrase", "protect", is_flag=True, help="Ask for a pass phrase that protects the file.")
def new(path: Path | None, comment: str | None, protect: bool) -> None:
    """Make a key pair, and print its public half: give that to an admin (mylist key add).

    The file is for you alone. One that is there already is never replaced.
    """
    path = path or own_folder() / KEY_FILE
    phrase = (
        click.prompt("pass phrase", hide_input=True, confirmation_prompt=True, err=True) if protect else ""
    )
    made = PrivateKey(SigningKey.generate(), usual_comment() if comment is None else comment)
    write_private(path, written(made, phrase), replace=False)
    click.echo(f"the private key is in {path}; its public half:", err=True)
    click.echo(made.public.openssh_line(made.comment))


def usual_comment() -> str:
    """alice@laptop, as ssh-keygen has it."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # KeyError, in Python before 3.13: a user that the system has no name for
        return f"{os.getuid()}@{socket.gethostname()}"
