"""mylist ls"""

from __future__ import annotations

import stat

import click

from mylist_dav.cli.shared import FLIST_PATH, json_option, local_command, open_library, show, when
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath

_FORMATS = {Kind.FILE: stat.S_IFREG, Kind.DIRECTORY: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}


@click.command()
@click.argument("place", metavar="ACCOUNT/NAME[/PATH]", type=FLIST_PATH)
@click.option("--at", "at_jid", type=int, metavar="JID", help="The flist as it was at this revision.")
@json_option
@local_command
def ls(place: tuple[FlistName, TreePath], at_jid: int | None, as_json: bool) -> None:
    """List a folder of a flist, or show one entry."""
    where = Place(*place)
    with open_library() as library:
        entry = library.trees.stat(OPERATOR, where, at_jid)
        found = library.trees.list(OPERATOR, where, at_jid)[1] if entry.is_directory else [entry]
    show([_row(one) for one in found], as_json, _line)


def _row(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": entry.kind.name.lower(),
        "mode": stat.filemode(_FORMATS[entry.kind] | entry.mode),
        "size_bytes": entry.size_bytes,
        "mtime": when(entry.mtime_ns),
        "mtime_ns": entry.mtime_ns,
        "digest": str(entry.digest) if entry.digest is not None else None,
        "target": entry.target,
    }


def _line(row: dict[str, object]) -> str:
    arrow = f" -> {row['target']}" if row["target"] is not None else ""
    slash = "/" if row["kind"] == "directory" else ""
    return f"{row['mode']} {row['size_bytes']:>12} {row['mtime']} {row['name']}{slash}{arrow}"
