"""What push and pull have in common: options, the line that shows how far they are, and what they say at the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from mylist_dav.cli.progress import Bar
from mylist_dav.cli.remote import can_be_overheard, own_folder
from mylist_dav.cli.shared import size
from mylist_dav.client.calls import Calls
from mylist_dav.client.folders.planning import Plan
from mylist_dav.client.folders.progress import Progress, Show
from mylist_dav.client.link import Link
from mylist_dav.client.logins.folder import cache_folder
from mylist_dav.client.logins.known import Tokens
from mylist_dav.errors import Unauthenticated
from mylist_dav.model.names import FlistName
from mylist_dav.model.server_address import canonical_server

F = TypeVar("F", bound=Callable[..., Any])
EXIT_LEFT_OUT = 9
"""All was done but for what was named: special files, files that nobody may read or that never rest."""

_SHOWN_MAX = 20


def transfer_options(command: F) -> F:
    """--exclude, --dry-run, --quiet, --json."""
    options = [
        click.option(
            "--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches, as .gitignore does."
        ),
        click.option("--dry-run", "-n", is_flag=True, help="Say what would change, and change nothing."),
        click.option("--quiet", "-q", is_flag=True, help="Say nothing but what went wrong."),
        click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def merge_or_delete(command: F) -> F:
    """--merge, the default, or --delete."""
    text = "Remove what is on the other side alone; by default (--merge) it stays."
    return click.option("--delete/--merge", default=False, help=text)(command)


@contextmanager
def calls_for(server: str | None, flist: FlistName) -> Iterator[Calls]:
    """The server one is logged in at. Raises NotFound, Unauthenticated."""
    tokens = Tokens(own_folder())
    where = canonical_server(server or tokens.latest())
    calls = Calls(Link.plain(where, tokens.get(where).token), flist)
    if can_be_overheard(where):
        click.echo("warning: without TLS, whoever listens on the way can use your token", err=True)
    try:
        yield calls
    except Unauthenticated as error:
        raise Unauthenticated(f"{error}; log in again: mylist login --server {where}") from error
    finally:
        calls.close()


def own_cache() -> Path | None:
    """Where digests and trees are remembered."""
    return cache_folder(os.environ)


@contextmanager
def shown(what: str, quiet: bool) -> Iterator[Show]:
    """How far it is, on standard error, unless it is to be quiet."""
    if quiet:
        yield lambda _: None
        return
    with Bar(what) as bar:
        speed = Speed()
        yield lambda progress: bar.show(speed.text(progress))


class Speed:
    """Says how far something is, at which rate, and how long it will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None

    def text(self, progress: Progress) -> str:
        """One line without an end."""
        if progress.to_move_bytes:
            return f"{progress.phase} {self._rate(progress.moved_bytes, progress.to_move_bytes)}"
        if progress.to_read_bytes:
            return f"reading {size(progress.read_bytes)} of {size(progress.to_read_bytes)}"
        return f"{progress.phase}, {progress.entries} entries"

    def _rate(self, done_bytes: int, total_bytes: int) -> str:
        now = self._clock()
        self._began = now if self._began is None else self._began
        text = f"{size(done_bytes)} of {size(total_bytes)} ({100 * done_bytes // max(1, total_bytes)} %)"
        seconds = now - self._began
        if seconds < 0.5 or not done_bytes:
            return text
        rate = done_bytes / seconds
        left_seconds = max(0, total_bytes - done_bytes) / rate
        return f"{text}, {size(int(rate))}/s, {_clock_text(left_seconds)} left"


def _clock_text(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60}:{whole % 60:02}"


def changes(plan: Plan) -> list[dict[str, str]]:
    """Each change as JSON has it."""
    rows = [{"change": "removed", "path": step.path} for step in plan.removed]
    rows += [{"change": "added" if step.was is None else "changed", "path": step.path} for step in plan.steps]
    return rows


def print_changes(plan: Plan) -> None:
    """Each change in a line, for --dry-run."""
    marks = {"added": "+", "changed": "~", "removed": "-"}
    for row in changes(plan):
        click.echo(f"{marks[row['change']]} {_name(row['path'])}")


def print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


def left_out_rows(left_out: dict[str, str]) -> list[dict[str, str]]:
    """What was left out as JSON has it."""
    return [{"path": path, "reason": left_out[path]} for path in sorted(left_out)]


def name_left_out(left_out: dict[str, str]) -> None:
    """Name what was left out, on standard error, and end with EXIT_LEFT_OUT if anything was."""
    for path in sorted(left_out)[:_SHOWN_MAX]:
        click.echo(f"left out: {_name(path)}: {left_out[path]}", err=True)
    if len(left_out) > _SHOWN_MAX:
        click.echo(f"left out: {len(left_out) - _SHOWN_MAX} more", err=True)
    if left_out:
        raise click.exceptions.Exit(EXIT_LEFT_OUT)


def _name(path: str) -> str:
    return path if path.isprintable() else ascii(path)
