"""mylist export"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from mylist_dav.cli.progress import Bar
from mylist_dav.cli.shared import FLIST, local_command, open_library, size
from mylist_dav.errors import Exists, Invalid
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.exports import Format

_ENDINGS = sorted(Format, key=lambda form: -len(form.value))


@click.command("export")
@click.argument("flist", type=FLIST)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write [default: standard output]."
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    help="[default: by FILE, or tar.gz]. blocks: a tar of the blocks of all its files, named by their digests.",
)
@click.option("--at", "at_jid", type=int, metavar="JID", help="The flist as it was at this revision.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@local_command
def export_command(
    flist: FlistName, output: Path | None, form: str | None, at_jid: int | None, force: bool
) -> None:
    """Write a flist as an archive. The same revision gives the same bytes."""
    if output is None and sys.stdout.isatty():
        raise Invalid("an archive is not for a terminal: name a file with -o, or pipe the output")
    with open_library() as library, Bar("export") as bar, _target(output, force) as file:
        export = library.exports.open(OPERATOR, flist, Format(form) if form else _by_name(output), at_jid)
        written = 0
        for piece in library.exports.bytes_of(export):
            file.write(piece)
            written += len(piece)
            bar.show(size(written))
    if output is not None:
        click.echo(f"{output}: revision {export.jid} of {flist}, {size(written)}")


def _by_name(output: Path | None) -> Format:
    """The format that the name of a file asks for."""
    name = output.name if output is not None else ""
    return next((form for form in _ENDINGS if name.endswith("." + form.value)), Format.TAR_GZ)


@contextmanager
def _target(output: Path | None, force: bool) -> Iterator[IO[bytes]]:
    """Standard output, or a file that gets its name only when all is written."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if output.exists() and not force:
        raise Exists(f"{output} is there already: give another name, or --force")
    if not output.parent.is_dir():
        raise Invalid(f"there is no folder {output.parent} to put {output.name} in; make it first")
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
