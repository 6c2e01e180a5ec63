"""mylist import"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, cast

import click

from mylist_dav.cli.progress import Bar
from mylist_dav.cli.shared import FLIST, local_command, open_library, size
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.imports import Imported, Progress


@click.command("import")
@click.argument("path", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.argument("flist", type=FLIST)
@click.option("--merge", is_flag=True, help="Add to what is there; without it, the tree is replaced.")
@local_command
def import_command(path: Path, flist: FlistName, merge: bool) -> None:
    """Put a directory or an archive (tar, tar.gz, tar.zst, zip; - for standard input) into a flist, as one commit.

    The account and the flist are made if they are new. All or nothing: if anything is refused, nothing is changed.
    """
    with open_library(make=True) as library, Bar("import") as bar:

        def show(progress: Progress) -> None:
            bar.show(f"{progress.phase}, {progress.entries} entries, {size(progress.size_bytes)}")

        if path.is_dir():
            done = library.imports.run(
                OPERATOR, flist, library.imports.folder(path), merge=merge, make=True, progress=show
            )
        else:
            with click.open_file(str(path), "rb") as file:
                done = library.imports.run(
                    OPERATOR,
                    flist,
                    library.imports.archive(cast(BinaryIO, file)),
                    merge=merge,
                    make=True,
                    progress=show,
                )
    _tell(flist, done)


def _tell(flist: FlistName, done: Imported) -> None:
    """What has happened, in two lines."""
    if done.made:
        click.echo(f"{flist} is new")
    if done.jid is None:
        click.echo(f"{flist} is as it was: {done.entries} entries, nothing changed")
        return
    click.echo(
        f"{flist} is at revision {done.jid}: {done.added} added, {done.changed} changed, {done.removed} removed; "
        f"{size(done.new_bytes)} of {size(done.size_bytes)} were new to the store"
    )
