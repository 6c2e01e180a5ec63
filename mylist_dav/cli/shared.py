"""What commands have in common: the global options, opening the data directory, JSON or lines, sizes and times."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mylist_dav.errors import BadName, BadSettings
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath

if TYPE_CHECKING:  # they take a quarter of a second, and commands that speak to a server need neither
    from mylist_dav.services.opening import Library
    from mylist_dav.settings import Settings, Value

F = TypeVar("F", bound=Callable[..., Any])


def COMMON_OPTIONS(command: F) -> F:
    """--config and --data, which every command takes too."""
    command = click.option("--data", metavar="DIR", help="Data directory [default: store].")(command)
    return click.option("--config", metavar="FILE", help="Settings file (TOML); none is needed.")(command)


def remember(context: click.Context, config: str | None, data: str | None) -> None:
    """Keep the global options that were given, before or after the command; the later wins."""
    kept: dict[str, str] = context.ensure_object(dict)
    if config is not None:
        kept["config"] = config
    if data is not None:
        kept["data"] = data


def local_command(function: F) -> F:
    """A command that takes the global options after its name as well."""

    def run(*arguments: Any, config: str | None, data: str | None, **options: Any) -> Any:
        remember(click.get_current_context(), config, data)
        return function(*arguments, **options)

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__dict__.update(function.__dict__)
    return COMMON_OPTIONS(run)  # type: ignore[return-value]


def read_settings(**given: Value | None) -> Settings:
    """The settings of this command: file, environment, then what was given here as section__key. Raises BadSettings."""
    from mylist_dav.settings import load

    kept: dict[str, str] = click.get_current_context().ensure_object(dict)
    document = ""
    if "config" in kept:
        try:
            document = Path(kept["config"]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"the settings file {kept['config']} cannot be read: {error}") from error
    overrides: dict[str, Value] = {
        name.replace("__", "."): value for name, value in given.items() if value is not None
    }
    if "data" in kept:
        overrides["store.data"] = kept["data"]
    return load(document, os.environ, overrides)


@contextmanager
def open_library(settings: Settings | None = None, *, make: bool = False) -> Iterator[Library]:
    """The data directory, open for as long as the block runs. make: also a new one; else NotFound is raised for it."""
    from mylist_dav.services.opening import Library

    library = Library(settings or read_settings(), time.time_ns, make=make)
    try:
        yield library
    finally:
        library.close()


def json_option(command: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show(rows: list[dict[str, Any]], as_json: bool, line: Callable[[dict[str, Any]], str]) -> None:
    """Print rows: one JSON array, or a line each."""
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        click.echo(line(row))


def when(ns: int) -> str:
    """Nanoseconds since the epoch as 2026-01-31 12:00:00Z."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def size(size_bytes: int) -> str:
    """A size to read: 1.5 GiB."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


class FlistNameType(click.ParamType[FlistName]):
    """ACCOUNT/NAME."""

    name = "account/name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FlistName:
        try:
            return value if isinstance(value, FlistName) else FlistName.parse(value)
        except BadName as error:
            self.fail(str(error), param, ctx)


class FlistPathType(click.ParamType[tuple[FlistName, TreePath]]):
    """ACCOUNT/NAME[/PATH], as (FlistName, TreePath)."""

    name = "account/name[/path]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[FlistName, TreePath]:
        if isinstance(value, tuple):
            return value
        try:
            parts = str(value).split("/", 2)
            name = FlistName.parse("/".join(parts[:2]))
            return name, TreePath.parse(parts[2] if len(parts) > 2 else "")
        except BadName as error:
            self.fail(str(error), param, ctx)


class SizeType(click.ParamType[int | None]):
    """A number of bytes: 1000, 500M, 10GiB; 'none' is None."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if not isinstance(value, str):
            return cast("int | None", value)
        if value == "none":
            return None
        found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", value, re.IGNORECASE | re.ASCII)
        if found is None:
            self.fail(f"{value!r} is no size: 1000, 500M or 10G are, and none", param, ctx)
        factor: int = 1024 ** " KMGT".index(found[2].upper() or " ")
        return int(found[1]) * factor


SIZE = SizeType()
FLIST = FlistNameType()
FLIST_PATH = FlistPathType()
