"""mylist key"""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Any

import click
from nacl.signing import SigningKey

from mylist_dav.cli.remote import own_folder
from mylist_dav.cli.shared import json_option, local_command, open_library, show, when
from mylist_dav.client.logins.folder import write_private
from mylist_dav.client.logins.key_files import PrivateKey, written
from mylist_dav.client.logins.signers import KEY_FILE
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.keys import KEY_TEXT_CHARS_MAX, key_comment, parse_public_key
from mylist_dav.model.paths import PATH_BYTES_MAX


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


@key.command("add")
@click.argument("account")
@click.argument("words", metavar="KEY", nargs=-1, required=True)
@click.option("--label", help="What it is for [default: the comment of the line].")
@local_command
def add(account: str, words: tuple[str, ...], label: str | None) -> None:
    """Let an ACCOUNT log in with a public KEY: 64 hex digits, an ssh-ed25519 line, or the file that holds it."""
    text = _key_text(words)
    public = parse_public_key(text)
    with open_library() as library:
        library.identity.add_key(OPERATOR, account, public, key_comment(text) if label is None else label)
    click.echo(f"{account} may log in with the key {public.fingerprint}")


@key.command("list")
@click.argument("account", required=False)
@json_option
@local_command
def list_keys(account: str | None, as_json: bool) -> None:
    """List the public keys of all accounts, or of one ACCOUNT."""
    with open_library() as library:
        rows = [
            {
                "key": one.key.hex(),
                "fingerprint": one.key.fingerprint,
                "account": one.account,
                "label": one.label,
                "added": when(one.added_ns),
                "used": when(one.used_ns) if one.used_ns else None,
            }
            for one in library.identity.keys(OPERATOR, account)
        ]
    show(rows, as_json, _line)


def _line(row: dict[str, Any]) -> str:
    """One key, to read."""
    used = f"last used {row['used']}" if row["used"] else "not used yet"
    return f"{row['account']}  {row['fingerprint']}  {used}  {row['label']}".rstrip()


@key.command("remove")
@click.argument("words", metavar="KEY", nargs=-1, required=True)
@local_command
def remove(words: tuple[str, ...]) -> None:
    """Let nobody log in with a KEY any more, given as to `key add`, or by its fingerprint (SHA256:...).

    Tokens that were handed out for it live on until they expire: see `mylist token revoke`.
    """
    text = _key_text(words)
    with open_library() as library:
        known = [one.key for one in library.identity.keys(OPERATOR) if one.key.fingerprint == text.strip()]
        public = known[0] if known else parse_public_key(text)
        library.identity.remove_key(OPERATOR, public)
    click.echo(f"the key {public.fingerprint} is removed")


def _key_text(words: tuple[str, ...]) -> str:
    """The words of a key; where they are the name of a file, what is in it."""
    if len(words) == 1 and len(words[0]) <= PATH_BYTES_MAX and Path(words[0]).is_file():
        with Path(words[0]).open(encoding="utf-8", errors="replace") as file:
            return file.read(KEY_TEXT_CHARS_MAX + 1)
    return " ".join(words)


def usual_comment() -> str:
    """alice@laptop, as ssh-keygen has it."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # KeyError, in Python before 3.13: a user that the system has no name for
        return f"{os.getuid()}@{socket.gethostname()}"
