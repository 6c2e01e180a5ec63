"""What the commands have in common that speak HTTP to a server: which one, and the user's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from mylist_dav.client.logins.folder import config_folder
from mylist_dav.client.logins.known import Tokens
from mylist_dav.model.server_address import is_loopback

if TYPE_CHECKING:  # pushes and pulls have the token already, and need no keys
    from mylist_dav.client.logins.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def server_option(command: F) -> F:
    """--server."""
    text = "Address of the server [default: where you logged in last]."
    return click.option("--server", metavar="URL", help=text)(command)


def own_folder() -> Path:
    """The user's configuration folder. Raises NotFound for somebody without a home."""
    return config_folder(os.environ)


def session_with(server: str | None) -> Session:
    """A session with a server, by default the one of the last login. Raises NotFound, Invalid."""
    from mylist_dav.client.logins.session import Session

    folder = own_folder()
    return Session(server or Tokens(folder).latest(), folder)


def ask_pass_phrase(name: str) -> str:
    """The pass phrase of a key: asked for without showing it, or a line of standard input where nobody can be asked."""
    if sys.stdin.isatty():
        phrase: str = click.prompt(f"pass phrase of {name}", hide_input=True, err=True)
        return phrase
    return sys.stdin.readline().rstrip("\r\n")


def can_be_overheard(server: str) -> bool:
    """Whether what is sent there can be read on the way: plain HTTP to another machine."""
    return urlsplit(server).scheme == "http" and not is_loopback(server)
